//! Events of a streamed response.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::wire::UsageShape;
use crate::observe::{Observed, kind, text_after};
use crate::sse::Event;

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    response: Response<'a>,
}

#[derive(Deserialize)]
struct Response<'a> {
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
}

pub(crate) fn observe(observed: &mut Observed, event: &Event<'_>) {
    match kind(event) {
        Some(b"response.completed" | b"response.incomplete" | b"response.failed") => {
            if let Ok(envelope) = serde_json::from_slice::<Envelope<'_>>(&event.data)
                && let Some(usage) = envelope.response.usage
            {
                observed.report::<UsageShape>(usage.get().as_bytes());
            }
            observed.failed |= kind(event) == Some(b"response.failed");
            observed.finished = true;
            observed.terminal = true;
        }
        Some(b"error") => observed.failed = true,
        Some(name) if name.ends_with(b".delta") => {
            observed.output_bytes += text_after(&event.data, &[b"\"delta\":"]);
        }
        _ => {}
    }
}
