use penstock_control::seal::{Keyring, MasterKey};
use penstock_control::{Alias, Kept, Record};
use penstock_core::{CredentialId, CredentialStrategy, RouteId, RouteStrategy, Secret, Timestamp};
use penstock_providers::{Catalogue, ProviderTable};
use serde_json::{Value, json};

use super::*;
use crate::health::Board;
use crate::routing::Routing;

const AT: Timestamp = Timestamp(5);

fn provider(id: i64, name: &str, settings: Value) -> Provider {
    Provider {
        id: ProviderId(id),
        name: name.to_owned(),
        channel: "openai".to_owned(),
        label: None,
        settings,
        credential_strategy: CredentialStrategy::RoundRobin,
        proxy_url: None,
        enabled: true,
        created_at: AT,
        updated_at: AT,
    }
}

fn credential(id: i64, provider: i64, name: &str) -> Credential {
    Credential {
        id: CredentialId(id),
        provider_id: ProviderId(provider),
        name: name.to_owned(),
        kind: "api_key".to_owned(),
        secret: (&Secret::from(format!("sk-{name}"))).into(),
        weight: 2,
        rpm_limit: Some(60),
        tpm_limit: None,
        enabled: true,
        created_at: AT,
        updated_at: AT,
    }
}

fn model(id: i64, provider: i64, name: &str, pricing: Option<Value>) -> ProviderModel {
    ProviderModel {
        id,
        provider_id: ProviderId(provider),
        model_id: name.to_owned(),
        display_name: None,
        pricing,
        context_window: Some(1_000),
        max_output_tokens: Some(100),
        capabilities: None,
        enabled: true,
        created_at: AT,
        updated_at: AT,
    }
}

fn route(id: i64, name: &str, settings: Option<Value>) -> Route {
    Route {
        id: RouteId(id),
        name: name.to_owned(),
        strategy: RouteStrategy::RoundRobin,
        settings,
        description: None,
        enabled: true,
        created_at: AT,
        updated_at: AT,
    }
}

fn member(id: i64, route: i64, provider: i64, tier: i64) -> RouteMember {
    RouteMember {
        id,
        route_id: RouteId(route),
        provider_id: Kept(ProviderId(provider)),
        upstream_model_id: format!("m{id}"),
        tier,
        weight: 3,
        enabled: true,
        created_at: AT,
        updated_at: AT,
    }
}

fn alias(id: i64, provider: &str, alias: &str, sort_order: i64) -> Alias {
    Alias {
        id,
        provider: provider.to_owned(),
        alias: alias.to_owned(),
        target: format!("target-{id}"),
        sort_order,
        enabled: true,
        created_at: AT,
        updated_at: AT,
    }
}

/// The routing of these records over a configuration with OpenAI in it, and what was left out.
fn routed(records: Vec<Record>) -> (Routing, Vec<String>) {
    let configured = RoutingSpec {
        providers: vec![ProviderSpec::sample("openai")],
        routes: vec![RouteSpec::sample("configured", &[("openai", "x")])],
        own_keys: true,
        ..RoutingSpec::default()
    };
    let (spec, mut problems) =
        configured.with_records(&Records::of(records).unwrap(), &mut |held| held.open(&Keyring::plaintext()));
    let (routing, others) = Routing::build(spec, ProviderTable::builtin(), &Board::default());
    problems.extend(others);
    (routing, problems.iter().map(ToString::to_string).collect())
}

