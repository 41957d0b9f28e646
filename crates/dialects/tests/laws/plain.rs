//! What is left of a conversation without its spelling, so that two can be compared.

use std::borrow::Cow;

use penstock_core::canonical::{
    CanonicalMessage, CanonicalRequest, Content, ContentBlock, Extensions, Image, MessageRole, Source,
    SystemPrompt,
};

/// A message without spelling: its content as blocks.
fn plain_message(message: &CanonicalMessage) -> CanonicalMessage {
    CanonicalMessage {
        role: message.role,
        content: Content::Blocks(plain_content(&message.content)),
        extensions: Extensions::default(),
    }
}

pub(crate) fn plain_content(content: &Content) -> Vec<ContentBlock> {
    let blocks = match content {
        Content::Text(text) => vec![ContentBlock::text(text.clone())],
        Content::Blocks(blocks) => blocks.clone(),
    };
    let mut plain: Vec<_> = blocks.into_iter().map(plain_block).collect();
    // no text at all is what an empty one says
    plain.retain(|block| !matches!(block, ContentBlock::Text(text) if text.text.is_empty()));
    plain
}

fn plain_block(mut block: ContentBlock) -> ContentBlock {
    if let Some(extras) = block.extras_mut() {
        extras.extensions = Extensions::default();
    }
    if let ContentBlock::ToolResult(result) = &mut block {
        let content = result.content.take();
        result.content = Some(Content::Blocks(content.as_ref().map(plain_content).unwrap_or_default()));
        // that it did not fail is what no word says
        result.is_error = result.is_error.filter(|failed| *failed);
    }
    block
}

/// A conversation without spelling: what stands in front as one system prompt, what one side says behind
/// each other as one message.
pub(crate) fn plain(request: &CanonicalRequest) -> (Vec<String>, Vec<CanonicalMessage>) {
    let mut system = match &request.system {
        Some(SystemPrompt::Text(text)) => vec![text.to_str().into_owned()],
        Some(SystemPrompt::Blocks(blocks)) => {
            blocks.iter().map(|block| block.text.to_str().into_owned()).collect()
        }
        None => Vec::new(),
    };
    let mut messages: Vec<CanonicalMessage> = Vec::new();
    for message in request.messages.iter().map(plain_message) {
        let Content::Blocks(blocks) = message.content else { continue };
        if message.role == MessageRole::System && messages.is_empty() {
            system.extend(blocks.iter().map(|block| token(block).into_owned()));
            continue;
        }
        match messages.last_mut() {
            Some(CanonicalMessage { role, content: Content::Blocks(before), .. })
                if *role == message.role =>
            {
                before.extend(blocks);
            }
            _ if blocks.is_empty() => {}
            _ => messages.push(CanonicalMessage { content: Content::Blocks(blocks), ..message }),
        }
    }
    system.retain(|text| !text.is_empty());
    (system, messages)
}

pub(crate) fn token(block: &ContentBlock) -> Cow<'_, str> {
    match block {
        ContentBlock::Text(block) => block.text.to_str(),
        ContentBlock::ToolUse(block) => format!("{} {} {}", block.id, block.name, block.input).into(),
        ContentBlock::ToolResult(block) => block.tool_use_id.as_str().into(),
        ContentBlock::Image(Image { source, .. }) => match source {
            Source::Base64 { media_type, data, .. } => format!("{media_type} {data}").into(),
            Source::Url { data, .. } | Source::Text { data, .. } => data.as_str().into(),
        },
        other => panic!("{other:?} is not generated"),
    }
}

/// Everything that is said, in no order.
pub(crate) fn said(request: &CanonicalRequest) -> Vec<String> {
    fn add(blocks: &[ContentBlock], said: &mut Vec<String>) {
        for block in blocks {
            said.push(token(block).into_owned());
            if let ContentBlock::ToolResult(result) = block
                && let Some(Content::Blocks(inside)) = &result.content
            {
                add(inside, said);
            }
        }
    }
    let (mut said, messages) = plain(request);
    for message in &messages {
        let Content::Blocks(blocks) = &message.content else { continue };
        add(blocks, &mut said);
    }
    said.sort_unstable();
    said
}
