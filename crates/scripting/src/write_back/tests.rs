use super::*;

fn json(text: &str) -> Json {
    Json::parse(text).expect("it is JSON")
}

/// What comes of `before` when a script has made `after` of it.
fn laid(before: &str, after: &str) -> String {
    laid_over(&json(before), &json(after)).text().to_owned()
}

#[test]
fn what_is_as_it_was_keeps_its_text() {
    for (before, after, expected) in [
        // as a script gives back what it has not touched
        (
            r#"{"a":18446744073709551616,"b":1.0,"c":2e3}"#,
            r#"{"a":18446744073709552000,"b":1,"c":2000}"#,
            r#"{"a":18446744073709551616,"b":1.0,"c":2e3}"#,
        ),
        ("1.0", "1", "1.0"),
        ("-0.0", "0", "-0.0"),
        ("1.0", "2", "2"),
        (r#""caf\u00e9""#, r#""café""#, r#""caf\u00e9""#),
        (r#"{"a":1.0,"b":2}"#, r#"{"a":1,"b":3,"c":4}"#, r#"{"a":1.0,"b":3,"c":4}"#),
        (r#"{"a":1.0}"#, r#"{"b":1}"#, r#"{"b":1}"#),
        ("[1.0,2.0,3.0]", "[1,3]", "[1.0,3.0]"),
        ("[1.0,2.0]", "[0,1,2]", "[0,1.0,2.0]"),
        (r#"[{"n":1.0},{"n":2.0}]"#, r#"[{"n":1,"x":true},{"n":2}]"#, r#"[{"n":1.0,"x":true},{"n":2.0}]"#),
        ("[1.0]", r#"{"0":1}"#, r#"{"0":1}"#),
        ("null", "1", "1"),
        ("true", "false", "false"),
        ("1.0", r#""1""#, r#""1""#),
    ] {
        assert_eq!(laid(before, after), expected, "{before} {after}");
    }
}

#[test]
fn metadata_takes_changes() {
    let mut metadata = Metadata::default();
    metadata.set("gone", 1);
    note(&mut metadata, r#"[["a",{"b":1}],["gone"]]"#).expect("they are notes");
    assert_eq!(metadata.iter().map(|(key, _)| key).collect::<Vec<_>>(), ["a"]);
    assert!(note(&mut metadata, "[[1]]").is_err());
}
