//! Tools, the choice among them, and calls of them.

use penstock_core::Json;
use penstock_core::canonical::{
    CanonicalTool, ContentBlock, Extensions, ToolChoice, ToolChoiceKind, ToolUse,
};

use super::super::{DIALECT, wire};
use super::block::take_extras;
use crate::codec::DecodeError;
use crate::object::{Object as _, Text, extensions, extras, tool_only_here};

/// The tools. One without a name is a mistake that no other provider could see any more.
pub(super) fn tools(tools: Vec<wire::Tool<'_>>) -> Result<Vec<CanonicalTool>, DecodeError> {
    let nameless =
        |tool: &wire::Tool<'_>| matches!(tool.kind.as_deref(), None | Some("custom")) && tool.name.is_none();
    if let Some(at) = tools.iter().position(nameless) {
        return Err(DecodeError::missing(format!("tools[{at}].name"), "a string"));
    }
    Ok(tools.into_iter().map(tool).collect())
}

fn tool(tool: wire::Tool<'_>) -> CanonicalTool {
    let plain = matches!(tool.kind.as_deref(), None | Some("custom")) && tool.input_schema.is_some();
    if !plain || tool.name.is_none() {
        let fields = Json::of(&tool).members().unwrap_or_default();
        return tool_only_here(DIALECT, tool.name.map(Text::into_owned).unwrap_or_default(), fields);
    }
    let mut extras = extras(DIALECT, tool.cache_control, tool.rest);
    if tool.kind.is_some() {
        extras.extensions.set(DIALECT, "~type", Json::of("custom"));
    }
    CanonicalTool {
        name: tool.name.map(Text::into_owned).unwrap_or_default(),
        description: tool.description.map(Text::into_owned),
        input_schema: tool.input_schema.map(Json::from),
        dialect: None,
        extras,
    }
}

pub(super) fn tool_choice(choice: wire::ToolChoice<'_>, request: &mut Extensions) -> Option<ToolChoice> {
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
        name: choice.name.map(Text::into_owned),
        disable_parallel_tool_use: choice.disable_parallel_tool_use,
        extensions: extensions(DIALECT, choice.rest),
    })
}

pub(super) fn tool_use(block: &mut wire::Block<'_>) -> Option<ContentBlock> {
    let plain = block.has_only(&["kind", "id", "name", "input", "cache_control"]);
    let is_object = block.input.as_ref().is_some_and(|input| input.text().starts_with('{'));
    if !plain || !is_object || block.id.is_none() || block.name.is_none() {
        return None;
    }
    let input = block.input.take()?.into();
    let owned = |text: Option<Text<'_>>| text.map(Text::into_owned).unwrap_or_default();
    let (id, name) = (owned(block.id.take()), owned(block.name.take()));
    Some(ContentBlock::ToolUse(ToolUse { id, name, input, extras: take_extras(block) }))
}
