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
use crate::object::{self, Rest, TextOr, Value, extensions, fields};

/// A note on spelling.
fn note(text: &str) -> Json {
    Json::of(text)
}

pub(super) fn request(body: &[u8]) -> Result<CanonicalRequest, DecodeError> {
    let wire: wire::Request<'_> = read(body)?;
    let model = wire.model.ok_or_else(|| DecodeError::missing("model", "a string"))?.into_owned();
    let mut extensions = extensions(DIALECT, wire.rest);
    let mut messages = wire.messages.ok_or_else(|| DecodeError::missing("messages", "a list"))?;
    let system = match messages.first() {
        Some(first) if is_system(first) => system(messages.remove(0), &mut messages, &mut extensions),
        _ => None,
    };
    if let Some(options) = wire.stream_options {
        extensions.set(DIALECT, "stream_options", options.into());
    }
    let max_tokens = limit(wire.max_tokens, wire.max_completion_tokens, &mut extensions);
    let stop_sequences = wire.stop.map(|stop| match stop {
        TextOr::Text(text) => {
            extensions.set(DIALECT, "~stop", note("string"));
            vec![text.into_owned()]
        }
        TextOr::Other(texts) => texts.into_iter().map(object::Text::into_owned).collect(),
    });
    let response_format = wire.response_format.and_then(|format| response_format(format, &mut extensions));
    Ok(CanonicalRequest {
        model,
        messages: conversation(messages)?,
        system,
        tools: wire.tools.map(|tools| tools.into_iter().map(tool).collect()),
        tool_choice: tool_choice(wire.tool_choice, wire.parallel_tool_calls, &mut extensions),
        max_tokens,
        temperature: wire.temperature,
        top_p: wire.top_p,
        top_k: None,
        stream: wire.stream,
        stop_sequences,
        metadata: wire.user.map(|user| vec![("user_id".to_owned(), Json::of(&*user))]),
        thinking: wire.reasoning_effort.map(|effort| thinking(effort.into_owned())),
        response_format,
        extensions,
    })
}

/// `none` is the effort of not thinking at all.
fn thinking(effort: String) -> ThinkingRequest {
    let mode = (effort == "none").then_some(ThinkingMode::Disabled);
    ThinkingRequest { mode, effort: Some(effort), ..ThinkingRequest::default() }
}

/// The limit, by either of its names; the older one is noted, and kept where both are there.
fn limit(old: Option<Number>, new: Option<Number>, extensions: &mut Extensions) -> Option<Number> {
    match (old, new) {
        (Some(old), Some(new)) => {
            extensions.set(DIALECT, "max_tokens", Json::of(&old));
            Some(new)
        }
        (Some(old), None) => {
            extensions.set(DIALECT, "~max_tokens", note("max_tokens"));
            Some(old)
        }
        (None, new) => {
            if new.is_some() {
                extensions.set(DIALECT, "~max_tokens", note("max_completion_tokens"));
            }
            new
        }
    }
}

fn is_system(message: &wire::Message<'_>) -> bool {
    matches!(message.role.as_deref(), Some("system" | "developer"))
}

/// The system prompt that a first message is; one that is more than texts goes back to the others.
fn system<'a>(
    message: wire::Message<'a>,
    others: &mut Vec<wire::Message<'a>>,
    extensions: &mut Extensions,
) -> Option<SystemPrompt> {
    let plain = message.refusal.is_none()
        && message.reasoning.is_none()
        && message.reasoning_content.is_none()
        && message.tool_calls.is_none()
        && message.tool_call_id.is_none();
    let texts = match &message.content {
        Some(TextOr::Text(_)) => true,
        Some(TextOr::Other(parts)) => parts.iter().all(|part| is(part, "text") && part.text.is_some()),
        None => false,
    };
    if !plain || !texts {
        others.insert(0, message);
        return None;
    }
    if let Some(role) = message.role.filter(|role| &**role != "system") {
        extensions.set(DIALECT, "~system_role", note(&role));
    }
    if !message.rest.is_empty() {
        extensions.set(DIALECT, "~system", Json::object(&fields(message.rest)));
    }
    match message.content? {
        TextOr::Text(text) => Some(SystemPrompt::Text(text.into_owned())),
        TextOr::Other(parts) => Some(SystemPrompt::Blocks(parts.into_iter().map(system_block).collect())),
    }
}

