//! Answers: why they ended, what they consumed.

use std::borrow::Cow;

use penstock_core::Json;
use penstock_core::canonical::{CanonicalResponse, CanonicalUsage, ContentBlock, Extensions, StopReason};

use super::super::{DIALECT, wire};
use super::block::Blocks;
use super::thought;
use crate::codec::{Encoded, write};
use crate::loss::{Losses, Path};
use crate::object::{Text, is_foreign, null, rest};

pub(in super::super) fn response(response: &CanonicalResponse) -> Encoded {
    let mut losses = Losses::to(DIALECT);
    losses.extensions(Path::Root, &response.extensions);
    let content: Vec<_> = response
        .content
        .iter()
        .enumerate()
        .filter_map(|(index, block)| {
            answer_block(Path::Root.field("content").index(index), block, &mut losses)
        })
        .collect();
    let mut wire = head(response, &mut losses);
    wire.stop_sequence = response.stop_sequence.as_deref().map(Into::into);
    if is_foreign(&response.extensions, DIALECT) {
        let calls = response.content.iter().any(|block| matches!(block, ContentBlock::ToolUse(_)));
        wire.stop_reason = Some(foreign_stop_reason(response.stop_reason, calls, &mut losses).into());
        if wire.stop_sequence.is_none() {
            wire.rest.push((Cow::Borrowed("stop_sequence"), null()));
        }
        if wire.usage.is_none() {
            wire.usage = Some(no_usage());
            usage_filled(&mut losses);
        }
    } else {
        wire.stop_reason = stop_reason(response.stop_reason, &response.extensions);
    }
    wire.content = Some(content);
    Encoded { body: write(&wire, 0), losses: losses.into_list() }
}

/// What an answer has besides its content and its end.
pub(in super::super) fn head<'a>(response: &'a CanonicalResponse, losses: &mut Losses) -> wire::Response<'a> {
    wire::Response {
        id: Some(response.id.as_str().into()),
        kind: Some("message".into()),
        role: Some("assistant".into()),
        model: Some(response.model.as_str().into()),
        usage: response.usage.as_ref().map(|usage| self::usage(usage, losses)),
        rest: rest(&response.extensions, DIALECT),
        ..wire::Response::default()
    }
}

/// Clients of this dialect count on the figures being there.
pub(in super::super) fn no_usage() -> wire::UsageReport<'static> {
    wire::UsageReport {
        input_tokens: Some(0.into()),
        output_tokens: Some(0.into()),
        ..wire::UsageReport::default()
    }
}

/// Notes that the figures are [`no_usage`].
pub(in super::super) fn usage_filled(losses: &mut Losses) {
    losses.filled(Path::Root.field("usage"), "0, since the provider did not say");
}

/// Why an answer of this dialect ended; a reason that only this dialect has is among the extensions.
pub(in super::super) fn stop_reason(
    reason: Option<StopReason>,
    extensions: &Extensions,
) -> Option<Text<'static>> {
    let own = extensions.get(DIALECT, "stop_reason").is_some_and(|own| !own.is_null());
    reason.filter(|_| !own).map(|reason| reason.as_str().into())
}

/// Why an answer of another dialect ended. Clients of this one wait for some reason, and look at it to see
/// whether a tool is called; other dialects call a tool that was demanded, and say that they are done.
pub(in super::super) fn foreign_stop_reason(
    reason: Option<StopReason>,
    calls: bool,
    losses: &mut Losses,
) -> &'static str {
    let at = Path::Root.field("stopReason");
    match reason {
        Some(StopReason::EndTurn) if calls => {
            losses.changed(at, "tool_use, as it calls one");
            StopReason::ToolUse.as_str()
        }
        Some(StopReason::Error) => StopReason::EndTurn.as_str(),
        Some(reason) => reason.as_str(),
        None => {
            losses.filled(at, "end_turn");
            StopReason::EndTurn.as_str()
        }
    }
}

/// A block of an answer.
pub(in super::super) fn answer_block<'a>(
    at: Path<'_>,
    block: &'a ContentBlock,
    losses: &mut Losses,
) -> Option<wire::Block<'a>> {
    match block {
        ContentBlock::Thinking(thought) => {
            losses.extensions(at, &thought.extras.extensions);
            Some(thought::shown(thought))
        }
        ContentBlock::Opaque(opaque) if opaque.dialect != DIALECT => {
            let redacted = thought::redacted(opaque);
            if redacted.is_none() {
                losses.dropped(at, "only one dialect knows it");
            }
            redacted
        }
        ContentBlock::Opaque(opaque) => opaque.value.read(),
        block => Blocks { losses, provider: "" }.block(at, block),
    }
}

pub(in super::super) fn usage<'a>(usage: &'a CanonicalUsage, losses: &mut Losses) -> wire::UsageReport<'a> {
    losses.extensions(Path::Root.field("usage"), &usage.extensions);
    if usage.reasoning_tokens.is_some_and(|tokens| tokens > 0) {
        losses.dropped(Path::Root.field("usage").field("reasoningTokens"), "part of the output");
    }
    wire::UsageReport {
        input_tokens: usage.input_tokens.map(Into::into),
        output_tokens: usage.output_tokens.map(Into::into),
        cache_read_input_tokens: usage.cache_read_input_tokens.map(Into::into),
        cache_creation_input_tokens: usage.cache_creation_input_tokens.map(Into::into),
        rest: rest(&usage.extensions, DIALECT),
    }
}

/// The name of an event that is written as it came. Its text stands on one line of its own.
pub(in super::super) fn event_name(event: &Json) -> String {
    let name = event.get("type").and_then(|kind| kind.as_str().map(Cow::into_owned)).unwrap_or_default();
    name.chars().filter(|letter| !letter.is_control()).collect()
}
