//! From the wire to the canonical form.

use std::borrow::Cow;

use penstock_core::canonical::{
    BlockExtras, CanonicalMessage, CanonicalRequest, CanonicalResponse, CanonicalTool, CanonicalUsage,
    Content, ContentBlock, Document, Extensions, Fields, Image, MessageRole, Opaque, Origin, ResponseFormat,
    Source, StopReason, SystemBlock, SystemPrompt, Text, Thinking, ThinkingMode, ThinkingRequest, ToolChoice,
    ToolChoiceKind, ToolResult, ToolUse,
};
use penstock_core::{Json, Number};

use super::{DIALECT, wire};
use crate::carrier;
use crate::codec::{DecodeError, read};
use crate::object::{self, Object as _, Rest, TextOr, Value, extensions, fields};

pub(super) fn request(body: &[u8]) -> Result<CanonicalRequest, DecodeError> {
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
        tools: wire.tools.map(|tools| tools.into_iter().map(tool).collect()),
        tool_choice: wire.tool_choice.and_then(|choice| tool_choice(choice, &mut extensions)),
        max_tokens: wire.max_tokens,
        temperature: wire.temperature,
        top_p: wire.top_p,
        top_k: wire.top_k,
        stream: wire.stream,
        stop_sequences: wire
            .stop_sequences
            .map(|texts| texts.into_iter().map(object::Text::into_owned).collect()),
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
    (config.effort.map(object::Text::into_owned), response_format)
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

fn system(system: TextOr<'_, Vec<wire::Block<'_>>>, request: &mut Extensions) -> Option<SystemPrompt> {
    let blocks = match system {
        TextOr::Text(text) => return Some(SystemPrompt::Text(text.into_owned())),
        TextOr::Other(blocks) => blocks,
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
        text: block.text.map(object::Text::into_owned).unwrap_or_default(),
        extras: extras(block.cache_control, block.rest),
    });
    Some(SystemPrompt::Blocks(blocks.collect()))
}

fn extras(cache_control: Option<Value<'_>>, rest: Rest<'_>) -> BlockExtras {
    BlockExtras { cache_control: cache_control.map(Json::from), extensions: extensions(DIALECT, rest) }
}

fn message(message: wire::Message<'_>, origin: &Origin) -> CanonicalMessage {
    let role = match message.role.as_deref() {
        Some("user") => MessageRole::User,
        Some("assistant") => MessageRole::Assistant,
        Some("system") => MessageRole::System,
        _ => return unknown(&message),
    };
    let content = match message.content {
        Some(TextOr::Text(text)) => Content::Text(text.into_owned()),
        Some(TextOr::Other(blocks)) => Content::Blocks(self::blocks(blocks, origin)),
        None => return unknown(&message),
    };
    let mut extensions = extensions(DIALECT, message.rest);
    if role == MessageRole::System {
        // of this dialect, unlike a system message from elsewhere, which has to move
        extensions.set(DIALECT, "~role", Json::of("system"));
    }
    CanonicalMessage { role, content, extensions }
}

/// A message that only this dialect knows.
fn unknown(message: &wire::Message<'_>) -> CanonicalMessage {
    let block = Opaque { dialect: DIALECT, value: Json::of(message), origin: None };
    let extensions = Extensions::new(DIALECT, vec![("~message".to_owned(), Json::of("whole"))]);
    let content = Content::Blocks(vec![ContentBlock::Opaque(block)]);
    CanonicalMessage { role: MessageRole::User, content, extensions }
}

fn blocks(blocks: Vec<wire::Block<'_>>, origin: &Origin) -> Vec<ContentBlock> {
    blocks.into_iter().map(|block| self::block(block, origin)).collect()
}

pub(super) fn block(block: wire::Block<'_>, origin: &Origin) -> ContentBlock {
    let decoded = match block.kind.as_deref() {
        Some("text") => text(block),
        Some("tool_use") => tool_use(block),
        Some("tool_result") => tool_result(block, origin),
        Some("image") => image(block),
        Some("document") => document(block),
        Some("thinking") => thought(block, origin),
        Some("redacted_thinking") => return redacted(&block, origin),
        _ => Err(block),
    };
    decoded.unwrap_or_else(|block| {
        ContentBlock::Opaque(Opaque { dialect: DIALECT, value: Json::of(&block), origin: None })
    })
}

/// A block that is what its type says; one that is not stays as it was.
type Decoded<'a> = Result<ContentBlock, wire::Block<'a>>;

