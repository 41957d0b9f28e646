use proptest::prelude::*;

use super::*;

const WANTED: &[&str] = &["model", "usage", "stream"];

fn values(document: &str) -> Vec<(&'static str, String)> {
    let scan = Scanner::scan(WANTED, document.as_bytes()).unwrap();
    scan.members
        .into_iter()
        .map(|member| (member.name, String::from_utf8(member.value.unwrap().into()).unwrap()))
        .collect()
}

#[test]
fn finds_top_level_members_only() {
    let document = r#" { "metadata" : {"model":"no"}, "tools":[{"model":"no"}] ,"model"	: "yes" , "n":1e3,"stream":true} "#;
    assert_eq!(values(document), [("model", "\"yes\"".into()), ("stream", "true".into())]);
}

#[test]
fn resolves_escapes_in_keys_and_reports_repeats() {
    let document = r#"{"mod\u0065l":"first","model":"second","mod\u0065\u006cs":0}"#;
    assert_eq!(values(document), [("model", "\"first\"".into()), ("model", "\"second\"".into())]);
}

#[test]
fn spans_let_a_member_be_cut_out() {
    let document = r#"{"id":1 , "usage" : null,"x":2}"#;
    let scan = Scanner::scan(WANTED, document.as_bytes()).unwrap();
    let usage = scan.last("usage").unwrap();
    assert_eq!(&document[usage.span.clone()], "\"usage\" : null");
    assert_eq!(&document[usage.value_span.clone()], "null");
    assert_eq!(&document[usage.comma_before.unwrap()..usage.span.start], ", ");
}

#[test]
fn numbers_keep_their_text() {
    for number in ["0", "-0", "1.0", "2e3", "18446744073709551616", "1E-7", "-12.50e+01"] {
        assert_eq!(values(&format!("{{\"usage\":{number}}}")), [("usage", number.to_owned())]);
    }
}

#[test]
fn members_of_listed_objects_count_where_the_root_is_an_array() {
    let document = r#"[{"usage":1,"a":[{"usage":9}]},
        {"usage":{"usage":2}}]"#;
    assert_eq!(values(document), [("usage", "1".into()), ("usage", "{\"usage\":2}".into())]);
}

#[test]
fn a_value_past_the_limit_is_reported_without_its_text() {
    let document = format!("{{\"usage\":\"{}\"}}", "x".repeat(CAPTURE_LIMIT));
    let scan = Scanner::scan(WANTED, document.as_bytes()).unwrap();
    assert_eq!(scan.last("usage").unwrap().value, None);
}

