//! The messages of a conversation, and what a model said in one.

use penstock_core::Json;
use penstock_core::canonical::{
    CanonicalMessage, Content, ContentBlock, Extensions, Fields, MessageRole, Origin, ToolResult,
};

use super::super::{DIALECT, wire};
use super::{block, thought, tool};
use crate::object::{RawTextOr, Text, extensions, extras, fields, message_only_here};

/// Results of tools that stand behind each other are one message of the user, as they answer one
/// message of the model.
pub(super) fn conversation(messages: Vec<wire::Message<'_>>) -> Vec<CanonicalMessage> {
    let mut conversation: Vec<CanonicalMessage> = Vec::with_capacity(messages.len());
    let mut results = false;
    for message in messages {
        let role = message.role.as_deref().unwrap_or_default().to_owned();
        let is_result = role == "tool" && message.tool_call_id.is_some();
        let decoded = match role.as_str() {
            "user" => plain(MessageRole::User, message),
            "system" | "developer" => plain(MessageRole::System, message),
            "assistant" => assistant(message),
            "tool" if is_result => tool_result(message),
            _ => message_only_here(DIALECT, &message),
        };
        match conversation.last_mut() {
            Some(CanonicalMessage { content: Content::Blocks(before), .. }) if is_result && results => {
                if let Content::Blocks(more) = decoded.content {
                    before.extend(more);
                }
            }
            _ => conversation.push(decoded),
        }
        results = is_result;
    }
    conversation
}

/// Whether a message has none of what only the model says, or a tool.
pub(super) fn has_only_content(message: &wire::Message<'_>) -> bool {
    message.refusal.is_none()
        && message.reasoning.is_none()
        && message.reasoning_content.is_none()
        && message.tool_calls.is_none()
        && message.tool_call_id.is_none()
}

fn plain(role: MessageRole, message: wire::Message<'_>) -> CanonicalMessage {
    if !has_only_content(&message) || message.content.is_none() {
        return message_only_here(DIALECT, &message);
    }
    let mut extensions = extensions(DIALECT, message.rest);
    if let Some(role) = message.role.filter(|role| &**role == "developer") {
        extensions.set(DIALECT, "~role", Json::of(&*role));
    }
    let content = match message.content.unwrap_or_default() {
        RawTextOr::Other(parts) => Content::Blocks(parts.into_iter().map(block::part).collect()),
        RawTextOr::Text(text) => Content::Text(text.into_owned()),
    };
    CanonicalMessage { role, content, extensions }
}

fn assistant(mut message: wire::Message<'_>) -> CanonicalMessage {
    if message.tool_call_id.is_some() {
        return message_only_here(DIALECT, &message);
    }
    let role = MessageRole::Assistant;
    let only_text =
        has_only_content(&message) && !message.rest.iter().any(|(name, _)| name == "reasoning_details");
    if let (true, Some(RawTextOr::Text(text))) = (only_text, &mut message.content) {
        let content = Content::Text(std::mem::take(text).into_owned());
        return CanonicalMessage { role, content, extensions: extensions(DIALECT, message.rest) };
    }
    let (blocks, rest) = said(message, &Origin::of(DIALECT));
    CanonicalMessage { role, content: Content::Blocks(blocks), extensions: Extensions::new(DIALECT, rest) }
}

/// What a model said, and what is left of its message.
pub(super) fn said(mut message: wire::Message<'_>, origin: &Origin) -> (Vec<ContentBlock>, Fields) {
    let mut rest = fields(std::mem::take(&mut message.rest));
    let mut blocks = Vec::new();
    let carried = thought::carried(&mut rest);
    for (field, text) in [("reasoning_content", message.reasoning_content), ("reasoning", message.reasoning)]
    {
        let Some(text) = text else { continue };
        if !carried.is_empty() {
            // the carriers say the same, each thought by itself
        } else if text.is_empty() || !blocks.is_empty() {
            rest.push((field.to_owned(), Json::of(&*text)));
        } else {
            blocks.push(thought(field, text.into_owned(), origin.clone()));
        }
    }
    match message.content {
        Some(RawTextOr::Text(text)) if text.is_empty() => rest.push(("content".to_owned(), Json::of(""))),
        Some(RawTextOr::Text(text)) => blocks.push(ContentBlock::text(text.into_owned())),
        Some(RawTextOr::Other(parts)) => {
            rest.push(("~content".to_owned(), Json::of("parts")));
            blocks.extend(parts.into_iter().map(block::part));
        }
        None => {}
    }
    match message.refusal {
        Some(text) if text.is_empty() => rest.push(("refusal".to_owned(), Json::of(""))),
        Some(text) => blocks.push(block::refusal(text.into_owned())),
        None => {}
    }
    if let Some(calls) = message.tool_calls {
        if calls.is_empty() {
            rest.push(("tool_calls".to_owned(), Json::of(&[(); 0])));
        }
        blocks.extend(calls.into_iter().map(tool::tool_call));
    }
    for (at, block) in carried {
        blocks.insert(at.min(blocks.len()), block);
    }
    (blocks, rest)
}

fn tool_result(mut message: wire::Message<'_>) -> CanonicalMessage {
    let tool_use_id = message.tool_call_id.take();
    if !has_only_content(&message) {
        return message_only_here(DIALECT, &wire::Message { tool_call_id: tool_use_id, ..message });
    }
    let mut extras = extras(DIALECT, None, message.rest);
    let content = match message.content {
        Some(RawTextOr::Text(text)) => Some(Content::Text(text.into_owned())),
        Some(RawTextOr::Other(parts)) => {
            if parts.len() == 1 || !parts.iter().all(|part| block::is(part, "text")) {
                extras.extensions.set(DIALECT, "~content", Json::of("parts"));
            }
            Some(Content::Blocks(parts.into_iter().map(block::part).collect()))
        }
        None => {
            extras.extensions.set(DIALECT, "~content", Json::of("absent"));
            None
        }
    };
    let tool_use_id = tool_use_id.map(Text::into_owned).unwrap_or_default();
    let result = ContentBlock::ToolResult(ToolResult { tool_use_id, content, is_error: None, extras });
    let content = Content::Blocks(vec![result]);
    CanonicalMessage { role: MessageRole::User, content, extensions: Extensions::default() }
}