fn text(mut block: wire::Block<'_>) -> Decoded<'_> {
    if !block.has_only(&["kind", "text", "cache_control"]) {
        return Err(block);
    }
    match block.text.take() {
        Some(text) => {
            let extras = extras(block.cache_control, block.rest);
            Ok(ContentBlock::Text(Text { text: text.into_owned(), extras }))
        }
        None => Err(block),
    }
}

fn tool_use(block: wire::Block<'_>) -> Decoded<'_> {
    let plain = block.has_only(&["kind", "id", "name", "input", "cache_control"]);
    match block {
        wire::Block { id: Some(id), name: Some(name), input: Some(input), cache_control, rest, .. }
            if plain =>
        {
            Ok(ContentBlock::ToolUse(ToolUse {
                id: id.into_owned(),
                name: name.into_owned(),
                input: input.into(),
                extras: extras(cache_control, rest),
            }))
        }
        block => Err(block),
    }
}

fn tool_result<'a>(block: wire::Block<'a>, origin: &Origin) -> Decoded<'a> {
    let plain = block.has_only(&["kind", "tool_use_id", "content", "is_error", "cache_control"]);
    let (true, Some(_)) = (plain, &block.tool_use_id) else {
        return Err(block);
    };
    let content = match block.content {
        Some(TextOr::Text(text)) => Some(Content::Text(text.into_owned())),
        Some(TextOr::Other(wire::Inside::Blocks(inside))) => Some(Content::Blocks(blocks(inside, origin))),
        Some(TextOr::Other(wire::Inside::Object(_))) => return Err(block),
        None => None,
    };
    Ok(ContentBlock::ToolResult(ToolResult {
        tool_use_id: block.tool_use_id.map(object::Text::into_owned).unwrap_or_default(),
        content,
        is_error: block.is_error,
        extras: extras(block.cache_control, block.rest),
    }))
}

fn image(mut block: wire::Block<'_>) -> Decoded<'_> {
    if !block.has_only(&["kind", "source", "cache_control"]) {
        return Err(block);
    }
    match source(&mut block.source, false) {
        Some(source) => {
            Ok(ContentBlock::Image(Image { source, extras: extras(block.cache_control, block.rest) }))
        }
        None => Err(block),
    }
}

fn document(mut block: wire::Block<'_>) -> Decoded<'_> {
    if !block.has_only(&["kind", "source", "title", "context", "cache_control"]) {
        return Err(block);
    }
    match source(&mut block.source, true) {
        Some(source) => Ok(ContentBlock::Document(Document {
            source,
            title: block.title.map(object::Text::into_owned),
            context: block.context.map(object::Text::into_owned),
            extras: extras(block.cache_control, block.rest),
        })),
        None => Err(block),
    }
}

/// Takes the source if it is one that every dialect knows.
fn source(from: &mut Option<TextOr<'_, wire::Source<'_>>>, text: bool) -> Option<Source> {
    let Some(TextOr::Other(source)) = from else { return None };
    let kind = source.kind.as_deref()?.to_owned();
    let by_url = kind == "url" && source.url.is_some() && source.has_only(&["kind", "url"]);
    let inside = (kind == "base64" || (kind == "text" && text))
        && source.media_type.is_some()
        && source.data.is_some()
        && source.has_only(&["kind", "media_type", "data"]);
    if !by_url && !inside {
        return None;
    }
    let wire::Source { media_type, data, url, rest, .. } = std::mem::take(source);
    let owned = |text: Option<object::Text<'_>>| text.map(object::Text::into_owned).unwrap_or_default();
    let extensions = extensions(DIALECT, rest);
    Some(match kind.as_str() {
        "url" => Source::Url { data: owned(url), extensions },
        "text" => Source::Text { media_type: owned(media_type), data: owned(data), extensions },
        _ => Source::Base64 { media_type: owned(media_type), data: owned(data), extensions },
    })
}

fn thought<'a>(mut block: wire::Block<'a>, origin: &Origin) -> Decoded<'a> {
    if !block.has_only(&["kind", "thinking", "signature", "cache_control"]) {
        return Err(block);
    }
    let Some(text) = block.thinking.take() else { return Err(block) };
    let (origin, signature) = match block.signature.as_deref().map(|text| (text, carrier::open(text))) {
        Some((_, Some((origin, inside)))) => {
            (origin, Some(inside.to_owned()).filter(|inside| !inside.is_empty()))
        }
        Some((plain, None)) => (origin.clone(), Some(plain.to_owned())),
        None => (origin.clone(), None),
    };
    let extras = extras(block.cache_control, block.rest);
    Ok(ContentBlock::Thinking(Thinking { text: text.into_owned(), signature, origin, extras }))
}

