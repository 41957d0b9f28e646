//! What a gateway that only forwards has to know of a streamed completion.

use std::sync::LazyLock;

use bytes::{Bytes, BytesMut};
use memchr::memmem::Finder;

use super::super::wire::{UsageShape, WANTED};
use crate::observe::{Observed, strings_after};
use crate::scan::{Scan, Scanner};
use crate::sse::{Event, events};

/// First the one that says that it is over, then those of texts.
const KEYS: &[&[u8]] = &[
    b"\"finish_reason\":",
    b"\"content\":",
    b"\"reasoning_content\":",
    b"\"reasoning\":",
    b"\"refusal\":",
    b"\"arguments\":",
];

const USAGE: &[u8] = b"\"usage\"";

/// Made once: that takes as long as to look through a chunk.
static USAGE_FINDER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(USAGE));

pub(crate) fn observe(observed: &mut Observed, event: &Event<'_>) {
    let data = event.data.as_ref();
    if data.trim_ascii() == b"[DONE]" {
        observed.terminal = true;
        return;
    }
    for (key, text) in strings_after(data, KEYS) {
        match key {
            0 => observed.finished = true,
            _ => observed.output_bytes += text.len() as u64,
        }
    }
    observed.failed |= data.starts_with(b"{\"error\"");
    if mentions_usage_object(data)
        && let Ok(scan) = Scanner::scan(WANTED, data)
        && let Some(raw) = usage_object(&scan)
    {
        observed.report::<UsageShape>(raw);
    }
}

/// Whether an object may stand behind a `usage` key. Every chunk but the last says `null`, and is not
/// worth a scan.
fn mentions_usage_object(data: &[u8]) -> bool {
    USAGE_FINDER.find_iter(data).any(|at| {
        let value = data[at + USAGE.len()..].trim_ascii_start().strip_prefix(b":");
        value.is_some_and(|value| value.trim_ascii_start().starts_with(b"{"))
    })
}

fn usage_object(scan: &Scan) -> Option<&[u8]> {
    scan.last("usage")?.value.as_deref().filter(|value| value.starts_with(b"{"))
}

/// Takes out of a block what the provider would not have sent had usage not been asked for: the
/// chunk that carries only usage, and the `usage` member of every other chunk.
///
/// A block without either comes back as it is, without being copied.
pub fn strip_usage(block: Bytes) -> Bytes {
    if USAGE_FINDER.find(&block).is_none() {
        return block;
    }
    let mut kept = BytesMut::with_capacity(block.len());
    let mut done = 0;
    for event in events(&block) {
        match cut(&event) {
            Cut::Nothing => {}
            Cut::Event => {
                // comments before it are none of ours
                kept.extend_from_slice(&block[done..event.fields_start]);
                done = event.span.end;
            }
            Cut::Member { start, end } => {
                kept.extend_from_slice(&block[done..start]);
                done = end;
            }
        }
    }
    if done == 0 {
        return block;
    }
    kept.extend_from_slice(&block[done..]);
    kept.freeze()
}

/// `usage` behind another member of a chunk, without blanks, as providers write it where they report none.
const NO_USAGE: &[u8] = b",\"usage\":null";

enum Cut {
    Nothing,
    Event,
    Member { start: usize, end: usize },
}

fn cut(event: &Event<'_>) -> Cut {
    let Some(data_span) = &event.data_span else {
        return Cut::Nothing;
    };
    if let Some(at) = plain_no_usage(&event.data) {
        let start = data_span.start + at;
        return Cut::Member { start, end: start + NO_USAGE.len() };
    }
    let Ok(scan) = Scanner::scan(&["usage", "choices"], &event.data) else {
        return Cut::Nothing;
    };
    let Some(usage) = scan.last("usage") else {
        return Cut::Nothing;
    };
    let no_choices = scan.last("choices").is_none_or(|choices| {
        choices.value.as_deref().is_some_and(|value| value.len() > 1 && value[1..].trim_ascii_start() == b"]")
    });
    if no_choices && usage_object(&scan).is_some() {
        return Cut::Event;
    }
    // the comma goes with the member: the one before it, or for a first member the one after
    let (start, end) = if let Some(comma) = usage.comma_before {
        (comma, usage.span.end)
    } else {
        let rest = &event.data[usage.span.end..];
        let gap = rest.len() - rest.trim_ascii_start().len();
        let after = usize::from(rest.trim_ascii_start().starts_with(b","));
        (usage.span.start, usage.span.end + if after == 1 { gap + 1 } else { 0 })
    };
    Cut::Member { start: data_span.start + start, end: data_span.start + end }
}

