//! Every resource from birth to death: by id and by name, in pages, with its audit rows, and without its secrets.

use anyhow::{Context as _, Result, ensure};
use http::Method;
use penstock_tests::gateway::{Builder, Gateway};
use penstock_tests::http::post;
use penstock_tests::upstream::ScriptedUpstream;
use serde_json::{Value, json};

use super::{admin, all, made, seen};

/// What no answer may ever hold.
const SECRET: &str = "geheim";

struct Case {
    /// Its word in the audit trail.
    noun: &'static str,
    path: &'static str,
    body: Value,
    /// Another one, so that there are pages.
    other: Value,
    /// The name under which the first is found, if it has one.
    name: Option<&'static str>,
    patch: Value,
    /// What is seen of the change, if it is not the patch itself.
    patched: Option<Value>,
}

fn case(
    noun: &'static str,
    path: &'static str,
    name: impl Into<Option<&'static str>>,
    body: Value,
    other: Value,
    patch: Value,
) -> Case {
    Case { noun, path, body, other, name: name.into(), patch, patched: None }
}

#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn cases() -> Vec<Case> {
    let weight = || json!({"weight": 7});
    vec![
        Case {
            patched: Some(json!({"label": "Acme", "has_proxy_url": true})),
            ..case(
                "provider",
                "/providers",
                "acme",
                json!({"name": "acme", "channel": "openai", "proxy_url": "http://ada:geheim@proxy.example:3128"}),
                json!({"name": "own", "channel": "custom", "settings": {"base_url": "http://10.0.0.5/v1"}}),
                json!({"label": "Acme"}),
            )
        },
        Case {
            patched: Some(json!({"weight": 7, "rpm_limit": null})),
            ..case(
                "credential",
                "/providers/base/credentials",
                "main",
                json!({"name": "main", "secret": "sk-geheim", "rpm_limit": 60}),
                json!({"name": "spare", "secret": "sk-geheim-2"}),
                json!({"weight": 7, "rpm_limit": null, "secret": "sk-geheim-3"}),
            )
        },
        case(
            "model",
            "/providers/base/models",
            "org%2Fgpt",
            json!({"model_id": "org/gpt", "pricing": {"input": "0.15", "output": "0.60"}, "context_window": 8000}),
            json!({"model_id": "17"}),
            json!({"pricing": null, "display_name": "GPT"}),
        ),
        case(
            "routing_rule",
            "/providers/base/routing-rules",
            "embed:anthropic_messages",
            json!({"operation": "embed", "kind": "anthropic_messages", "implementation": "unsupported"}),
            json!({"operation": "embed", "kind": "openai_responses", "implementation": "passthrough"}),
            json!({"implementation": "transform_to", "dest_kind": "openai_chat"}),
        ),
        case(
            "rule_set",
            "/rule-sets",
            "polite",
            json!({"name": "polite", "description": "be nice"}),
            json!({"name": "terse"}),
            json!({"description": null, "enabled": false}),
        ),
        case(
            "rule",
            "/rule-sets/house/rules",
            None,
            json!({"kind": "header", "config": {"name": "x-team", "value": "a"}, "sort_order": 1,
                   "filter_operations": ["generate"], "filter_model": "gpt-*"}),
            json!({"kind": "system_text", "config": {"text": "be brief"}, "sort_order": 2}),
            json!({"filter_operations": null, "sort_order": 3}),
        ),
        case(
            "attachment",
            "/providers/base/rule-sets",
            "house",
            json!({"rule_set": "house"}),
            json!({"rule_set": "yard"}),
            json!({"sort_order": -4}),
        ),
        case(
            "route",
            "/routes",
            "smart",
            json!({"name": "smart", "strategy": "cheapest"}),
            json!({"name": "slow"}),
            json!({"strategy": "weighted", "settings": {"on_loss": "reject"}}),
        ),
        case(
            "member",
            "/routes/fast/members",
            "base%2Fgpt-4o-mini",
            json!({"provider": "base", "upstream_model_id": "gpt-4o-mini"}),
            json!({"provider": "base", "upstream_model_id": "gpt-4o", "tier": 1}),
            weight(),
        ),
        case(
            "alias",
            "/aliases",
            "gpt-4(.*)",
            json!({"alias": "gpt-4(.*)", "target": "fast"}),
            json!({"provider": "base", "alias": "old", "target": "new"}),
            json!({"target": "fast$1"}),
        ),
        Case {
            patched: Some(json!({"retention_days": 30, "has_proxy_url": false})),
            ..case(
                "settings",
                "/settings",
                "default",
                json!({"instance_name": "default", "proxy_url": "http://ada:geheim@proxy.example:3128"}),
                json!({"instance_name": "edge", "redaction": ["x-secret"]}),
                json!({"retention_days": 30, "proxy_url": null}),
            )
        },
        case(
            "org",
            "/orgs",
            "acme",
            json!({"name": "acme"}),
            json!({"name": "other"}),
            json!({"description": "a customer"}),
        ),
        case(
            "team",
            "/teams",
            "core",
            json!({"name": "core", "org": "default"}),
            json!({"name": "edge"}),
            json!({"enabled": false}),
        ),
        Case {
            patched: Some(
                json!({"team": null, "is_admin": true, "permissions": ["fast"], "has_password": true}),
            ),
            ..case(
                "user",
                "/users",
                "grace",
                json!({"name": "grace", "team": "crew", "password": "geheim-geheim", "permissions": ["*"]}),
                json!({"name": "eve"}),
                json!({"team": null, "is_admin": true, "permissions": ["fast"]}),
            )
        },
        case(
            "key",
            "/users/ada/keys",
            None,
            json!({"label": "laptop"}),
            json!({"expires_at": 4_000_000_000_000_i64, "tier": "gold"}),
            json!({"enabled": false, "label": null}),
        ),
        case(
            "permission",
            "/permissions",
            None,
            json!({"scope": "team", "of": "crew", "route_pattern": "openai/*"}),
            json!({"scope": "org", "of": "default", "route_pattern": "fast"}),
            json!({"route_pattern": "*"}),
        ),
        case(
            "rate_limit",
            "/rate-limits",
            None,
            json!({"scope": "user", "of": "ada", "rpm": 60}),
            json!({"scope": "user", "of": "ada", "route_pattern": "fast", "max_parallel": 2}),
            json!({"rpm": null, "tokens_per_day": 1000}),
        ),
        case(
            "quota",
            "/quotas",
            None,
            json!({"scope": "user", "of": "ada", "window": "month", "limit": "500.00"}),
            json!({"scope": "org", "of": "default", "window": "total", "limit": "0"}),
            json!({"limit": "12.5"}),
        ),
    ]
}

