//! From the canonical form to the wire.

use std::borrow::Cow;

use penstock_core::canonical::{
    BlockExtras, CanonicalMessage, CanonicalRequest, CanonicalResponse, CanonicalTool, CanonicalUsage,
    Content, ContentBlock, Document, Extensions, MessageRole, Opaque, ResponseFormat, Source, StopReason,
    SystemPrompt, Thinking, ThinkingMode, ThinkingRequest, ToolChoice, ToolChoiceKind, ToolResult, ToolUse,
};
use penstock_core::{Json, Number};
use serde_json::value::RawValue;

use super::{DIALECT, wire};
use crate::carrier;
use crate::codec::{EncodeError, Encoded, Target, write};
use crate::effort;
use crate::loss::{Losses, Path};
use crate::object::{Text, TextOr, Value, rest};

fn owned(name: &'static str, value: &Json) -> (Cow<'static, str>, Cow<'static, RawValue>) {
    (Cow::Borrowed(name), Cow::Owned(value.raw().to_owned()))
}

pub(super) fn request(request: &CanonicalRequest, target: &Target<'_>) -> Result<Encoded, EncodeError> {
    let mut losses = Losses::to(DIALECT);
    let extensions = &request.extensions;
    losses.extensions(Path::Root, extensions);
    let max_tokens = limit(request, target, &mut losses)?;
    let thinking = request.thinking.as_ref();
    let thinking =
        thinking.and_then(|thinking| self::thinking(thinking, max_tokens.as_ref(), target, &mut losses));
    let thinks = thinking.as_ref().is_some_and(|thinking| thinking.kind.as_deref() != Some("disabled"));
    let mut conversation = Conversation { losses: &mut losses, provider: target.provider, system: None };
    let (system, messages) = conversation.write(request);
    let wire = wire::Request {
        model: Some(if target.model.is_empty() { &*request.model } else { target.model }.into()),
        messages: Some(messages),
        system,
        tools: tools(request, &mut losses),
        tool_choice: request
            .tool_choice
            .as_ref()
            .and_then(|choice| tool_choice(choice, request, &mut losses)),
        max_tokens,
        temperature: temperature(request, thinks, &mut losses),
        top_p: request.top_p.clone(),
        top_k: request.top_k.clone(),
        stream: request.stream,
        stop_sequences: request
            .stop_sequences
            .as_ref()
            .map(|texts| texts.iter().map(|text| text.as_str().into()).collect()),
        metadata: request
            .metadata
            .as_ref()
            .map(|fields| Value(Cow::Owned(Json::object(fields).raw().to_owned()))),
        thinking,
        output_config: output_config(request, target, &mut losses),
        rest: rest(extensions, DIALECT),
    };
    Ok(Encoded { body: write(&wire), losses: losses.into_list() })
}

/// This dialect demands a limit: the one that was given, else the most that the model can do.
fn limit(
    request: &CanonicalRequest,
    target: &Target<'_>,
    losses: &mut Losses,
) -> Result<Option<Number>, EncodeError> {
    if request.max_tokens.is_some() || request.extensions.get(DIALECT, "~max_tokens").is_some() {
        return Ok(request.max_tokens.clone());
    }
    let Some(limit) = target.max_output else {
        return Err(EncodeError(format!(
            "the request has no limit of output tokens, which {DIALECT} demands, and the catalogue does not know \
             how much model {:?} can put out: send `max_tokens` or `max_completion_tokens`",
            target.model
        )));
    };
    losses.filled(Path::Root.field("maxTokens"), format!("{limit}, the most that the model puts out"));
    Ok(Some(limit.into()))
}

/// The range ends at 1 here, and nothing but 1 is allowed while thinking.
fn temperature(request: &CanonicalRequest, thinks: bool, losses: &mut Losses) -> Option<Number> {
    let temperature = request.temperature.as_ref()?;
    if !is_foreign(&request.extensions) {
        return Some(temperature.clone());
    }
    let at = Path::Root.field("temperature");
    if thinks {
        losses.dropped(at, "thinking has none");
        return None;
    }
    if temperature.as_f64() > 1.0 {
        losses.changed(at, "1, the highest there is");
        return Some(1.into());
    }
    Some(temperature.clone())
}

/// Whether a request or an answer came in another dialect.
fn is_foreign(extensions: &Extensions) -> bool {
    extensions.get(DIALECT, "~from").is_none()
}