#[test]
fn records_are_routed_by() {
    let settings = json!({
        "base_url": "https://eu.example/v1", "headers": {"X-House": "blue"}, "tokenizer_map": {"any": "thing"},
        "timeouts": {"first_byte": "9s"}, "circuit_breaker": {"consecutive_failures": 2, "cool_down": "3m"},
    });
    let price = json!({"input": "0.5", "output": "2"});
    let (routing, problems) = routed(vec![
        provider(1, "eu", settings).into(),
        credential(1, 1, "a").into(),
        credential(2, 1, "b").into(),
        Credential { enabled: false, ..credential(3, 1, "revoked") }.into(),
        model(1, 1, "m1", Some(price)).into(),
        ProviderModel { enabled: false, ..model(2, 1, "m2", None) }.into(),
        route(1, "fast", Some(json!({"on_loss": "reject", "timeouts": {"idle": "1s"}}))).into(),
        member(1, 1, 1, 7).into(),
        member(2, 1, 1, 0).into(),
        member(3, 1, 1, 0).into(),
        RouteMember { enabled: false, ..member(4, 1, 1, 0) }.into(),
        alias(1, EVERY_PROVIDER, "a.*", 5).into(),
        alias(2, EVERY_PROVIDER, "ab", 1).into(),
        alias(3, "eu", "x", 0).into(),
    ]);
    assert_eq!(problems, Vec::<String>::new());
    let eu = routing.provider("eu").unwrap();
    let names: Vec<_> = eu.credentials.iter().map(|found| (&*found.name, found.weight)).collect();
    assert_eq!(names, [("a", 2), ("b", 2)]);
    assert_eq!(eu.base_url, "https://eu.example/v1");
    assert_eq!(eu.own_headers[0].0, "x-house");
    assert!(eu.own_headers[0].1.is_sensitive());
    assert_eq!(eu.timeouts.first_byte.as_secs(), 9);
    assert_eq!((eu.breaker.consecutive_failures, eu.breaker.max_cool_down.as_secs()), (2, 180));
    let catalogue = Catalogue::default();
    assert_eq!(eu.listed(&catalogue), ["m1"]);
    assert_eq!(eu.price("m1", &catalogue).unwrap().output.to_string(), "2");
    assert_eq!((eu.context("m1", &catalogue), eu.max_output("m1", &catalogue)), (Some(1_000), Some(100)));
    assert!(eu.is_disabled("m2"));
    let fast = routing.route("fast").unwrap();
    let members: Vec<_> = fast.members.iter().map(|member| (&*member.model, member.tier)).collect();
    assert_eq!(members, [("m3", 0), ("m1", 7)], "m2 is disabled, m4 is not used");
    assert_eq!((fast.on_loss, fast.strategy), (crate::OnLoss::Reject, RouteStrategy::RoundRobin));
    assert_eq!((routing.unaliased("ab"), routing.unaliased("ac")), ("target-2".into(), "target-1".into()));
    assert_eq!(eu.unaliased("x"), "target-3");
    assert!(routing.route("configured").is_some());
}

#[test]
fn a_record_hides_what_the_configuration_has_of_its_name() {
    let mine = provider(1, "openai", json!({"base_url": "https://mine.example"}));
    let both = |mine: Provider| {
        routed(vec![
            mine.into(),
            credential(1, 1, "a").into(),
            route(1, "configured", None).into(),
            member(1, 1, 1, 0).into(),
        ])
    };
    let (routing, problems) = both(mine.clone());
    assert_eq!(routing.provider("openai").unwrap().base_url, "https://mine.example");
    assert_eq!(&*routing.route("configured").unwrap().members[0].model, "m1");
    assert_eq!(
        problems,
        [
            "provider \"openai\" is a record and stands in the configuration as well: the record holds",
            "route \"configured\" is a record and stands in the configuration as well: the record holds",
        ]
    );
    // what is disabled comes back neither from the environment nor from the table
    let (routing, problems) = both(Provider { enabled: false, ..mine });
    assert!(routing.provider("openai").is_none());
    assert!(routing.route("configured").unwrap().members.is_empty());
    assert!(problems.iter().all(|problem| !problem.contains("unknown provider")), "{problems:?}");
}

