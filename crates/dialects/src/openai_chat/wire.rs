//! The shapes on the wire, and what a gateway that only forwards has to know of them.

use bytes::Bytes;
use penstock_core::{Number, Usage};
use serde::Deserialize;

use crate::envelope::Envelope;
use crate::object::{RawText, RawTextOr, Text, TextOr, Value, object};
use crate::patch::Patch;
use crate::scan::Scanner;

pub(crate) const WANTED: &[&str] = &["usage"];

/// `usage` of a completion. Prompt tokens include the cached ones, completion tokens include the
/// reasoning; DeepSeek spells its cache hits in a field of its own.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct UsageShape {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    prompt_tokens_details: Option<PromptDetails>,
    completion_tokens_details: Option<CompletionDetails>,
    prompt_cache_hit_tokens: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PromptDetails {
    cached_tokens: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct CompletionDetails {
    reasoning_tokens: Option<u64>,
}

impl From<UsageShape> for Usage {
    fn from(shape: UsageShape) -> Self {
        let details = shape.prompt_tokens_details.unwrap_or_default();
        let prompt = shape.prompt_tokens.unwrap_or(0);
        let cached = details.cached_tokens.or(shape.prompt_cache_hit_tokens).unwrap_or(0).min(prompt);
        let reasoning = shape.completion_tokens_details.unwrap_or_default().reasoning_tokens;
        Self {
            input: prompt - cached,
            output: shape.completion_tokens.unwrap_or(0),
            cache_read: cached,
            reasoning: reasoning.unwrap_or(0),
            ..Self::default()
        }
    }
}

object! {
    /// A request.
    Request {
        model: Text<'a>,
        messages: Vec<Message<'a>>,
        tools: Vec<Tool<'a>>,
        tool_choice: TextOr<'a, ToolChoice<'a>>,
        parallel_tool_calls: bool,
        max_tokens: Number,
        max_completion_tokens: Number,
        temperature: Number,
        top_p: Number,
        stop: TextOr<'a, Vec<Text<'a>>>,
        stream: bool,
        stream_options: Value<'a>,
        response_format: ResponseFormat<'a>,
        reasoning_effort: Text<'a>,
        user: Text<'a>,
    }
}

object! {
    /// A message of a conversation, of an answer or, in pieces, of a stream.
    Message {
        role: Text<'a>,
        content: RawTextOr<'a, Vec<Part<'a>>>,
        refusal: Text<'a>,
        reasoning_content: Text<'a>,
        reasoning: Text<'a>,
        tool_calls: Vec<ToolCall<'a>>,
        tool_call_id: Text<'a>,
    }
}

object! {
    /// A part of a message.
    Part {
        kind: Text<'a>,
        text: RawText<'a>,
        refusal: Text<'a>,
        image_url: TextOr<'a, ImageUrl<'a>>,
        file: File<'a>,
        cache_control: Value<'a>,
    }
}

object! { ImageUrl { url: Text<'a> } }

object! {
    #[expect(clippy::struct_field_names, reason = "the names are those of the wire")]
    File { file_data: Text<'a>, filename: Text<'a> }
}

object! {
    /// A call of a tool, whole or in pieces; `index` is there in streams only.
    ToolCall {
        index: usize,
        id: Text<'a>,
        kind: Text<'a>,
        function: FunctionCall<'a>,
    }
}

object! { FunctionCall { name: Text<'a>, arguments: Text<'a> } }

object! { Tool { kind: Text<'a>, function: Function<'a>, cache_control: Value<'a> } }

object! { Function { name: Text<'a>, description: Text<'a>, parameters: Value<'a> } }

object! { ToolChoice { kind: Text<'a>, function: FunctionName<'a> } }

object! { FunctionName { name: Text<'a> } }

object! { ResponseFormat { kind: Text<'a>, json_schema: JsonSchema<'a> } }

object! { JsonSchema { name: Text<'a>, schema: Value<'a> } }

object! {
    /// An answer, or a piece of a streamed one.
    Response {
        id: Text<'a>,
        object: Text<'a>,
        model: Text<'a>,
        choices: Vec<Value<'a>>,
        usage: UsageReport<'a>,
    }
}

object! {
    /// One of an answer's choices; a streamed one has a `delta` for its `message`.
    Choice {
        index: usize,
        message: Message<'a>,
        delta: Message<'a>,
        finish_reason: Text<'a>,
    }
}

object! {
    UsageReport {
        prompt_tokens: Number,
        completion_tokens: Number,
        total_tokens: Number,
        prompt_tokens_details: PromptTokens<'a>,
        completion_tokens_details: CompletionTokens<'a>,
    }
}

object! { PromptTokens { cached_tokens: Number } }

object! { CompletionTokens { reasoning_tokens: Number } }

/// The patch that makes the provider report usage in a stream, or `None` if the client asked for it
/// itself or wrote something that only the provider can judge.
pub fn ask_for_usage(body: &[u8], envelope: &Envelope) -> Option<Patch> {
    if !envelope.stream {
        return None;
    }
    let patch = |span, with: &'static str| Some(Patch { span, with: Bytes::from_static(with.as_bytes()) });
    let Some(options) = &envelope.stream_options else {
        if memchr::memmem::find(body, b"\"stream_options\"").is_some() && repeated(body) {
            return None;
        }
        let inside = body.iter().position(|byte| *byte == b'{')? + 1;
        return patch(inside..inside, r#""stream_options":{"include_usage":true},"#);
    };
    let start = options.value_span.start;
    match options.value.as_deref()? {
        b"null" => patch(options.value_span.clone(), r#"{"include_usage":true}"#),
        value @ [b'{', inside @ ..] => {
            let scan = Scanner::scan(&["include_usage"], value).ok()?;
            match scan.last("include_usage") {
                Some(member) if member.value.as_deref() == Some(b"true") => None,
                Some(member) => {
                    let flag = &member.value_span;
                    patch(start + flag.start..start + flag.end, "true")
                }
                None if inside.trim_ascii() == b"}" => patch(start + 1..start + 1, r#""include_usage":true"#),
                None => patch(start + 1..start + 1, r#""include_usage":true,"#),
            }
        }
        _ => None,
    }
}

fn repeated(body: &[u8]) -> bool {
    Scanner::scan(&["stream_options"], body).is_ok_and(|scan| scan.members.len() > 1)
}

#[cfg(test)]
mod tests {
    use penstock_core::Dialect;

    use super::*;
    use crate::patch::apply;

    fn asked(body: &'static str) -> Option<String> {
        let envelope = Envelope::read(Dialect::OpenaiChat, body.as_bytes()).unwrap();
        let patch = ask_for_usage(body.as_bytes(), &envelope)?;
        let bytes = apply(&Bytes::from_static(body.as_bytes()), vec![patch]).concat();
        Some(String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn usage_is_asked_for_in_the_bytes() {
        let cases = [
            (
                r#" {"model":"m", "stream":true}"#,
                r#" {"stream_options":{"include_usage":true},"model":"m", "stream":true}"#,
            ),
            (
                r#"{"stream_options" : null,"model":"m","stream":true}"#,
                r#"{"stream_options" : {"include_usage":true},"model":"m","stream":true}"#,
            ),
            (
                r#"{"model":"m","stream":true,"stream_options":{ }}"#,
                r#"{"model":"m","stream":true,"stream_options":{"include_usage":true }}"#,
            ),
            (
                r#"{"model":"m","stream":true,"stream_options":{"include_obfuscation": 1.0}}"#,
                r#"{"model":"m","stream":true,"stream_options":{"include_usage":true,"include_obfuscation": 1.0}}"#,
            ),
            (
                r#"{"model":"m","stream":true,"stream_options":{"x":1,"include_usage": false }}"#,
                r#"{"model":"m","stream":true,"stream_options":{"x":1,"include_usage": true }}"#,
            ),
        ];
        for (body, expected) in cases {
            assert_eq!(asked(body).as_deref(), Some(expected));
        }
    }

    #[test]
    fn nothing_is_added_where_it_is_not_ours_to_add() {
        for body in [
            r#"{"model":"m"}"#,
            r#"{"model":"m","stream":false}"#,
            r#"{"model":"m","stream":true,"stream_options":{"include_usage":true}}"#,
            r#"{"model":"m","stream":true,"stream_options":"rubbish"}"#,
            r#"{"model":"m","stream":true,"stream_options":{},"stream_options":{"include_usage":true}}"#,
        ] {
            assert_eq!(asked(body), None, "{body}");
        }
    }
}
