//! Requests: what stands beside the conversation.

use penstock_core::canonical::{CanonicalRequest, Extensions, ResponseFormat, ThinkingMode};
use penstock_core::{Json, Number};

use super::super::{DIALECT, wire};
use super::message::Conversation;
use super::tool::{self, tools};
use crate::codec::{Encoded, Target, write};
use crate::effort;
use crate::loss::{Losses, Path};
use crate::object::{Text, TextOr, Value, is_foreign, is_noted, nested, rest, spelling, tool_choice_within};

pub(in super::super) fn request(request: &CanonicalRequest, target: &Target<'_>) -> Encoded {
    let mut losses = Losses::to(DIALECT);
    let extensions = &request.extensions;
    losses.extensions(Path::Root, extensions);
    if request.top_k.is_some() {
        losses.dropped(Path::Root.field("topK"), "");
    }
    let messages = Conversation::new(target, &mut losses).write(request);
    let (max_tokens, max_completion_tokens) = limit(request, target);
    let tools = tools(request, target, &mut losses);
    let choice = tool_choice_within(request, DIALECT, &mut losses);
    let wire = wire::Request {
        model: Some(if target.model.is_empty() { &*request.model } else { target.model }.into()),
        messages: Some(messages),
        tools,
        tool_choice: choice.and_then(|choice| tool::tool_choice(choice, &mut losses)),
        parallel_tool_calls: choice.and_then(|choice| choice.disable_parallel_tool_use).map(|off| !off),
        max_tokens,
        max_completion_tokens,
        temperature: request.temperature.clone(),
        top_p: request.top_p.clone(),
        stop: request.stop_sequences.as_ref().map(|texts| stop(texts, extensions)),
        stream: request.stream,
        stream_options: stream_options(request, target),
        response_format: request
            .response_format
            .as_ref()
            .map(|format| response_format(format, is_foreign(&request.extensions, DIALECT), &mut losses)),
        reasoning_effort: reasoning(request, target, &mut losses),
        user: user(request, &mut losses),
        rest: rest(extensions, DIALECT),
    };
    Encoded { body: write(&wire, target.size), losses: losses.into_list() }
}

/// The options with usage asked for, where it has to be.
fn stream_options<'a>(request: &CanonicalRequest, target: &Target<'_>) -> Option<Value<'a>> {
    if !target.ask_for_usage || request.stream != Some(true) {
        return None;
    }
    let own = request.extensions.get(DIALECT, "stream_options").cloned();
    let mut options = own.filter(Json::is_object).unwrap_or_else(|| Json::object::<&str>(&[]));
    options.accumulate(Json::object(&[("include_usage", Json::of(&true))]), &[]);
    Some(options.into())
}

/// The limit under the name it came by, else under the one that the provider wants.
fn limit(request: &CanonicalRequest, target: &Target<'_>) -> (Option<Number>, Option<Number>) {
    let limit = request.max_tokens.clone();
    let both = request.extensions.get(DIALECT, "max_tokens").is_some();
    let new = match spelling(&request.extensions, DIALECT, "~max_tokens").as_deref() {
        Some(spelt) => spelt == "max_completion_tokens",
        None => both || target.max_completion_tokens,
    };
    if new { (None, limit) } else { (limit, None) }
}

fn stop<'a>(texts: &'a [String], request: &Extensions) -> TextOr<'a, Vec<Text<'a>>> {
    match texts {
        [text] if is_noted(request, DIALECT, "~stop") => TextOr::Text(text.as_str().into()),
        texts => TextOr::Other(texts.iter().map(|text| text.as_str().into()).collect()),
    }
}

fn user<'a>(request: &'a CanonicalRequest, losses: &mut Losses) -> Option<Text<'a>> {
    let mut user = None;
    for (name, value) in request.metadata.iter().flatten() {
        match value.read::<Text<'a>>() {
            Some(text) if name == "user_id" => user = Some(text),
            _ if value.is_null() => {}
            _ => losses.dropped(Path::Root.field("metadata").field(name), ""),
        }
    }
    user
}

fn response_format<'a>(
    format: &'a ResponseFormat,
    foreign: bool,
    losses: &mut Losses,
) -> wire::ResponseFormat<'a> {
    let at = Path::Root.field("responseFormat");
    let (kind, extensions) = match format {
        ResponseFormat::Text { extensions } => ("text", extensions),
        ResponseFormat::JsonObject { extensions } => ("json_object", extensions),
        ResponseFormat::JsonSchema { extensions, .. } => ("json_schema", extensions),
    };
    losses.extensions(at, extensions);
    let json_schema = match format {
        ResponseFormat::JsonSchema { name, schema, extensions } => {
            // this dialect demands a name; it means nothing to the model
            let nameless = foreign && name.is_none();
            if nameless {
                losses.filled(at.field("name"), "response");
            }
            let name = name.as_deref().or(nameless.then_some("response"));
            Some(wire::JsonSchema {
                name: name.map(Into::into),
                schema: schema.as_ref().map(Into::into),
                rest: nested(extensions, DIALECT, "~json_schema"),
            })
        }
        _ => None,
    };
    wire::ResponseFormat { kind: Some(kind.into()), json_schema, rest: rest(extensions, DIALECT) }
}

/// The effort that was asked for, or the one that a budget amounts to.
fn reasoning<'a>(
    request: &'a CanonicalRequest,
    target: &Target<'_>,
    losses: &mut Losses,
) -> Option<Text<'a>> {
    let thinking = request.thinking.as_ref()?;
    let is_own = !is_foreign(&request.extensions, DIALECT);
    let at = Path::Root.field("thinking");
    losses.extensions(at, &thinking.extensions);
    if target.no_reasoning && !is_own {
        losses.dropped(at, "this model does not reason");
        return None;
    }
    let effort = match (thinking.effort.as_deref(), thinking.mode) {
        (Some(effort), _) => effort,
        (None, Some(ThinkingMode::Disabled)) => "none",
        (None, Some(ThinkingMode::Adaptive)) => {
            losses.dropped(at, "thinking as it sees fit is what this model does anyway");
            return None;
        }
        (None, _) => {
            let Some(budget) = &thinking.budget_tokens else {
                losses.dropped(at, "it says neither how much nor how hard");
                return None;
            };
            let effort = effort::of_budget(budget, request.max_tokens.as_ref());
            losses.changed(at.field("budgetTokens"), format!("reasoning_effort {effort}"));
            return Some(effort.into());
        }
    };
    if thinking.budget_tokens.is_some() {
        losses.dropped(at.field("budgetTokens"), "the effort goes on");
    }
    Some(effort.into())
}
