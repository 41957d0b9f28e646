//! Requests: what stands beside the conversation.

use penstock_core::canonical::{
    CanonicalRequest, ResponseFormat, ThinkingMode, ThinkingRequest, ToolChoiceKind,
};
use penstock_core::{Json, Number};

use super::super::{DIALECT, wire};
use super::message::Conversation;
use super::tool::{tool_choice, tools};
use crate::codec::{EncodeError, Encoded, Target, write};
use crate::effort;
use crate::loss::{Losses, Path};
use crate::object::{is_foreign, is_noted, nested, rest, tool_choice_within};

pub(in super::super) fn request(
    request: &CanonicalRequest,
    target: &Target<'_>,
) -> Result<Encoded, EncodeError> {
    let mut losses = Losses::to(DIALECT);
    let extensions = &request.extensions;
    losses.extensions(Path::Root, extensions);
    let max_tokens = limit(request, target, &mut losses)?;
    let tools = tools(request, &mut losses);
    let choice = tool_choice_within(request, DIALECT, &mut losses);
    let thinking = thinking(request, max_tokens.as_ref(), target, &mut losses);
    let thinks = thinking.as_ref().is_some_and(|thinking| thinking.kind.as_deref() != Some("disabled"));
    let (system, messages) = Conversation::new(target.provider, &mut losses).write(request);
    let wire = wire::Request {
        model: Some(if target.model.is_empty() { &*request.model } else { target.model }.into()),
        messages: Some(messages),
        system,
        tools,
        tool_choice: choice.and_then(|choice| tool_choice(choice, request, &mut losses)),
        max_tokens,
        temperature: temperature(request, thinks, &mut losses),
        top_p: top_p(request, thinks, &mut losses),
        top_k: request.top_k.clone(),
        stream: request.stream,
        stop_sequences: request
            .stop_sequences
            .as_ref()
            .map(|texts| texts.iter().map(|text| text.as_str().into()).collect()),
        metadata: request.metadata.as_ref().map(|fields| Json::object(fields).into()),
        thinking,
        output_config: output_config(request, target, &mut losses),
        rest: rest(extensions, DIALECT),
    };
    Ok(Encoded { body: write(&wire, target.size), losses: losses.into_list() })
}

/// This dialect demands a limit: the one that was given, else the most that the model can do.
fn limit(
    request: &CanonicalRequest,
    target: &Target<'_>,
    losses: &mut Losses,
) -> Result<Option<Number>, EncodeError> {
    if request.max_tokens.is_some() || is_noted(&request.extensions, DIALECT, "~max_tokens") {
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
    if !is_foreign(&request.extensions, DIALECT) {
        return Some(temperature.clone());
    }
    let at = Path::Root.field("temperature");
    match temperature.as_f64() {
        given if thinks && given < 1.0 => {
            losses.dropped(at, "thinking has none");
            None
        }
        given if given > 1.0 => {
            losses.changed(at, "1, the highest there is");
            Some(1.into())
        }
        _ => Some(temperature.clone()),
    }
}

/// While thinking, only the last twentieth may be cut off.
fn top_p(request: &CanonicalRequest, thinks: bool, losses: &mut Losses) -> Option<Number> {
    let top_p = request.top_p.as_ref()?;
    if is_foreign(&request.extensions, DIALECT) && thinks && top_p.as_f64() < 0.95 {
        losses.dropped(Path::Root.field("topP"), "thinking allows none below 0.95");
        return None;
    }
    Some(top_p.clone())
}

fn thinking<'a>(
    request: &'a CanonicalRequest,
    limit: Option<&Number>,
    target: &Target<'_>,
    losses: &mut Losses,
) -> Option<wire::Thinking<'a>> {
    let thinking = request.thinking.as_ref()?;
    let at = Path::Root.field("thinking");
    losses.extensions(at, &thinking.extensions);
    if target.no_reasoning && is_foreign(&request.extensions, DIALECT) {
        losses.dropped(at, "this model does not reason");
        return None;
    }
    let (kind, budget_tokens) = match thinking.mode {
        Some(ThinkingMode::Enabled) => ("enabled", thinking.budget_tokens.clone()),
        // such a model does not think unless it is asked to, and refuses the word
        Some(ThinkingMode::Disabled)
            if target.adaptive_thinking && is_foreign(&request.extensions, DIALECT) =>
        {
            return None;
        }
        Some(ThinkingMode::Disabled) => ("disabled", thinking.budget_tokens.clone()),
        Some(ThinkingMode::Adaptive) => ("adaptive", thinking.budget_tokens.clone()),
        None => of_effort(thinking, request, limit, target, losses)?,
    };
    let rest = rest(&thinking.extensions, DIALECT);
    Some(wire::Thinking { kind: Some(kind.into()), budget_tokens, rest })
}

/// The thinking that an effort of another dialect asks for.
fn of_effort(
    thinking: &ThinkingRequest,
    request: &CanonicalRequest,
    limit: Option<&Number>,
    target: &Target<'_>,
    losses: &mut Losses,
) -> Option<(&'static str, Option<Number>)> {
    let at = Path::Root.field("thinking");
    let at = at.field("effort");
    let effort = thinking.effort.as_deref().filter(|_| !is_own_effort(thinking))?;
    let rule = request.tool_choice.as_ref().and_then(|choice| choice.kind);
    let must_call = matches!(rule, Some(ToolChoiceKind::Any | ToolChoiceKind::Tool));
    if target.adaptive_thinking {
        if must_call {
            losses.changed(at, "without thinking, as a tool must be called");
        }
        return (!must_call).then_some(("adaptive", None));
    }
    if must_call {
        losses.dropped(at, "no thinking where a tool must be called");
        return None;
    }
    let Some(budget) = effort::budget(effort, limit.and_then(Number::as_u64).unwrap_or(0)) else {
        losses.dropped(at, "no budget of tokens is as much");
        return None;
    };
    losses.changed(at, format!("a budget of {budget} tokens"));
    Some(("enabled", Some(budget.into())))
}

fn is_own_effort(thinking: &ThinkingRequest) -> bool {
    is_noted(&thinking.extensions, DIALECT, "~effort")
}

fn output_config<'a>(
    request: &'a CanonicalRequest,
    target: &Target<'_>,
    losses: &mut Losses,
) -> Option<wire::OutputConfig<'a>> {
    let thinking = request.thinking.as_ref();
    let effort = thinking.and_then(|thinking| output_effort(thinking, target, losses));
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
        Some(ResponseFormat::Text { extensions }) => {
            losses.extensions(at, extensions);
            None
        }
        None => None,
    };
    if !is_noted(&request.extensions, DIALECT, "~output_config") && effort.is_none() && format.is_none() {
        return None;
    }
    let rest = nested(&request.extensions, DIALECT, "~output_config");
    Some(wire::OutputConfig { effort: effort.map(Into::into), format, rest })
}

/// The effort where it is asked for by name; `low` is the lowest there is.
fn output_effort<'a>(
    thinking: &'a ThinkingRequest,
    target: &Target<'_>,
    losses: &mut Losses,
) -> Option<&'a str> {
    let effort = thinking.effort.as_deref()?;
    if is_own_effort(thinking) {
        return Some(effort);
    }
    if !target.adaptive_thinking || thinking.mode.is_some() {
        return None;
    }
    if effort == "minimal" {
        losses.changed(Path::Root.field("thinking").field("effort"), "low, the lowest there is");
        return Some("low");
    }
    Some(effort)
}
