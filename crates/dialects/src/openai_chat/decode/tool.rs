//! Tools, the choice among them, and calls of them.

use std::borrow::Cow;

use penstock_core::Json;
use penstock_core::canonical::{
    CanonicalTool, ContentBlock, Extensions, ToolChoice, ToolChoiceKind, ToolUse,
};

use super::super::{DIALECT, wire};
use crate::codec::DecodeError;
use crate::object::{Text, TextOr, block_only_here, extensions, extras, put_nested, tool_only_here};

/// The tools. A function without a name is a mistake that no provider could see any more.
pub(super) fn tools(tools: Vec<wire::Tool<'_>>) -> Result<Vec<CanonicalTool>, DecodeError> {
    let nameless = |tool: &wire::Tool<'_>| {
        tool.kind.as_deref() == Some("function")
            && tool.function.as_ref().is_none_or(|function| function.name.is_none())
    };
    if let Some(at) = tools.iter().position(nameless) {
        return Err(DecodeError::missing(format!("tools[{at}].function.name"), "a string"));
    }
    Ok(tools.into_iter().map(tool).collect())
}

fn tool(tool: wire::Tool<'_>) -> CanonicalTool {
    match tool {
        wire::Tool {
            kind: Some(kind),
            function: Some(wire::Function { name: Some(name), description, parameters, rest: inside }),
            cache_control,
            rest,
        } if &*kind == "function" => {
            let mut extras = extras(DIALECT, cache_control, rest);
            put_nested(&mut extras.extensions, DIALECT, "~function", inside);
            CanonicalTool {
                name: name.into_owned(),
                description: description.map(Text::into_owned),
                input_schema: parameters.map(Json::from),
                dialect: None,
                extras,
            }
        }
        tool => other_tool(&Json::of(&tool)),
    }
}

/// A tool of a kind that only this dialect has: its name stands beside its kind, or in an object of it.
fn other_tool(tool: &Json) -> CanonicalTool {
    let fields = tool.members().unwrap_or_default();
    let named = |value: &Json| value.get("name").and_then(|name| name.as_str().map(Cow::into_owned));
    let name = named(tool).or_else(|| fields.iter().find_map(|(_, value)| named(value)));
    tool_only_here(DIALECT, name.unwrap_or_default(), fields)
}

pub(super) fn tool_choice(
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
            put_nested(&mut known.extensions, DIALECT, "~function", inside);
        }
        Some(TextOr::Other(other)) => request.set(DIALECT, "tool_choice", Json::of(&other)),
    }
    Some(known).filter(|known| *known != ToolChoice::default())
}

pub(super) fn tool_call(call: wire::ToolCall<'_>) -> ContentBlock {
    let whole = call.kind.as_deref() == Some("function");
    match call {
        wire::ToolCall {
            id: Some(id),
            function: Some(wire::FunctionCall { name: Some(name), arguments: Some(arguments), rest: inside }),
            index,
            rest,
            ..
        } if whole => {
            let mut extras = extras(DIALECT, None, rest);
            if let Some(index) = index {
                // client libraries leave it in what they put together from a stream
                extras.extensions.set(DIALECT, "index", Json::of(&index));
            }
            put_nested(&mut extras.extensions, DIALECT, "~function", inside);
            let input = input(&arguments, &mut extras.extensions);
            ContentBlock::ToolUse(ToolUse { id: id.into_owned(), name: name.into_owned(), input, extras })
        }
        call => block_only_here(DIALECT, &Json::object(&[("tool_call", Json::of(&call))])),
    }
}

/// The arguments as the JSON they should be. No text at all is how some models spell an empty object;
/// what is no JSON stays the text it is.
pub(in super::super) fn input(arguments: &str, call: &mut Extensions) -> Json {
    if arguments.is_empty() {
        call.set(DIALECT, "~arguments", Json::of("empty"));
        return Json::object::<&str>(&[]);
    }
    let Some(input) = Json::parse(arguments) else {
        call.set(DIALECT, "~arguments", Json::of("text"));
        return Json::of(arguments);
    };
    let value = arguments.trim_ascii();
    if value.len() < arguments.len() {
        let start = value.as_ptr() as usize - arguments.as_ptr() as usize;
        let around = [&arguments[..start], &arguments[start + value.len()..]];
        call.set(DIALECT, "~around", Json::of(&around));
    }
    input
}