fn thinking<'a>(
    thinking: &'a ThinkingRequest,
    limit: Option<&Number>,
    target: &Target<'_>,
    losses: &mut Losses,
) -> Option<wire::Thinking<'a>> {
    let at = Path::Root.field("thinking");
    losses.extensions(at, &thinking.extensions);
    let rest = rest(&thinking.extensions, DIALECT);
    let own = thinking.extensions.get(DIALECT, "~effort").is_some();
    let kind = match (thinking.mode, &thinking.effort) {
        (Some(ThinkingMode::Enabled), _) => "enabled",
        (Some(ThinkingMode::Disabled), _) => "disabled",
        (Some(ThinkingMode::Adaptive), _) => "adaptive",
        (None, Some(effort)) if !own && !target.adaptive_thinking => {
            let budget = effort::budget(effort, limit.and_then(Number::as_u64).unwrap_or(0));
            let Some(budget) = budget else {
                losses.dropped(at.field("effort"), "no budget of tokens is as much");
                return None;
            };
            losses.changed(at.field("effort"), format!("a budget of {budget} tokens"));
            return Some(wire::Thinking {
                kind: Some("enabled".into()),
                budget_tokens: Some(budget.into()),
                rest,
            });
        }
        (None, Some(_)) if !own => "adaptive",
        (None, _) => return None,
    };
    Some(wire::Thinking { kind: Some(kind.into()), budget_tokens: thinking.budget_tokens.clone(), rest })
}

fn output_config<'a>(
    request: &'a CanonicalRequest,
    target: &Target<'_>,
    losses: &mut Losses,
) -> Option<wire::OutputConfig<'a>> {
    let own = request.extensions.get(DIALECT, "~output_config");
    let effort = request.thinking.as_ref().and_then(|thinking| {
        let here = thinking.extensions.get(DIALECT, "~effort").is_some();
        let adaptive = target.adaptive_thinking && thinking.mode.is_none();
        thinking.effort.as_deref().filter(|_| here || adaptive).map(|effort| match effort {
            // the lowest there is
            "minimal" if !here => "low",
            effort => effort,
        })
    });
    let at = Path::Root.field("responseFormat");
    let format = match &request.response_format {
        Some(ResponseFormat::JsonSchema { name, schema, extensions }) => {
            losses.extensions(at, extensions);
            if name.is_some() {
                losses.dropped(at.field("name"), "");
            }
            let rest = rest(extensions, DIALECT);
            Some(wire::Format {
                kind: Some("json_schema".into()),
                schema: schema.as_ref().map(Into::into),
                rest,
            })
        }
        Some(ResponseFormat::JsonObject { .. }) => {
            losses.dropped(at, "JSON without a schema cannot be asked for");
            None
        }
        Some(ResponseFormat::Text { .. }) | None => None,
    };
    if own.is_none() && effort.is_none() && format.is_none() {
        return None;
    }
    let rest = own.map(|own| own.read::<wire::Anything<'a>>().unwrap_or_default().rest).unwrap_or_default();
    Some(wire::OutputConfig { effort: effort.map(Into::into), format, rest })
}

struct Conversation<'a, 'b> {
    losses: &'b mut Losses,
    provider: &'b str,
    /// What system messages in the middle say, which must stand in front.
    system: Option<Vec<wire::Block<'a>>>,
}

type System<'a> = TextOr<'a, Vec<wire::Block<'a>>>;

