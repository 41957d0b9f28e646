//! What a bundle changes, and that it does so once.

use serde_json::json;

use super::reading::EXAMPLE;
use super::{OPTIONS, Shelf, lines, opened, secret, yaml};
use crate::bundle::{Bundle, Format, PlanOptions, References, Secrets};
use crate::{KeyDigest, Kind, password};

#[test]
fn the_example_is_applied_once() {
    let mut shelf = Shelf::new();
    let bundle = yaml(EXAMPLE);
    let plan = shelf.apply(&bundle, OPTIONS).unwrap();
    let expected = [
        "+ provider openai",
        "+ credential openai / main",
        "+ model openai / gpt-4o-mini",
        "+ route fast",
        "+ route member fast / openai gpt-4o-mini",
        "+ alias * gpt-4(.*)",
        "+ organisation acme",
        "+ team acme / core",
        "+ quota organisation acme / month",
        "+ user ada",
        "+ key ada / laptop",
        "+ permission user ada / fast",
        "+ permission user ada / openai/*",
        "+ rate limit user ada / *",
        "+ quota user ada / day",
        "+ settings default",
    ];
    assert_eq!(lines(&plan), expected);
    let again = shelf.plan(&bundle, OPTIONS).unwrap();
    assert!(again.is_empty() && again.changes.is_empty(), "{:?}", lines(&again));
    assert_eq!(opened(&shelf, Kind::Credential, "secret"), ["sk-of-OPENAI_API"]);
    let key = shelf.loaded.records.keys.iter().next().unwrap();
    assert_eq!(key.digest, KeyDigest::of("sk-of-ADA"));
    // what it comes to is what another store becomes of it
    let mut other = Shelf::new();
    other.apply(&shelf.export(), OPTIONS).unwrap();
    assert_eq!(other.export().to_json(), shelf.export().to_json());
    let read = Bundle::read(&shelf.export().to_json(), Format::Json).unwrap();
    assert_eq!(read, shelf.export());
}

#[test]
fn what_is_not_said_stays() {
    let mut shelf = Shelf::new();
    shelf.apply(&yaml(EXAMPLE), OPTIONS).unwrap();
    let before = shelf.export();
    let plan = shelf.apply(&yaml("users: [ada]\nproviders: [{name: openai, label: null}]"), OPTIONS).unwrap();
    assert_eq!(lines(&plan), [""; 0]);
    let plan =
        shelf.apply(&yaml("providers: [{name: openai, enabled: false}, {name: groq}]"), OPTIONS).unwrap();
    assert_eq!(lines(&plan), ["~ provider openai (enabled)", "+ provider groq"]);
    let json = shelf.json();
    assert_eq!(json["providers"][1]["base_url"], "https://…/v1");
    assert_eq!(json["providers"][0]["channel"], "groq");
    assert_ne!(shelf.export(), before);
}

#[test]
fn fields_change_one_by_one() {
    let mut shelf = Shelf::new();
    shelf.apply(&yaml(EXAMPLE), OPTIONS).unwrap();
    let cases = [
        (
            "providers: [{name: openai, base_url: null, headers: {x-a: b}}]",
            "~ provider openai (base_url headers)",
        ),
        (
            "providers: [{name: openai, settings: {circuit_breaker: {open: 3}}}]",
            "~ provider openai (settings)",
        ),
        (
            "providers: [{name: openai, credentials: [{name: main, api_key: sk-new, weight: 5}]}]",
            "~ credential openai / main (secret weight)",
        ),
        ("providers: [{name: openai, proxy_url: \"http://u:p@proxy\"}]", "~ provider openai (proxy_url)"),
        (
            "providers: [{name: openai, models: [{id: gpt-4o-mini, price: {input: 0.2, output: 0.6}}]}]",
            "~ model openai / gpt-4o-mini (price)",
        ),
        ("routes: [{name: fast, timeouts: {idle: 3s}, on_loss: reject}]", "~ route fast (on_loss timeouts)"),
        ("routes: [{name: fast, on_loss: null, timeouts: null}]", "~ route fast (on_loss timeouts)"),
        ("users: [{name: ada, quotas: [{window: day, limit: 6}]}]", "~ quota user ada / day (limit)"),
        ("users: [{name: ada, org: default}]", "~ user ada (org team)"),
        ("users: [{name: ada, org: acme, team: core, is_admin: true}]", "~ user ada (org team is_admin)"),
        (
            "users: [{name: ada, keys: [{key: sk-of-ADA, label: desk, expires_at: 2027-01-01}]}]",
            "~ key ada / desk (label expires_at)",
        ),
        (
            "settings: {retention_days: null, proxy_url: \"http://p\"}",
            "~ settings default (retention_days proxy_url)",
        ),
        ("aliases: [{alias: \"gpt-4(.*)\", target: openai/x}]", "~ alias * gpt-4(.*) (target)"),
    ];
    for (text, expected) in cases {
        let bundle = yaml(text);
        assert_eq!(lines(&shelf.apply(&bundle, OPTIONS).unwrap()), [expected], "{text}");
        assert_eq!(lines(&shelf.plan(&bundle, OPTIONS).unwrap()), [""; 0], "{text}");
    }
    let json = shelf.json();
    let openai = &json["providers"][0];
    assert_eq!(openai["headers"], json!({"x-a": "b"}));
    assert_eq!(openai["settings"], json!({"circuit_breaker": {"open": 3}}));
    assert_eq!(openai["models"][0]["price"], json!({"input": "0.2", "output": "0.6"}));
    assert_eq!(json["users"][0]["keys"][0]["expires_at"], "2027-01-01T00:00:00Z");
    assert_eq!(shelf.loaded.records.routes.iter().next().unwrap().settings, None);
}

