use proptest::prelude::*;
use serde_json::json;

use super::*;

fn parse(text: &str) -> Vec<SpecEntry> {
    PipelineSpec::parse("pipeline.yaml", text).unwrap().entries
}

fn names(text: &str) -> Vec<String> {
    parse(text).iter().map(|entry| entry.module.to_string()).collect()
}

fn refusal(text: &str) -> String {
    PipelineSpec::parse("pipeline.yaml", text).expect_err(text).to_string()
}

#[test]
fn every_form_says_the_same() {
    let forms = [
        "cost-guard,exact-cache",
        " cost-guard , exact-cache ",
        "- cost-guard\n- exact-cache\n",
        "[cost-guard, exact-cache]",
        "pipeline: [cost-guard, exact-cache]",
        "pipeline:\n  - cost-guard\n  - module: exact-cache\n",
        "pipeline:\n  - cost-guard: {}\n  - exact-cache:\n",
    ];
    for form in forms {
        assert_eq!(names(form), ["cost-guard", "exact-cache"], "{form}");
    }
}

#[test]
fn configuration_and_options_are_kept() {
    let text = "pipeline:\n  - cost-guard: { perDay: 5, perMonth: 12.5, models: [a, b], on: null }\n  - module: ./m/mine.ts#two\n    config:\n      text: 'yes'\n    required: true\n    isolate: true\n    timeout: 250ms\n";
    let [guard, mine] = &parse(text)[..] else { panic!() };
    assert_eq!(guard.config, json!({ "perDay": 5, "perMonth": 12.5, "models": ["a", "b"], "on": null }));
    assert_eq!(
        mine.module,
        ModuleName::Path { path: "./m/mine.ts".to_owned(), name: Some("two".to_owned()) }
    );
    assert_eq!(mine.config, json!({ "text": "yes" }));
    assert!(mine.required && mine.isolate);
    assert_eq!(mine.timeout, Some(Duration::from_millis(250)));
    assert_eq!(mine.at, At { entry: 2, line: 3 });
}

#[test]
fn further_modules_may_be_available() {
    let text = "pipeline: [cost-guard]\navailable:\n  - exact-cache: { ttlSeconds: 60 }\n";
    let spec = PipelineSpec::parse("pipeline.yaml", text).unwrap();
    assert_eq!((spec.entries.len(), spec.available[0].config.clone()), (1, json!({ "ttlSeconds": 60 })));
    assert_eq!(refusal("available: [a]"), "pipeline.yaml:1: expected `pipeline`, found nothing");
}

#[test]
fn what_is_far_too_deep_or_long_is_refused_and_not_read() {
    let deep = "- ".repeat(100_000) + "a";
    assert_eq!(refusal(&deep), "pipeline.yaml:1: expected values at most 32 deep in each other, found more");
    let long = vec!["a"; 100_000].join(",");
    assert_eq!(refusal(&long), "pipeline.yaml: expected at most 64 modules, found more");
    assert!(refusal(&format!("[{long}]")).contains("expected at most 64 modules, found 100000"));
}

#[test]
fn a_header_is_a_list_of_names_and_nothing_else() {
    let names = |text| PipelineSpec::names("x-penstock-pipe", text);
    assert_eq!(names("a, b").unwrap().entries.len(), 2);
    assert!(names("none").unwrap().entries.is_empty());
    assert!(
        names("[a, b]")
            .unwrap_err()
            .to_string()
            .starts_with("x-penstock-pipe, entry 1: expected a module's name")
    );
}

#[test]
fn none_is_the_empty_pipeline() {
    for text in ["none", " none ", "pipeline: none\n", "[]", "pipeline: []", "none\n"] {
        assert!(parse(text).is_empty(), "{text}");
    }
}

#[test]
fn what_is_no_pipeline_is_refused_in_words() {
    let cases = [
        (
            "",
            "pipeline.yaml, entry 1: expected a module's name or path, found nothing (the empty pipeline is `none`)",
        ),
        (
            "a,,b",
            "pipeline.yaml, entry 2: expected a module's name or path, found nothing (the empty pipeline is `none`)",
        ),
        (
            "a,none",
            "pipeline.yaml, entry 2: expected a module's name or path, found `none`, which stands alone",
        ),
        ("a,b c", "pipeline.yaml, entry 2: expected a module's name or path, found \"b c\", with ' ' in it"),
        ("a,b,a", "pipeline.yaml, entry 3: module `a` is here twice, first as entry 1"),
        ("pipelin:\n  - a\n", "pipeline.yaml:1: expected `pipeline` or `available`, found `pipelin`"),
        ("pipeline:\n  a: {}\n", "pipeline.yaml:2: expected a list of modules, or `none`, found a mapping"),
        (
            "- a\n- 7\n",
            "pipeline.yaml:2, entry 2: expected a module's name, or a mapping with `module`, found a number",
        ),
        (
            "- a\n- module: b\n  confg: {}\n",
            "pipeline.yaml:3, entry 2: `confg`: expected `module`, `config`, `required`, `isolate` or `timeout`, found another key",
        ),
        ("- a: [1]\n", "pipeline.yaml:1, entry 1: `config`: expected a mapping, found a list"),
        (
            "- module: a\n  required: sure\n",
            "pipeline.yaml:2, entry 1: `required`: expected true or false, found a text",
        ),
        (
            "- module: a\n  timeout: 5\n",
            "pipeline.yaml:2, entry 1: `timeout`: expected a time such as 500ms or 5s, found a number",
        ),
        (
            "- a: {}\n  b: {}\n",
            "pipeline.yaml:1, entry 1: expected `module`, or one name with its configuration, found several keys",
        ),
        ("---\n- a\n---\n- b\n", "pipeline.yaml:4: expected one document, found several"),
    ];
    for (text, expected) in cases {
        assert_eq!(refusal(text), expected, "{text}");
    }
    assert!(refusal("- a\n- [b\n").starts_with("pipeline.yaml:"));
}

proptest! {
    #[test]
    fn nothing_makes_it_panic(text in "[-a-z:{}\\[\\],#'\"&* \n./0-9]{0,60}") {
        drop(PipelineSpec::parse("header", &text));
    }

    #[test]
    fn a_list_of_names_is_read_as_it_is_written(names in proptest::collection::hash_set("[a-z][a-z0-9-]{0,12}", 1..6)) {
        let names: Vec<_> = names.into_iter().filter(|name| name != NONE).collect();
        prop_assume!(!names.is_empty());
        let written = names.join(",");
        prop_assert_eq!(tests::names(&written), names);
    }
}