impl<'a> Conversation<'a, '_> {
    fn write(&mut self, request: &'a CanonicalRequest) -> (Option<System<'a>>, Vec<wire::Message<'a>>) {
        let system = request.system.as_ref().map(|prompt| self.prompt(prompt));
        let mut messages = Vec::with_capacity(request.messages.len());
        for (index, message) in request.messages.iter().enumerate() {
            let at = Path::Root.field("messages");
            messages.extend(self.message(at.index(index), index, message));
        }
        (self.with_moved(system), messages)
    }

    fn prompt(&mut self, prompt: &'a SystemPrompt) -> System<'a> {
        let blocks = match prompt {
            SystemPrompt::Text(text) => return TextOr::Text(text.as_str().into()),
            SystemPrompt::Blocks(blocks) => blocks,
        };
        let at = Path::Root.field("system");
        let written = blocks.iter().enumerate().map(|(index, block)| {
            self.losses.extensions(at.index(index), &block.extras.extensions);
            wire::Block { text: Some(block.text.as_str().into()), ..shell("text", &block.extras) }
        });
        TextOr::Other(written.collect())
    }

    /// The system prompt, and behind it what was moved there.
    fn with_moved(&mut self, system: Option<System<'a>>) -> Option<System<'a>> {
        let Some(moved) = self.system.take() else { return system };
        let mut blocks = match system {
            Some(TextOr::Text(text)) => vec![text_block(text)],
            Some(TextOr::Other(blocks)) => blocks,
            None => Vec::new(),
        };
        blocks.extend(moved);
        Some(TextOr::Other(blocks))
    }

    fn message(
        &mut self,
        at: Path<'_>,
        index: usize,
        message: &'a CanonicalMessage,
    ) -> Option<wire::Message<'a>> {
        self.losses.extensions(at, &message.extensions);
        if let (Some(_), Content::Blocks(blocks)) =
            (message.extensions.get(DIALECT, "~message"), &message.content)
            && let [ContentBlock::Opaque(block)] = blocks.as_slice()
        {
            return block.value.read();
        }
        let content = self.content(at.field("content"), &message.content);
        let role = match message.role {
            MessageRole::User => "user",
            MessageRole::Assistant => "assistant",
            MessageRole::System if message.extensions.get(DIALECT, "~role").is_some() => "system",
            MessageRole::System => {
                if index > 0 {
                    self.losses.changed(at, "stands in the system prompt");
                }
                let blocks = match content {
                    TextOr::Text(text) => vec![text_block(text)],
                    TextOr::Other(blocks) => blocks,
                };
                self.system.get_or_insert_default().extend(blocks);
                return None;
            }
        };
        let lost = matches!(&content, TextOr::Other(blocks) if blocks.is_empty())
            && !matches!(&message.content, Content::Blocks(blocks) if blocks.is_empty());
        if lost {
            // a message without content is refused; what it had is noted
            return None;
        }
        let rest = rest(&message.extensions, DIALECT);
        Some(wire::Message { role: Some(role.into()), content: Some(content), rest })
    }

    fn content(&mut self, at: Path<'_>, content: &'a Content) -> TextOr<'a, Vec<wire::Block<'a>>> {
        match content {
            Content::Text(text) => TextOr::Text(text.as_str().into()),
            Content::Blocks(blocks) => {
                let written = blocks.iter().enumerate();
                TextOr::Other(
                    written.filter_map(|(index, block)| self.block(at.index(index), block)).collect(),
                )
            }
        }
    }

    fn block(&mut self, at: Path<'_>, block: &'a ContentBlock) -> Option<wire::Block<'a>> {
        if let Some(extras) = block.extras() {
            self.losses.extensions(at, &extras.extensions);
        }
        Some(match block {
            ContentBlock::Text(block) => {
                wire::Block { text: Some(block.text.as_str().into()), ..shell("text", &block.extras) }
            }
            ContentBlock::ToolUse(block) => self.tool_use(at, block),
            ContentBlock::ToolResult(block) => self.tool_result(at, block),
            ContentBlock::Image(block) => {
                let source = self.source(at, &block.source);
                wire::Block { source: Some(source), ..shell("image", &block.extras) }
            }
            ContentBlock::Document(block) => self.document(at, block),
            ContentBlock::Thinking(block) => return self.thought(at, block),
            ContentBlock::Opaque(block) => return self.opaque(at, block),
        })
    }

    fn tool_use(&mut self, at: Path<'_>, block: &'a ToolUse) -> wire::Block<'a> {
        if !block.input.is_object() {
            self.losses.changed(at.field("input"), "the model's arguments are no JSON object");
        }
        wire::Block {
            id: Some(block.id.as_str().into()),
            name: Some(block.name.as_str().into()),
            input: Some((&block.input).into()),
            ..shell("tool_use", &block.extras)
        }
    }

    fn tool_result(&mut self, at: Path<'_>, block: &'a ToolResult) -> wire::Block<'a> {
        let content =
            block.content.as_ref().map(|content| match self.content(at.field("content"), content) {
                TextOr::Text(text) => TextOr::Text(text),
                TextOr::Other(blocks) => TextOr::Other(wire::Inside::Blocks(blocks)),
            });
        wire::Block {
            tool_use_id: Some(block.tool_use_id.as_str().into()),
            content,
            is_error: block.is_error,
            ..shell("tool_result", &block.extras)
        }
    }

    fn document(&mut self, at: Path<'_>, block: &'a Document) -> wire::Block<'a> {
        let source = self.source(at, &block.source);
        wire::Block {
            source: Some(source),
            title: block.title.as_deref().map(Into::into),
            context: block.context.as_deref().map(Into::into),
            ..shell("document", &block.extras)
        }
    }

    fn source(&mut self, at: Path<'_>, source: &'a Source) -> TextOr<'a, wire::Source<'a>> {
        self.losses.extensions(at.field("source"), source.extensions());
        let rest = rest(source.extensions(), DIALECT);
        let inside = |kind: &'static str, media_type: &'a str, data: &'a str| wire::Source {
            kind: Some(kind.into()),
            media_type: Some(media_type.into()),
            data: Some(data.into()),
            ..wire::Source::default()
        };
        let wire = match source {
            Source::Base64 { media_type, data, .. } => inside("base64", media_type, data),
            Source::Text { media_type, data, .. } => inside("text", media_type, data),
            Source::Url { data, .. } => wire::Source {
                kind: Some("url".into()),
                url: Some(data.as_str().into()),
                ..wire::Source::default()
            },
        };
        TextOr::Other(wire::Source { rest, ..wire })
    }

    fn thought(&mut self, at: Path<'_>, block: &'a Thinking) -> Option<wire::Block<'a>> {
        if !block.origin.admits(DIALECT, self.provider) {
            self.losses.dropped(at, "thoughts go back only to who thought them");
            return None;
        }
        Some(wire::Block {
            thinking: Some(block.text.as_str().into()),
            signature: block.signature.as_deref().map(Into::into),
            ..shell("thinking", &block.extras)
        })
    }

    fn opaque(&mut self, at: Path<'_>, block: &'a Opaque) -> Option<wire::Block<'a>> {
        let admitted = block.origin.as_ref().is_none_or(|origin| origin.admits(DIALECT, self.provider));
        if block.dialect != DIALECT || !admitted {
            self.losses.dropped(at, "only one dialect knows it");
            return None;
        }
        block.value.read()
    }
}

