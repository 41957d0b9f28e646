//! From the canonical form to the wire.

use std::borrow::Cow;

use penstock_core::canonical::{
    BlockExtras, CanonicalMessage, CanonicalRequest, CanonicalResponse, CanonicalTool, CanonicalUsage,
    Content, ContentBlock, Document, Extensions, MessageRole, ResponseFormat, Source, StopReason,
    SystemPrompt, Text, ThinkingMode, ThinkingRequest, ToolChoice, ToolChoiceKind, ToolResult, ToolUse,
};
use penstock_core::{Json, Number};
use serde_json::value::RawValue;

use super::{DIALECT, wire};
use crate::carrier;
use crate::codec::{Client, Encoded, Target, write};
use crate::effort;
use crate::loss::{Losses, Path};
use crate::object::{Rest, TextOr, Value, rest, spelling};

/// The fields of a nested wire object for which the canonical form has no place.
pub(super) fn nested<'a>(extensions: &'a Extensions, name: &str) -> Rest<'a> {
    let members = extensions.get(DIALECT, name).and_then(|object| object.read::<Members<'a>>());
    members.map(|Members(members)| members).unwrap_or_default()
}

/// Reads an object's members without copying them.
struct Members<'a>(Rest<'a>);

impl<'de: 'a, 'a> serde::Deserialize<'de> for Members<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::object::object! { Anything {} }
        Anything::deserialize(deserializer).map(|anything| Self(anything.rest))
    }
}

pub(super) fn owned(name: &'static str, value: &Json) -> (Cow<'static, str>, Cow<'static, RawValue>) {
    (Cow::Borrowed(name), Cow::Owned(value.raw().to_owned()))
}

pub(super) fn request(request: &CanonicalRequest, target: &Target<'_>) -> Encoded {
    let mut losses = Losses::to(DIALECT);
    let extensions = &request.extensions;
    losses.extensions(Path::Root, extensions);
    let mut rest = rest(extensions, DIALECT);
    let mut encoder = Conversation { target, losses: &mut losses, messages: Vec::new(), images: Vec::new() };
    encoder
        .messages
        .extend(request.system.as_ref().map(|prompt| system(prompt, extensions, encoder.losses, target)));
    for (index, message) in request.messages.iter().enumerate() {
        encoder.message(Path::Root.field("messages").index(index), message);
    }
    encoder.flush_images();
    let messages = encoder.messages;
    if request.top_k.is_some() {
        losses.dropped(Path::Root.field("topK"), "");
    }
    let (max_tokens, max_completion_tokens) = limit(request, target);
    let tool_choice = request.tool_choice.as_ref();
    let wire = wire::Request {
        model: Some(if target.model.is_empty() { &*request.model } else { target.model }.into()),
        messages: Some(messages),
        tools: tools(request, target, &mut losses),
        tool_choice: tool_choice.and_then(|choice| self::tool_choice(choice, &mut losses)),
        parallel_tool_calls: tool_choice.and_then(|choice| choice.disable_parallel_tool_use).map(|off| !off),
        max_tokens,
        max_completion_tokens,
        temperature: request.temperature.clone(),
        top_p: request.top_p.clone(),
        stop: request.stop_sequences.as_ref().map(|texts| stop(texts, extensions)),
        stream: request.stream,
        stream_options: stream_options(request, target),
        response_format: request.response_format.as_ref().map(|format| response_format(format, &mut losses)),
        reasoning_effort: request
            .thinking
            .as_ref()
            .and_then(|thinking| reasoning(thinking, request, &mut losses)),
        user: user(request, &mut losses),
        rest: std::mem::take(&mut rest),
    };
    Encoded { body: write(&wire), losses: losses.into_list() }
}

/// The options with usage asked for, where it has to be.
fn stream_options<'a>(request: &CanonicalRequest, target: &Target<'_>) -> Option<Value<'a>> {
    if !target.ask_for_usage || request.stream != Some(true) {
        return None;
    }
    let own = request.extensions.get(DIALECT, "stream_options").cloned();
    let mut options = own.filter(Json::is_object).unwrap_or_else(|| Json::object::<&str>(&[]));
    options.accumulate(Json::object(&[("include_usage", Json::of(&true))]), &[]);
    Some(Value(Cow::Owned(options.raw().to_owned())))
}