/// Where [`NO_USAGE`] stands, if that can be seen without a scan. What it says cannot stand in a string, which would
/// have its quotes escaped, and if nothing but the chunk itself is closed behind it then it is a member of the chunk.
fn plain_no_usage(data: &[u8]) -> Option<usize> {
    let at = USAGE_FINDER.find(data)?.checked_sub(1)?;
    let behind = data[at..].strip_prefix(NO_USAGE)?;
    let within = behind.strip_suffix(b"}")?;
    let is_flat = !within.iter().any(|byte| matches!(byte, b'{' | b'}' | b'[' | b']'));
    (is_flat && (within.is_empty() || within.starts_with(b","))).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stripped(block: &'static str) -> String {
        String::from_utf8(strip_usage(Bytes::from_static(block.as_bytes())).to_vec()).unwrap()
    }

    #[test]
    fn what_was_asked_for_is_taken_out_again() {
        let block = concat!(
            "data: {\"choices\":[{\"delta\":{\"content\":\"\\\"usage\\\":null\"}}],\"usage\":null}\n\n",
            "data: {\"usage\" : null , \"choices\":[{}]}\r\n\r\n",
            "data: {\"a\":1, \"usage\":null,\"b\":{\"usage\":null}}\n\n",
            "data: {\"b\":{\"c\":1,\"usage\":null},\"a\":1}\n\n",
            "data: {\"b\":[{\"c\":1,\"usage\":null}]}\n\n",
            "data: {\"a\":1,\"usage\":null,\"obfuscation\":\"x\"}\n\n",
            "data: {\"a\":1,\"usage\":null,\"obfuscation\":\"}\"}\n\n",
            "data: {\"a\":1,\"usage\":nullx}\n\n",
            ": still here\n\ndata: {\"choices\": [ ],\"usage\":{\"prompt_tokens\":1}}\n\n",
            "data: [DONE]\n\n"
        );
        let expected = concat!(
            "data: {\"choices\":[{\"delta\":{\"content\":\"\\\"usage\\\":null\"}}]}\n\n",
            "data: { \"choices\":[{}]}\r\n\r\n",
            "data: {\"a\":1,\"b\":{\"usage\":null}}\n\n",
            "data: {\"b\":{\"c\":1,\"usage\":null},\"a\":1}\n\n",
            "data: {\"b\":[{\"c\":1,\"usage\":null}]}\n\n",
            "data: {\"a\":1,\"obfuscation\":\"x\"}\n\n",
            "data: {\"a\":1,\"obfuscation\":\"}\"}\n\n",
            "data: {\"a\":1,\"usage\":nullx}\n\n",
            ": still here\n\n",
            "data: [DONE]\n\n"
        );
        assert_eq!(stripped(block), expected);
    }

    #[test]
    fn the_filter_results_that_azure_sends_first_stay() {
        let block = "data: {\"choices\":[],\"prompt_filter_results\":[{}],\"usage\":null}\n\n";
        assert_eq!(stripped(block), "data: {\"choices\":[],\"prompt_filter_results\":[{}]}\n\n");
    }

    #[test]
    fn a_last_content_chunk_with_usage_keeps_its_content() {
        let block = "data: {\"choices\":[{\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":1}}\n\n";
        assert_eq!(stripped(block), "data: {\"choices\":[{\"finish_reason\":\"stop\"}]}\n\n");
    }

    #[test]
    fn a_block_without_usage_is_the_same_bytes() {
        let block = Bytes::from_static(b"data: {\"choices\":[]}\n\ndata: not json \"usage\n\n");
        assert_eq!(strip_usage(block.clone()).as_ptr(), block.as_ptr());
    }
}
