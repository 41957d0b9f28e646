//! Requests: what stands beside the conversation.

use penstock_core::canonical::{
    CanonicalRequest, Extensions, ResponseFormat, SystemBlock, SystemPrompt, ThinkingMode, ThinkingRequest,
};
use penstock_core::{Json, Number};

use super::super::{DIALECT, wire};
use super::message::{conversation, has_only_content};
use super::{block, tool};
use crate::codec::{DecodeError, read};
use crate::object::{RawText, RawTextOr, Text, TextOr, extensions, extras, put_nested};

pub(in super::super) fn request(body: &[u8]) -> Result<CanonicalRequest, DecodeError> {
    let wire: wire::Request<'_> = read(body)?;
    let model = wire.model.ok_or_else(|| DecodeError::missing("model", "a string"))?.into_owned();
    let mut extensions = extensions(DIALECT, wire.rest);
    extensions.set(DIALECT, "~from", Json::of("request"));
    let mut messages = wire.messages.ok_or_else(|| DecodeError::missing("messages", "a list"))?;
    let system = match messages.first() {
        Some(first) if is_system(first) => Some(system(messages.remove(0), &mut extensions)),
        _ => None,
    };
    if let Some(options) = wire.stream_options {
        extensions.set(DIALECT, "stream_options", options.into());
    }
    Ok(CanonicalRequest {
        model,
        messages: conversation(messages),
        system,
        tools: wire.tools.map(tool::tools).transpose()?,
        tool_choice: tool::tool_choice(wire.tool_choice, wire.parallel_tool_calls, &mut extensions),
        max_tokens: limit(wire.max_tokens, wire.max_completion_tokens, &mut extensions),
        temperature: wire.temperature,
        top_p: wire.top_p,
        top_k: None,
        stream: wire.stream,
        stop_sequences: wire.stop.map(|texts| stop(texts, &mut extensions)),
        metadata: wire.user.map(|user| vec![("user_id".to_owned(), Json::of(&*user))]),
        thinking: wire.reasoning_effort.map(|effort| thinking(effort.into_owned())),
        response_format: wire.response_format.and_then(|format| response_format(format, &mut extensions)),
        extensions,
    })
}

/// Whether a message can be the system prompt: it is one of the operator's, and nothing but texts.
fn is_system(message: &wire::Message<'_>) -> bool {
    let texts = match &message.content {
        Some(RawTextOr::Text(_)) => true,
        Some(RawTextOr::Other(parts)) => {
            parts.iter().all(|part| block::is(part, "text") && part.text.is_some())
        }
        None => false,
    };
    matches!(message.role.as_deref(), Some("system" | "developer")) && has_only_content(message) && texts
}

/// The system prompt that such a message is.
fn system(message: wire::Message<'_>, request: &mut Extensions) -> SystemPrompt {
    if let Some(role) = message.role.filter(|role| &**role != "system") {
        request.set(DIALECT, "~system_role", Json::of(&*role));
    }
    put_nested(request, DIALECT, "~system", message.rest);
    match message.content.unwrap_or_default() {
        RawTextOr::Text(text) => SystemPrompt::Text(text.into_owned()),
        RawTextOr::Other(parts) => SystemPrompt::Blocks(parts.into_iter().map(system_block).collect()),
    }
}

fn system_block(part: wire::Part<'_>) -> SystemBlock {
    let text = part.text.map(RawText::into_owned).unwrap_or_default();
    SystemBlock { text, extras: extras(DIALECT, part.cache_control, part.rest) }
}

/// The limit, by either of its names; which of them is noted, and the older one kept where both are there.
fn limit(old: Option<Number>, new: Option<Number>, request: &mut Extensions) -> Option<Number> {
    match (old, new) {
        (Some(old), Some(new)) => {
            request.set(DIALECT, "max_tokens", Json::of(&old));
            Some(new)
        }
        (Some(old), None) => {
            request.set(DIALECT, "~max_tokens", Json::of("max_tokens"));
            Some(old)
        }
        (None, new) => {
            if new.is_some() {
                request.set(DIALECT, "~max_tokens", Json::of("max_completion_tokens"));
            }
            new
        }
    }
}

fn stop(texts: TextOr<'_, Vec<Text<'_>>>, request: &mut Extensions) -> Vec<String> {
    match texts {
        TextOr::Text(text) => {
            request.set(DIALECT, "~stop", Json::of("string"));
            vec![text.into_owned()]
        }
        TextOr::Other(texts) => texts.into_iter().map(Text::into_owned).collect(),
    }
}

/// `none` is the effort of not thinking at all.
fn thinking(effort: String) -> ThinkingRequest {
    let mode = (effort == "none").then_some(ThinkingMode::Disabled);
    ThinkingRequest { mode, effort: Some(effort), ..ThinkingRequest::default() }
}

fn response_format(format: wire::ResponseFormat<'_>, request: &mut Extensions) -> Option<ResponseFormat> {
    let kind = format.kind.as_deref();
    if (kind == Some("json_schema")) != format.json_schema.is_some()
        || !matches!(kind, Some("text" | "json_object" | "json_schema"))
    {
        request.set(DIALECT, "response_format", Json::of(&format));
        return None;
    }
    let mut own = extensions(DIALECT, format.rest);
    Some(match format.json_schema {
        Some(schema) => {
            put_nested(&mut own, DIALECT, "~json_schema", schema.rest);
            ResponseFormat::JsonSchema {
                name: schema.name.map(Text::into_owned),
                schema: schema.schema.map(Json::from),
                extensions: own,
            }
        }
        None if format.kind.as_deref() == Some("text") => ResponseFormat::Text { extensions: own },
        None => ResponseFormat::JsonObject { extensions: own },
    })
}