fn limit(request: &CanonicalRequest, target: &Target<'_>) -> (Option<Number>, Option<Number>) {
    let limit = request.max_tokens.clone();
    let spelt = spelling(&request.extensions, DIALECT, "~max_tokens");
    let both = request.extensions.get(DIALECT, "max_tokens").is_some();
    let new = match spelt.as_deref() {
        Some(spelt) => spelt == "max_completion_tokens",
        None => both || target.max_completion_tokens,
    };
    if new { (None, limit) } else { (limit, None) }
}

fn stop<'a>(texts: &'a [String], extensions: &Extensions) -> TextOr<'a, Vec<crate::object::Text<'a>>> {
    match texts {
        [text] if extensions.get(DIALECT, "~stop").is_some() => TextOr::Text(text.as_str().into()),
        texts => TextOr::Other(texts.iter().map(|text| text.as_str().into()).collect()),
    }
}

fn user<'a>(request: &'a CanonicalRequest, losses: &mut Losses) -> Option<crate::object::Text<'a>> {
    let mut user = None;
    for (name, value) in request.metadata.iter().flatten() {
        match value.read::<crate::object::Text<'a>>() {
            Some(text) if name == "user_id" => user = Some(text),
            _ if value.is_null() => {}
            _ => losses.dropped(Path::Root.field("metadata").field(name), ""),
        }
    }
    user
}

fn system<'a>(
    prompt: &'a SystemPrompt,
    request: &'a Extensions,
    losses: &mut Losses,
    target: &Target<'_>,
) -> wire::Message<'a> {
    let content = match prompt {
        SystemPrompt::Text(text) => TextOr::Text(text.as_str().into()),
        SystemPrompt::Blocks(blocks) => {
            let at = Path::Root.field("system");
            let parts = blocks.iter().enumerate().map(|(index, block)| wire::Part {
                kind: Some("text".into()),
                text: Some(block.text.as_str().into()),
                cache_control: cache_control(at.index(index), &block.extras, target, losses),
                rest: rest(&block.extras.extensions, DIALECT),
                ..wire::Part::default()
            });
            TextOr::Other(parts.collect())
        }
    };
    let role = request.get(DIALECT, "~system_role").and_then(Json::read);
    wire::Message {
        role: Some(role.unwrap_or_else(|| "system".into())),
        content: Some(content),
        rest: nested(request, "~system"),
        ..wire::Message::default()
    }
}

/// Anthropic's mark, for the providers that take it; extensions of other dialects are noted as lost.
fn cache_control<'a>(
    at: Path<'_>,
    extras: &'a BlockExtras,
    target: &Target<'_>,
    losses: &mut Losses,
) -> Option<Value<'a>> {
    losses.extensions(at, &extras.extensions);
    let mark = extras.cache_control.as_ref()?;
    if target.cache_control {
        return Some(mark.into());
    }
    losses.dropped(at.field("cacheControl"), "this provider caches by itself");
    None
}

struct Conversation<'a, 'b> {
    target: &'b Target<'b>,
    losses: &'b mut Losses,
    messages: Vec<wire::Message<'a>>,
    /// Images out of tool results, which cannot stand there: they follow as the user's.
    images: Vec<wire::Part<'a>>,
}

