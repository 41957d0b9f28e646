//! Looks into a conversation, for the answers that depend on it.
//!
//! The `echo` directive proves what reached the upstream: the last user text, how many images the request
//! carried and how many of them by their URL, and how many tool results, in any dialect.

use anyhow::Result;
use serde_json::Value;
use serde_json::value::RawValue;

/// `echo: <last user text>; images: <n>; tool results: <n>`; images by URL are counted apart behind the
/// others if there are any: `images: 3 (1 by URL)`.
pub(super) fn describe(messages: Option<&RawValue>) -> Result<String> {
    let messages: Value = messages.map_or(Ok(Value::Null), |raw| serde_json::from_str(raw.get()))?;
    let turns = messages.as_array().map(Vec::as_slice).unwrap_or_default();
    let user = turns.iter().rev().find(|turn| turn.get("role").and_then(Value::as_str) == Some("user"));
    let text = match (&messages, user) {
        (Value::String(text), _) => text.clone(),
        (_, Some(turn)) => texts(turn.get("content").or(turn.get("parts")).unwrap_or(&Value::Null)),
        _ => String::new(),
    };
    let mut seen = Seen::default();
    seen.walk(&messages);
    let by_url = if seen.by_url > 0 { format!(" ({} by URL)", seen.by_url) } else { String::new() };
    Ok(format!("echo: {text}; images: {}{by_url}; tool results: {}", seen.images, seen.results))
}

/// Whether the conversation's last turn hands back what a tool said, so that the answer is text.
pub(super) fn ends_in_tool_result(messages: &RawValue) -> bool {
    let turns: Vec<&RawValue> = serde_json::from_str(messages.get()).unwrap_or_default();
    let last = turns.last().and_then(|turn| serde_json::from_str::<Value>(turn.get()).ok());
    last.is_some_and(|turn| {
        let mut seen = Seen::default();
        seen.walk(&turn);
        seen.results > 0
    })
}

/// How many texts an embedding request holds; a list of token numbers is one.
pub(super) fn count_inputs(input: &RawValue) -> usize {
    let items: Vec<&RawValue> = serde_json::from_str(input.get()).unwrap_or_default();
    match items.first() {
        Some(first) if first.get().starts_with(|c: char| c.is_ascii_digit()) => 1,
        _ => items.len().max(1),
    }
}

fn texts(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            let texts: Vec<_> =
                parts.iter().filter_map(|part| part.get("text").and_then(Value::as_str)).collect();
            texts.join(" ")
        }
        _ => String::new(),
    }
}

#[derive(Default)]
struct Seen {
    images: usize,
    by_url: usize,
    results: usize,
}

impl Seen {
    fn walk(&mut self, value: &Value) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.walk(item)),
            Value::Object(fields) => {
                let kind = fields.get("type").and_then(Value::as_str).unwrap_or_default();
                let role = fields.get("role").and_then(Value::as_str).unwrap_or_default();
                let image =
                    ["inlineData", "inline_data", "fileData"].iter().any(|key| fields.contains_key(*key));
                let result =
                    ["functionResponse", "function_response"].iter().any(|key| fields.contains_key(*key));
                let image = image || matches!(kind, "image" | "image_url" | "input_image");
                self.images += usize::from(image);
                self.by_url += usize::from(image && is_by_url(fields));
                self.results += usize::from(
                    result || role == "tool" || matches!(kind, "tool_result" | "function_call_output"),
                );
                fields.values().for_each(|field| self.walk(field));
            }
            _ => {}
        }
    }
}

/// Whether an image is named by its URL: Anthropic's `source`, OpenAI's `image_url` in both its forms,
/// Gemini's `fileData`.
fn is_by_url(image: &serde_json::Map<String, Value>) -> bool {
    let url = image.get("image_url").and_then(|url| url.get("url").unwrap_or(url).as_str());
    image.contains_key("fileData")
        || image.get("source").is_some_and(|source| source["type"] == "url")
        || url.is_some_and(|url| !url.starts_with("data:"))
}
