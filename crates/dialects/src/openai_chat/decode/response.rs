//! Answers: their choices, why they ended, what they consumed.

use penstock_core::Json;
use penstock_core::canonical::{CanonicalResponse, CanonicalUsage, Extensions, Fields, Origin, StopReason};

use super::super::{DIALECT, wire};
use super::message;
use crate::codec::{DecodeError, read};
use crate::object::{Text, Value, count, extensions, fields};

pub(in super::super) fn response(body: &[u8], origin: &Origin) -> Result<CanonicalResponse, DecodeError> {
    let wire: wire::Response<'_> = read(body)?;
    let choices = wire.choices.ok_or_else(|| DecodeError::missing("choices", "a list"))?;
    let mut response = CanonicalResponse {
        id: wire.id.map(Text::into_owned).unwrap_or_default(),
        model: wire.model.map(Text::into_owned).unwrap_or_default(),
        usage: wire.usage.map(usage),
        extensions: extensions(DIALECT, wire.rest),
        ..CanonicalResponse::default()
    };
    response.extensions.set(DIALECT, "~from", Json::of("response"));
    let mut others = Vec::new();
    let first = main_choice(&choices)?;
    for (at, choice) in choices.into_iter().enumerate() {
        if Some(at) == first {
            if at > 0 {
                response.extensions.set(DIALECT, "~choice_at", Json::of(&at));
            }
            answer(&mut response, read_choice(&choice)?, origin);
        } else {
            others.push(Json::from(choice));
        }
    }
    if !others.is_empty() {
        response.extensions.set(DIALECT, "choices", Json::of(&others));
    }
    if first.is_none() {
        response.extensions.set(DIALECT, "~choice_at", Json::of("none"));
    }
    Ok(response)
}

/// The choice that the canonical form has: the one of index 0, else the first.
fn main_choice(choices: &[Value<'_>]) -> Result<Option<usize>, DecodeError> {
    for (at, choice) in choices.iter().enumerate().filter(|_| choices.len() > 1) {
        if read_choice(choice)?.index == Some(0) {
            return Ok(Some(at));
        }
    }
    Ok((!choices.is_empty()).then_some(0))
}

pub(in super::super) fn read_choice<'a>(choice: &'a Value<'_>) -> Result<wire::Choice<'a>, DecodeError> {
    read(choice.text().as_bytes())
        .map_err(|error| DecodeError { path: format!("choices[].{}", error.path), ..error })
}

/// Lays a choice into the response.
pub(in super::super) fn answer(response: &mut CanonicalResponse, choice: wire::Choice<'_>, origin: &Origin) {
    let said = choice.message.unwrap_or_default();
    if let Some(role) = said.role.as_deref().filter(|role| *role != "assistant") {
        response.extensions.set(DIALECT, "~role", Json::of(role));
    }
    let (blocks, left) = message::said(said, origin);
    response.content = blocks;
    let mut outside = fields(choice.rest);
    outside.extend(choice.delta.map(|delta| ("delta".to_owned(), Json::of(&delta))));
    response.stop_reason = choice.finish_reason.as_deref().and_then(stop_reason);
    if let (None, Some(reason)) = (response.stop_reason, choice.finish_reason) {
        outside.push(("finish_reason".to_owned(), Json::of(&*reason)));
    }
    put_left(response, outside, left);
    if choice.index.is_some_and(|index| index > 0) {
        response.extensions.set(DIALECT, "~index", Json::of(&choice.index));
    }
}

/// Keeps what a choice and its message have beside what is known.
pub(in super::super) fn put_left(response: &mut CanonicalResponse, choice: Fields, message: Fields) {
    let (notes, message): (Fields, Fields) =
        message.into_iter().partition(|(name, value)| name.starts_with('~') && !value.is_object());
    for (name, value) in notes {
        response.extensions.set(DIALECT, &name, value);
    }
    for (name, fields) in [("~choice", choice), ("~message", message)] {
        if !fields.is_empty() {
            response.extensions.set(DIALECT, name, Json::object(&fields));
        }
    }
}

pub(in super::super) fn stop_reason(reason: &str) -> Option<StopReason> {
    match reason {
        "stop" => Some(StopReason::EndTurn),
        "length" => Some(StopReason::MaxTokens),
        "tool_calls" => Some(StopReason::ToolUse),
        "content_filter" => Some(StopReason::Refusal),
        _ => None,
    }
}

/// Prompt tokens include what was cached, the canonical input does not.
pub(in super::super) fn usage(usage: wire::UsageReport<'_>) -> CanonicalUsage {
    let mut own = fields(usage.rest);
    let prompt = count(usage.prompt_tokens, u64::MAX, "prompt_tokens", &mut own);
    let output = count(usage.completion_tokens, u64::MAX, "completion_tokens", &mut own);
    let cached = usage.prompt_tokens_details.and_then(|details| {
        let mut inside = fields(details.rest);
        let cached = count(details.cached_tokens, prompt.unwrap_or(u64::MAX), "cached_tokens", &mut inside);
        own.push(("~prompt_tokens_details".to_owned(), Json::object(&inside)));
        cached
    });
    let reasoning = usage.completion_tokens_details.and_then(|details| {
        let mut inside = fields(details.rest);
        let reasoning = count(details.reasoning_tokens, u64::MAX, "reasoning_tokens", &mut inside);
        own.push(("~completion_tokens_details".to_owned(), Json::object(&inside)));
        reasoning
    });
    let total = prompt.zip(output).map(|(prompt, output)| prompt.saturating_add(output));
    own.push(match usage.total_tokens {
        Some(said) if total.is_some() && said.as_u64() == total => {
            ("~total_tokens".to_owned(), Json::of("sum"))
        }
        Some(said) => ("total_tokens".to_owned(), Json::of(&said)),
        None => ("~total_tokens".to_owned(), Json::of("absent")),
    });
    CanonicalUsage {
        input_tokens: prompt.map(|prompt| prompt.saturating_sub(cached.unwrap_or(0))),
        output_tokens: output,
        cache_read_input_tokens: cached,
        cache_creation_input_tokens: None,
        reasoning_tokens: reasoning,
        extensions: Extensions::new(DIALECT, own),
    }
}
