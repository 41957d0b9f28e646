//! Every refusal is a problem document with its code, and names the field.

use anyhow::Result;
use http::Method;
use penstock_tests::gateway::Builder;
use penstock_tests::http::{get, post};
use serde_json::{Value, json};

use super::{admin, made, seen};

#[expect(clippy::too_many_lines, reason = "a table of cases")]
#[tokio::test]
async fn each_refusal_is_a_problem_document() -> Result<()> {
    let gateway = Builder::new()?.start().await?;
    made(&gateway, "/users", &json!({"name": "ada"})).await?;
    made(&gateway, "/providers", &json!({"name": "base", "channel": "openai"})).await?;
    made(&gateway, "/rule-sets", &json!({"name": "house"})).await?;
    made(&gateway, "/orgs", &json!({"name": "acme"})).await?;
    for org in ["acme", "default"] {
        made(&gateway, "/teams", &json!({"name": "core", "org": org})).await?;
    }
    let before = seen(&gateway, "/users").await?;
    let long = "x".repeat(300);
    let huge = format!(r#"{{"name":"{}"}}"#, "x".repeat(3 << 20));
    let (post, patch, delete, read) = (Method::POST, Method::PATCH, Method::DELETE, Method::GET);
    let cases: &[(&Method, &str, &str, u16, &str, &str)] = &[
        (&post, "/users", r#"{"name":"ada"}"#, 409, "conflict", ""),
        (&post, "/users", r#"{"name":"  "}"#, 422, "invalid", "name"),
        (&post, "/users", r#"{"name":"17"}"#, 422, "invalid", "name"),
        (&post, "/users", r#"{"nam":"bob"}"#, 422, "invalid", "nam"),
        (&post, "/users", "{}", 422, "invalid", "name"),
        (&post, "/users", "[]", 422, "invalid", ""),
        (&post, "/users", r#"{"name":"#, 400, "invalid", ""),
        (&post, "/users", "", 400, "invalid", ""),
        (&post, "/users", &huge, 413, "too_large", ""),
        (&post, "/users", r#"{"name":"a\u0000"}"#, 422, "invalid", "name"),
        (&post, "/users", r#"{"name":"bob","permissions":[""]}"#, 422, "invalid", "permissions"),
        (&post, "/users", r#"{"name":"bob","password":"short"}"#, 422, "invalid", "password"),
        (&post, "/users", r#"{"name":"bob","password":12345678}"#, 422, "invalid", "password"),
        (&post, "/users", r#"{"name":"bob","org":"none"}"#, 422, "invalid_reference", "org"),
        (&post, "/users", r#"{"name":"bob","org":77}"#, 422, "invalid_reference", "org"),
        (&post, "/users", r#"{"name":"bob","org":"acme","team":"none"}"#, 422, "invalid_reference", "team"),
        (&patch, "/users/ada", r#"{"name":null}"#, 422, "invalid", "name"),
        (&patch, "/users/ada", r#"{"is_admin":"yes"}"#, 422, "invalid", "is_admin"),
        (&patch, "/users/ada", r#"{"id":7}"#, 422, "invalid", "id"),
        (&patch, "/users/bob", r#"{"enabled":true}"#, 404, "not_found", ""),
        (&delete, "/users/bob", "", 404, "not_found", ""),
        (&delete, "/users/ada?cascade=maybe", "", 422, "invalid", "cascade"),
        (&delete, "/users/ada?force=true", "", 422, "invalid", "force"),
        (&read, "/users/bob", "", 404, "not_found", ""),
        (&read, "/teams/core", "", 409, "ambiguous", ""),
        (&read, "/users/ada/keys/99", "", 404, "not_found", ""),
        (&read, "/users/bob/keys", "", 404, "not_found", ""),
        (&post, "/users/ada/keys", r#"{"expires_at":5}"#, 422, "invalid", "expires_at"),
        (&post, "/users/ada/keys", r#"{"tier":"admin"}"#, 422, "invalid", "tier"),
        (&read, "/users?limit=0", "", 422, "invalid", "limit"),
        (&read, "/users?limit=1001", "", 422, "invalid", "limit"),
        (&read, "/users?limit=x", "", 422, "invalid", "limit"),
        (&read, "/users?limit=1&limit=2", "", 422, "invalid", "limit"),
        (&read, "/users?cursor=x", "", 422, "invalid", "cursor"),
        (&read, "/users?colour=red", "", 422, "invalid", "colour"),
        (&read, "/users?enabled=maybe", "", 422, "invalid", "enabled"),
        (&read, "/usage?limit=0", "", 422, "invalid", "limit"),
        (&read, "/usage?lmit=1", "", 422, "invalid", "lmit"),
        (&read, "/usage?since=x", "", 422, "invalid", "since"),
        (&read, "/usage?cursor=x", "", 422, "invalid", "cursor"),
        (&read, "/usage?user=bob", "", 422, "invalid_reference", "user"),
        (&read, "/rollups?cursor=%", "", 422, "invalid", "cursor"),
        (&read, "/rollups?granularity=year", "", 422, "invalid", "granularity"),
        (&read, "/logs?request_id=x", "", 422, "invalid", "request_id"),
        (&read, "/audit?actor=bob", "", 422, "invalid_reference", "actor"),
        (&post, "/providers", r#"{"name":"v1","channel":"openai"}"#, 422, "invalid", "name"),
        (&post, "/providers", r#"{"name":"a/b","channel":"openai"}"#, 422, "invalid", "name"),
        (&post, "/providers", r#"{"name":"a","channel":"none"}"#, 422, "invalid", "channel"),
        (&post, "/providers", r#"{"name":"a","channel":"custom"}"#, 422, "invalid", "settings"),
        (&post, "/providers", r#"{"name":"a","channel":"openai","settings":[]}"#, 422, "invalid", "settings"),
        (
            &post,
            "/providers",
            r#"{"name":"a","channel":"openai","settings":{"base_url":"http://u:p@x"}}"#,
            422,
            "invalid",
            "settings.base_url",
        ),
        (
            &post,
            "/providers",
            r#"{"name":"a","channel":"openai","settings":{"base_url":"http://169.254.169.254"}}"#,
            422,
            "invalid",
            "settings.base_url",
        ),
        (
            &post,
            "/providers",
            r#"{"name":"a","channel":"openai","settings":{"headers":{"Authorization":"x"}}}"#,
            422,
            "invalid",
            "settings.headers.Authorization",
        ),
        (
            &post,
            "/providers",
            r#"{"name":"a","channel":"openai","proxy_url":"nonsense"}"#,
            422,
            "invalid",
            "proxy_url",
        ),
        (&post, "/providers/base/credentials", r#"{"name":"main"}"#, 422, "invalid", "secret"),
        (
            &post,
            "/providers/base/credentials",
            r#"{"name":"main","secret":"a\nb"}"#,
            422,
            "invalid",
            "secret",
        ),
        (
            &post,
            "/providers/base/credentials",
            r#"{"name":"main","secret":"a","weight":-1}"#,
            422,
            "invalid",
            "weight",
        ),
        (
            &post,
            "/providers/base/credentials",
            r#"{"name":"main","secret":"a","weight":18446744073709551615}"#,
            422,
            "invalid",
            "weight",
        ),
        (&post, "/providers/none/credentials", r#"{"name":"main","secret":"a"}"#, 404, "not_found", ""),
        (
            &post,
            "/providers/base/models",
            r#"{"model_id":"m","pricing":{"input":"1,5","output":"1"}}"#,
            422,
            "invalid",
            "pricing.input",
        ),
        (
            &post,
            "/providers/base/models",
            r#"{"model_id":"m","pricing":{"input":"1"}}"#,
            422,
            "invalid",
            "pricing.output",
        ),
        (
            &post,
            "/providers/base/models",
            r#"{"model_id":"m","pricing":{"input":0.1,"output":"1"}}"#,
            422,
            "invalid",
            "pricing.input",
        ),
        (
            &post,
            "/providers/base/routing-rules",
            r#"{"operation":"generate","kind":"gemini","implementation":"transform_to"}"#,
            422,
            "invalid",
            "dest_kind",
        ),
        (
            &post,
            "/providers/base/routing-rules",
            r#"{"operation":"sing","kind":"gemini","implementation":"local"}"#,
            422,
            "invalid",
            "operation",
        ),
        (&post, "/providers/base/rule-sets", r#"{"rule_set":"none"}"#, 422, "invalid_reference", "rule_set"),
        (
            &post,
            "/rule-sets/house/rules",
            r#"{"kind":"transform","config":{"pattern":"("},"sort_order":1}"#,
            422,
            "invalid",
            "config.pattern",
        ),
        (
            &post,
            "/rule-sets/house/rules",
            r#"{"kind":"header","config":{"name":"a b","value":""},"sort_order":1}"#,
            422,
            "invalid",
            "config.name",
        ),
        (&post, "/aliases", r#"{"alias":"(","target":"x"}"#, 422, "invalid", "alias"),
        (&post, "/aliases", r#"{"alias":"a)|(?:b","target":"x"}"#, 422, "invalid", "alias"),
        (
            &post,
            "/aliases",
            r#"{"alias":"a","target":"x","provider":"none"}"#,
            422,
            "invalid_reference",
            "provider",
        ),
        (
            &post,
            "/permissions",
            r#"{"scope":"user","of":"ada","route_pattern":""}"#,
            422,
            "invalid",
            "route_pattern",
        ),
        (
            &post,
            "/permissions",
            r#"{"scope":"planet","of":"ada","route_pattern":"*"}"#,
            422,
            "invalid",
            "scope",
        ),
        (&post, "/permissions", r#"{"scope":"team","of":"core","route_pattern":"*"}"#, 409, "ambiguous", ""),
        (&post, "/rate-limits", r#"{"scope":"user","of":"ada"}"#, 422, "invalid", ""),
        (
            &post,
            "/quotas",
            r#"{"scope":"user","of":"ada","window":"day","limit":"1,5"}"#,
            422,
            "invalid",
            "limit",
        ),
        (
            &post,
            "/quotas",
            r#"{"scope":"user","of":"ada","window":"day","limit":"-1"}"#,
            422,
            "invalid",
            "limit",
        ),
        (
            &post,
            "/quotas",
            r#"{"scope":"user","of":"ada","window":"day","limit":5}"#,
            422,
            "invalid",
            "limit",
        ),
        (
            &post,
            "/settings",
            r#"{"instance_name":"default","retention_days":0}"#,
            422,
            "invalid",
            "retention_days",
        ),
        (&post, "/orgs", &format!(r#"{{"name":"{long}"}}"#), 422, "invalid", "name"),
        (&read, "/nothing", "", 404, "not_found", ""),
        (&Method::PUT, "/users", "", 405, "method_not_allowed", ""),
    ];
    for (method, path, body, status, code, field) in cases {
        let body_shown: String = body.chars().take(120).collect();
        let answer = admin(&gateway, (*method).clone(), path, body).await?;
        assert_eq!(answer.status.as_u16(), *status, "{method} {path} {body_shown}: {}", answer.text());
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{path}");
        let problem = answer.json()?;
        let said = (&problem["status"], &problem["code"], problem["field"].as_str().unwrap_or_default());
        assert_eq!(
            said,
            (&(*status).into(), &(*code).into(), *field),
            "{method} {path} {body_shown}: {problem}"
        );
        assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{problem}");
    }
    assert_eq!(seen(&gateway, "/users").await?, before, "nothing of it was done");
    Ok(())
}

#[tokio::test]
async fn only_administrators_get_in() -> Result<()> {
    let gateway = Builder::new()?.start().await?;
    let users = gateway.at("/admin/v1/users");
    let code = async |call: penstock_tests::http::Call| {
        let answer = call.send().await?;
        anyhow::Ok((answer.status.as_u16(), answer.json()?["code"].as_str().unwrap_or_default().to_owned()))
    };
    let unauthorized = (401, "unauthorized".to_owned());
    assert_eq!(code(get(&users)).await?, unauthorized);
    assert_eq!(code(get(&users).key("wrong")).await?, unauthorized);
    assert_eq!(code(get(&users).header("authorization", "Basic YTpi")).await?, unauthorized);
    let key = made(&gateway, "/users", &json!({"name": "ada"})).await?;
    let user = key["id"].clone();
    let key = made(&gateway, &format!("/users/{user}/keys"), &json!({})).await?;
    let (key, id) = (key["key"].as_str().unwrap().to_owned(), key["id"].clone());
    assert_eq!(code(get(&users).key(&key)).await?, (403, "forbidden".to_owned()), "no administrator");
    admin(&gateway, Method::PATCH, "/users/ada", r#"{"is_admin":true}"#).await?;
    assert_eq!(get(&users).key(&key).send().await?.status, 200);
    let made_by_her = post(gateway.at("/admin/v1/orgs"), r#"{"name":"acme"}"#).key(&key).send().await?;
    assert_eq!(made_by_her.status, 201);
    let trail = seen(&gateway, "/audit?actor=ada").await?;
    assert_eq!((&trail["data"][0]["actor"], &trail["data"][0]["actor_id"]), (&"ada".into(), &user));
    admin(&gateway, Method::PATCH, &format!("/users/ada/keys/{id}"), r#"{"enabled":false}"#).await?;
    assert_eq!(code(get(&users).key(&key)).await?, unauthorized);
    let closed = Builder::new()?.variable("PENSTOCK_ADMIN_KEY", "").start().await?;
    assert_eq!(get(closed.at("/admin/v1/users")).key("").send().await?.status, 401);
    Ok(())
}

#[tokio::test]
async fn a_change_of_one_field_leaves_the_others() -> Result<()> {
    let gateway = Builder::new()?.start().await?;
    made(&gateway, "/providers", &json!({"name": "base", "channel": "openai", "label": "b"})).await?;
    let patch = async |body: &str| admin(&gateway, Method::PATCH, "/providers/base", body).await?.json();
    assert_eq!(patch("{}").await?["label"], "b", "absent is not null");
    assert_eq!(patch(r#"{"label":null}"#).await?["label"], Value::Null);
    assert_eq!(patch(r#"{"name":"renamed"}"#).await?["name"], "renamed");
    assert_eq!(seen(&gateway, "/providers/renamed").await?["enabled"], true);
    Ok(())
}
