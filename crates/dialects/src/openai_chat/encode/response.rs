//! Answers: their choices, why they ended, what they consumed.

use std::borrow::Cow;

use penstock_core::canonical::{CanonicalResponse, CanonicalUsage, ContentBlock, Extensions, StopReason};
use penstock_core::{Json, Number};

use super::super::{DIALECT, wire};
use super::block::{Parts, Reader};
use super::message::{Said, content};
use super::thought::{detail, show};
use crate::codec::{Client, Encoded, write};
use crate::loss::{Losses, Path};
use crate::object::{RawText, RawTextOr, Value, is_foreign, is_noted, nested, null, owned, rest, spelling};

pub(in super::super) fn response(response: &CanonicalResponse, client: &Client) -> Encoded {
    let mut losses = Losses::to(DIALECT);
    losses.extensions(Path::Root, &response.extensions);
    let choice = choice(response, &mut losses);
    let mut rest = rest(&response.extensions, DIALECT);
    let mut choices: Vec<Value<'_>> = Vec::new();
    if let Some(at) = rest.iter().position(|(name, _)| name == "choices") {
        let others = Json::from(rest.remove(at).1.as_ref()).elements().unwrap_or_default();
        choices.extend(others.into_iter().map(Value::from));
    }
    let place = response.extensions.get(DIALECT, "~choice_at");
    if place.is_none_or(|place| place.as_str().is_none()) {
        let at = place.and_then(Json::read).unwrap_or(0).min(choices.len());
        choices.insert(at, Json::of(&choice).into());
    }
    if !rest.iter().any(|(name, _)| name == "created") {
        rest.push(owned("created", &Json::of(&client.created)));
    }
    let wire = wire::Response {
        id: Some(response.id.as_str().into()),
        object: Some("chat.completion".into()),
        model: Some(response.model.as_str().into()),
        choices: Some(choices),
        usage: response.usage.as_ref().map(|usage| self::usage(usage, &mut losses)),
        rest,
    };
    Encoded { body: write(&wire, 0), losses: losses.into_list() }
}

/// The choice that a canonical answer is.
pub(in super::super) fn choice<'a>(response: &'a CanonicalResponse, losses: &mut Losses) -> wire::Choice<'a> {
    let extensions = &response.extensions;
    let mut message = answer(response, losses);
    message.role =
        Some(extensions.get(DIALECT, "~role").and_then(Json::read).unwrap_or_else(|| "assistant".into()));
    message.rest.extend(nested(extensions, DIALECT, "~message"));
    let has_content = message.content.is_some() || message.rest.iter().any(|(name, _)| name == "content");
    if !has_content && is_foreign(extensions, DIALECT) {
        // clients of this dialect expect the field to be there
        message.rest.push((Cow::Borrowed("content"), null()));
    }
    wire::Choice {
        index: Some(extensions.get(DIALECT, "~index").and_then(Json::read).unwrap_or(0)),
        message: Some(message),
        delta: None,
        finish_reason: ending(response, losses).map(Into::into),
        rest: nested(extensions, DIALECT, "~choice"),
    }
}

/// Why an answer ended. A client of this dialect waits for some reason.
pub(in super::super) fn ending(response: &CanonicalResponse, losses: &mut Losses) -> Option<&'static str> {
    if response.stop_sequence.is_some() {
        losses.dropped(Path::Root.field("stopSequence"), "");
    }
    match response.stop_reason {
        Some(StopReason::EndTurn | StopReason::StopSequence | StopReason::Error) => Some("stop"),
        Some(StopReason::MaxTokens) => Some("length"),
        Some(StopReason::ToolUse) => Some("tool_calls"),
        Some(StopReason::Refusal) => Some("content_filter"),
        None if is_foreign(&response.extensions, DIALECT) => {
            losses.filled(Path::Root.field("stopReason"), "stop");
            Some("stop")
        }
        None => None,
    }
}

