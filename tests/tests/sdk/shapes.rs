//! The shapes that modules see, as the gateway's own types write them: `sdk/typescript/fixtures/shapes.ts`, which the
//! compiler checks against the package's types, and the package's tests read.
//!
//! Every field of every type is in it, as no struct is made with `..`: a new one does not compile here before it is
//! written there.

use anyhow::{Result, ensure};
use penstock_core::canonical::{
    BlockExtras, CanonicalChunk, CanonicalMessage, CanonicalRequest, CanonicalResponse, CanonicalTool,
    CanonicalUsage, Content, ContentBlock, Delta, Document, Extensions, Fold, FromJson, Image, MessageDelta,
    MessageRole, Opaque, ResponseFormat, Source, StopReason, SystemBlock, SystemPrompt, Text, Thinking,
    ThinkingMode, ThinkingRequest, ToolChoice, ToolChoiceKind, ToolResult, ToolUse,
};
use penstock_core::{Dialect, Json, Number};
use serde::Serialize;

use crate::package::root;

/// Set to write the file instead of comparing it.
const WRITE: &str = "PENSTOCK_WRITE_SHAPES";

const HEAD: &str = "\
// Written by tests/tests/sdk/shapes.rs, from the types of the gateway: what a module is given looks so. To write it
// anew, set PENSTOCK_WRITE_SHAPES.

import type { CanonicalChunk, CanonicalRequest, CanonicalResponse } from '../src/index.js';
";

fn json(text: &str) -> Json {
    Json::parse(text).unwrap()
}

fn extensions() -> Extensions {
    Extensions::new(Dialect::OpenaiChat, vec![("service_tier".to_owned(), json("\"flex\""))])
}

