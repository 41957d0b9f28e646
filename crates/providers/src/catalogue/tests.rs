use penstock_core::Usage;

use super::*;
use crate::ProviderTable;

const ROW: &str = r#"
[[model]]
provider = "acme"
id = "roadrunner-2"
aliases = ["roadrunner-2-0613"]
input = "1.25"
output = "10"
cache_read = "0.125"
context = 400000
max_output = 128000
tiers = [{ above = 200000, input = "2.5", output = "15" }]
"#;

fn parse(rows: &str) -> Result<Catalogue, TableError> {
    Catalogue::parse(&format!("version = \"t1\"\n{rows}"))
}

fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}

#[test]
fn every_embedded_model_is_of_a_known_provider() {
    let catalogue = Catalogue::builtin();
    assert!(catalogue.all().count() >= 80);
    for model in catalogue.all() {
        let id = &model.id;
        assert!(ProviderTable::builtin().get(&model.provider).is_some(), "{id}");
        assert!(model.context.is_some_and(|context| context > 0), "{id}");
        assert!(model.price.cache_read.is_none_or(|read| read <= model.price.input), "{id}");
        assert!(model.max_output <= model.context, "{id}");
    }
    assert!(catalogue.version().starts_with("20"));
}

#[test]
fn anthropic_cache_writes_are_the_published_multiples_of_input() {
    for model in Catalogue::builtin().models("anthropic") {
        let price = &model.price;
        let times = |hundredths: u64| Some(price.input.for_tokens(hundredths * 10_000));
        // The price list rounds this one to $0.30.
        if model.id != "claude-3-haiku-20240307" {
            assert_eq!(price.cache_write_5m, times(125), "{}", model.id);
        }
        assert_eq!(price.cache_write_1h, times(200), "{}", model.id);
        assert!(price.cache_read.is_some(), "{}", model.id);
    }
}

#[test]
fn a_call_with_every_kind_of_cache_costs_what_it_should() {
    let sonnet = Catalogue::builtin().get("anthropic", "claude-sonnet-4-5-20250929").unwrap();
    let usage = Usage {
        input: 12,
        output: 345,
        cache_read: 18_000,
        cache_write_5m: 2_000,
        cache_write_1h: 1_000,
        reasoning: 100,
    };
    // 12 × 3 + 345 × 15 + 18000 × 0.3 + 2000 × 3.75 + 1000 × 6, per million
    assert_eq!(sonnet.price.cost(&usage), usd("0.024111"));
}

#[test]
fn a_dated_version_has_its_own_price_only_where_it_differs() {
    let price = |model| Catalogue::builtin().get("openai", model).unwrap().price.input;
    assert_eq!(price("gpt-4o-2024-05-13"), usd("5"));
    assert_eq!(price("gpt-4o-2024-08-06"), usd("2.5"));
    assert_eq!(price("gpt-5.6"), price("gpt-5.6-sol"));
}

#[test]
fn an_embedded_tier_prices_a_long_prompt() {
    let haiku = Catalogue::builtin().get("anthropic", "claude-haiku-5-5").unwrap();
    let usage =
        Usage { input: 10, output: 1_000, cache_read: 90_000, cache_write_5m: 9_990, ..Usage::default() };
    // 10 × 0.1 + 1000 × 0.5 + 90000 × 0.01 + 9990 × 0.125, per million
    assert_eq!(haiku.price.cost(&usage), usd("0.00264975"));
    let longer = Usage { input: 11, ..usage };
    // 11 × 0.5 + 1000 × 2.5 + 90000 × 0.05 + 9990 × 0.625, per million
    assert_eq!(haiku.price.cost(&longer), usd("0.01324925"));
}

#[test]
fn a_model_is_found_by_id_alias_and_undated_id() {
    let catalogue = parse(ROW).unwrap();
    for name in [
        "roadrunner-2",
        "roadrunner-2-0613",
        "roadrunner-2-2026-01-31",
        "roadrunner-2-20260131",
        "roadrunner-2-latest",
    ] {
        let model = catalogue.get("acme", name).unwrap();
        assert_eq!(model.id, "roadrunner-2", "{name}");
    }
    for name in [
        "roadrunner",
        "roadrunner-2-mini",
        "roadrunner-2-2026-1-31",
        "roadrunner-2-2026013",
        "-20260131",
        "-latest",
        "",
        "réadrunner-2-é0260131",
    ] {
        assert!(catalogue.get("acme", name).is_none(), "{name}");
    }
    assert!(catalogue.get("bolt", "roadrunner-2").is_none());
}

