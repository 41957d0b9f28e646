//! Tools, the choice among them, and calls of them.

use penstock_core::Json;
use penstock_core::canonical::{CanonicalRequest, CanonicalTool, ToolChoice, ToolChoiceKind, ToolUse};

use super::super::{DIALECT, wire};
use super::block::shell;
use crate::loss::{Losses, Path};
use crate::object::{is_foreign, rest};

pub(super) fn tools<'a>(request: &'a CanonicalRequest, losses: &mut Losses) -> Option<Vec<wire::Tool<'a>>> {
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
    let input_schema = tool.input_schema.as_ref().map_or_else(
        || {
            losses.filled(at.field("inputSchema"), "an object without properties");
            empty_schema().into()
        },
        Into::into,
    );
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

pub(super) fn tool_choice<'a>(
    choice: &'a ToolChoice,
    request: &CanonicalRequest,
    losses: &mut Losses,
) -> Option<wire::ToolChoice<'a>> {
    let at = Path::Root.field("toolChoice");
    losses.extensions(at, &choice.extensions);
    let own = !is_foreign(&request.extensions, DIALECT);
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

/// A call. This dialect refuses an input that is no object, and would with it the whole conversation.
pub(super) fn tool_use<'a>(at: Path<'_>, block: &'a ToolUse, losses: &mut Losses) -> wire::Block<'a> {
    let input = if block.input.is_object() {
        (&block.input).into()
    } else {
        losses.changed(at.field("input"), "no JSON object, and stands in one");
        Json::object(&[("arguments", block.input.clone())]).into()
    };
    wire::Block {
        id: Some(block.id.as_str().into()),
        name: Some(block.name.as_str().into()),
        input: Some(input),
        ..shell("tool_use", &block.extras)
    }
}