fn system_block(part: wire::Part<'_>) -> SystemBlock {
    let text = part.text.map(object::Text::into_owned).unwrap_or_default();
    SystemBlock { text, extras: extras(part.cache_control, part.rest) }
}

fn extras(cache_control: Option<Value<'_>>, rest: Rest<'_>) -> BlockExtras {
    BlockExtras { cache_control: cache_control.map(Json::from), extensions: extensions(DIALECT, rest) }
}

/// Results of tools that stand behind each other are one message of the user, as they answer one
/// message of the model.
fn conversation(messages: Vec<wire::Message<'_>>) -> Result<Vec<CanonicalMessage>, DecodeError> {
    let mut conversation: Vec<CanonicalMessage> = Vec::with_capacity(messages.len());
    let mut results = false;
    for message in messages {
        let role = message.role.as_deref().unwrap_or_default().to_owned();
        let is_result = role == "tool" && message.tool_call_id.is_some();
        let decoded = match role.as_str() {
            "user" => plain(MessageRole::User, message),
            "system" | "developer" => plain(MessageRole::System, message),
            "assistant" => assistant(message),
            "tool" if is_result => tool_result(message),
            _ => unknown(&message),
        };
        match conversation.last_mut() {
            Some(CanonicalMessage { content: Content::Blocks(before), .. }) if is_result && results => {
                if let Content::Blocks(more) = decoded.content {
                    before.extend(more);
                }
            }
            _ => conversation.push(decoded),
        }
        results = is_result;
    }
    Ok(conversation)
}

/// A message that only this dialect knows, such as one of the role `function`.
fn unknown(message: &wire::Message<'_>) -> CanonicalMessage {
    let block = Opaque { dialect: DIALECT, value: Json::of(message), origin: None };
    let extensions = Extensions::new(DIALECT, vec![("~message".to_owned(), note("whole"))]);
    let content = Content::Blocks(vec![ContentBlock::Opaque(block)]);
    CanonicalMessage { role: MessageRole::User, content, extensions }
}

fn plain(role: MessageRole, message: wire::Message<'_>) -> CanonicalMessage {
    let unusual = message.refusal.is_some()
        || message.reasoning.is_some()
        || message.reasoning_content.is_some()
        || message.tool_calls.is_some()
        || message.tool_call_id.is_some();
    if unusual || message.content.is_none() {
        return unknown(&message);
    }
    let mut extensions = extensions(DIALECT, message.rest);
    if let Some(role) = message.role.filter(|role| &**role == "developer") {
        extensions.set(DIALECT, "~role", note(&role));
    }
    let content = match message.content {
        Some(TextOr::Other(parts)) => Content::Blocks(parts.into_iter().map(part).collect()),
        Some(TextOr::Text(text)) => Content::Text(text.into_owned()),
        None => Content::Text(String::new()),
    };
    CanonicalMessage { role, content, extensions }
}

fn assistant(mut message: wire::Message<'_>) -> CanonicalMessage {
    if message.tool_call_id.is_some() {
        return unknown(&message);
    }
    let only_text = message.refusal.is_none()
        && message.reasoning.is_none()
        && message.reasoning_content.is_none()
        && message.tool_calls.is_none()
        && !message.rest.iter().any(|(name, _)| name == "reasoning_details");
    if let (true, Some(TextOr::Text(text))) = (only_text, &mut message.content) {
        let content = Content::Text(std::mem::take(text).into_owned());
        return CanonicalMessage {
            role: MessageRole::Assistant,
            content,
            extensions: extensions(DIALECT, message.rest),
        };
    }
    let (blocks, rest) = said(message, &Origin::of(DIALECT));
    CanonicalMessage {
        role: MessageRole::Assistant,
        content: Content::Blocks(blocks),
        extensions: Extensions::new(DIALECT, rest),
    }
}

