//! Answers: why they ended, what they consumed.

use penstock_core::canonical::{CanonicalResponse, CanonicalUsage, Extensions, Origin, StopReason};
use penstock_core::{Json, Number};

use super::super::{DIALECT, wire};
use super::block::blocks;
use crate::codec::{DecodeError, read};
use crate::object::{Text, count, extensions, fields};

pub(in super::super) fn response(body: &[u8], origin: &Origin) -> Result<CanonicalResponse, DecodeError> {
    let wire: wire::Response<'_> = read(body)?;
    if wire.content.is_none() {
        return Err(DecodeError::missing("content", "a list"));
    }
    Ok(message_of(wire, origin))
}

/// The answer, or its begin in a stream.
pub(in super::super) fn message_of(wire: wire::Response<'_>, origin: &Origin) -> CanonicalResponse {
    let mut extensions = extensions(DIALECT, wire.rest);
    extensions.set(DIALECT, "~from", Json::of("response"));
    let stop_reason = wire.stop_reason.as_deref().and_then(|reason| stop_reason(reason, &mut extensions));
    let text = |text: Option<Text<'_>>| text.map(Text::into_owned);
    CanonicalResponse {
        id: text(wire.id).unwrap_or_default(),
        model: text(wire.model).unwrap_or_default(),
        content: blocks(wire.content.unwrap_or_default(), origin),
        stop_reason,
        stop_sequence: text(wire.stop_sequence),
        usage: wire.usage.map(usage),
        extensions,
    }
}

/// The reason; one that only this dialect has stays the field that it is, beside the nearest.
pub(in super::super) fn stop_reason(reason: &str, extensions: &mut Extensions) -> Option<StopReason> {
    if let Ok(known) = reason.parse::<StopReason>()
        && known != StopReason::Error
    {
        return Some(known);
    }
    extensions.set(DIALECT, "stop_reason", Json::of(reason));
    match reason {
        "model_context_window_exceeded" => Some(StopReason::MaxTokens),
        "pause_turn" => Some(StopReason::EndTurn),
        _ => None,
    }
}

pub(in super::super) fn usage(usage: wire::UsageReport<'_>) -> CanonicalUsage {
    let mut rest = fields(usage.rest);
    let mut count = |name, number: Option<Number>| count(number, u64::MAX, name, &mut rest);
    let input_tokens = count("input_tokens", usage.input_tokens);
    let output_tokens = count("output_tokens", usage.output_tokens);
    let cache_read_input_tokens = count("cache_read_input_tokens", usage.cache_read_input_tokens);
    let cache_creation_input_tokens = count("cache_creation_input_tokens", usage.cache_creation_input_tokens);
    CanonicalUsage {
        input_tokens,
        output_tokens,
        cache_read_input_tokens,
        cache_creation_input_tokens,
        reasoning_tokens: None,
        extensions: Extensions::new(DIALECT, rest),
    }
}