impl<'a> Conversation<'a, '_> {
    fn message(&mut self, at: Path<'_>, message: &'a CanonicalMessage) {
        self.losses.extensions(at, &message.extensions);
        if let (Some(_), Content::Blocks(blocks)) =
            (message.extensions.get(DIALECT, "~message"), &message.content)
            && let [ContentBlock::Opaque(block)] = blocks.as_slice()
        {
            self.flush_images();
            self.messages.extend(block.value.read::<wire::Message<'a>>());
            return;
        }
        match message.role {
            MessageRole::Assistant => self.assistant(at, message),
            MessageRole::User => self.user(at, message),
            MessageRole::System => self.plain("system", at, message),
        }
    }

    fn push(&mut self, role: &'a str, content: TextOr<'a, Vec<wire::Part<'a>>>, rest: Rest<'a>) {
        self.flush_images();
        self.messages.push(wire::Message {
            role: Some(role.into()),
            content: Some(content),
            rest,
            ..wire::Message::default()
        });
    }

    fn flush_images(&mut self) {
        if !self.images.is_empty() {
            let parts = TextOr::Other(std::mem::take(&mut self.images));
            self.push("user", parts, Rest::new());
        }
    }

    fn plain(&mut self, role: &'a str, at: Path<'_>, message: &'a CanonicalMessage) {
        let content = match &message.content {
            Content::Text(text) => TextOr::Text(text.as_str().into()),
            Content::Blocks(blocks) => {
                let at = at.field("content");
                let parts = blocks.iter().enumerate();
                TextOr::Other(parts.filter_map(|(index, block)| self.part(at.index(index), block)).collect())
            }
        };
        let role = match message.extensions.get(DIALECT, "~role") {
            Some(_) => "developer",
            None => role,
        };
        self.push(role, content, rest(&message.extensions, DIALECT));
    }

    /// A message of the user, each tool result in it a message of its own.
    fn user(&mut self, at: Path<'_>, message: &'a CanonicalMessage) {
        let Content::Blocks(blocks) = &message.content else {
            return self.plain("user", at, message);
        };
        if !blocks.iter().any(|block| matches!(block, ContentBlock::ToolResult(_))) {
            return self.plain("user", at, message);
        }
        let at = at.field("content");
        let mut parts = Vec::new();
        for (index, block) in blocks.iter().enumerate() {
            if let ContentBlock::ToolResult(result) = block {
                if !parts.is_empty() {
                    self.push("user", TextOr::Other(std::mem::take(&mut parts)), Rest::new());
                }
                self.tool_result(at.index(index), result);
            } else {
                parts.extend(self.part(at.index(index), block));
            }
        }
        if !parts.is_empty() {
            self.push("user", TextOr::Other(parts), rest(&message.extensions, DIALECT));
        }
    }

    fn tool_result(&mut self, at: Path<'_>, result: &'a ToolResult) {
        let extras = &result.extras;
        let mark = cache_control(at, extras, self.target, self.losses);
        if mark.is_some() {
            self.losses.dropped(at.field("cacheControl"), "tool messages have none");
        }
        if result.is_error == Some(true) {
            self.losses.dropped(at.field("isError"), "its text goes on");
        }
        let rest = rest(&extras.extensions, DIALECT);
        let has_content = rest.iter().any(|(name, _)| name == "content");
        let content = match &result.content {
            None if has_content => None,
            None => {
                self.losses.filled(at.field("content"), "an empty text");
                Some(TextOr::Text("".into()))
            }
            Some(Content::Text(text)) => Some(TextOr::Text(text.as_str().into())),
            Some(Content::Blocks(blocks)) => Some(self.result_parts(at.field("content"), blocks, result)),
        };
        self.messages.push(wire::Message {
            role: Some("tool".into()),
            content,
            tool_call_id: Some(result.tool_use_id.as_str().into()),
            rest,
            ..wire::Message::default()
        });
    }

    fn result_parts(
        &mut self,
        at: Path<'_>,
        blocks: &'a [ContentBlock],
        result: &'a ToolResult,
    ) -> TextOr<'a, Vec<wire::Part<'a>>> {
        let spelt = result.extras.extensions.get(DIALECT, "~content").is_some();
        let mut parts = Vec::with_capacity(blocks.len());
        for (index, block) in blocks.iter().enumerate() {
            let at = at.index(index);
            let Some(part) = self.part(at, block) else { continue };
            let moves = matches!(part.kind.as_deref(), Some("image_url" | "file"));
            if moves && !spelt {
                self.losses.changed(at, "follows as a message of the user");
                if self.images.is_empty() {
                    let label = format!("[from the result of {}]", result.tool_use_id);
                    self.images.push(text_part(Cow::Owned(label)));
                }
                self.images.push(part);
            } else {
                parts.push(part);
            }
        }
        match parts.as_mut_slice() {
            [] if !blocks.is_empty() => TextOr::Text("".into()),
            [wire::Part { text: Some(text), cache_control: None, rest, .. }] if rest.is_empty() && !spelt => {
                TextOr::Text(std::mem::take(text))
            }
            _ => TextOr::Other(parts),
        }
    }

    fn assistant(&mut self, at: Path<'_>, message: &'a CanonicalMessage) {
        let blocks = match &message.content {
            Content::Text(text) => {
                let rest = rest(&message.extensions, DIALECT);
                return self.push("assistant", TextOr::Text(text.as_str().into()), rest);
            }
            Content::Blocks(blocks) => blocks,
        };
        self.flush_images();
        let wire = said(self, at.field("content"), blocks, &message.extensions);
        self.messages.push(wire::Message {
            role: Some("assistant".into()),
            rest: rest(&message.extensions, DIALECT),
            ..wire
        });
    }

    /// A block as a part of a message, if parts can say it.
    fn part(&mut self, at: Path<'_>, block: &'a ContentBlock) -> Option<wire::Part<'a>> {
        let (kind, extras) = match block {
            ContentBlock::Opaque(block) if block.dialect == DIALECT => return block.value.read(),
            ContentBlock::Text(block) => ("text", &block.extras),
            ContentBlock::Image(block) => ("image_url", &block.extras),
            ContentBlock::Document(block) if matches!(block.source, Source::Text { .. }) => {
                return Some(self.text_document(at, block));
            }
            ContentBlock::Document(block) if matches!(block.source, Source::Base64 { .. }) => {
                ("file", &block.extras)
            }
            ContentBlock::Document(_) => {
                self.losses.dropped(at, "no document by its URL");
                return None;
            }
            ContentBlock::Opaque(_) => {
                self.losses.dropped(at, "only one dialect knows it");
                return None;
            }
            ContentBlock::Thinking(_) | ContentBlock::ToolUse(_) | ContentBlock::ToolResult(_) => {
                self.losses.dropped(at, "it does not belong here");
                return None;
            }
        };
        let mut part = wire::Part {
            kind: Some(kind.into()),
            cache_control: cache_control(at, extras, self.target, self.losses),
            rest: rest(&extras.extensions, DIALECT),
            ..wire::Part::default()
        };
        match block {
            ContentBlock::Text(block) if extras.extensions.get(DIALECT, "~refusal").is_some() => {
                part.kind = Some("refusal".into());
                part.refusal = Some(block.text.as_str().into());
            }
            ContentBlock::Text(block) => part.text = Some(block.text.as_str().into()),
            ContentBlock::Image(block) => {
                let own = block.source.extensions();
                self.losses.extensions(at.field("source"), own);
                let url = Some(url(&block.source));
                part.image_url = Some(TextOr::Other(wire::ImageUrl { url, rest: rest(own, DIALECT) }));
            }
            ContentBlock::Document(block) => part.file = Some(self.file(at, block)),
            _ => {}
        }
        Some(part)
    }

    fn file(&mut self, at: Path<'_>, document: &'a Document) -> wire::File<'a> {
        let own = document.source.extensions();
        self.losses.extensions(at.field("source"), own);
        if document.context.is_some() {
            self.losses.dropped(at.field("context"), "");
        }
        wire::File {
            file_data: Some(url(&document.source)),
            filename: document.title.as_deref().map(Into::into),
            rest: rest(own, DIALECT),
        }
    }

    /// A document of plain text has no part of its own here; its text has.
    fn text_document(&mut self, at: Path<'_>, document: &'a Document) -> wire::Part<'a> {
        self.losses.changed(at, "its text goes on as text");
        self.losses.extensions(at, &document.extras.extensions);
        for (field, value) in [("title", &document.title), ("context", &document.context)] {
            if value.is_some() {
                self.losses.dropped(at.field(field), "");
            }
        }
        if document.extras.cache_control.is_some() {
            self.losses.dropped(at.field("cacheControl"), "");
        }
        let (Source::Text { data, .. } | Source::Base64 { data, .. } | Source::Url { data, .. }) =
            &document.source;
        text_part(Cow::Borrowed(data.as_str()))
    }
}

