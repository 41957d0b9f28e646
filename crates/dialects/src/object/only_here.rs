//! Things that only one dialect knows: kept as they came, and written again as they were.

use penstock_core::canonical::{
    BlockExtras, CanonicalMessage, CanonicalRequest, CanonicalTool, Content, ContentBlock, Extensions,
    Fields, MessageRole, Opaque, ToolChoice,
};
use penstock_core::{Dialect, Json};
use serde::Serialize;

use crate::loss::{Losses, Path};

/// A block that only `dialect` knows.
pub(crate) fn block_only_here(dialect: Dialect, block: &impl Serialize) -> ContentBlock {
    ContentBlock::Opaque(Opaque { dialect, value: Json::of(block), origin: None })
}

/// A message that only `dialect` knows, such as one of a role of its own.
pub(crate) fn message_only_here(dialect: Dialect, message: &impl Serialize) -> CanonicalMessage {
    let extensions = Extensions::new(dialect, vec![("~message".to_owned(), Json::of("whole"))]);
    let content = Content::Blocks(vec![block_only_here(dialect, message)]);
    CanonicalMessage { role: MessageRole::User, content, extensions }
}

/// The message on the wire, if `message` is one that only `dialect` knows.
pub(crate) fn whole_message(message: &CanonicalMessage, dialect: Dialect) -> Option<&Json> {
    message.extensions.get(dialect, "~message")?;
    match &message.content {
        Content::Blocks(blocks) => match blocks.as_slice() {
            [ContentBlock::Opaque(block)] => Some(&block.value),
            _ => None,
        },
        Content::Text(_) => None,
    }
}

/// A tool that only `dialect` has, all of it in its extensions.
pub(crate) fn tool_only_here(dialect: Dialect, name: String, fields: Fields) -> CanonicalTool {
    CanonicalTool {
        name,
        description: None,
        input_schema: None,
        dialect: Some(dialect),
        extras: BlockExtras { cache_control: None, extensions: Extensions::new(dialect, fields) },
    }
}

/// The choice among the tools that `dialect` has. One that names a tool which is left out, or has lost all
/// of them, would be refused.
pub(crate) fn tool_choice_within<'a>(
    request: &'a CanonicalRequest,
    dialect: Dialect,
    losses: &mut Losses,
) -> Option<&'a ToolChoice> {
    let choice = request.tool_choice.as_ref()?;
    let tools = request.tools.as_deref().unwrap_or_default();
    let is_left_out = |tool: &&CanonicalTool| tool.dialect.is_some_and(|own| own != dialect);
    let mut left_out = tools.iter().filter(is_left_out);
    let all = !tools.is_empty() && left_out.clone().count() == tools.len();
    if all || left_out.any(|tool| choice.name.as_ref() == Some(&tool.name)) {
        losses.dropped(Path::Root.field("toolChoice"), "what it chooses is left out");
        return None;
    }
    Some(choice)
}