/// A block with what any block has.
fn shell<'a>(kind: &'static str, extras: &'a BlockExtras) -> wire::Block<'a> {
    wire::Block {
        kind: Some(kind.into()),
        cache_control: extras.cache_control.as_ref().map(Into::into),
        rest: rest(&extras.extensions, DIALECT),
        ..wire::Block::default()
    }
}

fn text_block(text: Text<'_>) -> wire::Block<'_> {
    wire::Block { kind: Some("text".into()), text: Some(text), ..wire::Block::default() }
}

fn tools<'a>(request: &'a CanonicalRequest, losses: &mut Losses) -> Option<Vec<wire::Tool<'a>>> {
    let tools = request.tools.as_ref()?;
    let at = Path::Root.field("tools");
    let written =
        tools.iter().enumerate().filter_map(|(index, tool)| self::tool(at.index(index), tool, losses));
    Some(written.collect())
}

fn tool<'a>(at: Path<'_>, tool: &'a CanonicalTool, losses: &mut Losses) -> Option<wire::Tool<'a>> {
    let extensions = &tool.extras.extensions;
    match tool.dialect {
        Some(DIALECT) => {
            return Some(wire::Tool { rest: rest(extensions, DIALECT), ..wire::Tool::default() });
        }
        Some(_) => {
            losses.dropped(at, "only one dialect has this tool");
            return None;
        }
        None => losses.extensions(at, extensions),
    }
    let input_schema = match &tool.input_schema {
        Some(schema) => schema.into(),
        None => {
            losses.filled(at.field("inputSchema"), "an object without properties");
            Value(Cow::Owned(empty_schema().raw().to_owned()))
        }
    };
    Some(wire::Tool {
        kind: extensions.get(DIALECT, "~type").map(|_| "custom".into()),
        name: Some(tool.name.as_str().into()),
        description: tool.description.as_deref().map(Into::into),
        input_schema: Some(input_schema),
        cache_control: tool.extras.cache_control.as_ref().map(Into::into),
        rest: rest(extensions, DIALECT),
    })
}

fn empty_schema() -> Json {
    Json::object(&[("type", Json::of("object")), ("properties", Json::object::<&str>(&[]))])
}