fn text_part(text: Cow<'_, str>) -> wire::Part<'_> {
    wire::Part { kind: Some("text".into()), text: Some(crate::object::Text(text)), ..wire::Part::default() }
}

fn url(source: &Source) -> crate::object::Text<'_> {
    match source {
        Source::Url { data, .. } => data.as_str().into(),
        Source::Base64 { media_type, data, .. } | Source::Text { media_type, data, .. } => {
            format!("data:{media_type};base64,{data}").into()
        }
    }
}

/// What the model said in a conversation, as one message.
fn said<'a>(
    conversation: &mut Conversation<'a, '_>,
    at: Path<'_>,
    blocks: &'a [ContentBlock],
    message: &'a Extensions,
) -> wire::Message<'a> {
    let mut wire = wire::Message::default();
    let (mut parts, mut calls) = (Vec::new(), Vec::new());
    for (index, block) in blocks.iter().enumerate() {
        let at = at.index(index);
        match block {
            ContentBlock::ToolUse(call) => calls.push(tool_call(at, call, conversation.losses)),
            ContentBlock::Opaque(block)
                if block.value.get("tool_call").is_some() && block.dialect == DIALECT =>
            {
                calls.extend(block.value.read::<OpaqueCall<'a>>().and_then(|call| call.tool_call));
            }
            ContentBlock::Thinking(thought) => {
                let admitted = thought.origin.admits(DIALECT, conversation.target.provider);
                if !admitted || thought.signature.is_some() {
                    conversation.losses.dropped(at, "thoughts go back only to who thought them");
                } else if thought.extras.extensions.get(DIALECT, "~field").is_some() {
                    wire.reasoning = Some(thought.text.as_str().into());
                } else {
                    wire.reasoning_content = Some(thought.text.as_str().into());
                }
            }
            ContentBlock::Text(text) if is_refusal(text, "field") => {
                wire.refusal = Some(text.text.as_str().into());
            }
            block => {
                if !calls.is_empty() {
                    conversation.losses.changed(at, "stands before the tool calls");
                }
                parts.extend(conversation.part(at, block));
            }
        }
    }
    wire.content = content(parts, message);
    if !calls.is_empty() {
        wire.tool_calls = Some(calls);
    }
    wire
}