#[test]
fn a_bad_record_is_left_out_by_name_and_the_rest_holds() {
    let good = || vec![provider(1, "good", Value::Null).into(), credential(1, 1, "a").into()];
    let bad = |settings| provider(9, "bad", settings);
    let key = MasterKey::generate().unwrap();
    let elsewhere = Keyring::new(key, Vec::new());
    let place = penstock_control::seal::Binding::row("credentials", 9, "secret");
    let sealed = elsewhere.seal(&Secret::from("sk-sealed".to_owned()), &place).unwrap();
    let cases: Vec<(Vec<Record>, &str)> = vec![
        (
            vec![Provider { channel: "opnai".to_owned(), ..bad(Value::Null) }.into()],
            "provider \"bad\": unknown channel \"opnai\"",
        ),
        (
            vec![Provider { channel: "custom".to_owned(), ..bad(Value::Null) }.into()],
            "provider \"bad\": `base_url` is missing",
        ),
        (vec![bad(json!({"base_url": 5})).into()], "provider \"bad\": settings: base_url: expected a string"),
        (vec![bad(json!("sk-secret")).into()], "provider \"bad\": settings: expected struct"),
        (
            vec![bad(json!({"headers": {"host": "x"}})).into()],
            "provider \"bad\": header \"host\": the gateway sets it",
        ),
        (vec![bad(json!({"headers": {"a": "b\nc"}})).into()], "header \"a\": its value holds characters"),
        (
            vec![bad(json!({"timeouts": {"idle": "soon"}})).into()],
            "timeouts.idle: expected a duration such as 250ms",
        ),
        (
            vec![bad(json!({"circuit_breaker": {"error_rate": 2}})).into()],
            "error_rate: expected a share above 0",
        ),
        (vec![bad(json!({"circuit_breaker": {"cooldown": "5s"}})).into()], "unknown field `cooldown`"),
        (
            vec![bad(json!({"circuit_breaker": {"cool_down": "5s", "max_cool_down": "1s"}})).into()],
            "max_cool_down: expected at least cool_down",
        ),
        (
            vec![
                Provider {
                    proxy_url: Some((&Secret::from("ftp://u:sk-secret@p".to_owned())).into()),
                    ..bad(Value::Null)
                }
                .into(),
            ],
            "provider \"bad\": proxy_url: expected http://HOST:PORT",
        ),
        (
            vec![Credential { secret: sealed, ..credential(9, 1, "locked") }.into()],
            "provider \"good\": credential \"locked\": ",
        ),
        (
            vec![
                Credential {
                    secret: (&Secret::from("sk-secret\n2".to_owned())).into(),
                    ..credential(9, 1, "odd")
                }
                .into(),
            ],
            "provider \"good\": credential \"odd\" holds characters",
        ),
        (
            vec![model(9, 1, "m", Some(json!({"input": "-1", "output": "1"}))).into()],
            "model \"good/m\": pricing: expected prices of zero or more",
        ),
        (
            vec![model(9, 1, "m", Some(json!({"input": "1"}))).into()],
            "model \"good/m\": pricing: missing field `output`",
        ),
        (
            vec![route(9, "odd", Some(json!({"on_loss": "weep"}))).into()],
            "route \"odd\": settings: on_loss: unknown variant `weep`",
        ),
        (vec![route(9, "empty", None).into()], "route \"empty\" has no members"),
        (vec![alias(9, EVERY_PROVIDER, "a(", 0).into()], "alias \"a(\": "),
        (vec![alias(9, "nobody", "a", 0).into()], "alias \"a\": unknown provider \"nobody\""),
    ];
    for (records, expected) in cases {
        let (routing, problems) = routed(good().into_iter().chain(records).collect());
        assert_eq!(problems.len(), 1, "{expected}: {problems:?}");
        assert!(problems[0].contains(expected), "{expected}: {problems:?}");
        assert!(!problems[0].contains("sk-secret"), "{problems:?}");
        assert_eq!(routing.provider("good").unwrap().credentials.len(), 1, "{expected}");
        assert!(routing.provider("bad").is_none(), "{expected}");
    }
}

