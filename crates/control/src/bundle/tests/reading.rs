//! What is refused, and in which words.

use super::super::{Bundle, Format};
use super::yaml;

/// The example of the docs.
pub(super) const EXAMPLE: &str = include_str!("example.yaml");

#[test]
fn the_example_of_the_docs_is_read_in_every_format() {
    let bundle = yaml(EXAMPLE);
    let json = bundle.to_json();
    assert_eq!(Bundle::read(&json, Format::Json).unwrap(), bundle);
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["providers"][0]["credentials"][0]["api_key"], "env:OPENAI_API_KEY");
    assert_eq!(value["users"][0]["permissions"], serde_json::json!(["fast", "openai/*"]));
    assert_eq!(value["settings"], serde_json::json!({"retention_days": 30}));
    let toml = toml::to_string(&value).unwrap();
    assert_eq!(Bundle::read(&toml, Format::Toml).unwrap(), bundle, "{toml}");
    let reference = include_str!("../../../../../docs/reference/bundle.md");
    assert!(reference.contains(EXAMPLE), "docs/reference/bundle.md shows another example");
}

#[test]
fn every_field_is_known_to_the_docs() {
    let reference = include_str!("../../../../../docs/reference/bundle.md");
    for shape in super::super::shape::SECTIONS {
        for name in shape.names().chain(shape.lists.iter().flat_map(|list| list.names())) {
            assert!(
                reference.contains(&format!("`{name}`")),
                "docs/reference/bundle.md does not name `{name}`"
            );
        }
    }
}