crate::object::object! { OpaqueCall { tool_call: wire::ToolCall<'a> } }

fn is_refusal(text: &Text, how: &str) -> bool {
    spelling(&text.extras.extensions, DIALECT, "~refusal").as_deref() == Some(how)
}

/// One plain text is a string, as clients and lookalikes expect; anything else is a list of parts.
fn content<'a>(
    mut parts: Vec<wire::Part<'a>>,
    message: &Extensions,
) -> Option<TextOr<'a, Vec<wire::Part<'a>>>> {
    let spelt = message.get(DIALECT, "~content").is_some();
    match parts.as_mut_slice() {
        [] if !spelt => None,
        [wire::Part { text: Some(text), cache_control: None, rest, .. }] if rest.is_empty() && !spelt => {
            Some(TextOr::Text(std::mem::take(text)))
        }
        _ => Some(TextOr::Other(parts)),
    }
}

pub(super) fn tool_call<'a>(at: Path<'_>, call: &'a ToolUse, losses: &mut Losses) -> wire::ToolCall<'a> {
    let extensions = &call.extras.extensions;
    losses.extensions(at, extensions);
    if call.extras.cache_control.is_some() {
        losses.dropped(at.field("cacheControl"), "");
    }
    wire::ToolCall {
        index: None,
        id: Some(call.id.as_str().into()),
        kind: Some("function".into()),
        function: Some(wire::FunctionCall {
            name: Some(call.name.as_str().into()),
            arguments: Some(arguments(&call.input, extensions)),
            rest: nested(extensions, "~function"),
        }),
        rest: rest(extensions, DIALECT),
    }
}

pub(super) fn arguments<'a>(input: &'a Json, extensions: &Extensions) -> crate::object::Text<'a> {
    match spelling(extensions, DIALECT, "~arguments").as_deref() {
        Some("empty") if input.text() == "{}" => "".into(),
        Some("text") if let Some(text) = input.read::<crate::object::Text<'a>>() => text,
        _ => match extensions.get(DIALECT, "~around").and_then(Json::read::<[String; 2]>) {
            Some([before, after]) => format!("{before}{input}{after}").into(),
            None => input.text().into(),
        },
    }
}