/// What a model said, and what is left of its message.
fn said(mut message: wire::Message<'_>, origin: &Origin) -> (Vec<ContentBlock>, Fields) {
    let mut rest = fields(std::mem::take(&mut message.rest));
    let mut blocks = Vec::new();
    let thoughts = thoughts(&mut rest);
    let has_thoughts = !thoughts.is_empty();
    for (field, text) in [("reasoning_content", message.reasoning_content), ("reasoning", message.reasoning)]
    {
        let Some(text) = text else { continue };
        if has_thoughts {
            // the carriers say the same, each thought by itself
        } else if text.is_empty() || !blocks.is_empty() {
            rest.push((field.to_owned(), Json::of(&*text)));
        } else {
            blocks.push(thought(field, text.into_owned(), origin.clone()));
        }
    }
    match message.content {
        Some(TextOr::Text(text)) if text.is_empty() => rest.push(("content".to_owned(), note(""))),
        Some(TextOr::Text(text)) => blocks.push(ContentBlock::text(text.into_owned())),
        Some(TextOr::Other(parts)) => {
            if parts.len() < 2 {
                rest.push(("~content".to_owned(), note("parts")));
            }
            blocks.extend(parts.into_iter().map(part));
        }
        None => {}
    }
    match message.refusal {
        Some(text) if text.is_empty() => rest.push(("refusal".to_owned(), note(""))),
        Some(text) => blocks.push(refusal(text.into_owned())),
        None => {}
    }
    if let Some(calls) = message.tool_calls {
        if calls.is_empty() {
            rest.push(("tool_calls".to_owned(), Json::of(&[(); 0])));
        }
        blocks.extend(calls.into_iter().map(tool_call));
    }
    for (at, block) in thoughts {
        blocks.insert(at.min(blocks.len()), block);
    }
    (blocks, rest)
}

pub(super) fn thought(field: &str, text: String, origin: Origin) -> ContentBlock {
    let spelt = match field {
        "reasoning" => vec![("~field".to_owned(), note(field))],
        _ => Fields::new(),
    };
    let extras = BlockExtras { cache_control: None, extensions: Extensions::new(DIALECT, spelt) };
    ContentBlock::Thinking(Thinking { text, signature: None, origin, extras })
}

pub(super) fn refusal(text: String) -> ContentBlock {
    let spelt = vec![("~refusal".to_owned(), note("field"))];
    let extras = BlockExtras { cache_control: None, extensions: Extensions::new(DIALECT, spelt) };
    ContentBlock::Text(Text { text, extras })
}

/// Thoughts of other dialects that the client brought back, with their places; see [`carrier`].
fn thoughts(rest: &mut Fields) -> Vec<(usize, ContentBlock)> {
    let Some(at) = rest.iter().position(|(name, _)| name == "reasoning_details") else {
        return Vec::new();
    };
    let details = rest[at].1.elements().unwrap_or_default();
    let found: Option<Vec<_>> = details.iter().map(carried).collect();
    let found = found.unwrap_or_default();
    if !found.is_empty() {
        rest.remove(at);
    }
    found
}

fn carried(detail: &Json) -> Option<(usize, ContentBlock)> {
    let text = |name: &str| detail.get(name).and_then(|value| value.as_str().map(Cow::into_owned));
    let index = detail.get("index").and_then(|index| index.read()).unwrap_or(0);
    if let Some(data) = text("data") {
        let (origin, value) = carrier::open(&data)?;
        let (dialect, value) = (origin.dialect, Json::parse(value)?);
        return Some((index, ContentBlock::Opaque(Opaque { dialect, value, origin: Some(origin) })));
    }
    let sealed = text("signature")?;
    let (origin, signature) = carrier::open(&sealed)?;
    let signature = Some(signature.to_owned()).filter(|signature| !signature.is_empty());
    let (text, extras) = (text("text").unwrap_or_default(), BlockExtras::default());
    Some((index, ContentBlock::Thinking(Thinking { text, signature, origin, extras })))
}

fn is(part: &wire::Part<'_>, kind: &str) -> bool {
    let others = [
        ("text", part.text.is_some()),
        ("refusal", part.refusal.is_some()),
        ("image_url", part.image_url.is_some()),
        ("file", part.file.is_some()),
    ];
    part.kind.as_deref() == Some(kind) && others.iter().all(|(field, there)| *field == kind || !there)
}