#[test]
fn media_are_told_from_text() {
    let media = "iVBORw0KGgo".repeat(200);
    let text = "what is in this picture, please? ".repeat(100);
    let document = format!(r#"{{"a":"data:image/png;base64,{media}","b":"{text}"}}"#);
    let scan = Scanner::scan(WANTED, document.as_bytes()).unwrap();
    assert_eq!((scan.media_parts, scan.text_bytes), (1, text.len() as u64));
}

#[test]
fn carriers_are_told_by_how_a_string_begins() {
    let holds = |value: &str| {
        let document = format!(r#"{{"messages":[{{"signature":"{value}"}}]}}"#);
        let whole = Scanner::scan(WANTED, document.as_bytes()).unwrap().may_hold_carrier;
        for cut in 0..document.len() {
            let mut scanner = Scanner::new(WANTED);
            scanner.push(&document.as_bytes()[..cut]).unwrap();
            scanner.push(&document.as_bytes()[cut..]).unwrap();
            assert_eq!(scanner.finish().unwrap().may_hold_carrier, whole, "{value} cut at {cut}");
        }
        whole
    };
    for carrier in ["penstock:", "penstock:a/b:c", &format!("penstock:{}", "x".repeat(2_000))] {
        assert!(holds(carrier), "{carrier}");
    }
    for other in ["", "penstock", "pens:", "a penstock:a/b:c", &format!("{}penstock:", "x".repeat(2_000))] {
        assert!(!holds(other), "{other}");
    }
    assert!(!Scanner::scan(WANTED, br#"{"penstock:":1}"#).unwrap().may_hold_carrier, "a key is none");
}

#[test]
fn errors_name_the_place_and_what_was_expected() {
    let cases = [
        ("", "not valid JSON at byte 0: expected a JSON document, found the end"),
        ("{", "not valid JSON at byte 1: expected the rest of the document, found the end"),
        ("{\"a\" 1}", "not valid JSON at byte 5: expected ':' after the key, found a digit"),
        ("{\"a\":1,}", "not valid JSON at byte 7: expected a key in quotes, found '}'"),
        ("{'a':1}", "not valid JSON at byte 1: expected a key in quotes or '}', found '''"),
        ("{\"a\":\"x", "not valid JSON at byte 7: expected the closing quote of a string, found the end"),
        ("{}x", "not valid JSON at byte 2: expected nothing more after the document, found a letter"),
        ("[01]", "not valid JSON at byte 2: expected ',' or ']' after the value, found a digit"),
        ("[1 2]", "not valid JSON at byte 3: expected ',' or ']' after the value, found a digit"),
        (
            "\"\\u00g0\"",
            "not valid JSON at byte 5: expected one of \" \\ / b f n r t after a back-slash, or u and four hex digits, found a letter",
        ),
        (
            "\"\n\"",
            "not valid JSON at byte 1: expected an escape such as \\n inside a string, found control character 0x0a",
        ),
    ];
    for (document, message) in cases {
        assert_eq!(Scanner::scan(WANTED, document.as_bytes()).unwrap_err().to_string(), message);
    }
}

#[test]
fn depth_is_bounded() {
    let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert!(Scanner::scan(WANTED, deep(1_024).as_bytes()).is_ok());
    assert!(Scanner::scan(WANTED, deep(1_025).as_bytes()).is_err());
}

/// JSON-like text: mostly valid, with a few bytes changed so that both verdicts occur.
fn json_text() -> impl Strategy<Value = Vec<u8>> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,3})?([eE][+-]?[0-9]{1,2})?",
        "\"([a-z é]|\\\\n|\\\\u00e9|\\\\\")*\"",
        "\"penstock:[a-z]{0,3}\"",
    ];
    let key = prop_oneof![Just("\"usage\"".to_owned()), Just("\"us\\u0061ge\"".to_owned()), "\"[a-z]{0,6}\""];
    let value = leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(|items| format!("[{}]", items.join(" ,"))),
            prop::collection::vec((key.clone(), inner), 0..5).prop_map(|members| {
                let members: Vec<_> =
                    members.into_iter().map(|(key, value)| format!("{key}: {value}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    });
    (
        value,
        prop::collection::vec(
            (any::<prop::sample::Index>(), prop::sample::select(b"{}[]\",:\\0e.x ".to_vec())),
            0..3,
        ),
    )
        .prop_map(|(text, changes)| {
            let mut bytes = text.into_bytes();
            for (index, byte) in changes {
                let at = index.index(bytes.len());
                bytes[at] = byte;
            }
            bytes
        })
}

/// A string that may be none: escapes whole and in parts, so long that they fall on any place of a block.
fn string_text() -> impl Strategy<Value = Vec<u8>> {
    let usual =
        prop::sample::select(vec!["plain text", "x", "\\n", "\\\\", "\\\"", "\\/", "\\u00e9", "\\uABCD"]);
    let rare = prop::sample::select(vec!["\\", "\"", "\\u", "\\u12", "\\x", "\n", "12", "\\\\u", "\u{7f}"]);
    (prop::collection::vec(usual, 0..60), prop::collection::vec((any::<prop::sample::Index>(), rare), 0..3))
        .prop_map(|(mut pieces, rare)| {
            for (index, piece) in rare {
                pieces.insert(index.index(pieces.len() + 1), piece);
            }
            format!("\"{}\"", pieces.concat()).into_bytes()
        })
}

proptest! {
    #[test]
    fn accepts_the_strings_that_a_json_parser_accepts(document in string_text()) {
        let reference = serde_json::from_slice::<serde::de::IgnoredAny>(&document).is_ok();
        prop_assert_eq!(Scanner::scan(WANTED, &document).is_ok(), reference);
    }

    #[test]
    fn accepts_exactly_what_a_json_parser_accepts(document in json_text()) {
        prop_assume!(std::str::from_utf8(&document).is_ok());
        let reference = serde_json::from_slice::<serde::de::IgnoredAny>(&document).is_ok();
        prop_assert_eq!(Scanner::scan(WANTED, &document).is_ok(), reference);
    }

    #[test]
    fn any_split_gives_the_same(document in prop_oneof![json_text(), string_text()], cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6)) {
        let whole = Scanner::scan(WANTED, &document);
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(document.len() + 1)).collect();
        cuts.extend([0, document.len()]);
        cuts.sort_unstable();
        let mut scanner = Scanner::new(WANTED);
        let pieces = cuts.windows(2).try_for_each(|cut| scanner.push(&document[cut[0]..cut[1]]));
        prop_assert_eq!(pieces.and_then(|()| scanner.finish()), whole);
    }

    #[test]
    fn wanted_values_are_those_of_a_parser(document in json_text()) {
        let Ok(scan) = Scanner::scan(WANTED, &document) else { return Ok(()) };
        let Ok(tree) = serde_json::from_slice::<serde_json::Value>(&document) else { return Ok(()) };
        let found = scan.last("usage").map(|member| serde_json::from_slice(member.value.as_deref().unwrap()).unwrap());
        if scan.root == Root::Object {
            prop_assert_eq!(found, tree.get("usage").cloned());
        }
    }
}