fn extras() -> BlockExtras {
    BlockExtras { cache_control: Some(json(r#"{"type":"ephemeral"}"#)), extensions: extensions() }
}

/// One block of each type, with everything that it can have.
fn blocks() -> Vec<ContentBlock> {
    let base64 = || Source::Base64 {
        media_type: "image/png".to_owned(),
        data: "aGk=".to_owned(),
        extensions: extensions(),
    };
    let url = Source::Url { data: "https://example.org/a.png".to_owned(), extensions: extensions() };
    let text = Source::Text {
        media_type: "text/plain".to_owned(),
        data: "a text".to_owned(),
        extensions: extensions(),
    };
    vec![
        ContentBlock::Text(Text { text: "a text".into(), extras: extras() }),
        ContentBlock::ToolUse(ToolUse {
            id: "call_1".to_owned(),
            name: "look_up".to_owned(),
            input: json(r#"{"at":["x",1]}"#),
            extras: extras(),
        }),
        ContentBlock::ToolResult(ToolResult {
            tool_use_id: "call_1".to_owned(),
            content: Some(Content::Blocks(vec![ContentBlock::text("found")])),
            is_error: Some(false),
            extras: extras(),
        }),
        ContentBlock::Image(Image { source: base64(), extras: extras() }),
        ContentBlock::Image(Image { source: url, extras: extras() }),
        ContentBlock::Document(Document {
            source: text,
            title: Some("a title".to_owned()),
            context: Some("from last year".to_owned()),
            extras: extras(),
        }),
        ContentBlock::Thinking(thinking("let me see")),
        ContentBlock::Opaque(opaque()),
    ]
}

fn thinking(text: &str) -> Thinking {
    Thinking {
        text: text.to_owned(),
        signature: Some("c2lnbmVk".to_owned()),
        origin: "anthropic_messages/anthropic".parse().unwrap(),
        extras: extras(),
    }
}

fn opaque() -> Opaque {
    Opaque {
        dialect: Dialect::OpenaiResponses,
        value: json(r#"{"type":"web_search_call","id":"ws_1"}"#),
        origin: Some("openai_responses/openai".parse().unwrap()),
    }
}

fn request() -> CanonicalRequest {
    let number = |text: &str| -> Option<Number> { Some(json(text).read().unwrap()) };
    let tool_choice = ToolChoice {
        kind: Some(ToolChoiceKind::Tool),
        name: Some("look_up".to_owned()),
        disable_parallel_tool_use: Some(true),
        extensions: extensions(),
    };
    let tool = CanonicalTool {
        name: "look_up".to_owned(),
        description: Some("looks something up".to_owned()),
        input_schema: Some(json(r#"{"type":"object","properties":{"at":{"type":"array"}}}"#)),
        dialect: Some(Dialect::AnthropicMessages),
        extras: extras(),
    };
    let message = |role, content| CanonicalMessage { role, content, extensions: extensions() };
    CanonicalRequest {
        model: "openai/gpt-4o-mini".to_owned(),
        messages: vec![
            message(MessageRole::System, Content::Text("be brief".into())),
            message(MessageRole::User, Content::Text("hello".into())),
            message(MessageRole::Assistant, Content::Blocks(blocks())),
        ],
        system: Some(SystemPrompt::Blocks(vec![SystemBlock { text: "be kind".into(), extras: extras() }])),
        tools: Some(vec![tool]),
        tool_choice: Some(tool_choice),
        max_tokens: number("1024"),
        temperature: number("0.7"),
        top_p: number("0.9"),
        top_k: number("40"),
        stream: Some(true),
        stop_sequences: Some(vec!["END".to_owned()]),
        metadata: Some(vec![("user_id".to_owned(), json("\"u1\""))]),
        thinking: Some(ThinkingRequest {
            mode: Some(ThinkingMode::Enabled),
            budget_tokens: number("2048"),
            effort: Some("high".to_owned()),
            extensions: extensions(),
        }),
        response_format: Some(ResponseFormat::JsonSchema {
            name: Some("answer".to_owned()),
            schema: Some(json(r#"{"type":"object"}"#)),
            extensions: extensions(),
        }),
        extensions: extensions(),
    }
}

/// Whatever a client can leave out is left out.
fn least() -> CanonicalRequest {
    CanonicalRequest {
        model: "openai/gpt-4o-mini".to_owned(),
        messages: vec![CanonicalMessage {
            role: MessageRole::User,
            content: Content::Text("hello".into()),
            extensions: Extensions::default(),
        }],
        ..CanonicalRequest::default()
    }
}

fn usage() -> CanonicalUsage {
    CanonicalUsage {
        input_tokens: Some(12),
        output_tokens: Some(34),
        cache_read_input_tokens: Some(5),
        cache_creation_input_tokens: Some(6),
        reasoning_tokens: Some(7),
        extensions: extensions(),
    }
}

fn response() -> CanonicalResponse {
    CanonicalResponse {
        id: "msg_1".to_owned(),
        model: "gpt-4o-mini".to_owned(),
        content: vec![
            ContentBlock::Thinking(thinking("let me see")),
            ContentBlock::Text(Text { text: "a text".into(), extras: BlockExtras::default() }),
            ContentBlock::ToolUse(ToolUse {
                id: "call_1".to_owned(),
                name: "look_up".to_owned(),
                input: json(r#"{"at":["x"]}"#),
                extras: BlockExtras::default(),
            }),
            ContentBlock::Opaque(opaque()),
        ],
        stop_reason: Some(StopReason::StopSequence),
        stop_sequence: Some("END".to_owned()),
        usage: Some(usage()),
        extensions: extensions(),
    }
}

/// The stream that adds up to [`response`], but for the extensions of its parts.
fn chunks() -> Vec<CanonicalChunk> {
    let begun =
        CanonicalResponse { id: "msg_1".to_owned(), model: "gpt-4o-mini".to_owned(), ..Default::default() };
    let CanonicalResponse { content, stop_reason, stop_sequence, usage, extensions, .. } = response();
    let start = |index: usize, content_block| CanonicalChunk::ContentBlockStart { index, content_block };
    let add = |index: usize, delta| CanonicalChunk::ContentBlockDelta { index, delta };
    let stop = |index: usize| CanonicalChunk::ContentBlockStop { index };
    let thought = Thinking { signature: None, extras: BlockExtras::default(), ..thinking("") };
    let call = ToolUse {
        id: "call_1".to_owned(),
        name: "look_up".to_owned(),
        input: json("{}"),
        extras: BlockExtras::default(),
    };
    vec![
        CanonicalChunk::MessageStart { message: Box::new(begun) },
        start(0, ContentBlock::Thinking(thought)),
        add(0, Delta::ThinkingDelta { text: "let me ".to_owned() }),
        add(0, Delta::ThinkingDelta { text: "see".to_owned() }),
        add(0, Delta::SignatureDelta { signature: "c2lnbmVk".to_owned() }),
        add(0, Delta::ExtensionsDelta { extensions: extensions.clone() }),
        stop(0),
        start(1, ContentBlock::text("")),
        add(1, Delta::TextDelta { text: "a ".to_owned() }),
        start(2, ContentBlock::ToolUse(call)),
        add(2, Delta::InputJsonDelta { partial_json: r#"{"at":"#.to_owned() }),
        add(1, Delta::TextDelta { text: "text".to_owned() }),
        add(2, Delta::InputJsonDelta { partial_json: r#"["x"]}"#.to_owned() }),
        stop(1),
        stop(2),
        start(3, content[3].clone()),
        stop(3),
        CanonicalChunk::Opaque(opaque()),
        CanonicalChunk::MessageDelta {
            delta: MessageDelta { stop_reason, stop_sequence, extensions },
            usage,
        },
        CanonicalChunk::MessageStop,
    ]
}

fn page() -> String {
    let plain = CanonicalResponse::default();
    let constants = [
        ("Everything that a request can have.", "request", "CanonicalRequest", value(&request())),
        (
            "A request of which nothing was said that need not be.",
            "leastRequest",
            "CanonicalRequest",
            value(&least()),
        ),
        ("An answer with everything.", "response", "CanonicalResponse", value(&response())),
        (
            "An answer of which the provider said nothing.",
            "leastResponse",
            "CanonicalResponse",
            value(&plain),
        ),
        ("A stream with every piece that there is.", "chunks", "CanonicalChunk[]", value(&chunks())),
    ];
    let constant = |(comment, name, shape, value): (&str, &str, &str, serde_json::Value)| {
        let text = serde_json::to_string_pretty(&value).unwrap();
        format!("\n/** {comment} */\nexport const {name} = {text} satisfies {shape};\n")
    };
    std::iter::once(HEAD.to_owned()).chain(constants.map(constant)).collect()
}

fn value(shape: &impl Serialize) -> serde_json::Value {
    serde_json::to_value(shape).unwrap()
}

#[test]
fn the_shapes_of_the_package_are_those_of_the_gateway() -> Result<()> {
    let (path, page) = (root().join("fixtures/shapes.ts"), page());
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(&path, &page)?;
    }
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    ensure!(known == page, "{} is not what the gateway writes: set {WRITE} to write it", path.display());
    Ok(())
}

#[test]
fn what_is_written_is_read_again() -> Result<()> {
    fn again<T: FromJson + Serialize + PartialEq>(shape: &T) -> Result<bool> {
        Ok(T::read(&Json::of(shape))? == *shape)
    }
    ensure!(again(&request())? && again(&response())?, "a request or a response has changed on its way");
    for chunk in chunks() {
        ensure!(again(&chunk)?, "it has changed on its way: {chunk:?}");
    }
    Ok(())
}

#[test]
fn the_stream_is_one() -> Result<()> {
    let mut fold = Fold::default();
    for chunk in chunks() {
        fold.push(chunk)?;
    }
    let folded = fold.finish()?;
    ensure!(folded.usage == Some(usage()) && folded.content.len() == 4, "{folded:?}");
    Ok(())
}