/// Reasoning that only its origin can read: this dialect's own, or one that another left here in trust.
fn redacted(block: &wire::Block<'_>, origin: &Origin) -> ContentBlock {
    let value = Json::of(block);
    let data = value.get("data").and_then(|data| data.as_str().map(Cow::into_owned)).unwrap_or_default();
    if let Some((origin, inside)) = carrier::open(&data)
        && let Some(value) = Json::parse(inside)
    {
        return ContentBlock::Opaque(Opaque { dialect: origin.dialect, value, origin: Some(origin) });
    }
    ContentBlock::Opaque(Opaque { dialect: DIALECT, value, origin: Some(origin.clone()) })
}

fn tool(tool: wire::Tool<'_>) -> CanonicalTool {
    let plain = matches!(tool.kind.as_deref(), None | Some("custom")) && tool.input_schema.is_some();
    if !plain || tool.name.is_none() {
        let fields = Json::of(&tool).members().unwrap_or_default();
        return CanonicalTool {
            name: tool.name.map(object::Text::into_owned).unwrap_or_default(),
            description: None,
            input_schema: None,
            dialect: Some(DIALECT),
            extras: BlockExtras { cache_control: None, extensions: Extensions::new(DIALECT, fields) },
        };
    }
    let mut extras = extras(tool.cache_control, tool.rest);
    if tool.kind.is_some() {
        extras.extensions.set(DIALECT, "~type", Json::of("custom"));
    }
    CanonicalTool {
        name: tool.name.map(object::Text::into_owned).unwrap_or_default(),
        description: tool.description.map(object::Text::into_owned),
        input_schema: tool.input_schema.map(Json::from),
        dialect: None,
        extras,
    }
}

fn tool_choice(choice: wire::ToolChoice<'_>, request: &mut Extensions) -> Option<ToolChoice> {
    let kind = match choice.kind.as_deref() {
        Some("auto") => ToolChoiceKind::Auto,
        Some("any") => ToolChoiceKind::Any,
        Some("none") => ToolChoiceKind::None,
        Some("tool") => ToolChoiceKind::Tool,
        _ => {
            request.set(DIALECT, "tool_choice", Json::of(&choice));
            return None;
        }
    };
    Some(ToolChoice {
        kind: Some(kind),
        name: choice.name.map(object::Text::into_owned),
        disable_parallel_tool_use: choice.disable_parallel_tool_use,
        extensions: extensions(DIALECT, choice.rest),
    })
}

pub(super) fn response(body: &[u8], origin: &Origin) -> Result<CanonicalResponse, DecodeError> {
    let wire: wire::Response<'_> = read(body)?;
    if wire.content.is_none() {
        return Err(DecodeError::missing("content", "a list"));
    }
    Ok(message_of(wire, origin))
}

/// The answer, or its begin in a stream.
pub(super) fn message_of(wire: wire::Response<'_>, origin: &Origin) -> CanonicalResponse {
    let mut extensions = extensions(DIALECT, wire.rest);
    extensions.set(DIALECT, "~from", Json::of("response"));
    let stop_reason = wire.stop_reason.as_deref().and_then(|reason| stop_reason(reason, &mut extensions));
    let text = |text: Option<object::Text<'_>>| text.map(object::Text::into_owned);
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

/// The reason; one that only this dialect has is noted beside the nearest.
pub(super) fn stop_reason(reason: &str, extensions: &mut Extensions) -> Option<StopReason> {
    if let Ok(known) = reason.parse::<StopReason>()
        && known != StopReason::Error
    {
        return Some(known);
    }
    extensions.set(DIALECT, "~stop_reason", Json::of(reason));
    match reason {
        "model_context_window_exceeded" => Some(StopReason::MaxTokens),
        "pause_turn" => Some(StopReason::EndTurn),
        _ => None,
    }
}

pub(super) fn usage(usage: wire::UsageReport<'_>) -> CanonicalUsage {
    let mut rest: Fields = fields(usage.rest);
    let mut count = |name: &str, number: Option<Number>| {
        let count = number.as_ref().and_then(Number::as_u64);
        if let (None, Some(odd)) = (count, number) {
            rest.push((name.to_owned(), Json::of(&odd)));
        }
        count
    };
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
