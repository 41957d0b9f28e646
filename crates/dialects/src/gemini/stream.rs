//! Events of a streamed answer: each is a whole answer with the usage so far, none is the last.

use super::wire::{UsageShape, WANTED};
use crate::observe::{Observed, string_after, text_after};
use crate::scan::Scanner;
use crate::sse::Event;

pub(crate) fn observe(observed: &mut Observed, event: &Event<'_>) {
    let data = event.data.as_ref();
    observed.output_bytes += text_after(data, &[b"\"text\":"]);
    observed.finished |= string_after(data, b"\"finishReason\":").is_some();
    observed.failed |= data.starts_with(b"{\"error\"");
    if let Ok(scan) = Scanner::scan(WANTED, data)
        && let Some(raw) = scan.last("usageMetadata").and_then(|member| member.value.as_deref())
    {
        observed.report::<UsageShape>(raw);
    }
}