pub(super) fn part(part: wire::Part<'_>) -> ContentBlock {
    match &part {
        wire::Part { text: Some(_), .. } if is(&part, "text") => text_part(part),
        wire::Part { refusal: Some(_), .. } if is(&part, "refusal") => refusal_part(part),
        wire::Part { image_url: Some(TextOr::Other(wire::ImageUrl { url: Some(_), .. })), .. }
            if is(&part, "image_url") =>
        {
            image_part(part)
        }
        wire::Part { file: Some(wire::File { file_data: Some(data), .. }), .. }
            if is(&part, "file") && data_uri(data).is_some() =>
        {
            file_part(part)
        }
        _ => ContentBlock::Opaque(Opaque { dialect: DIALECT, value: Json::of(&part), origin: None }),
    }
}

fn text_part(part: wire::Part<'_>) -> ContentBlock {
    let text = part.text.map(object::Text::into_owned).unwrap_or_default();
    ContentBlock::Text(Text { text, extras: extras(part.cache_control, part.rest) })
}

fn refusal_part(part: wire::Part<'_>) -> ContentBlock {
    let text = part.refusal.map(object::Text::into_owned).unwrap_or_default();
    let mut extras = extras(part.cache_control, part.rest);
    extras.extensions.set(DIALECT, "~refusal", note("part"));
    ContentBlock::Text(Text { text, extras })
}

fn image_part(part: wire::Part<'_>) -> ContentBlock {
    let (url, rest) = match part.image_url {
        Some(TextOr::Other(image)) => (image.url.unwrap_or_default(), image.rest),
        _ => Default::default(),
    };
    let source = source(&url, extensions(DIALECT, rest));
    ContentBlock::Image(Image { source, extras: extras(part.cache_control, part.rest) })
}

fn source(url: &str, extensions: Extensions) -> Source {
    match data_uri(url) {
        Some((media_type, data)) => {
            Source::Base64 { media_type: media_type.to_owned(), data: data.to_owned(), extensions }
        }
        None => Source::Url { data: url.to_owned(), extensions },
    }
}

/// Media type and base64 of a `data:` URL.
fn data_uri(url: &str) -> Option<(&str, &str)> {
    let (media_type, data) = url.strip_prefix("data:")?.split_once(";base64,")?;
    (media_type.contains('/') && !media_type.contains(',')).then_some((media_type, data))
}

fn file_part(part: wire::Part<'_>) -> ContentBlock {
    let file = part.file.unwrap_or_default();
    let source = source(&file.file_data.unwrap_or_default(), extensions(DIALECT, file.rest));
    let title = file.filename.map(object::Text::into_owned);
    let extras = extras(part.cache_control, part.rest);
    ContentBlock::Document(Document { source, title, context: None, extras })
}

fn tool_call(call: wire::ToolCall<'_>) -> ContentBlock {
    let whole = call.kind.as_deref() == Some("function") && call.index.is_none();
    match call {
        wire::ToolCall {
            id: Some(id),
            function: Some(wire::FunctionCall { name: Some(name), arguments: Some(arguments), rest: inside }),
            rest,
            ..
        } if whole => {
            let mut extras = extras(None, rest);
            if !inside.is_empty() {
                extras.extensions.set(DIALECT, "~function", Json::object(&fields(inside)));
            }
            let input = input(&arguments, &mut extras.extensions);
            ContentBlock::ToolUse(ToolUse { id: id.into_owned(), name: name.into_owned(), input, extras })
        }
        call => {
            let value = Json::object(&[("tool_call", Json::of(&call))]);
            ContentBlock::Opaque(Opaque { dialect: DIALECT, value, origin: None })
        }
    }
}

/// The arguments as the JSON they should be. No text at all is how some models spell an empty object;
/// what is no JSON stays the text it is.
pub(super) fn input(arguments: &str, extensions: &mut Extensions) -> Json {
    if arguments.is_empty() {
        extensions.set(DIALECT, "~arguments", note("empty"));
        return Json::object::<&str>(&[]);
    }
    let Some(input) = Json::parse(arguments) else {
        extensions.set(DIALECT, "~arguments", note("text"));
        return Json::of(arguments);
    };
    let value = arguments.trim_ascii();
    if value.len() < arguments.len() {
        let start = value.as_ptr() as usize - arguments.as_ptr() as usize;
        let around = [&arguments[..start], &arguments[start + value.len()..]];
        extensions.set(DIALECT, "~around", Json::of(&around));
    }
    input
}