fn tools<'a>(
    request: &'a CanonicalRequest,
    target: &Target<'_>,
    losses: &mut Losses,
) -> Option<Vec<wire::Tool<'a>>> {
    let tools = request.tools.as_ref()?;
    let at = Path::Root.field("tools");
    let written: Vec<_> = tools
        .iter()
        .enumerate()
        .filter_map(|(index, tool)| self::tool(at.index(index), tool, target, losses))
        .collect();
    // a list that has become empty would be refused
    (!written.is_empty() || tools.is_empty()).then_some(written)
}

fn tool<'a>(
    at: Path<'_>,
    tool: &'a CanonicalTool,
    target: &Target<'_>,
    losses: &mut Losses,
) -> Option<wire::Tool<'a>> {
    let extensions = &tool.extras.extensions;
    match tool.dialect {
        Some(DIALECT) => {
            return Some(wire::Tool { rest: rest(extensions, DIALECT), ..wire::Tool::default() });
        }
        Some(_) => {
            losses.dropped(at, "only one dialect has this tool");
            return None;
        }
        None => {}
    }
    Some(wire::Tool {
        kind: Some("function".into()),
        function: Some(wire::Function {
            name: Some(tool.name.as_str().into()),
            description: tool.description.as_deref().map(Into::into),
            parameters: tool.input_schema.as_ref().map(Into::into),
            rest: nested(extensions, "~function"),
        }),
        cache_control: cache_control(at, &tool.extras, target, losses),
        rest: rest(extensions, DIALECT),
    })
}

fn tool_choice<'a>(choice: &'a ToolChoice, losses: &mut Losses) -> Option<TextOr<'a, wire::ToolChoice<'a>>> {
    losses.extensions(Path::Root.field("toolChoice"), &choice.extensions);
    Some(match choice.kind? {
        ToolChoiceKind::Auto => TextOr::Text("auto".into()),
        ToolChoiceKind::Any => TextOr::Text("required".into()),
        ToolChoiceKind::None => TextOr::Text("none".into()),
        ToolChoiceKind::Tool => TextOr::Other(wire::ToolChoice {
            kind: Some("function".into()),
            function: Some(wire::FunctionName {
                name: choice.name.as_deref().map(Into::into),
                rest: nested(&choice.extensions, "~function"),
            }),
            rest: rest(&choice.extensions, DIALECT),
        }),
    })
}

fn response_format<'a>(format: &'a ResponseFormat, losses: &mut Losses) -> wire::ResponseFormat<'a> {
    let at = Path::Root.field("responseFormat");
    let (kind, extensions) = match format {
        ResponseFormat::Text { extensions } => ("text", extensions),
        ResponseFormat::JsonObject { extensions } => ("json_object", extensions),
        ResponseFormat::JsonSchema { extensions, .. } => ("json_schema", extensions),
    };
    losses.extensions(at, extensions);
    let json_schema = match format {
        ResponseFormat::JsonSchema { name, schema, extensions } => {
            let own = nested(extensions, "~json_schema");
            // this dialect demands a name; it means nothing to the model
            let foreign = name.is_none() && extensions.of(DIALECT).is_empty();
            if foreign {
                losses.filled(at.field("name"), "response");
            }
            let name = name.as_deref().or(foreign.then_some("response"));
            Some(wire::JsonSchema {
                name: name.map(Into::into),
                schema: schema.as_ref().map(Into::into),
                rest: own,
            })
        }
        _ => None,
    };
    wire::ResponseFormat { kind: Some(kind.into()), json_schema, rest: rest(extensions, DIALECT) }
}

