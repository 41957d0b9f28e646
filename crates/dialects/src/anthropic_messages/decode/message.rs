//! The messages of a conversation.

use penstock_core::Json;
use penstock_core::canonical::{CanonicalMessage, Content, MessageRole, Origin};

use super::super::{DIALECT, wire};
use super::block::blocks;
use crate::object::{RawTextOr, extensions, message_only_here};

pub(super) fn message(message: wire::Message<'_>, origin: &Origin) -> CanonicalMessage {
    let role = match message.role.as_deref() {
        Some("user") => MessageRole::User,
        Some("assistant") => MessageRole::Assistant,
        Some("system") => MessageRole::System,
        _ => return message_only_here(DIALECT, &message),
    };
    let content = match message.content {
        Some(RawTextOr::Text(text)) => Content::Text(text.into_owned()),
        Some(RawTextOr::Other(inside)) => Content::Blocks(blocks(inside, origin)),
        None => return message_only_here(DIALECT, &message),
    };
    let mut extensions = extensions(DIALECT, message.rest);
    if role == MessageRole::System {
        // of this dialect, unlike a system message from elsewhere, which has to move
        extensions.set(DIALECT, "~role", Json::of("system"));
    }
    CanonicalMessage { role, content, extensions }
}
