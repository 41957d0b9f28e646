//! The requests that are sent, the same bytes in every run.

use bytes::Bytes;
use serde_json::{Value, json};

/// Models with a known price, so that each request is priced.
pub(crate) const GPT: &str = "openai/gpt-4o-mini";
/// The same of Anthropic's dialect.
pub(crate) const CLAUDE: &str = "anthropic/claude-sonnet-5";
/// The size of a coding agent's turn.
const TURN: usize = 400_000;

/// The dialects that are measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// `POST /v1/chat/completions`
    OpenaiChat,
    /// `POST /v1/messages`
    AnthropicMessages,
}

impl Dialect {
    /// What it is called in results.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::OpenaiChat => "OpenAI chat",
            Self::AnthropicMessages => "Anthropic messages",
        }
    }
}

/// A whole HTTP request, ready to be written.
pub(crate) fn request(dialect: Dialect, key: &str, body: &str) -> Bytes {
    with_header(dialect, key, ("accept", "*/*"), body)
}

/// The same with a header of the case's own.
pub(crate) fn with_header(dialect: Dialect, key: &str, (name, value): (&str, &str), body: &str) -> Bytes {
    let (path, auth) = match dialect {
        Dialect::OpenaiChat => ("/v1/chat/completions", format!("authorization: Bearer {key}")),
        Dialect::AnthropicMessages => {
            ("/v1/messages", format!("anthropic-version: 2023-06-01\r\nx-api-key: {key}"))
        }
    };
    let length = body.len();
    Bytes::from(format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\nuser-agent: bench\r\n{name}: {value}\r\n{auth}\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    ))
}

const SYSTEM: &str = "You are a helpful assistant.";
const QUESTION: &str = "How far is the moon, and how long would light need for the way there? Answer in one \
                        sentence, with the figures in kilometres and in seconds.";

/// A short question in a dialect, to any model: 0.3 KB.
pub(crate) fn chat(dialect: Dialect, model: &str) -> String {
    let question = json!({"role": "user", "content": QUESTION});
    let body = match dialect {
        Dialect::OpenaiChat => json!({
            "model": model,
            "messages": [{"role": "system", "content": SYSTEM}, question],
            "temperature": 0.2,
            "max_tokens": 512,
        }),
        Dialect::AnthropicMessages => json!({
            "model": model,
            "system": SYSTEM,
            "messages": [question],
            "temperature": 0.2,
            "max_tokens": 512,
        }),
    };
    body.to_string()
}

/// A question whose answer is streamed as the scripted upstream's `directives` say.
pub(crate) fn stream(dialect: Dialect, directives: &str) -> String {
    let model = match dialect {
        Dialect::OpenaiChat => format!("{GPT}@{directives}"),
        Dialect::AnthropicMessages => format!("{CLAUDE}@{directives}"),
    };
    let messages = json!([{"role": "user", "content": "Tell me a long story about a river."}]);
    json!({"model": model, "max_tokens": 4096, "messages": messages, "stream": true}).to_string()
}

/// A late turn of a coding agent: tools, files that were read, edits, output of commands. The model
/// stands at the end, where a reader has to look through everything to find it.
pub(crate) fn coding_turn(model: &str) -> String {
    let tools = ["read_file", "edit_file", "run_command"].map(tool);
    let mut messages = vec![
        json!({"role": "system", "content": include_str!("bodies/system.txt")}),
        json!({"role": "user", "content": "The totals in the monthly report are off by one cent for some customers. Find out why, and fix it."}),
    ];
    let mut size = 0;
    let mut turn = 0;
    while size < TURN {
        let [call, result] = step(turn);
        size += call.to_string().len() + result.to_string().len();
        messages.extend([call, result]);
        turn += 1;
    }
    let (tools, messages) = (json!(tools), json!(messages));
    // written out, since a map would be sorted by its keys
    format!(
        r#"{{"messages":{messages},"tools":{tools},"temperature":0,"max_tokens":8192,"model":"{model}"}}"#
    )
}

fn tool(name: &str) -> Value {
    json!({
        "type": "function",
        "function": {
            "name": name,
            "description": "Works on the project's folder.\nPaths are relative to its root; output is cut after 2,000 lines.",
            "parameters": {
                "type": "object",
                "properties": {"path": {"type": "string"}, "text": {"type": "string", "description": "May be \"\"."}},
                "required": ["path"],
            },
        },
    })
}

/// One call of the assistant and its result.
fn step(turn: usize) -> [Value; 2] {
    let samples = [
        include_str!("bodies/source.txt"),
        include_str!("bodies/diff.txt"),
        include_str!("bodies/output.txt"),
    ];
    let names = ["read_file", "edit_file", "run_command"];
    let (sample, name) = (samples[turn % 3], names[turn % 3]);
    let id = format!("call_{turn:08}");
    let path = format!("src/billing/part_{turn}.rs");
    let arguments = json!({"path": path, "text": "let total = \"0.00\";\n\tadd(\"cent\");\n"}).to_string();
    // a number of its own for each line, as tools print it
    let numbered = |(number, line)| format!("{:>6}\t{line}\n", number + turn * 100);
    let result = sample.lines().enumerate().map(numbered).collect::<Vec<_>>().concat();
    [
        json!({
            "role": "assistant",
            "content": format!("I look at `{path}` next: the rounding in \"sum_lines\" may happen twice.\n"),
            "tool_calls": [{"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}],
        }),
        json!({"role": "tool", "tool_call_id": id, "content": result}),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_have_their_sizes() -> Result<(), serde_json::Error> {
        for dialect in [Dialect::OpenaiChat, Dialect::AnthropicMessages] {
            let length = chat(dialect, GPT).len();
            assert!((280..350).contains(&length), "{length}");
        }
        let turn = coding_turn(GPT);
        assert!((400_000..425_000).contains(&turn.len()), "{}", turn.len());
        assert!(turn.ends_with("\"model\":\"openai/gpt-4o-mini\"}"));
        serde_json::from_str::<Value>(&turn).map(drop)
    }
}
