//! The same tree from every format, and faults with their lines.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Content, Format, Node, parse};

fn value(text: &str, format: Format) -> Value {
    match parse(text, format) {
        Ok(node) => node.value(),
        Err(problem) => panic!("{problem}: {text}"),
    }
}

fn line_of(node: &Node, path: &[&str]) -> Option<usize> {
    let Some((first, rest)) = path.split_first() else { return node.line };
    match &node.content {
        Content::Map(pairs) => {
            let pair = pairs.iter().find(|pair| pair.key == *first)?;
            if rest.is_empty() { pair.line } else { line_of(&pair.node, rest) }
        }
        Content::List(items) => line_of(items.get(first.parse::<usize>().ok()?)?, rest),
        _ => None,
    }
}

const JSON: &str = "{\n  \"penstock\": 1,\n  \"a\": [\n    {\"name\": \"x\", \"n\": 1.50, \"on\": true, \"none\": null}\n  ]\n}";
const YAML: &str = "penstock: 1\na:\n  - name: x\n    n: 1.50\n    on: true\n    none: ~\n";
const TOML: &str = "penstock = 1\n[[a]]\nname = \"x\"\nn = 1.50\non = true\n";

#[test]
fn every_format_gives_the_same_tree_with_lines() {
    let json = value(JSON, Format::Json);
    assert_eq!(json, json!({"penstock": 1, "a": [{"name": "x", "n": 1.5, "on": true, "none": null}]}));
    assert_eq!(value(YAML, Format::Yaml), json);
    // TOML has no null
    let mut without = json.clone();
    without["a"][0].as_object_mut().unwrap().remove("none");
    assert_eq!(value(TOML, Format::Toml), without);
    for (text, format, line) in [(JSON, Format::Json, 4), (YAML, Format::Yaml, 4), (TOML, Format::Toml, 4)] {
        let node = parse(text, format).unwrap_or_else(|problem| panic!("{problem}"));
        assert_eq!(line_of(&node, &["a", "0", "n"]), Some(line), "{format:?}");
    }
}

#[test]
fn a_number_keeps_its_text() {
    for (text, format) in [
        ("{\"n\": 0.10000000000000000001}", Format::Json),
        ("n: 0.10000000000000000001", Format::Yaml),
        ("n = 0.10000000000000000001", Format::Toml),
    ] {
        let Ok(Node { content: Content::Map(pairs), .. }) = parse(text, format) else { panic!("{format:?}") };
        assert!(matches!(&pairs[0].node.content, Content::Number(text) if text == "0.10000000000000000001"));
    }
}

#[test]
fn yaml_follows_the_core_schema() {
    let text =
        "a: no\nb: 0x1F\nc: '1'\nd: !!str 1\ne: 1e3\nf: .inf\ng: 2027-01-01\nh:\ni: sk-1\nj: -7\nk: 007\n";
    let read = value(text, Format::Yaml);
    let expected = json!({"a": "no", "b": 31, "c": "1", "d": "1", "e": 1e3, "f": ".inf", "g": "2027-01-01",
        "h": null, "i": "sk-1", "j": -7, "k": 7});
    assert_eq!(read, expected);
    assert_eq!(value("a: &x [1]\nb: *x\n", Format::Yaml), json!({"a": [1], "b": [1]}));
}

#[test]
fn the_format_is_found_out() {
    let cases =
        [(JSON, Format::Json), (YAML, Format::Yaml), (TOML, Format::Toml), ("\u{feff} \n{}", Format::Json)];
    for (text, format) in cases {
        assert_eq!(Format::of_text(text), format, "{text}");
    }
    let names =
        [("a.json", Some(Format::Json)), ("b.YML", Some(Format::Yaml)), ("c.toml", Some(Format::Toml))];
    for (name, format) in names.into_iter().chain([("bundle", None), ("-", None)]) {
        assert_eq!(Format::of_name(name), format, "{name}");
    }
}

#[test]
fn faults_are_told_with_their_line_and_without_the_text() {
    let mut bomb = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n".to_owned();
    for n in 1..12 {
        let tenfold = vec![format!("*a{}", n - 1); 10].join(", ");
        bomb = format!("{bomb}a{n}: &a{n} [{tenfold}]\n");
    }
    let nested = "[".repeat(5_000);
    let closed = format!("{}{}", "[".repeat(500), "]".repeat(500));
    let cases = [
        ("{\n\"a\": sk-hidden\n}", Format::Json, "line 2: not JSON: expected value"),
        ("{\"a\": 1", Format::Json, "line 1: not JSON: EOF while parsing an object"),
        (closed.as_str(), Format::Json, "lists and objects within each other"),
        ("a: [sk-hidden\nb: 1\n", Format::Yaml, "not YAML: "),
        ("a: 1\n---\nb: 2\n", Format::Yaml, "expected one YAML document"),
        (
            "a: !secret sk-hidden",
            Format::Yaml,
            "line 1: expected a value without a tag, found the tag !secret",
        ),
        ("? [a]\n: 1\n", Format::Yaml, "expected a text as a key"),
        (bomb.as_str(), Format::Yaml, "values, aliases included"),
        (nested.as_str(), Format::Yaml, "recursion limit exceeded"),
        ("a = \n", Format::Toml, "line 1: not TOML: "),
        ("a = sk-hidden\n", Format::Toml, "line 1: not TOML: "),
        ("a = 1\na = 2\n", Format::Toml, "line 2: not TOML: duplicate key"),
    ];
    for (text, format, expected) in cases {
        let Err(problem) = parse(text, format) else { panic!("{text}") };
        let says = problem.to_string();
        assert!(says.contains(expected), "{says}: expected {expected}");
        assert!(!says.contains("hidden"), "{says}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_text_is_read_or_refused(text in "[\\[\\]{}:,\"'\\-&*!#|>?a1\\n \\\\.=~%@`\\t]{0,60}|\\PC{0,60}") {
        for format in [Format::Json, Format::Yaml, Format::Toml] {
            let _ = crate::bundle::Bundle::read(&text, format);
        }
    }

    #[test]
    fn what_is_json_is_read_as_it_is(texts in prop::collection::vec(("\\PC{1,12}", any::<i64>()), 0..6)) {
        let whole: serde_json::Map<_, _> = texts.into_iter().map(|(key, n)| (key.clone(), json!([key, n, {"x": null}]))).collect();
        let whole = Value::Object(whole);
        prop_assert_eq!(value(&whole.to_string(), Format::Json), whole.clone());
        prop_assert_eq!(value(&serde_json::to_string_pretty(&whole).unwrap(), Format::Json), whole);
    }
}