fn tool_choice<'a>(
    choice: &'a ToolChoice,
    request: &CanonicalRequest,
    losses: &mut Losses,
) -> Option<wire::ToolChoice<'a>> {
    let at = Path::Root.field("toolChoice");
    losses.extensions(at, &choice.extensions);
    let own = !is_foreign(&request.extensions);
    let off = choice.disable_parallel_tool_use;
    let kind = match choice.kind {
        Some(ToolChoiceKind::Auto) => "auto",
        Some(ToolChoiceKind::Any) => "any",
        Some(ToolChoiceKind::None) => "none",
        Some(ToolChoiceKind::Tool) => "tool",
        // parallel calls are what happens anyway; only a restriction needs a rule to stand in
        None if off == Some(true) && request.tools.as_ref().is_some_and(|tools| !tools.is_empty()) => "auto",
        None => return None,
    };
    Some(wire::ToolChoice {
        kind: Some(kind.into()),
        name: choice.name.as_deref().map(Into::into),
        disable_parallel_tool_use: off.filter(|_| own || kind != "none"),
        rest: rest(&choice.extensions, DIALECT),
    })
}

pub(super) fn response(response: &CanonicalResponse) -> Encoded {
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
    wire.content = Some(content);
    wire.stop_reason = stop_reason(response.stop_reason, &response.extensions);
    wire.stop_sequence = response.stop_sequence.as_deref().map(Into::into);
    if is_foreign(&response.extensions) && wire.stop_sequence.is_none() {
        wire.rest.push((Cow::Borrowed("stop_sequence"), crate::object::null()));
    }
    if wire.usage.is_none() && is_foreign(&response.extensions) {
        wire.usage = Some(no_usage(&mut losses));
    }
    Encoded { body: write(&wire), losses: losses.into_list() }
}

/// What an answer has besides its content and its end.
pub(super) fn head<'a>(response: &'a CanonicalResponse, losses: &mut Losses) -> wire::Response<'a> {
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
pub(super) fn no_usage(losses: &mut Losses) -> wire::UsageReport<'static> {
    losses.filled(Path::Root.field("usage"), "0, since the provider did not say");
    wire::UsageReport {
        input_tokens: Some(0.into()),
        output_tokens: Some(0.into()),
        ..wire::UsageReport::default()
    }
}

pub(super) fn stop_reason(reason: Option<StopReason>, extensions: &Extensions) -> Option<Text<'_>> {
    let own = extensions.get(DIALECT, "~stop_reason").and_then(Json::read);
    own.or_else(|| {
        reason.map(|reason| match reason {
            StopReason::Error => StopReason::EndTurn.as_str().into(),
            reason => reason.as_str().into(),
        })
    })
}

/// A block of an answer. A thought goes to the client whoever thought it; one of another origin has its
/// carrier for a signature.
pub(super) fn answer_block<'a>(
    at: Path<'_>,
    block: &'a ContentBlock,
    losses: &mut Losses,
) -> Option<wire::Block<'a>> {
    match block {
        ContentBlock::Thinking(thought) => {
            losses.extensions(at, &thought.extras.extensions);
            Some(wire::Block {
                thinking: Some(thought.text.as_str().into()),
                signature: signature(thought),
                ..shell("thinking", &thought.extras)
            })
        }
        ContentBlock::Opaque(opaque) if opaque.dialect != DIALECT => {
            let Some(origin) = &opaque.origin else {
                losses.dropped(at, "only one dialect knows it");
                return None;
            };
            let data = carrier::seal(origin, opaque.value.text());
            let rest = vec![owned("data", &Json::of(&data))];
            Some(wire::Block { kind: Some("redacted_thinking".into()), rest, ..wire::Block::default() })
        }
        ContentBlock::Opaque(opaque) => opaque.value.read(),
        block => Conversation { losses, provider: "", system: None }.block(at, block),
    }
}

/// The signature that a client sees.
pub(super) fn signature(thought: &Thinking) -> Option<Text<'_>> {
    if thought.origin.dialect == DIALECT {
        return thought.signature.as_deref().map(Into::into);
    }
    Some(carrier::seal(&thought.origin, thought.signature.as_deref().unwrap_or_default()).into())
}

pub(super) fn usage<'a>(usage: &'a CanonicalUsage, losses: &mut Losses) -> wire::UsageReport<'a> {
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
pub(super) fn event_name(event: &Json) -> String {
    let name = event.get("type").and_then(|kind| kind.as_str().map(Cow::into_owned)).unwrap_or_default();
    name.chars().filter(|letter| !letter.is_control()).collect()
}
