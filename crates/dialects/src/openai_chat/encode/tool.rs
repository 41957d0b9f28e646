//! Tools, the choice among them, and calls of them.

use penstock_core::Json;
use penstock_core::canonical::{
    CanonicalRequest, CanonicalTool, Extensions, ToolChoice, ToolChoiceKind, ToolUse,
};

use super::super::{DIALECT, wire};
use super::block::{Parts, Reader};
use crate::codec::Target;
use crate::loss::{Losses, Path};
use crate::object::{Text, TextOr, nested, rest, spelling};

pub(super) fn tools<'a>(
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
            rest: nested(extensions, DIALECT, "~function"),
        }),
        cache_control: Parts { reader: Reader::Provider(target), losses }.cache_control(at, &tool.extras),
        rest: rest(extensions, DIALECT),
    })
}

pub(super) fn tool_choice<'a>(
    choice: &'a ToolChoice,
    losses: &mut Losses,
) -> Option<TextOr<'a, wire::ToolChoice<'a>>> {
    losses.extensions(Path::Root.field("toolChoice"), &choice.extensions);
    Some(match choice.kind? {
        ToolChoiceKind::Auto => TextOr::Text("auto".into()),
        ToolChoiceKind::Any => TextOr::Text("required".into()),
        ToolChoiceKind::None => TextOr::Text("none".into()),
        ToolChoiceKind::Tool => TextOr::Other(wire::ToolChoice {
            kind: Some("function".into()),
            function: Some(wire::FunctionName {
                name: choice.name.as_deref().map(Into::into),
                rest: nested(&choice.extensions, DIALECT, "~function"),
            }),
            rest: rest(&choice.extensions, DIALECT),
        }),
    })
}

pub(in super::super) fn tool_call<'a>(
    at: Path<'_>,
    call: &'a ToolUse,
    losses: &mut Losses,
) -> wire::ToolCall<'a> {
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
            rest: nested(extensions, DIALECT, "~function"),
        }),
        rest: rest(extensions, DIALECT),
    }
}

fn arguments<'a>(input: &'a Json, extensions: &Extensions) -> Text<'a> {
    match spelling(extensions, DIALECT, "~arguments").as_deref() {
        Some("empty") if input.text() == "{}" => "".into(),
        Some("text") if let Some(text) = input.read::<Text<'a>>() => text,
        _ => match extensions.get(DIALECT, "~around").and_then(Json::read::<[String; 2]>) {
            Some([before, after]) => format!("{before}{input}{after}").into(),
            None => input.text().into(),
        },
    }
}
