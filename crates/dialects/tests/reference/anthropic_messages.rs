//! What is tried in Anthropic Messages.

use penstock_core::Dialect;

use crate::Probes;
use crate::probe::Probe;

/// A request whose first messages are these.
fn messages(feature: &'static str, messages: &str) -> Probe {
    Probe::new(feature, format!(r#"{{"messages":[{messages},{{"role":"user","content":"Hi"}}]}}"#))
}

/// A request whose user says these blocks.
fn blocks(feature: &'static str, blocks: &str) -> Probe {
    Probe::new(feature, format!(r#"{{"messages":[{{"role":"user","content":[{blocks}]}}]}}"#))
}

/// A request in which the model said these blocks, and then `Two`.
fn said(feature: &'static str, blocks: &str) -> Probe {
    let with = |blocks: &str| {
        let asked = r#"{"role":"user","content":"One"},{"role":"assistant","content":["#;
        format!(
            r#"{{"messages":[{asked}{blocks}{{"type":"text","text":"Two"}}]}},{{"role":"user","content":"Hi"}}]}}"#
        )
    };
    Probe::new(feature, with(&format!("{blocks},"))).beside(with(""))
}

/// A request in which the tool `look` was called, and answered with these members.
fn result(feature: &'static str, members: &str) -> Probe {
    let with = |members: &str| {
        let call =
            r#"{"role":"assistant","content":[{"type":"tool_use","id":"t1","name":"look","input":{}}]}"#;
        let result = format!(r#"{{"type":"tool_result","tool_use_id":"t1"{members}}}"#);
        format!(r#"{{"messages":[{call},{{"role":"user","content":[{result}]}}]}}"#)
    };
    Probe::new(feature, with(members)).beside(with(r#","content":"plain""#))
}

/// An answer of these blocks.
fn says(feature: &'static str, blocks: &str) -> Probe {
    Probe::new(feature, format!(r#"{{"content":[{blocks}]}}"#))
}

pub(crate) fn probes() -> Probes {
    Probes {
        dialect: Dialect::AnthropicMessages,
        request: r#"{"model":"m","max_tokens":4096,"messages":[{"role":"user","content":"Hi"}]}"#,
        answer: r#"{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"Hello"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":10,"output_tokens":2}}"#,
        requests: requests(),
        answers: answers(),
        errors: vec![
            (
                "an unknown model",
                404,
                r#"{"type":"error","error":{"type":"not_found_error","message":"model: m"}}"#,
            ),
            (
                "too many requests",
                429,
                r#"{"type":"error","error":{"type":"rate_limit_error","message":"slow down"},"request_id":"req_1"}"#,
            ),
            (
                "overloaded",
                529,
                r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
            ),
        ],
    }
}

#[expect(clippy::too_many_lines, reason = "a list")]
fn requests() -> Vec<Probe> {
    vec![
        Probe::new("system prompt", r#"{"system":"Be brief."}"#),
        Probe::new(
            "system prompt in blocks",
            r#"{"system":[{"type":"text","text":"Be brief."},{"type":"text","text":"Be kind."}]}"#,
        ),
        Probe::new(
            "system prompt with `cache_control`",
            r#"{"system":[{"type":"text","text":"Be brief.","cache_control":{"type":"ephemeral"}}]}"#,
        ),
        Probe::new(
            "system prompt with `cache_control`, if taken",
            r#"{"system":[{"type":"text","text":"Be brief.","cache_control":{"type":"ephemeral"}}]}"#,
        )
        .to(|target| target.cache_control = true),
        messages(
            "system message in the middle",
            r#"{"role":"user","content":"One"},{"role":"assistant","content":"Two"},{"role":"system","content":"Be brief."}"#,
        ),
        Probe::new(
            "prefilled answer",
            r#"{"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Well,"}]}"#,
        ),
        Probe::new(
            "tools",
            r#"{"tools":[{"name":"look","description":"Looks.","input_schema":{"type":"object"}}]}"#,
        ),
        Probe::new(
            "strict tool",
            r#"{"tools":[{"name":"look","input_schema":{"type":"object"},"strict":true}]}"#,
        ),
        Probe::new(
            "tool with `cache_control`",
            r#"{"tools":[{"name":"look","input_schema":{"type":"object"},"cache_control":{"type":"ephemeral"}}]}"#,
        ),
        Probe::new(
            "tool of the type `custom`",
            r#"{"tools":[{"type":"custom","name":"look","input_schema":{"type":"object"}}]}"#,
        ),
        Probe::new(
            "provider's tool",
            r#"{"tools":[{"type":"web_search_20250305","name":"web_search","max_uses":3}]}"#,
        ),
        Probe::new("tool defined by Anthropic", r#"{"tools":[{"type":"bash_20250124","name":"bash"}]}"#),
        Probe::new("`tool_choice` `auto`", r#"{"tool_choice":{"type":"auto"}}"#),
        Probe::new("`tool_choice` `any`", r#"{"tool_choice":{"type":"any"}}"#),
        Probe::new("`tool_choice` `none`", r#"{"tool_choice":{"type":"none"}}"#),
        Probe::new("`tool_choice` of a tool", r#"{"tool_choice":{"type":"tool","name":"look"}}"#),
        Probe::new(
            "`disable_parallel_tool_use`",
            r#"{"tool_choice":{"type":"auto","disable_parallel_tool_use":true}}"#,
        ),
        messages(
            "tool call",
            r#"{"role":"assistant","content":[{"type":"tool_use","id":"t1","name":"look","input":{"at":1.0}}]}"#,
        ),
        messages(
            "text behind a tool call",
            r#"{"role":"assistant","content":[{"type":"tool_use","id":"t1","name":"look","input":{}},{"type":"text","text":"Two"}]}"#,
        ),
        messages(
            "parallel tool calls and their results",
            r#"{"role":"assistant","content":[{"type":"tool_use","id":"t1","name":"a","input":{}},{"type":"tool_use","id":"t2","name":"b","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","content":"1"},{"type":"tool_result","tool_use_id":"t2","content":"2"}]}"#,
        ),
        result("tool result, text", r#","content":"3""#),
        result(
            "tool result, blocks",
            r#","content":[{"type":"text","text":"3"},{"type":"text","text":"4"}]"#,
        ),
        result("tool result, nothing", ""),
        result("tool result, error", r#","content":"no","is_error":true"#),
        result(
            "tool result, image",
            r#","content":[{"type":"text","text":"3"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"iVBO"}}]"#,
        ),
        result("tool result with `cache_control`", r#","content":"3","cache_control":{"type":"ephemeral"}"#),
        blocks("text blocks", r#"{"type":"text","text":"One"},{"type":"text","text":"Two"}"#),
        blocks(
            "`cache_control` of a block",
            r#"{"type":"text","text":"One","cache_control":{"type":"ephemeral","ttl":"1h"}}"#,
        ),
        blocks(
            "`cache_control` of a block, if taken",
            r#"{"type":"text","text":"One","cache_control":{"type":"ephemeral","ttl":"1h"}}"#,
        )
        .to(|target| target.cache_control = true),
        Probe::new("`cache_control` of the request", r#"{"cache_control":{"type":"ephemeral"}}"#),
        blocks(
            "image in base64",
            r#"{"type":"image","source":{"type":"base64","media_type":"image/png","data":"iVBO"}}"#,
        ),
        blocks(
            "image by URL",
            r#"{"type":"image","source":{"type":"url","url":"https://example.com/a.png"}}"#,
        ),
        blocks("image by file id", r#"{"type":"image","source":{"type":"file","file_id":"file_1"}}"#),
        blocks(
            "PDF document in base64",
            r#"{"type":"document","title":"a.pdf","source":{"type":"base64","media_type":"application/pdf","data":"JVBE"}}"#,
        ),
        blocks(
            "document of plain text",
            r#"{"type":"document","source":{"type":"text","media_type":"text/plain","data":"One"}}"#,
        ),
        blocks(
            "document with `title` and `context`",
            r#"{"type":"document","title":"A","context":"B","source":{"type":"text","media_type":"text/plain","data":"One"}}"#,
        ),
        blocks(
            "document by URL",
            r#"{"type":"document","source":{"type":"url","url":"https://example.com/a.pdf"}}"#,
        ),
        blocks(
            "document with citations",
            r#"{"type":"document","citations":{"enabled":true},"source":{"type":"base64","media_type":"application/pdf","data":"JVBE"}}"#,
        ),
        blocks(
            "search result",
            r#"{"type":"search_result","source":"https://example.com","title":"A","content":[{"type":"text","text":"One"}]}"#,
        ),
        said("thought with signature", r#"{"type":"thinking","thinking":"Hm.","signature":"c2ln"}"#),
        said("encrypted thought", r#"{"type":"redacted_thinking","data":"c2VhbGVk"}"#),
        said(
            "carrier of the provider's own thought",
            r#"{"type":"thinking","thinking":"Hm.","signature":"penstock:openai_chat/sample:"}"#,
        ),
        said(
            "carrier of another provider's thought",
            r#"{"type":"thinking","thinking":"Hm.","signature":"penstock:openai_chat/other:"}"#,
        ),
        said(
            "call of a provider's tool",
            r#"{"type":"server_tool_use","id":"s1","name":"web_search","input":{"query":"a"}}"#,
        ),
        Probe::new("`thinking` with a budget", r#"{"thinking":{"type":"enabled","budget_tokens":2048}}"#),
        Probe::new(
            "`thinking` with most of the tokens",
            r#"{"max_tokens":20000,"thinking":{"type":"enabled","budget_tokens":16000}}"#,
        ),
        Probe::new("`thinking` disabled", r#"{"thinking":{"type":"disabled"}}"#),
        Probe::new("`thinking` adaptive", r#"{"thinking":{"type":"adaptive"}}"#),
        Probe::new(
            "`output_config.effort`",
            r#"{"thinking":{"type":"adaptive"},"output_config":{"effort":"high"}}"#,
        ),
        Probe::new(
            "`output_config.format`",
            r#"{"output_config":{"format":{"type":"json_schema","schema":{"type":"object"}}}}"#,
        ),
        Probe::new("`max_tokens`", r#"{"max_tokens":100}"#),
        Probe::new("`max_tokens`, if its successor is wanted", r#"{"max_tokens":100}"#)
            .to(|target| target.max_completion_tokens = true),
        Probe::new("`stop_sequences`", r#"{"stop_sequences":["END","."]}"#),
        Probe::new("`temperature`", r#"{"temperature":0.7}"#),
        Probe::new("`top_p`", r#"{"top_p":0.9}"#),
        Probe::new("`top_k`", r#"{"top_k":40}"#),
        Probe::new("`metadata.user_id`", r#"{"metadata":{"user_id":"u-1"}}"#),
        Probe::new("`metadata` with more", r#"{"metadata":{"user_id":"u-1","team":"a"}}"#),
        Probe::new("`service_tier`", r#"{"service_tier":"standard_only"}"#),
        Probe::new("`stream`", r#"{"stream":true}"#),
        Probe::new("`stream`, if usage is to be asked for", r#"{"stream":true}"#)
            .to(|target| target.ask_for_usage = true),
        Probe::new(
            "`mcp_servers`",
            r#"{"mcp_servers":[{"type":"url","url":"https://example.com","name":"a"}]}"#,
        ),
        Probe::new(
            "`container`, `context_management`",
            r#"{"container":"c1","context_management":{"edits":[]}}"#,
        ),
        Probe::new("a field nobody knows", r#"{"novelty":{"a":1}}"#),
        blocks("a block nobody knows", r#"{"type":"novelty","novelty":1}"#),
        blocks("a field of a block nobody knows", r#"{"type":"text","text":"One","novelty":1}"#),
    ]
}

fn answers() -> Vec<Probe> {
    vec![
        says("text", r#"{"type":"text","text":"Two"}"#),
        says("several text blocks", r#"{"type":"text","text":"One"},{"type":"text","text":"Two"}"#),
        Probe::new("no content", r#"{"content":[]}"#),
        Probe::new(
            "tool call",
            r#"{"content":[{"type":"tool_use","id":"t1","name":"look","input":{"at":1.0}}],"stop_reason":"tool_use"}"#,
        ),
        Probe::new(
            "text and tool calls",
            r#"{"content":[{"type":"text","text":"Two"},{"type":"tool_use","id":"t1","name":"a","input":{}},{"type":"tool_use","id":"t2","name":"b","input":{}}],"stop_reason":"tool_use"}"#,
        ),
        Probe::new(
            "text behind a tool call",
            r#"{"content":[{"type":"tool_use","id":"t1","name":"a","input":{}},{"type":"text","text":"Two"}],"stop_reason":"tool_use"}"#,
        ),
        says(
            "thought with signature",
            r#"{"type":"thinking","thinking":"Hm.","signature":"c2ln"},{"type":"text","text":"Two"}"#,
        ),
        says(
            "encrypted thought",
            r#"{"type":"redacted_thinking","data":"c2VhbGVk"},{"type":"text","text":"Two"}"#,
        ),
        Probe::new("`stop_reason` `max_tokens`", r#"{"stop_reason":"max_tokens"}"#),
        Probe::new(
            "`stop_reason` `stop_sequence`",
            r#"{"stop_reason":"stop_sequence","stop_sequence":"END"}"#,
        ),
        Probe::new("`stop_reason` `refusal`", r#"{"stop_reason":"refusal"}"#),
        Probe::new("`stop_reason` `pause_turn`", r#"{"stop_reason":"pause_turn"}"#),
        Probe::new("`model_context_window_exceeded`", r#"{"stop_reason":"model_context_window_exceeded"}"#),
        Probe::new("`stop_reason` of an unknown word", r#"{"stop_reason":"novelty"}"#),
        says(
            "citations",
            r#"{"type":"text","text":"Two","citations":[{"type":"char_location","cited_text":"Two","document_index":0,"start_char_index":0,"end_char_index":3}]}"#,
        ),
        says(
            "provider's tool and its result",
            r#"{"type":"server_tool_use","id":"s1","name":"web_search","input":{"query":"a"}},{"type":"web_search_tool_result","tool_use_id":"s1","content":[]},{"type":"text","text":"Two"}"#,
        ),
        Probe::new(
            "usage with a cache read",
            r#"{"usage":{"input_tokens":2,"cache_read_input_tokens":8,"output_tokens":2}}"#,
        ),
        Probe::new(
            "usage with a cache write",
            r#"{"usage":{"input_tokens":2,"cache_creation_input_tokens":8,"output_tokens":2}}"#,
        ),
        Probe::new(
            "usage with other figures",
            r#"{"usage":{"input_tokens":10,"output_tokens":2,"server_tool_use":{"web_search_requests":1},"service_tier":"standard"}}"#,
        ),
        Probe::new("`container`", r#"{"container":{"id":"c1"}}"#),
        says("a block nobody knows", r#"{"type":"novelty","novelty":1},{"type":"text","text":"Two"}"#),
    ]
}
