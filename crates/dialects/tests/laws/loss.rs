//! Losses: what a translation cannot carry is named, field by field and block by block, and a stream names
//! what the whole answer names.

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};
use penstock_core::canonical::{
    CanonicalRequest, Content, ContentBlock, Document, Image, Source, SystemPrompt,
};
use penstock_core::{Dialect, Json};
use penstock_dialects::codec::{Target, codec};
use penstock_dialects::loss::{Loss, LossKind};
use penstock_dialects::translate::StreamTranslator;

use crate::corpus::{Faults, Fixture, client, dialects, fixtures, json, origin, target, twin};

/// Whether the losses name `path`, or say that something around it was left out.
pub(crate) fn is_named(losses: &[Loss], path: &str) -> bool {
    losses.iter().any(|loss| {
        let inside = path.strip_prefix(loss.path.as_str());
        let around = inside.is_some_and(|inside| inside.starts_with(['.', '[']));
        loss.path == path || (loss.kind == LossKind::Dropped && around)
    })
}

/// A field of an extension, and where losses say that it stands.
struct Field {
    path: String,
    value: Json,
}

/// The fields of `dialect` in all extensions of the canonical form `root`, without notes on spelling.
fn extensions(root: &Json, dialect: Dialect) -> Vec<Field> {
    fn walk(at: &str, value: &Json, dialect: Dialect, found: &mut Vec<Field>) {
        for (name, inside) in value.members().into_iter().flatten() {
            match name.as_str() {
                "extensions" => own(at, &inside, dialect, found),
                // a client's own JSON
                "input" | "inputSchema" | "schema" | "value" | "metadata" => {}
                _ => walk(&join(at, &name), &inside, dialect, found),
            }
        }
        for (index, inside) in value.elements().into_iter().flatten().enumerate() {
            walk(&format!("{at}[{index}]"), &inside, dialect, found);
        }
    }
    fn own(at: &str, extensions: &Json, dialect: Dialect, found: &mut Vec<Field>) {
        let fields = extensions.get(dialect.as_str()).and_then(|own| own.members());
        for (name, value) in fields.into_iter().flatten() {
            if name.starts_with('~') {
                // fields of a nested object, or a note, which has none
                let nested = value.members().into_iter().flatten();
                found.extend(nested.map(|(name, value)| Field { path: join(at, &name), value }));
            } else {
                found.push(Field { path: join(at, &name), value });
            }
        }
    }
    let mut found = Vec::new();
    walk("", root, dialect, &mut found);
    found
}

fn join(at: &str, name: &str) -> String {
    if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") }
}

/// Whether a field asks for nothing, or for what is done anyway: its absence is no loss.
fn says_nothing(field: &Field) -> bool {
    let name = field.path.rsplit('.').next().unwrap_or_default();
    match field.value.text() {
        "null" | "\"\"" | "{}" => true,
        "[]" => matches!(name, "annotations" | "citations"),
        "1" => name == "n",
        "false" => matches!(name, "logprobs" | "store"),
        // about the connection, not about the answer
        _ => matches!(name, "stream_options" | "object" | "created" | "index"),
    }
}

/// The extensions of `dialect` in `root` that nothing is said about, and how many there are in all.
fn unnamed(root: &Json, dialect: Dialect, losses: &[Loss]) -> (Vec<String>, usize) {
    let mut fields = extensions(root, dialect);
    fields.retain(|field| !says_nothing(field));
    let all = fields.len();
    fields.retain(|field| !is_named(losses, &field.path));
    (fields.into_iter().map(|field| field.path).collect(), all)
}

#[test]
fn every_extension_of_a_request_is_named() {
    let (mut faults, mut seen) = (Faults::default(), 0);
    for fixture in fixtures("requests", 40) {
        let request = fixture.request();
        for (to, codec) in dialects().filter(|(to, _)| *to != fixture.dialect) {
            let encoded = codec.encode_request(&request, &target(to)).unwrap();
            let (unnamed, all) = unnamed(&Json::of(&request), fixture.dialect, &encoded.losses);
            seen += all;
            for path in unnamed {
                faults.note(&fixture, format!("to {to}: {path} is gone silently"));
            }
        }
    }
    assert!(seen > 250, "there are only {seen} extensions");
    faults.none();
}