fn tool_result(message: wire::Message<'_>) -> CanonicalMessage {
    let unusual = message.refusal.is_some()
        || message.reasoning.is_some()
        || message.reasoning_content.is_some()
        || message.tool_calls.is_some();
    if unusual {
        return unknown(&message);
    }
    let mut extras = extras(None, message.rest);
    let content = message.content.map(|content| match content {
        TextOr::Text(text) => Content::Text(text.into_owned()),
        TextOr::Other(parts) => {
            if parts.len() == 1 || !parts.iter().all(|part| is(part, "text")) {
                extras.extensions.set(DIALECT, "~content", note("parts"));
            }
            Content::Blocks(parts.into_iter().map(part).collect())
        }
    });
    let tool_use_id = message.tool_call_id.map(object::Text::into_owned).unwrap_or_default();
    let result = ContentBlock::ToolResult(ToolResult { tool_use_id, content, is_error: None, extras });
    let content = Content::Blocks(vec![result]);
    CanonicalMessage { role: MessageRole::User, content, extensions: Extensions::default() }
}

fn tool(tool: wire::Tool<'_>) -> CanonicalTool {
    match tool {
        wire::Tool {
            kind: Some(kind),
            function: Some(wire::Function { name: Some(name), description, parameters, rest: inside }),
            cache_control,
            rest,
        } if &*kind == "function" => {
            let mut extras = extras(cache_control, rest);
            if !inside.is_empty() {
                extras.extensions.set(DIALECT, "~function", Json::object(&fields(inside)));
            }
            CanonicalTool {
                name: name.into_owned(),
                description: description.map(object::Text::into_owned),
                input_schema: parameters.map(Json::from),
                dialect: None,
                extras,
            }
        }
        tool => opaque_tool(&Json::of(&tool)),
    }
}

/// A tool that only this dialect has, all of it in its extensions.
fn opaque_tool(tool: &Json) -> CanonicalTool {
    let fields = tool.members().unwrap_or_default();
    let named = |value: &Json| value.get("name").and_then(|name| name.as_str().map(Cow::into_owned));
    let name = named(tool).or_else(|| fields.iter().find_map(|(_, value)| named(value)));
    let extensions = Extensions::new(DIALECT, fields);
    CanonicalTool {
        name: name.unwrap_or_default(),
        description: None,
        input_schema: None,
        dialect: Some(DIALECT),
        extras: BlockExtras { cache_control: None, extensions },
    }
}

fn tool_choice(
    choice: Option<TextOr<'_, wire::ToolChoice<'_>>>,
    parallel: Option<bool>,
    request: &mut Extensions,
) -> Option<ToolChoice> {
    let parallel = parallel.map(|parallel| !parallel);
    let mut known = ToolChoice { disable_parallel_tool_use: parallel, ..ToolChoice::default() };
    match choice {
        None => {}
        Some(TextOr::Text(word)) => match &*word {
            "auto" => known.kind = Some(ToolChoiceKind::Auto),
            "required" => known.kind = Some(ToolChoiceKind::Any),
            "none" => known.kind = Some(ToolChoiceKind::None),
            _ => request.set(DIALECT, "tool_choice", Json::of(&*word)),
        },
        Some(TextOr::Other(wire::ToolChoice {
            kind: Some(kind),
            function: Some(wire::FunctionName { name: Some(name), rest: inside }),
            rest,
        })) if &*kind == "function" => {
            known.kind = Some(ToolChoiceKind::Tool);
            known.name = Some(name.into_owned());
            known.extensions = extensions(DIALECT, rest);
            if !inside.is_empty() {
                known.extensions.set(DIALECT, "~function", Json::object(&fields(inside)));
            }
        }
        Some(TextOr::Other(other)) => request.set(DIALECT, "tool_choice", Json::of(&other)),
    }
    Some(known).filter(|known| *known != ToolChoice::default())
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
            if !schema.rest.is_empty() {
                own.set(DIALECT, "~json_schema", Json::object(&fields(schema.rest)));
            }
            ResponseFormat::JsonSchema {
                name: schema.name.map(object::Text::into_owned),
                schema: schema.schema.map(Json::from),
                extensions: own,
            }
        }
        None if format.kind.as_deref() == Some("text") => ResponseFormat::Text { extensions: own },
        None => ResponseFormat::JsonObject { extensions: own },
    })
}

