//! Requests: what stands beside the conversation.

use penstock_core::Json;
use penstock_core::canonical::{
    CanonicalRequest, Extensions, Origin, ResponseFormat, SystemBlock, SystemPrompt, ThinkingMode,
    ThinkingRequest,
};

use super::super::{DIALECT, wire};
use super::message::message;
use super::tool;
use crate::codec::{DecodeError, read};
use crate::object::{Object as _, RawText, RawTextOr, Rest, Text, extensions, extras, fields};

pub(in super::super) fn request(body: &[u8]) -> Result<CanonicalRequest, DecodeError> {
    let wire: wire::Request<'_> = read(body)?;
    let model = wire.model.ok_or_else(|| DecodeError::missing("model", "a string"))?.into_owned();
    let messages = wire.messages.ok_or_else(|| DecodeError::missing("messages", "a list"))?;
    let mut extensions = extensions(DIALECT, wire.rest);
    let origin = Origin::of(DIALECT);
    extensions.set(DIALECT, "~from", Json::of("request"));
    if wire.max_tokens.is_none() {
        extensions.set(DIALECT, "~max_tokens", Json::of("absent"));
    }
    let metadata = wire.metadata.map(Json::from);
    let known = metadata.as_ref().and_then(Json::members);
    if let (Some(other), None) = (metadata, &known) {
        extensions.set(DIALECT, "metadata", other);
    }
    let (effort, response_format) = output_config(wire.output_config, &mut extensions);
    Ok(CanonicalRequest {
        model,
        messages: messages.into_iter().map(|message| self::message(message, &origin)).collect(),
        system: wire.system.and_then(|system| self::system(system, &mut extensions)),
        tools: wire.tools.map(tool::tools).transpose()?,
        tool_choice: wire.tool_choice.and_then(|choice| tool::tool_choice(choice, &mut extensions)),
        max_tokens: wire.max_tokens,
        temperature: wire.temperature,
        top_p: wire.top_p,
        top_k: wire.top_k,
        stream: wire.stream,
        stop_sequences: wire.stop_sequences.map(|texts| texts.into_iter().map(Text::into_owned).collect()),
        metadata: known,
        thinking: thinking(wire.thinking, effort, &mut extensions),
        response_format,
        extensions,
    })
}

/// The effort and the form of the answer; what else the object has stays in the extensions.
fn output_config(
    config: Option<wire::OutputConfig<'_>>,
    request: &mut Extensions,
) -> (Option<String>, Option<ResponseFormat>) {
    let Some(config) = config else { return (None, None) };
    let mut rest = fields(config.rest);
    let mut response_format = None;
    match config.format {
        Some(format) if format.kind.as_deref() == Some("json_schema") => {
            response_format = Some(ResponseFormat::JsonSchema {
                name: None,
                schema: format.schema.map(Json::from),
                extensions: format_extensions(format.rest),
            });
        }
        Some(other) => rest.push(("format".to_owned(), Json::of(&other))),
        None => {}
    }
    request.set(DIALECT, "~output_config", Json::object(&rest));
    (config.effort.map(Text::into_owned), response_format)
}

/// Notes that the format came from this dialect, where it has no name.
fn format_extensions(rest: Rest<'_>) -> Extensions {
    let mut own = extensions(DIALECT, rest);
    own.set(DIALECT, "~format", Json::of("output_config"));
    own
}

fn thinking(
    thinking: Option<wire::Thinking<'_>>,
    effort: Option<String>,
    request: &mut Extensions,
) -> Option<ThinkingRequest> {
    let mut known = ThinkingRequest::default();
    if let Some(wire) = thinking {
        known.mode = match wire.kind.as_deref() {
            Some("enabled") => Some(ThinkingMode::Enabled),
            Some("disabled") => Some(ThinkingMode::Disabled),
            Some("adaptive") => Some(ThinkingMode::Adaptive),
            _ => None,
        };
        if known.mode.is_some() {
            known.budget_tokens = wire.budget_tokens;
            known.extensions = extensions(DIALECT, wire.rest);
        } else {
            request.set(DIALECT, "thinking", Json::of(&wire));
        }
    }
    if effort.is_some() {
        known.effort = effort;
        known.extensions.set(DIALECT, "~effort", Json::of("output_config"));
    }
    Some(known).filter(|known| *known != ThinkingRequest::default())
}

fn system(system: RawTextOr<'_, Vec<wire::Block<'_>>>, request: &mut Extensions) -> Option<SystemPrompt> {
    let blocks = match system {
        RawTextOr::Text(text) => return Some(SystemPrompt::Text(text.into_owned())),
        RawTextOr::Other(blocks) => blocks,
    };
    let plain = |block: &wire::Block<'_>| {
        block.kind.as_deref() == Some("text")
            && block.text.is_some()
            && block.has_only(&["kind", "text", "cache_control"])
    };
    if !blocks.iter().all(plain) {
        request.set(DIALECT, "system", Json::of(&blocks));
        return None;
    }
    let blocks = blocks.into_iter().map(|block| SystemBlock {
        text: block.text.map(RawText::into_owned).unwrap_or_default(),
        extras: extras(DIALECT, block.cache_control, block.rest),
    });
    Some(SystemPrompt::Blocks(blocks.collect()))
}