#[test]
fn every_extension_of_an_answer_is_named() {
    let (mut faults, mut seen) = (Faults::default(), 0);
    for fixture in fixtures("responses", 25) {
        let response = fixture.response();
        for (to, codec) in dialects().filter(|(to, _)| *to != fixture.dialect) {
            let encoded = codec.encode_response(&response, &client());
            let (unnamed, all) = unnamed(&Json::of(&response), fixture.dialect, &encoded.losses);
            seen += all;
            for path in unnamed {
                faults.note(&fixture, format!("to {to}: {path} is gone silently"));
            }
        }
    }
    assert!(seen > 250, "there are only {seen} extensions");
    faults.none();
}

/// Every block under `at`, those inside tool results as well, with its path.
fn blocks<'a>(at: &str, list: &'a [ContentBlock], found: &mut Vec<(String, &'a ContentBlock)>) {
    for (index, block) in list.iter().enumerate() {
        let at = format!("{at}[{index}]");
        if let ContentBlock::ToolResult(result) = block
            && let Some(Content::Blocks(inside)) = &result.content
        {
            blocks(&format!("{at}.content"), inside, found);
        }
        found.push((at, block));
    }
}

fn request_blocks(request: &CanonicalRequest) -> Vec<(String, &ContentBlock)> {
    let mut found = Vec::new();
    for (index, message) in request.messages.iter().enumerate() {
        if let Content::Blocks(list) = &message.content {
            blocks(&format!("messages[{index}].content"), list, &mut found);
        }
    }
    found
}

/// What a body must hold for a block to be in it.
fn token(block: &ContentBlock) -> Cow<'_, str> {
    let token: &str = match block {
        ContentBlock::Text(block) => return block.text.to_str(),
        ContentBlock::Thinking(block) => &block.text,
        ContentBlock::ToolUse(block) => &block.id,
        ContentBlock::ToolResult(block) => &block.tool_use_id,
        ContentBlock::Image(Image { source, .. }) | ContentBlock::Document(Document { source, .. }) => {
            let (Source::Base64 { data, .. } | Source::Url { data, .. } | Source::Text { data, .. }) = source;
            data
        }
        ContentBlock::Opaque(block) => block.value.text(),
    };
    token.into()
}

/// Every text in `value`.
fn strings(value: &Json, found: &mut Vec<String>) {
    value.members().into_iter().flatten().for_each(|(_, inside)| strings(&inside, found));
    value.elements().into_iter().flatten().for_each(|inside| strings(&inside, found));
    found.extend(value.as_str().map(Cow::into_owned));
}

/// The places of what is neither in `body` nor named.
fn missing<'a>(
    expected: impl IntoIterator<Item = (String, Cow<'a, str>)>,
    body: &[u8],
    losses: &[Loss],
) -> Vec<String> {
    let mut there = Vec::new();
    strings(&json(body), &mut there);
    let is_there = |token: &str| there.iter().any(|text| text.contains(token));
    let missing = expected.into_iter().filter(|(path, token)| !is_there(token) && !is_named(losses, path));
    missing.map(|(path, _)| path).collect()
}

