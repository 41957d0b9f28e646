use super::*;
use crate::canonical::{CanonicalChunk, CanonicalRequest, CanonicalResponse};

const REQUEST: &str = r#"{"model":"m","messages":[{"role":"user","content":"hi"},{"role":"assistant","content":[
    {"type":"thinking","text":"hm","signature":"s","origin":"anthropic_messages/anthropic"},
    {"type":"text","text":"caf\u00e9","cacheControl":{"type":"ephemeral"},"extensions":{"openai_chat":{"x":1.0}}},
    {"type":"tool_use","id":"1","name":"t","input":{"n":18446744073709551616}}]},
    {"role":"user","content":[{"type":"tool_result","toolUseId":"1","content":"ok","isError":false},
    {"type":"image","source":{"type":"base64","mediaType":"image/png","data":"AA=="}},
    {"type":"image","source":{"type":"url","data":"https://example.com/a.png"}},
    {"type":"document","source":{"type":"text","mediaType":"text/plain","data":"x"},"title":"t"},
    {"type":"opaque","dialect":"openai_chat","value":{"type":"refusal"}}],"extensions":{"gemini":{"y":[2e3]}}}],
    "system":[{"type":"text","text":"s"}],"tools":[{"name":"t","description":"d","inputSchema":{"type":"object"}}],
    "toolChoice":{"type":"tool","name":"t"},"maxTokens":10,"temperature":1.0,"topP":0.5,"topK":5,"stream":true,
    "stopSequences":["x"],"metadata":{"user_id":"u"},"thinking":{"type":"enabled","budgetTokens":100},
    "responseFormat":{"type":"json_schema","name":"n","schema":{}},"extensions":{"openai_chat":{"z":null}}}"#;

fn json(text: &str) -> Json {
    Json::parse(text).unwrap()
}

fn refusal<T: FromJson + fmt::Debug>(text: &str) -> String {
    T::read(&json(text)).expect_err(text).to_string()
}

#[test]
fn a_request_is_read_as_it_was_written() {
    let request = CanonicalRequest::read(&json(REQUEST)).unwrap();
    assert_eq!(Json::of(&request), json(REQUEST));
}

#[test]
fn a_request_is_the_sum_of_its_fields() {
    let request = CanonicalRequest::read(&json(REQUEST)).unwrap();
    let mut other = CanonicalRequest::default();
    for name in CanonicalRequest::FIELDS {
        let value = request.field(name).unwrap_or_else(|| panic!("{name}"));
        other.set_field(name, Some(&value)).unwrap();
    }
    assert_eq!(other, request);
    other.set_field("tools", None).unwrap();
    assert_eq!((other.tools, request.field("nothing")), (None, None));
}

#[test]
fn an_answer_is_read_as_it_was_written() {
    let text = r#"{"id":"1","model":"m","role":"assistant","content":[{"type":"text","text":"t"}],
        "stopReason":"stop_sequence","stopSequence":"x","usage":{"inputTokens":1,"outputTokens":2,
        "cacheReadInputTokens":3,"cacheCreationInputTokens":4,"reasoningTokens":5}}"#;
    let answer = CanonicalResponse::read(&json(text)).unwrap();
    assert_eq!(Json::of(&answer), json(text));
}

#[test]
fn chunks_are_read_as_they_were_written() {
    let chunks = [
        r#"{"type":"message_start","message":{"id":"1","model":"m","role":"assistant","content":[],"stopReason":null}}"#,
        r#"{"type":"content_block_start","index":0,"contentBlock":{"type":"text","text":""}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partialJson":"{"}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","text":"a"}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"a"}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"extensions_delta","extensions":{"gemini":{"a":1}}}}"#,
        r#"{"type":"content_block_stop","index":0}"#,
        r#"{"type":"message_delta","delta":{"stopReason":"end_turn"},"usage":{"outputTokens":2}}"#,
        r#"{"type":"message_stop"}"#,
        r#"{"type":"opaque","dialect":"gemini","value":1}"#,
    ];
    for text in chunks {
        let chunk = CanonicalChunk::read(&json(text)).unwrap();
        assert_eq!(Json::of(&chunk), json(text), "{text}");
    }
}

#[test]
fn what_is_not_of_the_form_is_refused_with_its_path() {
    let message = |message: &str| format!(r#"{{"model":"m","messages":[{message}]}}"#);
    let cases = [
        ("[]".to_owned(), "expected an object, found an array"),
        (r#"{"model":"m"}"#.to_owned(), "messages: expected a value, found nothing"),
        (r#"{"modle":"m"}"#.to_owned(), "modle: expected no such field, found one"),
        (
            message(r#"{"role":"robot","content":"x"}"#),
            "messages[0].role: expected one of `user`, `assistant`, `system`, found a string",
        ),
        (
            message(r#"{"role":"user"}"#),
            "messages[0].content: expected a string or an array of blocks, found nothing",
        ),
        (message(r#"{"role":"user","content":7}"#), "messages[0].content: expected an array, found a number"),
        (
            message(r#"{"role":"user","content":[{"type":"txt"}]}"#),
            "messages[0].content[0].type: expected `text`, `tool_use`, `tool_result`, `image`, `document`, `thinking` or `opaque`, found another word",
        ),
        (
            message(r#"{"role":"user","content":[{"type":"text","text":"x","foo":1}]}"#),
            "messages[0].content[0].foo: expected no such field, found one",
        ),
        (
            message(r#"{"role":"user","content":"x","extensions":{"opnai":{}}}"#),
            "messages[0].extensions: unknown dialect",
        ),
    ];
    for (text, expected) in cases {
        let found = refusal::<CanonicalRequest>(&text);
        assert!(found.starts_with(expected), "{text}: {found}");
    }
    assert_eq!(
        refusal::<CanonicalChunk>(r#"{"type":"end"}"#).split(',').next(),
        Some("type: expected `message_start`")
    );
    assert_eq!(
        refusal::<CanonicalResponse>(r#"{"content":[],"usage":{"inputTokens":-1}}"#),
        "usage.inputTokens: expected a whole number from 0 up, found a number"
    );
}