async fn prepared() -> Result<Gateway> {
    let gateway = Builder::new()?.start().await?;
    made(&gateway, "/providers", &json!({"name": "base", "channel": "openai"})).await?;
    made(&gateway, "/rule-sets", &json!({"name": "house"})).await?;
    made(&gateway, "/rule-sets", &json!({"name": "yard"})).await?;
    made(&gateway, "/routes", &json!({"name": "fast"})).await?;
    made(&gateway, "/teams", &json!({"name": "crew"})).await?;
    made(&gateway, "/users", &json!({"name": "ada", "team": "crew"})).await?;
    Ok(gateway)
}

/// Whether the fields of `part` are those of `whole`.
fn has(whole: &Value, part: &Value) -> bool {
    part.as_object().is_some_and(|part| part.iter().all(|(name, value)| &whole[name] == value))
}

async fn live(gateway: &Gateway, case: &Case) -> Result<()> {
    let Case { noun, path, body, other, name, patch, patched } = case;
    let first = made(gateway, path, body).await?;
    let second = made(gateway, path, other).await?;
    let id = first["id"].as_i64().context("no id")?;
    let shown: Value = match first.get("key") {
        // shown this once
        Some(key) => {
            ensure!(key.as_str().is_some_and(|key| key.starts_with("sk-pen-")), "{first}");
            first
                .as_object()
                .into_iter()
                .flatten()
                .filter(|(field, _)| *field != "key")
                .map(|(k, v)| (k.clone(), v.clone()))
                .collect()
        }
        None => first.clone(),
    };
    let by_id = seen(gateway, &format!("{path}/{id}")).await?;
    ensure!(by_id == shown, "{by_id} is not {shown}");
    if let Some(name) = name {
        let by_name = seen(gateway, &format!("{path}/{name}")).await?;
        ensure!(by_name == shown, "{name}: {by_name} is not {shown}");
    }
    let whole = all(gateway, path, 1000).await?;
    ensure!(whole.contains(&shown) && whole.iter().any(|row| row["id"] == second["id"]), "{path}: {whole:?}");
    ensure!(all(gateway, path, 1).await? == whole, "{path}: the same one by one");

    let answer = admin(gateway, Method::PATCH, &format!("{path}/{id}"), &patch.to_string()).await?;
    ensure!(answer.status == 200, "PATCH {path}/{id}: {}", answer.text());
    let changed = answer.json()?;
    ensure!(has(&changed, patched.as_ref().unwrap_or(patch)), "{path}: {changed} after {patch}");
    ensure!(changed["created_at"] == first["created_at"] && changed["id"] == first["id"], "{changed}");
    let rest = |value: &Value| {
        let mut rest = value.clone();
        for (field, _) in
            patch.as_object().into_iter().chain(patched.as_ref().and_then(Value::as_object)).flatten()
        {
            rest[field] = Value::Null;
        }
        for field in ["updated_at", "team_id", "has_proxy_url"] {
            rest[field] = Value::Null;
        }
        rest
    };
    ensure!(rest(&changed) == rest(&shown), "{path}: {changed} has more changed than {patch} of {shown}");
    ensure!(seen(gateway, &format!("{path}/{id}")).await? == changed, "{path}");

    let gone = admin(gateway, Method::DELETE, &format!("{path}/{id}"), "").await?;
    ensure!(gone.status == 204, "DELETE {path}/{id}: {}", gone.text());
    let missing = admin(gateway, Method::GET, &format!("{path}/{id}"), "").await?;
    ensure!(missing.status == 404, "{path}: {}", missing.text());

    let trail = all(gateway, "/audit", 1000).await?;
    let of = |verb: &str| {
        let action = format!("{noun}.{verb}");
        trail.iter().find(move |row| row["action"] == *action).with_context(|| format!("no {noun}.{verb}"))
    };
    let (create, update, delete) = (of("create")?, of("update")?, of("delete")?);
    ensure!(create["before"].is_null() && create["after"].is_object(), "{create}");
    ensure!(update["before"]["id"] == id && update["after"]["id"] == id, "{update}");
    ensure!(update["before"] != update["after"], "{update}");
    ensure!(delete["before"]["id"] == id && delete["after"].is_null(), "{delete}");
    for row in [create, update, delete] {
        ensure!(
            row["actor"] == "admin key"
                && row["source_ip"] == "127.0.0.1"
                && row["status"].as_i64() == Some(200),
            "{row}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn every_resource_from_birth_to_death() -> Result<()> {
    let gateway = prepared().await?;
    let cases = cases();
    assert_eq!(cases.len(), 18, "one for each resource");
    for case in &cases {
        live(&gateway, case).await.with_context(|| case.path)?;
    }
    let mut said = gateway.log()?;
    for case in &cases {
        said.push_str(&seen(&gateway, case.path).await?.to_string());
    }
    let trail = all(&gateway, "/audit", 1000).await?;
    for row in &trail {
        said.push_str(&row.to_string());
    }
    assert!(!said.contains(SECRET), "a secret is nowhere to be seen");
    let redacted = trail.iter().filter(|row| row["after"].to_string().contains("[redacted]")).count();
    assert!(redacted >= 6, "that one was set is seen: {redacted}");
    assert_eq!(all(&gateway, "/audit", 7).await?, trail, "the same in pages");
    Ok(())
}

#[tokio::test]
async fn lists_are_narrowed_down_by_what_they_show() -> Result<()> {
    let gateway = prepared().await?;
    made(&gateway, "/orgs", &json!({"name": "acme"})).await?;
    let eve = made(&gateway, "/users", &json!({"name": "eve", "org": "acme", "enabled": false})).await?;
    let names = async |query: &str| {
        let users = all(&gateway, &format!("/users?{query}"), 10).await?;
        anyhow::Ok(
            users.iter().map(|user| user["name"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>(),
        )
    };
    assert_eq!(names("org=acme").await?, ["eve"]);
    assert_eq!(names(&format!("org={}", eve["org_id"])).await?, ["eve"], "by id as by name");
    assert_eq!(names("enabled=true").await?, ["ada"]);
    assert_eq!(names("enabled=true&org=acme").await?, [""; 0]);
    assert_eq!(names("team=crew").await?, ["ada"]);
    Ok(())
}

#[tokio::test]
async fn what_is_in_use_goes_with_cascade_alone() -> Result<()> {
    let gateway = prepared().await?;
    made(&gateway, "/routes/fast/members", &json!({"provider": "base", "upstream_model_id": "m"})).await?;
    let refused = admin(&gateway, Method::DELETE, "/providers/base", "").await?;
    assert_eq!((refused.status.as_u16(), &refused.json()?["code"]), (409, &"in_use".into()));
    let gone = admin(&gateway, Method::DELETE, "/providers/base?cascade=true", "").await?;
    assert_eq!(gone.status, 204, "{}", gone.text());
    assert_eq!(seen(&gateway, "/routes/fast/members").await?["data"], json!([]));
    let trail = seen(&gateway, "/audit?limit=2").await?;
    let said: Vec<_> = trail["data"].as_array().unwrap().iter().map(|row| row["status"].as_i64()).collect();
    assert_eq!(said, [Some(200), Some(409)], "a refused change stands there too: {trail}");
    Ok(())
}

#[tokio::test]
async fn what_the_command_line_does_stands_in_the_audit_trail() -> Result<()> {
    let gateway = Builder::new()?.start().await?;
    let key = gateway.make_key("ada", "*")?;
    gateway.command(&["key", "revoke", &key])?;
    let trail = all(&gateway, "/audit", 100).await?;
    let said: Vec<_> =
        trail.iter().map(|row| (row["action"].as_str().unwrap(), row["actor"].as_str().unwrap())).collect();
    let by = "command line";
    assert_eq!(said, [("key.update", by), ("key.create", by), ("user.create", by)]);
    assert!(!trail.iter().any(|row| row.to_string().contains(&key)));
    Ok(())
}

#[tokio::test]
async fn what_reads_only_answers_pages() -> Result<()> {
    let gateway = prepared().await?;
    for path in ["/usage", "/rollups?granularity=hour", "/logs", "/health"] {
        let page = seen(&gateway, path).await?;
        assert_eq!(page, json!({"data": [], "next": null}), "{path}");
    }
    Ok(())
}

#[tokio::test]
async fn a_provider_that_is_renamed_keeps_its_aliases() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = Builder::new()?.start().await?;
    let base_url = format!("{}/v1", upstream.url());
    made(
        &gateway,
        "/providers",
        &json!({"name": "old", "channel": "ollama", "settings": {"base_url": base_url}}),
    )
    .await?;
    made(&gateway, "/aliases", &json!({"provider": "old", "alias": "fast", "target": "scripted"})).await?;
    made(&gateway, "/aliases", &json!({"alias": "any", "target": "new/fast"})).await?;
    let renamed = admin(&gateway, Method::PATCH, "/providers/old", r#"{"name":"new"}"#).await?;
    assert_eq!(renamed.status, 200, "{}", renamed.text());
    let aliases = all(&gateway, "/aliases", 10).await?;
    let providers: Vec<_> = aliases.iter().map(|alias| &alias["provider"]).collect();
    assert_eq!(providers, ["new", "*"]);
    assert_eq!(aliases[0]["provider_id"], renamed.json()?["id"]);
    for model in ["new/fast", "any"] {
        let body = json!({"model": model, "messages": []}).to_string();
        let answer = post(gateway.at("/v1/chat/completions"), body).send().await?;
        assert_eq!(answer.status, 200, "{model}: {}", answer.text());
    }
    assert!(upstream.requests().iter().all(|asked| asked.model == "scripted"));
    Ok(())
}

#[tokio::test]
async fn a_new_provider_starts_with_the_routing_rules_of_its_channel() -> Result<()> {
    let gateway = Builder::new()?.start().await?;
    made(&gateway, "/providers", &json!({"name": "claude", "channel": "anthropic"})).await?;
    let rules = async || all(&gateway, "/providers/claude/routing-rules", 100).await;
    let shown = |rules: &[Value]| -> Vec<String> {
        let rule =
            |rule: &Value| format!("{} {} {}", rule["name"], rule["implementation"], rule["dest_kind"]);
        rules.iter().map(rule).collect()
    };
    let seeded = shown(&rules().await?);
    assert_eq!(seeded.len(), 11, "{seeded:?}");
    for expected in [
        r#""generate:anthropic_messages" "passthrough" null"#,
        r#""generate:openai_chat" "transform_to" "anthropic_messages""#,
        r#""embed:openai_chat" "unsupported" null"#,
        r#""list_models:gemini" "local" null"#,
    ] {
        assert!(seeded.iter().any(|rule| rule == expected), "{expected} is not in {seeded:?}");
    }
    // a change of the provider is no reason to seed again
    let path = "/providers/claude/routing-rules/generate:openai_chat";
    assert_eq!(admin(&gateway, Method::DELETE, path, "").await?.status, 204);
    let patch = r#"{"implementation":"unsupported"}"#;
    let embed = "/providers/claude/routing-rules/count_tokens:anthropic_messages";
    assert_eq!(admin(&gateway, Method::PATCH, embed, patch).await?.status, 200);
    assert_eq!(
        admin(&gateway, Method::PATCH, "/providers/claude", r#"{"label":"Claude"}"#).await?.status,
        200
    );
    assert_eq!(rules().await?.len(), 10);

    let reset = admin(&gateway, Method::POST, "/providers/claude/routing-rules/reset", "").await?;
    assert_eq!(reset.status, 200, "{}", reset.text());
    assert_eq!(shown(reset.json()?["data"].as_array().context("no data")?), seeded);
    assert_eq!(shown(&rules().await?), seeded);
    let trail = all(&gateway, "/audit", 100).await?;
    let trail: Vec<_> = trail.iter().filter(|row| row["action"] == "routing_rule.reset").collect();
    assert_eq!(trail.len(), 1, "{trail:?}");
    let nobody = admin(&gateway, Method::POST, "/providers/nobody/routing-rules/reset", "").await?;
    assert_eq!(nobody.status, 404);
    Ok(())
}
