use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Capture, Captured, redact};

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn values_of_named_fields_are_left_out_of_bodies() {
    let hidden = names(&["ssn", "notes"]);
    for (body, shown) in [
        (r#"{"ssn": "1-2", "model":"m"}"#, r#"{"ssn": "[redacted]", "model":"m"}"#),
        (r#"{"a":[{"notes" : {"x":["}",1]}},2]}"#, r#"{"a":[{"notes" : "[redacted]"},2]}"#),
        (r#"{"\u0073sn":12e3}"#, r#"{"\u0073sn":"[redacted]"}"#),
        (r#"{"say":"ssn","ssn":null}"#, r#"{"say":"ssn","ssn":"[redacted]"}"#),
        (
            "data: {\"notes\":true}\n\ndata: {\"b\":1}\n\n",
            "data: {\"notes\":\"[redacted]\"}\n\ndata: {\"b\":1}\n\n",
        ),
        // cut in the middle of what is left out
        (r#"{"model":"m","notes":["a","b"#, r#"{"model":"m","notes":"[redacted]""#),
        (r#"{"model":"m","notes":"it go"#, r#"{"model":"m","notes":"[redacted]""#),
        (r#"{"model":"m","not"#, r#"{"model":"m","not"#),
    ] {
        assert_eq!(redact::body(body, &hidden), shown);
    }
    assert_eq!(redact::body(r#"{"ssn":1}"#, &[]), r#"{"ssn":1}"#);
}

#[test]
fn credentials_are_left_out_of_headers() {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("authorization", "Bearer sk-secret"),
        ("X-Api-Key", "sk-secret"),
        ("cookie", "session=secret"),
        ("x-team", "secret"),
        ("accept", "a"),
    ] {
        headers.append(http::HeaderName::try_from(name).unwrap(), HeaderValue::from_static(value));
    }
    headers.append("accept", HeaderValue::from_static("b"));
    let shown = redact::headers(&headers, &names(&["X-Team"]));
    assert_eq!(shown["accept"], "a, b");
    assert!(!shown.to_string().contains("secret"), "{shown}");
    assert_eq!(shown.as_object().map(serde_json::Map::len), Some(5));
}

#[test]
fn the_start_of_a_body_does_not_keep_the_rest_of_it() {
    let body = Bytes::from(vec![b'x'; 1 << 20]);
    let captured = Captured::of(&body, 10);
    assert!(body.is_unique(), "only the request holds it");
    drop(captured);
    let whole = Captured::of(&body, 1 << 20);
    assert!(!body.is_unique(), "one that is kept whole is not copied");
    drop(whole);
}

#[test]
fn bodies_are_captured_up_to_their_limit() {
    let mut capture = Capture::new(5);
    capture.push(b"abc");
    capture.push(b"def");
    capture.push(b"g");
    let whole = Bytes::from_static(b"abcdefg");
    assert_eq!(capture.take(), Captured::of(&whole, 5));
    assert!(Captured::of(&whole, 5).cut && !Captured::of(&whole, 7).cut);
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-c\"\\\\{}\\[\\],: ]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("secret|open|[a-c\"\\\\]{1,3}", inner, 0..4)
                .prop_map(|fields| fields.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

fn hide(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if name == "secret" { *value = json!("[redacted]") } else { hide(value) }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(hide),
        _ => {}
    }
}

proptest! {
    #[test]
    fn what_is_left_out_is_just_what_is_named(mut value in value(), pretty in any::<bool>()) {
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
        let shown = redact::body(&text.unwrap(), &names(&["secret"]));
        hide(&mut value);
        prop_assert_eq!(serde_json::from_str::<Value>(&shown).unwrap(), value);
    }

    #[test]
    fn any_text_is_taken(text in "(secret|[\"\\\\{}\\[\\],: \\n\u{e9}])*") {
        redact::body(&text, &names(&["secret"]));
    }
}