#[test]
fn every_block_and_tool_of_a_request_arrives_or_is_named() {
    let (mut faults, mut seen) = (Faults::default(), 0);
    for fixture in fixtures("requests", 40) {
        let request = fixture.request();
        let mut expected: Vec<_> =
            request_blocks(&request).into_iter().map(|(path, block)| (path, token(block))).collect();
        for (index, tool) in request.tools.iter().flatten().enumerate() {
            expected.push((format!("tools[{index}]"), tool.name.as_str().into()));
        }
        match &request.system {
            Some(SystemPrompt::Text(text)) => expected.push(("system".to_owned(), text.to_str())),
            Some(SystemPrompt::Blocks(list)) => {
                let list = list.iter().enumerate();
                expected.extend(list.map(|(index, block)| (format!("system[{index}]"), block.text.to_str())));
            }
            None => {}
        }
        for (to, codec) in dialects().filter(|(to, _)| *to != fixture.dialect) {
            let encoded = codec.encode_request(&request, &target(to)).unwrap();
            seen += expected.len();
            for path in missing(expected.clone(), &encoded.body, &encoded.losses) {
                faults.note(&fixture, format!("to {to}: {path} is gone silently"));
            }
        }
    }
    assert!(seen > 400, "there are only {seen} blocks");
    faults.none();
}

#[test]
fn every_block_of_an_answer_arrives_or_is_named() {
    let (mut faults, mut seen) = (Faults::default(), 0);
    for fixture in fixtures("responses", 25) {
        let response = fixture.response();
        let mut expected = Vec::new();
        blocks("content", &response.content, &mut expected);
        let expected: Vec<_> = expected.into_iter().map(|(path, block)| (path, token(block))).collect();
        for (to, codec) in dialects().filter(|(to, _)| *to != fixture.dialect) {
            let encoded = codec.encode_response(&response, &client());
            seen += expected.len();
            for path in missing(expected.clone(), &encoded.body, &encoded.losses) {
                faults.note(&fixture, format!("to {to}: {path} is gone silently"));
            }
        }
    }
    assert!(seen > 250, "there are only {seen} blocks");
    faults.none();
}

/// Every mark for a cache: the path of what bears it, its token and the mark.
fn marks(request: &CanonicalRequest) -> Vec<(String, String, Json)> {
    let mut found = Vec::new();
    let mut add = |path: String, token: &str, mark: &Option<Json>| {
        found.extend(mark.clone().map(|mark| (path, token.to_owned(), mark)));
    };
    if let Some(SystemPrompt::Blocks(list)) = &request.system {
        for (index, block) in list.iter().enumerate() {
            add(format!("system[{index}]"), &block.text.to_str(), &block.extras.cache_control);
        }
    }
    for (index, tool) in request.tools.iter().flatten().enumerate() {
        add(format!("tools[{index}]"), &tool.name, &tool.extras.cache_control);
    }
    for (path, block) in request_blocks(request) {
        if let Some(extras) = block.extras() {
            add(path, &token(block), &extras.cache_control);
        }
    }
    found
}

#[test]
fn a_mark_for_the_cache_arrives_or_is_named() {
    let (mut faults, mut seen) = (Faults::default(), 0);
    for fixture in fixtures("requests", 40) {
        let request = fixture.request();
        for (to, codec) in dialects().filter(|(to, _)| *to != fixture.dialect) {
            for cache_control in [true, false] {
                let target = Target { cache_control, ..target(to) };
                let encoded = codec.encode_request(&request, &target).unwrap();
                let arrived = marks(&codec.decode_request(&encoded.body).unwrap());
                for (path, token, mark) in marks(&request) {
                    seen += 1;
                    let is_there = arrived.iter().any(|(_, other, known)| *other == token && *known == mark);
                    if !is_there && !is_named(&encoded.losses, &format!("{path}.cacheControl")) {
                        faults.note(&fixture, format!("to {to}: the mark of {path} is gone silently"));
                    }
                }
            }
        }
    }
    assert!(seen > 40, "there are only {seen} marks");
    faults.none();
}