#[expect(clippy::too_many_lines, reason = "a table of all that can be wrong")]
#[test]
fn what_is_wrong_is_told_in_words() {
    let cases = [
        ("", "penstock: expected 1, the version of the format that this Penstock reads, found nothing"),
        (
            "{\"schema_version\": 1, \"providers\": []}",
            "line 1: schema_version: expected a bundle of Penstock, found one of GPROXY, which this version does not read",
        ),
        ("[]", "line 1: expected a bundle, an object that starts with penstock: 1, found a list"),
        (
            "penstock: 2",
            "line 1: penstock: expected 1, the version of the format that this Penstock reads, found 2: a newer version may read it",
        ),
        ("penstock: yes", "found a text"),
        ("penstock: 1\nprovider: []", "line 2: unknown section `provider`: did you mean `providers`?"),
        ("penstock: 1\nproviders: {}", "line 2: providers: expected a list, found an object"),
        ("penstock: 1\nproviders: [3]", "line 2: providers 1: expected an object, found a number"),
        ("penstock: 1\nproviders: [{channel: x}]", "line 2: providers 1: expected `name`, found nothing"),
        (
            "penstock: 1\nproviders: [{name: a b}]",
            "providers 1, name: expected letters, digits, '-', '_' and '.' only, since it stands in paths, found \"a b\"",
        ),
        (
            "penstock: 1\nproviders:\n  - name: openai\n    wieght: 3\n    bas_url: x",
            "line 4: providers \"openai\": unknown field `wieght`: expected one of name, channel",
        ),
        (
            "penstock: 1\nproviders:\n  - name: openai\n    bas_url: x",
            "line 4: providers \"openai\": unknown field `bas_url`: did you mean `base_url`?",
        ),
        (
            "penstock: 1\nproviders: [{name: a, base_url: \"ftp://x\"}]",
            "providers \"a\", base_url: expected a URL that starts with http:// or https://, found \"ftp://x\"",
        ),
        (
            "penstock: 1\nproviders: [{name: a, settings: {base_url: x}}]",
            "providers \"a\", settings: expected `base_url` beside settings, found it in there",
        ),
        (
            "penstock: 1\nproviders: [{name: a, credential_strategy: stiky}]",
            "expected one of round_robin, sticky, weighted, least_used, found \"stiky\": did you mean `sticky`?",
        ),
        (
            "penstock: 1\nproviders: [{name: a, enabled: no}]",
            "providers \"a\", enabled: expected true or false, found \"no\"",
        ),
        (
            "penstock: 1\nproviders: [{name: a, enabled: null}]",
            "expected a value, found nothing: leave the field out to keep what is there",
        ),
        (
            "penstock: 1\nproviders: [{name: a, credentials: [{name: m, api_key: [sk-hidden]}]}]",
            "providers \"a\", credentials \"m\", api_key: expected a secret, env:NAME or file:PATH, as a text, found a list",
        ),
        (
            "penstock: 1\nproviders: [{name: a, credentials: [{name: m, api_key: \"\"}]}]",
            "found an empty text",
        ),
        (
            "penstock: 1\nproviders: [{name: a, credentials: [{name: m, api_key: sk-hidden, secret: sk-hidden}]}]",
            "expected either api_key or secret, found both",
        ),
        (
            "penstock: 1\nproviders: [{name: a, credentials: [{name: m, api_key: sk-hidden, kind: vertex}]}]",
            "expected `secret` beside the kind \"vertex\", found `api_key`",
        ),
        (
            "penstock: 1\nproviders: [{name: a, credentials: [{name: m, apikey: sk-hidden}]}]",
            "unknown field `apikey`: did you mean `api_key`?",
        ),
        (
            "penstock: 1\nproviders: [{name: a, credentials: [{name: m, weight: -1}]}]",
            "weight: expected a whole number from 0, found the number -1",
        ),
        (
            "penstock: 1\nproviders: [{name: a, models: [{id: m, price: {ouput: 1}}]}]",
            "models \"m\", price: unknown price \"ouput\": did you mean `output`?",
        ),
        (
            "penstock: 1\nproviders: [{name: a, models: [{id: m, price: {output: \"-1\"}}]}]",
            "price: output: expected an amount in US dollars from 0, such as \"5.00\", found \"-1\"",
        ),
        (
            "penstock: 1\nproviders: [{name: a}, {name: a}]",
            "line 2: providers \"a\": expected it once, found it twice",
        ),
        (
            "penstock: 1\nproviders: [{name: a, label: x, label: y}]",
            "providers \"a\", label: expected it once, found it twice",
        ),
        (
            "penstock: 1\nroutes: [{name: f, strategy: fastest}]",
            "routes \"f\", strategy: expected one of failover",
        ),
        ("penstock: 1\nroutes: [{name: f, members: [{provider: a}]}]", "expected `model`, found nothing"),
        (
            "penstock: 1\naliases: [{alias: \"gpt-4(\", target: x}]",
            "alias: expected a regular expression, found \"gpt-4(\": unclosed group",
        ),
        (
            "penstock: 1\nusers: [{name: 77}]",
            "users 1, name: expected a name, as a text, found the number 77",
        ),
        ("penstock: 1\nusers: [{name: \"77\"}]", "expected 1 to 128 characters, not only digits"),
        (
            "penstock: 1\nusers: [{name: ada, keys: [{}]}]",
            "expected key, digest or sealed, or a label, by which a key that is made now is found again",
        ),
        (
            "penstock: 1\nusers: [{name: ada, keys: [{label: a}, {label: a}]}]",
            "users \"ada\", keys \"a\": expected it once, found it twice",
        ),
        (
            "penstock: 1\nusers: [{name: ada, keys: [{digest: sk-hidden}]}]",
            "not a key digest: expected 64 hex digits",
        ),
        (
            "penstock: 1\nusers: [{name: ada, keys: [{label: a, expires_at: soon}]}]",
            "expected a time such as 2027-01-31T12:00:00Z, a date, or unix milliseconds, found \"soon\"",
        ),
        (
            "penstock: 1\nusers: [{name: ada, quotas: [{window: dya, limit: 1}]}]",
            "found \"dya\": did you mean `day`?",
        ),
        (
            "penstock: 1\nusers: [{name: ada, quotas: [{window: day, limit: lots}]}]",
            "quotas \"day\", limit: expected an amount in US dollars from 0",
        ),
        (
            "penstock: 1\nsettings: {retention: 30}",
            "line 2: settings: unknown field `retention`: did you mean `retention_days`?",
        ),
        ("penstock: 1\nsettings: [{instance: a}, {instance: a}]", "settings \"a\": expected it once"),
    ];
    for (text, expected) in cases {
        let Err(error) = Bundle::read(text, Format::Yaml) else { panic!("read: {text}") };
        let says = error.to_string();
        assert!(says.contains(expected), "{text}\n  said {says}\n  expected {expected}");
        assert!(!says.contains("hidden"), "{says}");
    }
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let text =
        "penstock: 1\nprovider: []\nroutes:\n  - name: f\n    strategy: x\n    enabled: 1\nusers: [{}]\n";
    let error = Bundle::read(text, Format::Yaml).unwrap_err();
    let lines: Vec<_> = error.0.iter().map(|problem| problem.line).collect();
    assert_eq!(lines, [Some(2), Some(5), Some(6), Some(7)], "{error}");
    assert_eq!(error.to_string().lines().count(), 4);
}

#[test]
fn a_secret_is_nowhere_in_debug() {
    let bundle = yaml("providers: [{name: a, credentials: [{name: m, api_key: sk-hidden}]}]");
    assert!(!format!("{bundle:?}").contains("hidden"), "{bundle:?}");
}