pub(super) fn response(body: &[u8], origin: &Origin) -> Result<CanonicalResponse, DecodeError> {
    let wire: wire::Response<'_> = read(body)?;
    let choices = wire.choices.ok_or_else(|| DecodeError::missing("choices", "a list"))?;
    let mut response = CanonicalResponse {
        id: wire.id.map(object::Text::into_owned).unwrap_or_default(),
        model: wire.model.map(object::Text::into_owned).unwrap_or_default(),
        usage: wire.usage.map(usage),
        extensions: extensions(DIALECT, wire.rest),
        ..CanonicalResponse::default()
    };
    response.extensions.set(DIALECT, "~from", note("response"));
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
        response.extensions.set(DIALECT, "~choice_at", note("none"));
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

pub(super) fn read_choice<'a>(choice: &'a Value<'_>) -> Result<wire::Choice<'a>, DecodeError> {
    read(choice.0.get().as_bytes())
        .map_err(|error| DecodeError { path: format!("choices[].{}", error.path), ..error })
}

/// Lays a choice into the response.
pub(super) fn answer(response: &mut CanonicalResponse, choice: wire::Choice<'_>, origin: &Origin) {
    let message = choice.message.unwrap_or_default();
    if let Some(role) = message.role.as_deref().filter(|role| *role != "assistant") {
        response.extensions.set(DIALECT, "~role", note(role));
    }
    let (blocks, left) = said(message, origin);
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
pub(super) fn put_left(response: &mut CanonicalResponse, choice: Fields, message: Fields) {
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

pub(super) fn stop_reason(reason: &str) -> Option<StopReason> {
    match reason {
        "stop" => Some(StopReason::EndTurn),
        "length" => Some(StopReason::MaxTokens),
        "tool_calls" => Some(StopReason::ToolUse),
        "content_filter" => Some(StopReason::Refusal),
        _ => None,
    }
}

/// Prompt tokens include what was cached, the canonical input does not.
pub(super) fn usage(usage: wire::UsageReport<'_>) -> CanonicalUsage {
    let mut extensions = extensions(DIALECT, usage.rest);
    let mut nested = |name: &str, rest: Rest<'_>| {
        let fields = fields(rest);
        let value = Json::object(&fields);
        extensions.set(DIALECT, name, value);
    };
    let count = |number: Option<Number>| number.as_ref().and_then(Number::as_u64);
    let mut cached = None;
    if let Some(details) = usage.prompt_tokens_details {
        cached = count(details.cached_tokens);
        nested("~prompt_tokens_details", details.rest);
    }
    let mut reasoning = None;
    if let Some(details) = usage.completion_tokens_details {
        reasoning = count(details.reasoning_tokens);
        nested("~completion_tokens_details", details.rest);
    }
    let (prompt, output) = (count(usage.prompt_tokens), count(usage.completion_tokens));
    let total = prompt.zip(output).map(|(prompt, output)| prompt.saturating_add(output));
    if let Some(said) = usage.total_tokens.filter(|said| said.as_u64() != total) {
        extensions.set(DIALECT, "total_tokens", Json::of(&said));
    } else if total.is_some() {
        extensions.set(DIALECT, "~total_tokens", note("sum"));
    } else {
        extensions.set(DIALECT, "~total_tokens", note("absent"));
    }
    CanonicalUsage {
        input_tokens: prompt.map(|prompt| prompt.saturating_sub(cached.unwrap_or(0))),
        output_tokens: output,
        cache_read_input_tokens: cached,
        cache_creation_input_tokens: None,
        reasoning_tokens: reasoning,
        extensions,
    }
}