#[test]
fn a_breaker_can_be_switched_off() {
    let settings = json!({"circuit_breaker": {"enabled": false}});
    let (routing, _) = routed(vec![provider(1, "p", settings).into(), credential(1, 1, "a").into()]);
    let p = routing.provider("p").unwrap();
    for _ in 0..100 {
        p.credentials[0].health.enter("m", &p.breaker, AT).unwrap().failed("server_error", AT);
    }
}

/// A record of settings with a proxy.
fn settings(id: i64, instance: &str, proxy: &str) -> Record {
    let settings = penstock_control::InstanceSettings {
        id,
        instance_name: instance.to_owned(),
        usage_enabled: true,
        log_downstream: false,
        log_upstream: false,
        capture_bodies: false,
        capture_max_bytes: None,
        redaction: None,
        retention_days: None,
        body_retention_days: None,
        max_database_mb: None,
        proxy_url: Some((&Secret::from(proxy.to_owned())).into()),
        created_at: AT,
        updated_at: AT,
    };
    settings.into()
}

#[test]
fn the_proxy_of_a_provider_wins_over_that_of_the_settings_and_that_over_the_configured_one() {
    let through = |proxy: &str, id, name: &str| Provider {
        proxy_url: Some((&Secret::from(proxy.to_owned())).into()),
        ..provider(id, name, Value::Null)
    };
    let records = || {
        vec![
            through("socks5://own:1", 1, "own").into(),
            through("direct", 2, "direct").into(),
            provider(3, "usual", Value::Null).into(),
            provider(4, "here", json!({"base_url": "http://localhost:1"})).into(),
        ]
    };
    let configured = |instance: &str| RoutingSpec {
        providers: vec![ProviderSpec::sample("groq")],
        own_keys: true,
        via: ProxyUrl::parse(&Secret::from("http://configured:1".to_owned())).unwrap().into(),
        instance: instance.to_owned(),
        ..RoutingSpec::default()
    };
    let proxies = |spec: RoutingSpec, records: Vec<Record>| {
        let (spec, mut problems) =
            spec.with_records(&Records::of(records).unwrap(), &mut |held| held.open(&Keyring::plaintext()));
        let (routing, others) = Routing::build(spec, ProviderTable::builtin(), &Board::default());
        problems.extend(others);
        let shown = |name: &&str| {
            let provider = routing.provider(name)?;
            Some(provider.proxy.as_ref().map_or("none".to_owned(), ToString::to_string))
        };
        let names = ["own", "direct", "here", "usual", "groq", "mistral"];
        let shown: Vec<_> = names.iter().map(|name| shown(name).unwrap_or_default()).collect();
        (shown.join(" "), problems.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    let all = |proxy: &str| format!("socks5://own:1 none none {proxy} {proxy} {proxy}");
    assert_eq!(proxies(configured("a"), records()), (all("http://configured:1"), vec![]));
    let of = |settings: Vec<Record>| records().into_iter().chain(settings).collect();
    let usual = settings(1, "default", "http://u:sk-secret@default");
    assert_eq!(
        proxies(configured("a"), of(vec![usual.clone()])),
        (all("http://[hidden]@default:80"), vec![])
    );
    let both = vec![usual, settings(2, "a", "https://mine")];
    assert_eq!(proxies(configured("a"), of(both)), (all("https://mine:443"), vec![]));

    // and one that cannot be read is not gone around
    let (shown, problems) =
        proxies(configured("a"), of(vec![settings(1, "default", "gopher://u:sk-secret@p")]));
    assert_eq!(shown, "socks5://own:1 none none   ");
    assert!(
        problems[0].starts_with("settings \"default\": proxy_url: expected http://HOST:PORT"),
        "{problems:?}"
    );
    assert!(problems[1].starts_with("provider \"usual\": it has no proxy of its own"), "{problems:?}");
    assert!(!problems.concat().contains("sk-secret"), "{problems:?}");
}