#[test]
fn a_secret_is_shown_by_no_plan() {
    let mut shelf = Shelf::new();
    let text = "providers: [{name: a, proxy_url: \"http://u:hidden@p\", credentials: [{name: m, api_key: sk-hidden}]}]\n\
                users: [{name: ada, password: hidden-password, keys: [{sealed: sk-hidden-key-0123456789}]}]";
    let shown =
        |plan: &crate::bundle::Plan| format!("{} {plan:?}", serde_json::to_string(&plan.changes).unwrap());
    let plan = shelf.apply(&yaml(text), OPTIONS).unwrap();
    assert!(
        !plan.changes.is_empty() && !shown(&plan).contains("-hidden") && !shown(&plan).contains("hidden-"),
        "{}",
        shown(&plan)
    );
    let changed = shelf.plan(&yaml(&text.replace("hidden", "other")), OPTIONS).unwrap();
    let shown = shown(&changed);
    assert!(
        shown.contains("[hidden]") && !shown.contains("sk-other") && !shown.contains("other-"),
        "{shown}"
    );
}

#[test]
fn passwords_are_hashed_once_and_verified_after() {
    let mut shelf = Shelf::new();
    let plain = yaml("users: [{name: ada, password: correct horse}]");
    shelf.apply(&plain, OPTIONS).unwrap();
    let hash = shelf.loaded.records.user("ada").unwrap().password.clone().unwrap();
    assert_eq!(password::verify(&secret("correct horse"), hash.expose()), Ok(true));
    assert_eq!(lines(&shelf.plan(&plain, OPTIONS).unwrap()), [""; 0]);
    assert_eq!(lines(&shelf.plan(&shelf.export(), OPTIONS).unwrap()), [""; 0]);
    let other = yaml("users: [{name: ada, password: other}]");
    assert_eq!(lines(&shelf.plan(&other, OPTIONS).unwrap()), ["~ user ada (password)"]);
    for (text, expected) in [
        ("$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9", "a hash of another kind"),
        ("$argon2id$v=19$x", "is not an Argon2 hash"),
    ] {
        let error =
            shelf.plan(&yaml(&format!("users: [{{name: ada, password: {text}}}]")), OPTIONS).unwrap_err();
        assert!(error.to_string().contains(expected) && !error.to_string().contains(text), "{error}");
    }
}

#[test]
fn a_key_without_a_text_is_made_once() {
    let mut shelf = Shelf::new();
    let bundle = yaml("users: [{name: ada, keys: [{label: ci}], permissions: [\"*\"]}]");
    let plan = shelf.apply(&bundle, OPTIONS).unwrap();
    let [made] = plan.keys.as_slice() else { panic!("{plan:?}") };
    assert_eq!((made.user.as_str(), made.label.as_deref()), ("ada", Some("ci")));
    assert!(made.key.expose().starts_with(&made.prefix) && made.prefix.starts_with("sk-pen-"));
    let again = shelf.plan(&bundle, OPTIONS).unwrap();
    assert!(again.is_empty() && again.keys.is_empty());
    assert_eq!(lines(&shelf.plan(&shelf.export(), OPTIONS).unwrap()), [""; 0]);
}

#[test]
fn a_key_is_known_by_its_text_its_digest_or_sealed() {
    let mut shelf = Shelf::new();
    let digest = KeyDigest::by(crate::DigestAlgorithm::Sha256, "sk-imported-0123456789");
    let text = format!("users: [{{name: ada, keys: [{{digest: \"{digest}\"}}, {{sealed: sk-pen-sealed}}]}}]");
    assert_eq!(shelf.apply(&yaml(&text), OPTIONS).unwrap().changes.len(), 3);
    assert_eq!(opened(&shelf, Kind::UserKey, "sealed_key"), ["sk-pen-sealed"]);
    let by_text = "users: [{name: ada, keys: [{key: sk-imported-0123456789}, {key: sk-pen-sealed}]}]";
    assert_eq!(lines(&shelf.plan(&yaml(by_text), OPTIONS).unwrap()), [""; 0]);
    let moved = shelf.apply(&yaml("users: [{name: bob, keys: [{key: sk-pen-sealed}]}]"), OPTIONS).unwrap();
    assert_eq!(lines(&moved)[0], "+ user bob");
    assert!(
        lines(&moved)[1].starts_with("~ key bob / ") && lines(&moved)[1].ends_with("(user)"),
        "{:?}",
        lines(&moved)
    );
    let wrong = format!("users: [{{name: ada, keys: [{{digest: \"{digest}\", sealed: sk-other-key}}]}}]");
    let error = shelf.plan(&yaml(&wrong), OPTIONS).unwrap_err();
    assert!(error.to_string().contains("expected the key of the digest beside it"), "{error}");
    let both = "users: [{name: ada, keys: [{key: sk-x, sealed: sk-x}]}]";
    assert!(shelf.plan(&yaml(both), OPTIONS).unwrap_err().to_string().contains("either key or sealed"));
    let twice = "users: [{name: ada, keys: [{key: sk-new}]}, {name: bob, keys: [{key: sk-new}]}]";
    assert!(
        shelf
            .plan(&yaml(twice), OPTIONS)
            .unwrap_err()
            .to_string()
            .contains("expected it once, found it twice")
    );
}

