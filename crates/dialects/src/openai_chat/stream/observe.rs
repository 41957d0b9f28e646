//! What a gateway that only forwards has to know of a streamed completion.

use bytes::{Bytes, BytesMut};

use super::super::wire::{UsageShape, WANTED};
use crate::observe::{Observed, string_after, text_after};
use crate::scan::{Scan, Scanner};
use crate::sse::{Event, events};

const TEXT_KEYS: &[&[u8]] =
    &[b"\"content\":", b"\"reasoning_content\":", b"\"reasoning\":", b"\"refusal\":", b"\"arguments\":"];

pub(crate) fn observe(observed: &mut Observed, event: &Event<'_>) {
    let data = event.data.as_ref();
    if data.trim_ascii() == b"[DONE]" {
        observed.terminal = true;
        return;
    }
    observed.output_bytes += text_after(data, TEXT_KEYS);
    observed.finished |= string_after(data, b"\"finish_reason\":").is_some();
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
    const KEY: &[u8] = b"\"usage\"";
    memchr::memmem::find_iter(data, KEY).any(|at| {
        let value = data[at + KEY.len()..].trim_ascii_start().strip_prefix(b":");
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
    if memchr::memmem::find(&block, b"\"usage\"").is_none() {
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

/// `usage` as the last member of a chunk that reports none.
const LAST_MEMBER: &[u8] = b",\"usage\":null}";

enum Cut {
    Nothing,
    Event,
    Member { start: usize, end: usize },
}

fn cut(event: &Event<'_>) -> Cut {
    let Some(data_span) = &event.data_span else {
        return Cut::Nothing;
    };
    if event.data.ends_with(LAST_MEMBER) {
        // as providers write it: behind the last comma of the chunk, which needs no scan to be seen
        return Cut::Member { start: data_span.end - LAST_MEMBER.len(), end: data_span.end - 1 };
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
            ": still here\n\ndata: {\"choices\": [ ],\"usage\":{\"prompt_tokens\":1}}\n\n",
            "data: [DONE]\n\n"
        );
        let expected = concat!(
            "data: {\"choices\":[{\"delta\":{\"content\":\"\\\"usage\\\":null\"}}]}\n\n",
            "data: { \"choices\":[{}]}\r\n\r\n",
            "data: {\"a\":1,\"b\":{\"usage\":null}}\n\n",
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