#[test]
fn a_row_is_read_whole() {
    let catalogue = parse(ROW).unwrap();
    assert_eq!(catalogue.version(), "t1");
    let model = catalogue.get("acme", "roadrunner-2").unwrap();
    assert_eq!(model.context, Some(400_000));
    assert_eq!(model.max_output, Some(128_000));
    let usage = Usage { input: 100_000, cache_read: 100_001, output: 8, ..Usage::default() };
    // 200001 × 2.5 (no cache price in the tier) + 8 × 15, per million
    assert_eq!(model.price.cost(&usage), usd("0.5001225"));
}

#[test]
fn the_other_catalogue_wins_and_keeps_the_aliases() {
    let mut catalogue = parse(ROW).unwrap();
    let cheaper =
        ROW.replace("1.25", "1").replace("aliases = [\"roadrunner-2-0613\"]", "aliases = [\"rr2\"]");
    let other = ROW.replace("roadrunner-2", "coyote");
    catalogue.merge(parse(&format!("{cheaper}{other}").replace("t1", "t2")).unwrap());
    assert_eq!(catalogue.all().count(), 2);
    for name in ["roadrunner-2", "roadrunner-2-0613", "rr2"] {
        assert_eq!(catalogue.get("acme", name).unwrap().price.input, usd("1"), "{name}");
    }
    assert_eq!(catalogue.get("acme", "coyote-0613").unwrap().id, "coyote");
    assert_eq!(catalogue.version(), "t1+t1");
}

#[test]
fn an_id_of_the_other_catalogue_wins_over_an_alias_here() {
    let mut catalogue = parse(ROW).unwrap();
    let dated = ROW
        .replace("aliases = [\"roadrunner-2-0613\"]", "")
        .replace("roadrunner-2", "roadrunner-2-0613")
        .replace("1.25", "7");
    catalogue.merge(parse(&dated).unwrap());
    assert_eq!(catalogue.get("acme", "roadrunner-2-0613").unwrap().price.input, usd("7"));
    assert_eq!(catalogue.get("acme", "roadrunner-2").unwrap().price.input, usd("1.25"));
}

#[test]
fn an_unsound_row_is_refused_by_name_and_field() {
    for (from, to, row, field) in [
        ("\"1.25\"", "1.25", "acme/roadrunner-2", "input"),
        ("\"1.25\"", "\"-1.25\"", "acme/roadrunner-2", "input"),
        ("\"0.125\"", "\"-0.125\"", "acme/roadrunner-2", "cache_read"),
        ("\"2.5\"", "\"-2.5\"", "acme/roadrunner-2", "tiers[0].input"),
        ("\"10\"", "\"ten\"", "acme/roadrunner-2", "output"),
        ("context", "contexts", "acme/roadrunner-2", "contexts"),
        ("above", "over", "acme/roadrunner-2", "over"),
        ("output = \"10\"", "", "acme/roadrunner-2", "output"),
        ("\"acme\"", "\"\"", "model", "provider"),
        (
            "output = \"15\" }",
            "output = \"15\" }, { above = 200000, input = \"1\", output = \"1\" }",
            "acme/roadrunner-2",
            "tiers[1].above",
        ),
    ] {
        let text = ROW.replacen(from, to, 1);
        assert_ne!(text, ROW);
        let message = parse(&text).unwrap_err().to_string();
        assert!(message.contains(row) && message.contains(field), "{to}: {message}");
        assert!(!message.contains('\n'), "{message}");
    }
}

#[test]
fn one_name_for_two_models_is_refused() {
    let twice = parse(&format!("{ROW}{ROW}")).unwrap_err();
    assert!(twice.to_string().contains("acme/roadrunner-2"), "{twice}");
    let alias_of_other = ROW.replace("id = \"roadrunner-2\"", "id = \"coyote\"");
    assert!(parse(&format!("{ROW}{alias_of_other}")).is_err());
    assert!(parse(&format!("{ROW}{}", ROW.replace("acme", "bolt"))).is_ok());
}

#[test]
fn a_catalogue_without_a_version_is_refused() {
    for text in [ROW.to_owned(), format!("version = \"\"{ROW}"), format!("version = 3{ROW}")] {
        let message = Catalogue::parse(&text).unwrap_err().to_string();
        assert!(message.contains("version"), "{message}");
    }
    assert!(Catalogue::parse("version = \"1\"\nmodels = 1").is_err());
}