#[test]
fn what_is_referred_to_has_to_be_there() {
    let shelf = Shelf::new();
    let cases = [
        (
            "routes: [{name: f, members: [{provider: opnai, model: m}]}]\nproviders: [{name: openai}]",
            "line 2: routes \"f\", members \"opnai m\", provider: expected a provider that is in the bundle or the store, found \"opnai\": did you mean \"openai\"?",
        ),
        (
            "users: [{name: ada, org: acme}]",
            "users \"ada\", org: expected an organisation that is in the bundle or the store, found \"acme\"",
        ),
        (
            "orgs: [{name: acme, teams: [core]}]\nusers: [{name: ada, team: core}]",
            "expected a team of the user's organisation that is in the bundle or the store, found \"core\"",
        ),
        ("providers: [{name: a, rule_sets: [house]}]", "expected a rule set that is"),
        (
            "providers: [{name: a, credentials: [{name: m}]}]",
            "expected `secret`, which a new credential needs, found nothing",
        ),
        ("aliases: [{alias: a}]", "expected `target`, which a new alias needs"),
        (
            "providers: [{name: a, credentials: [{name: m, api_key: \"env:NOT_THERE\"}]}]",
            "secret: the variable NOT_THERE is not set",
        ),
        (
            "providers: [{name: a, credentials: [{name: m, api_key: \"file:/no/such\"}]}]",
            "\"/no/such\" cannot be read",
        ),
        (
            "providers: [{name: a, proxy_url: \"proxy:3128\"}]",
            "providers \"a\", proxy_url: expected http://HOST:PORT",
        ),
        ("settings: {proxy_url: \"http://u:p@h/way\"}", "proxy_url: expected an address without path"),
    ];
    for (text, expected) in cases {
        let error = shelf.plan(&yaml(text), OPTIONS).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}\nexpected {expected}");
    }
    let elsewhere = PlanOptions { references: References::Refused, ..OPTIONS };
    let error = shelf.plan(&yaml(EXAMPLE), elsewhere).unwrap_err();
    assert_eq!(error.0.len(), 2, "{error}");
    assert!(error.to_string().contains("expected the secret itself, found a reference"), "{error}");
}

#[test]
fn a_file_holds_a_secret() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "sk-from-file\n").unwrap();
    let mut shelf = Shelf::new();
    let text = format!(
        "providers: [{{name: a, credentials: [{{name: m, api_key: \"file:{}\"}}]}}]",
        file.path().display()
    );
    shelf.apply(&yaml(&text), OPTIONS).unwrap();
    assert_eq!(opened(&shelf, Kind::Credential, "secret"), ["sk-from-file"]);
}

#[test]
fn an_export_without_secrets_leaves_references_that_differ() {
    let mut shelf = Shelf::new();
    let text = "providers: [{name: a.b, proxy_url: \"http://hidden\", credentials: [{name: m, api_key: sk-hidden}, \
                {name: v, kind: vertex, secret: sk-hidden}]}, {name: a-b, credentials: [{name: m, api_key: sk-hidden}]}]\n\
                users: [{name: ada, password: hidden, keys: [{sealed: sk-hidden}]}]\nsettings: {proxy_url: \"http://hidden\"}";
    shelf.apply(&yaml(text), OPTIONS).unwrap();
    let bundle = Bundle::export(&shelf.loaded.records, Secrets::References).unwrap();
    let json = bundle.to_json();
    assert!(!json.contains("hidden") && !json.contains("argon2"), "{json}");
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["providers"][0]["credentials"][0]["api_key"], "env:A_B_API_KEY_M");
    assert_eq!(value["providers"][1]["credentials"][0]["api_key"], "env:A_B_API_KEY_M_2");
    assert_eq!(value["providers"][1]["credentials"][1]["secret"], "env:A_B_SECRET_V");
    assert_eq!(value["providers"][1]["proxy_url"], "env:A_B_PROXY_URL");
    assert_eq!(value["settings"]["proxy_url"], "env:DEFAULT_PROXY_URL");
    assert_eq!(Bundle::read(&json, Format::Json).unwrap(), bundle);
}
