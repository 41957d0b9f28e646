//! What a gateway that only forwards has to know of a streamed message.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::wire::UsageShape;
use crate::observe::{Observed, kind, text_after};
use crate::sse::Event;

const TEXT_KEYS: &[&[u8]] = &[b"\"text\":", b"\"thinking\":", b"\"partial_json\":"];

#[derive(Deserialize)]
struct MessageStart<'a> {
    #[serde(borrow)]
    message: Message<'a>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
}

/// Usage starts in `message_start` and is completed, cumulatively, by each `message_delta`.
pub(crate) fn observe(observed: &mut Observed, event: &Event<'_>) {
    let usage = match kind(event) {
        Some(b"message_start") => {
            serde_json::from_slice::<MessageStart<'_>>(&event.data).ok().and_then(|start| start.message.usage)
        }
        Some(b"message_delta") => {
            observed.finished = true;
            serde_json::from_slice::<Message<'_>>(&event.data).ok().and_then(|delta| delta.usage)
        }
        Some(b"content_block_delta") => {
            observed.output_bytes += text_after(&event.data, TEXT_KEYS);
            None
        }
        Some(b"message_stop") => {
            observed.terminal = true;
            None
        }
        Some(b"error") => {
            observed.failed = true;
            None
        }
        _ => None,
    };
    if let Some(usage) = usage {
        observed.report_more::<UsageShape>(usage.get().as_bytes());
    }
}