/// The message of an answer. Thoughts go to the client whoever thought them; where they have a signature
/// or another origin, that goes along in a carrier.
fn answer<'a>(response: &'a CanonicalResponse, losses: &mut Losses) -> wire::Message<'a> {
    let mut blocks = Parts { reader: Reader::Client, losses };
    let (mut said, mut details) = (Said::default(), Vec::new());
    for (index, block) in response.content.iter().enumerate() {
        let at = Path::Root.field("content");
        let at = at.index(index);
        let carried = detail(index, block);
        match block {
            ContentBlock::Thinking(thought) => show(at, thought, &mut blocks, &mut said.message),
            ContentBlock::Opaque(_) if carried.is_some() => {}
            block => said.push(at, block, &mut blocks),
        }
        details.extend(carried);
    }
    let mut wire = said.finish(|parts| joined(parts, &response.extensions, losses));
    if !details.is_empty() {
        wire.rest.push(owned("reasoning_details", &Json::of(&details)));
    }
    wire
}

/// A block of an answer that is neither text, thought nor call, as a part.
pub(in super::super) fn answer_part<'a>(
    at: Path<'_>,
    block: &'a ContentBlock,
    losses: &mut Losses,
) -> Option<wire::Part<'a>> {
    Parts { reader: Reader::Client, losses }.part(at, block)
}

/// The content of an answer is one text, whatever blocks it came in.
fn joined<'a>(
    parts: Vec<wire::Part<'a>>,
    message: &Extensions,
    losses: &mut Losses,
) -> Option<RawTextOr<'a, Vec<wire::Part<'a>>>> {
    if !is_noted(message, DIALECT, "~content")
        && parts.len() > 1
        && parts.iter().all(|part| part.text.is_some())
        && plain(&parts)
    {
        losses.changed(Path::Root.field("content"), "its texts are joined");
        let text: String = parts.iter().filter_map(|part| part.text.as_ref()).map(RawText::to_str).collect();
        return Some(RawTextOr::Text(text.as_str().into()));
    }
    content(parts, message)
}

fn plain(parts: &[wire::Part<'_>]) -> bool {
    parts.iter().all(|part| part.rest.is_empty() && part.cache_control.is_none())
}

pub(in super::super) fn usage<'a>(usage: &'a CanonicalUsage, losses: &mut Losses) -> wire::UsageReport<'a> {
    let extensions = &usage.extensions;
    let at = Path::Root.field("usage");
    losses.extensions(at, extensions);
    if usage.cache_creation_input_tokens.is_some_and(|tokens| tokens > 0) {
        losses.dropped(at.field("cacheCreationInputTokens"), "part of the prompt");
    }
    let read = usage.cache_read_input_tokens;
    let cached = read.unwrap_or(0).saturating_add(usage.cache_creation_input_tokens.unwrap_or(0));
    let prompt = usage.input_tokens.map(|input| input.saturating_add(cached));
    let total = prompt.zip(usage.output_tokens).map(|(prompt, output)| prompt.saturating_add(output));
    let sum = spelling(extensions, DIALECT, "~total_tokens").is_none_or(|spelt| spelt == "sum")
        && extensions.get(DIALECT, "total_tokens").is_none();
    let details = |name: &str, there: bool| there || extensions.get(DIALECT, name).is_some();
    wire::UsageReport {
        prompt_tokens: prompt.map(Number::from),
        completion_tokens: usage.output_tokens.map(Number::from),
        total_tokens: total.filter(|_| sum).map(Number::from),
        prompt_tokens_details: details("~prompt_tokens_details", read.is_some()).then(|| {
            wire::PromptTokens {
                cached_tokens: read.map(Number::from),
                rest: nested(extensions, DIALECT, "~prompt_tokens_details"),
            }
        }),
        completion_tokens_details: details("~completion_tokens_details", usage.reasoning_tokens.is_some())
            .then(|| wire::CompletionTokens {
                reasoning_tokens: usage.reasoning_tokens.map(Number::from),
                rest: nested(extensions, DIALECT, "~completion_tokens_details"),
            }),
        rest: rest(extensions, DIALECT),
    }
}
