//! Takes out of logs what must not be in them: credentials always, and what the settings name.
//!
//! A body may be JSON, a stream of events with JSON in them, or the start of either. So it is not parsed: wherever
//! a text stands before a colon and names a field that is left out, the value behind the colon goes, to its end or
//! to that of the body.

use http::HeaderMap;
use serde_json::{Map, Value};

/// What stands for a value that was left out.
const HIDDEN: &str = "[redacted]";
/// Headers that hold credentials.
const CREDENTIALS: [&str; 8] = [
    "authorization",
    "proxy-authorization",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "cookie",
    "set-cookie",
    "x-amz-security-token",
];

/// The headers as an object, without what must not be in it.
pub(super) fn headers(headers: &HeaderMap, names: &[String]) -> Value {
    let mut shown = Map::new();
    for name in headers.keys() {
        let is_hidden = CREDENTIALS.contains(&name.as_str())
            || names.iter().any(|hidden| hidden.eq_ignore_ascii_case(name.as_str()));
        let values = headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
        let text = if is_hidden { HIDDEN.to_owned() } else { values.collect::<Vec<_>>().join(", ") };
        shown.insert(name.as_str().to_owned(), text.into());
    }
    Value::Object(shown)
}

/// The body without the values of the fields that are named.
pub(super) fn body(text: &str, names: &[String]) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('"').filter(|_| !names.is_empty()) {
        let end = start + string_length(&rest[start..]);
        let after = rest[end..].trim_start();
        kept.push_str(&rest[..end]);
        rest = &rest[end..];
        let Some(value) = after.strip_prefix(':') else { continue };
        let name = &kept[kept.len() - (end - start)..];
        if !is_named(name, names) {
            continue;
        }
        kept.push_str(&rest[..rest.len() - value.trim_start().len()]);
        let value = value.trim_start();
        kept.push('"');
        kept.push_str(HIDDEN);
        kept.push('"');
        rest = &value[value_length(value)..];
    }
    kept.push_str(rest);
    kept
}

fn is_named(text: &str, names: &[String]) -> bool {
    // a name may be spelled with escapes
    let name = serde_json::from_str::<String>(text).unwrap_or_default();
    names.contains(&name)
}

/// The length of the text that starts here, its quotes included; it may be cut.
fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The length of the value that starts here; it may be cut.
fn value_length(text: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    let bytes = text.as_bytes();
    while at < bytes.len() {
        match bytes[at] {
            b'"' => at += string_length(&text[at..]),
            b'{' | b'[' => {
                depth += 1;
                at += 1;
            }
            b'}' | b']' | b',' | b'\n' if depth == 0 => return at,
            b'}' | b']' => {
                depth -= 1;
                at += 1;
            }
            _ => {
                at += 1;
                continue;
            }
        }
        if depth == 0 {
            return at;
        }
    }
    text.len()
}