#[test]
fn the_failure_of_a_tool_arrives_or_is_named() {
    let (mut faults, mut seen) = (Faults::default(), 0);
    for fixture in fixtures("requests", 40) {
        let request = fixture.request();
        for (to, codec) in dialects().filter(|(to, _)| *to != fixture.dialect) {
            let encoded = codec.encode_request(&request, &target(to)).unwrap();
            let back = codec.decode_request(&encoded.body).unwrap();
            for (path, block) in request_blocks(&request) {
                let ContentBlock::ToolResult(failed) = block else { continue };
                if failed.is_error != Some(true) {
                    continue;
                }
                seen += 1;
                let arrived = request_blocks(&back).iter().any(|(_, block)| {
                    matches!(block, ContentBlock::ToolResult(result)
                        if result.tool_use_id == failed.tool_use_id && result.is_error == Some(true))
                });
                if !arrived && !is_named(&encoded.losses, &format!("{path}.isError")) {
                    faults.note(&fixture, format!("to {to}: the failure of {path} is gone silently"));
                }
            }
        }
    }
    assert!(seen > 0, "there are no failures");
    faults.none();
}

/// What losses say, without the words.
pub(crate) fn short(losses: &[Loss]) -> Vec<String> {
    let mut short: Vec<_> =
        losses.iter().map(|loss| format!("{} {}", loss.kind.as_str(), loss.path)).collect();
    short.sort_unstable();
    short
}

/// The losses of a streamed answer on its way to a client of `to`.
fn streamed(fixture: &Fixture, to: Dialect) -> Vec<Loss> {
    let decoder = codec(fixture.dialect).unwrap().stream_decoder(origin(fixture.dialect));
    let encoder = codec(to).unwrap().stream_encoder(&client());
    let mut translator = StreamTranslator::new(decoder, encoder);
    let mut out = BytesMut::new();
    let mut losses = Vec::new();
    for piece in fixture.body.chunks(100) {
        translator.push(&Bytes::copy_from_slice(piece), &mut out).unwrap();
        losses.extend(translator.take_losses());
    }
    translator.finish(&mut out).unwrap();
    losses.extend(translator.take_losses());
    losses
}

#[test]
fn a_stream_names_what_the_whole_answer_names_and_once() {
    let (mut faults, mut seen) = (Faults::default(), 0);
    for fixture in fixtures("streams", 20) {
        let whole = Fixture { body: twin(&fixture, "responses", "json"), ..fixture.clone() }.response();
        for (to, codec) in dialects().filter(|(to, _)| *to != fixture.dialect) {
            let at_once = short(&codec.encode_response(&whole, &client()).losses);
            let mut named = short(&streamed(&fixture, to));
            // an event that only one dialect knows stands in no answer
            if let Some(event) = named.iter().position(|loss| loss == "dropped event") {
                named.remove(event);
            }
            seen += at_once.len();
            if named != at_once {
                faults.note(&fixture, format!("to {to}:\n  streamed {named:?}\n  at once  {at_once:?}"));
            }
        }
    }
    assert!(seen > 60, "there are only {seen} losses");
    faults.none();
}

#[test]
fn what_stands_beside_the_delta_of_an_end_is_kept_or_named() {
    let regression = include_str!(
        "../../fuzz-regressions/anthropic_messages_stream/other-stop-reason-beside-the-delta.sse"
    );
    let fixture = Fixture {
        dialect: Dialect::AnthropicMessages,
        name: "beside the delta".into(),
        body: regression.as_bytes().to_vec(),
    };
    let named = short(&streamed(&fixture, Dialect::OpenaiChat));
    assert!(named.contains(&"dropped stop_reason".to_owned()), "{named:?}");
    let own = codec(Dialect::AnthropicMessages).unwrap();
    let decoder = own.stream_decoder(origin(Dialect::AnthropicMessages));
    let mut translator = StreamTranslator::new(decoder, own.stream_encoder(&client()));
    let mut out = BytesMut::new();
    translator.push(&Bytes::from(fixture.body), &mut out).unwrap();
    let written = String::from_utf8(out.to_vec()).unwrap();
    assert!(written.contains(r#""delta":{"stop_reason":"end_turn","#), "{written}");
    assert!(written.contains(r#"},"stop_reason":"max_tokens"}"#), "{written}");
}
