//! The journaled form of a settlement, written.
//!
//! Two are written for each request before it is answered. `serde_json` looks at each byte of each name and
//! value; here names are written as they stand. What is written is what the derived form would be, as the test
//! holds.

use std::fmt::Display;
use std::io::Write as _;

use penstock_core::{RequestId, Usage};

use super::Settlement;

/// Something that can be the payload of a record.
pub(crate) trait Journaled {
    /// Writes the JSON of it behind what is in `out`.
    fn write(&self, out: &mut Vec<u8>);
}

impl Journaled for RequestId {
    fn write(&self, out: &mut Vec<u8>) {
        plain(out, self);
    }
}

impl Journaled for [RequestId] {
    fn write(&self, out: &mut Vec<u8>) {
        let mut before = b'[';
        for id in self {
            out.push(before);
            plain(out, id);
            before = b',';
        }
        out.extend_from_slice(if self.is_empty() { b"[]" } else { b"]" });
    }
}

impl Journaled for Settlement {
    fn write(&self, out: &mut Vec<u8>) {
        // taken apart, so that a field which is added cannot be forgotten here
        let Self {
            request_id,
            at,
            route,
            provider,
            credential,
            org_id,
            team_id,
            user_id,
            key_id,
            tenant,
            operation,
            dialect,
            model,
            usage,
            raw_usage,
            cost,
            price_version,
            latency_ms,
            ttft_ms,
            source,
            ended,
        } = self;
        field(out, "{\"request_id\":", request_id, plain);
        field(out, ",\"at\":", &at.0, integer);
        field(out, ",\"route\":", &**route, text);
        field(out, ",\"provider\":", &**provider, text);
        option(out, ",\"credential\":", credential.as_deref(), text);
        option(out, ",\"org_id\":", org_id.map(|id| id.0).as_ref(), integer);
        option(out, ",\"team_id\":", team_id.map(|id| id.0).as_ref(), integer);
        option(out, ",\"user_id\":", user_id.map(|id| id.0).as_ref(), integer);
        option(out, ",\"key_id\":", key_id.map(|id| id.0).as_ref(), integer);
        option(out, ",\"tenant\":", tenant.as_deref(), text);
        field(out, ",\"operation\":", operation.as_str(), text);
        field(out, ",\"dialect\":", dialect.as_str(), text);
        field(out, ",\"model\":", &**model, text);
        field(out, ",\"usage\":", usage, write_usage);
        option(out, ",\"raw_usage\":", raw_usage.as_deref(), text);
        option(out, ",\"cost\":", cost.as_ref(), plain);
        option(out, ",\"price_version\":", price_version.as_deref(), text);
        field(out, ",\"latency_ms\":", latency_ms, integer);
        option(out, ",\"ttft_ms\":", ttft_ms.as_ref(), integer);
        field(out, ",\"source\":", source.as_str(), text);
        field(out, ",\"ended\":", ended.as_str(), text);
        out.push(b'}');
    }
}

fn write_usage(out: &mut Vec<u8>, usage: &Usage) {
    let Usage { input, output, cache_read, cache_write_5m, cache_write_1h, reasoning } = usage;
    field(out, "{\"input\":", input, integer);
    field(out, ",\"output\":", output, integer);
    field(out, ",\"cache_read\":", cache_read, integer);
    field(out, ",\"cache_write_5m\":", cache_write_5m, integer);
    field(out, ",\"cache_write_1h\":", cache_write_1h, integer);
    field(out, ",\"reasoning\":", reasoning, integer);
    out.push(b'}');
}

fn field<T: ?Sized>(out: &mut Vec<u8>, name: &str, value: &T, write: impl FnOnce(&mut Vec<u8>, &T)) {
    out.extend_from_slice(name.as_bytes());
    write(out, value);
}

fn option<T: ?Sized>(out: &mut Vec<u8>, name: &str, value: Option<&T>, write: impl FnOnce(&mut Vec<u8>, &T)) {
    out.extend_from_slice(name.as_bytes());
    match value {
        Some(value) => write(out, value),
        None => out.extend_from_slice(b"null"),
    }
}

fn integer(out: &mut Vec<u8>, value: &(impl itoa::Integer + Copy)) {
    out.extend_from_slice(itoa::Buffer::new().format(*value).as_bytes());
}

/// A text in which nothing is to be escaped, as in ids and amounts.
fn plain(out: &mut Vec<u8>, value: &impl Display) {
    write!(out, "\"{value}\"").expect("a vector takes everything");
}

fn text(out: &mut Vec<u8>, value: &str) {
    out.push(b'"');
    let mut rest = value.as_bytes();
    while let Some(at) = rest.iter().position(|byte| *byte < 0x20 || matches!(byte, b'"' | b'\\')) {
        out.extend_from_slice(&rest[..at]);
        match rest[at] {
            byte @ (b'"' | b'\\') => out.extend_from_slice(&[b'\\', byte]),
            byte => write!(out, "\\u{byte:04x}").expect("a vector takes everything"),
        }
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use penstock_core::{KeyId, OrgId, TeamId, Timestamp, UserId};
    use proptest::prelude::*;

    use super::*;
    use crate::settlement::tests::settlement;

    proptest! {
        #[test]
        fn what_is_written_is_what_the_derived_form_says(
            texts in prop::collection::vec(prop_oneof!["\\PC*", Just("a \"b\" \\ \n \u{1}".to_owned())], 4),
            numbers in prop::collection::vec(any::<u64>(), 8),
            ids in prop::collection::vec(prop::option::of(any::<i64>()), 4),
            absent in any::<bool>(),
        ) {
            let full = Settlement {
                route: texts[0].as_str().into(),
                tenant: Some(texts[1].as_str().into()),
                model: texts[2].as_str().into(),
                raw_usage: Some(texts[3].as_str().into()),
                org_id: ids[0].map(OrgId),
                team_id: ids[1].map(TeamId),
                user_id: ids[2].map(UserId),
                key_id: ids[3].map(KeyId),
                usage: Usage {
                    input: numbers[0], output: numbers[1], cache_read: numbers[2], cache_write_5m: numbers[3],
                    cache_write_1h: numbers[4], reasoning: numbers[5],
                },
                latency_ms: numbers[6],
                ttft_ms: Some(numbers[7]),
                ..settlement(Timestamp(1_700_000_000_000))
            };
            let settlement = if absent {
                Settlement { credential: None, tenant: None, raw_usage: None, cost: None, price_version: None, ttft_ms: None, ..full }
            } else {
                full
            };
            let mut written = Vec::new();
            settlement.write(&mut written);
            let derived = serde_json::to_value(&settlement).unwrap();
            prop_assert_eq!(serde_json::from_slice::<serde_json::Value>(&written).unwrap(), derived);
            prop_assert_eq!(serde_json::from_slice::<Settlement>(&written).unwrap(), settlement);
        }
    }
}