/// The effort that was asked for, or the one that a budget amounts to.
fn reasoning<'a>(
    thinking: &'a ThinkingRequest,
    request: &CanonicalRequest,
    losses: &mut Losses,
) -> Option<crate::object::Text<'a>> {
    let at = Path::Root.field("thinking");
    losses.extensions(at, &thinking.extensions);
    let effort = match (thinking.effort.as_deref(), thinking.mode) {
        (Some(effort), _) => effort,
        (None, Some(ThinkingMode::Disabled)) => "none",
        (None, Some(ThinkingMode::Adaptive)) => {
            losses.dropped(at, "thinking as it sees fit is what this model does anyway");
            return None;
        }
        (None, _) => {
            let effort = effort::of_budget(thinking.budget_tokens.as_ref()?, request.max_tokens.as_ref());
            losses.changed(at.field("budgetTokens"), format!("reasoning_effort {effort}"));
            return Some(effort.into());
        }
    };
    if thinking.budget_tokens.is_some() {
        losses.dropped(at.field("budgetTokens"), "the effort goes on");
    }
    Some(effort.into())
}

pub(super) fn response(response: &CanonicalResponse, client: &Client) -> Encoded {
    let mut losses = Losses::to(DIALECT);
    losses.extensions(Path::Root, &response.extensions);
    let choice = choice(response, &mut losses);
    let mut rest = rest(&response.extensions, DIALECT);
    let mut choices: Vec<Value<'_>> = Vec::new();
    if let Some(at) = rest.iter().position(|(name, _)| name == "choices") {
        let others = Json::from(rest.remove(at).1.as_ref()).elements().unwrap_or_default();
        choices.extend(others.iter().map(|other| Value(Cow::Owned(other.raw().to_owned()))));
    }
    let place = response.extensions.get(DIALECT, "~choice_at");
    if place.is_none_or(|place| place.as_str().is_none()) {
        let at = place.and_then(Json::read).unwrap_or(0).min(choices.len());
        choices.insert(at, Value(Cow::Owned(Json::of(&choice).raw().to_owned())));
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
    Encoded { body: write(&wire), losses: losses.into_list() }
}

/// The choice that a canonical answer is.
pub(super) fn choice<'a>(response: &'a CanonicalResponse, losses: &mut Losses) -> wire::Choice<'a> {
    let extensions = &response.extensions;
    let mut message = answer(response, losses);
    message.role =
        Some(extensions.get(DIALECT, "~role").and_then(Json::read).unwrap_or_else(|| "assistant".into()));
    message.rest.extend(nested(extensions, "~message"));
    if message.content.is_none() && !message.rest.iter().any(|(name, _)| name == "content") {
        if extensions.get(DIALECT, "~from").is_none() {
            // clients of this dialect expect the field to be there
            message.rest.push((Cow::Borrowed("content"), crate::object::null()));
        }
    }
    wire::Choice {
        index: Some(extensions.get(DIALECT, "~index").and_then(Json::read).unwrap_or(0)),
        message: Some(message),
        delta: None,
        finish_reason: response.stop_reason.map(finish_reason).map(Into::into),
        rest: nested(extensions, "~choice"),
    }
}

pub(super) const fn finish_reason(reason: StopReason) -> &'static str {
    match reason {
        StopReason::EndTurn | StopReason::StopSequence | StopReason::Error => "stop",
        StopReason::MaxTokens => "length",
        StopReason::ToolUse => "tool_calls",
        StopReason::Refusal => "content_filter",
    }
}

/// The message of an answer. Thoughts go to the client whoever thought them; where they have a signature
/// or another origin, that goes along in a carrier.
fn answer<'a>(response: &'a CanonicalResponse, losses: &mut Losses) -> wire::Message<'a> {
    let target = Target { cache_control: true, ..Target::default() };
    let mut wire = wire::Message::default();
    let (mut parts, mut calls, mut details) = (Vec::new(), Vec::new(), Vec::new());
    let mut thought = String::new();
    let mut conversation = Conversation { target: &target, losses, messages: Vec::new(), images: Vec::new() };
    let at = Path::Root.field("content");
    for (index, block) in response.content.iter().enumerate() {
        let at = at.index(index);
        match block {
            ContentBlock::ToolUse(call) => calls.push(tool_call(at, call, conversation.losses)),
            ContentBlock::Opaque(block)
                if block.value.get("tool_call").is_some() && block.dialect == DIALECT =>
            {
                calls.extend(block.value.read::<OpaqueCall<'a>>().and_then(|call| call.tool_call));
            }
            ContentBlock::Opaque(_) | ContentBlock::Thinking(_)
                if let Some(detail) = detail(index, block) =>
            {
                details.push(detail);
                if let ContentBlock::Thinking(block) = block {
                    thought.push_str(&block.text);
                }
            }
            ContentBlock::Thinking(block) if block.extras.extensions.get(DIALECT, "~field").is_some() => {
                wire.reasoning = Some(block.text.as_str().into());
            }
            ContentBlock::Thinking(block) => thought.push_str(&block.text),
            ContentBlock::Text(text) if is_refusal(text, "field") => {
                wire.refusal = Some(text.text.as_str().into());
            }
            block => {
                if !calls.is_empty() {
                    conversation.losses.changed(at, "stands before the tool calls");
                }
                parts.extend(conversation.part(at, block));
            }
        }
    }
    wire.content = joined(parts, &response.extensions, conversation.losses);
    if !calls.is_empty() {
        wire.tool_calls = Some(calls);
    }
    if !thought.is_empty() {
        wire.reasoning_content = Some(thought.into());
    }
    if !details.is_empty() {
        wire.rest.push(owned("reasoning_details", &Json::of(&details)));
    }
    wire
}

/// The content of an answer is one text, whatever blocks it came in.
fn joined<'a>(
    parts: Vec<wire::Part<'a>>,
    message: &Extensions,
    losses: &mut Losses,
) -> Option<TextOr<'a, Vec<wire::Part<'a>>>> {
    let foreign = message.get(DIALECT, "~content").is_none();
    if foreign && parts.len() > 1 && parts.iter().all(|part| part.text.is_some()) && plain(&parts) {
        losses.changed(Path::Root.field("content"), "its texts are joined");
        let text: String = parts.iter().filter_map(|part| part.text.as_deref()).collect();
        return Some(TextOr::Text(text.into()));
    }
    content(parts, message)
}

fn plain(parts: &[wire::Part<'_>]) -> bool {
    parts.iter().all(|part| part.rest.is_empty() && part.cache_control.is_none())
}

/// What a client keeps of a thought that it cannot read, and gives back: see [`carrier`].
pub(super) fn detail(index: usize, block: &ContentBlock) -> Option<Json> {
    let text = |name: &'static str, text: &str| (name, Json::of(text));
    let index = ("index", Json::of(&index));
    Some(match block {
        ContentBlock::Thinking(thought)
            if thought.signature.is_some() || thought.origin.dialect != DIALECT =>
        {
            let signature = carrier::seal(&thought.origin, thought.signature.as_deref().unwrap_or_default());
            let kind = text("type", "reasoning.text");
            Json::object(&[kind, index, text("text", &thought.text), text("signature", &signature)])
        }
        ContentBlock::Opaque(opaque) if opaque.dialect != DIALECT => {
            let data = carrier::seal(opaque.origin.as_ref()?, opaque.value.text());
            Json::object(&[text("type", "reasoning.encrypted"), index, text("data", &data)])
        }
        _ => return None,
    })
}

pub(super) fn usage<'a>(usage: &'a CanonicalUsage, losses: &mut Losses) -> wire::UsageReport<'a> {
    let extensions = &usage.extensions;
    losses.extensions(Path::Root.field("usage"), extensions);
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
                rest: nested(extensions, "~prompt_tokens_details"),
            }
        }),
        completion_tokens_details: details("~completion_tokens_details", usage.reasoning_tokens.is_some())
            .then(|| wire::CompletionTokens {
                reasoning_tokens: usage.reasoning_tokens.map(Number::from),
                rest: nested(extensions, "~completion_tokens_details"),
            }),
        rest: rest(extensions, DIALECT),
    }
}
