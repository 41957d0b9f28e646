//! What is tried in OpenAI Chat Completions.

use penstock_core::Dialect;

use crate::Probes;
use crate::probe::Probe;

/// A request whose first messages are these.
fn messages(feature: &'static str, messages: &str) -> Probe {
    Probe::new(feature, format!(r#"{{"messages":[{messages},{{"role":"user","content":"Hi"}}]}}"#))
}

/// A request in which the model said this.
fn said(feature: &'static str, members: &str) -> Probe {
    let with = |members: &str| {
        let asked = r#"{"role":"user","content":"One"},{"role":"assistant","#;
        format!(r#"{{"messages":[{asked}{members}}},{{"role":"user","content":"Hi"}}]}}"#)
    };
    Probe::new(feature, with(members)).beside(with(r#""content":"Two""#))
}

/// A request whose user says these parts.
fn parts(feature: &'static str, parts: &str) -> Probe {
    Probe::new(feature, format!(r#"{{"messages":[{{"role":"user","content":[{parts}]}}]}}"#))
}

/// A request in which the tool `look` was called, and answered so.
fn result(feature: &'static str, content: &str) -> Probe {
    let with = |content: &str| {
        let call = r#"{"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"look","arguments":"{}"}}]}"#;
        format!(r#"{{"messages":[{call},{{"role":"tool","tool_call_id":"c1","content":{content}}}]}}"#)
    };
    Probe::new(feature, with(content)).beside(with(r#""plain""#))
}

/// An answer whose message has these members.
fn says(feature: &'static str, message: &str) -> Probe {
    choice(feature, &format!(r#""message":{{"role":"assistant",{message}}},"finish_reason":"stop""#))
}

fn choice(feature: &'static str, members: &str) -> Probe {
    Probe::new(feature, format!(r#"{{"choices":[{{"index":0,{members}}}]}}"#))
}

pub(crate) fn probes() -> Probes {
    Probes {
        dialect: Dialect::OpenaiChat,
        request: r#"{"model":"m","max_completion_tokens":4096,"messages":[{"role":"user","content":"Hi"}]}"#,
        answer: r#"{"id":"chatcmpl-1","object":"chat.completion","created":1780000000,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Hello"},"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":2,"total_tokens":12}}"#,
        requests: requests(),
        answers: answers(),
        errors: vec![
            (
                "an unknown model",
                404,
                r#"{"error":{"message":"no such model","type":"invalid_request_error","param":"model","code":"model_not_found"}}"#,
            ),
            (
                "too many requests",
                429,
                r#"{"error":{"message":"slow down","type":"tokens","param":null,"code":"rate_limit_exceeded"}}"#,
            ),
            ("a text where an object belongs", 500, r#"{"error":"out of memory"}"#),
        ],
    }
}

#[expect(clippy::too_many_lines, reason = "a list")]
fn requests() -> Vec<Probe> {
    vec![
        messages("system prompt", r#"{"role":"system","content":"Be brief."}"#),
        messages(
            "system prompt in parts",
            r#"{"role":"system","content":[{"type":"text","text":"Be brief."}]}"#,
        ),
        messages("developer role", r#"{"role":"developer","content":"Be brief."}"#),
        messages(
            "system message in the middle",
            r#"{"role":"user","content":"One"},{"role":"assistant","content":"Two"},{"role":"system","content":"Be brief."}"#,
        ),
        messages(
            "two system messages in front",
            r#"{"role":"system","content":"Be brief."},{"role":"system","content":"Be kind."}"#,
        ),
        messages(
            "`name` of a speaker",
            r#"{"role":"user","name":"ada","content":"One"},{"role":"assistant","content":"Two"}"#,
        ),
        messages("role `function`", r#"{"role":"function","name":"look","content":"3"}"#),
        Probe::new(
            "tools",
            r#"{"tools":[{"type":"function","function":{"name":"look","description":"Looks.","parameters":{"type":"object"}}}]}"#,
        ),
        Probe::new(
            "tool without parameters",
            r#"{"tools":[{"type":"function","function":{"name":"look"}}]}"#,
        ),
        Probe::new(
            "strict tool",
            r#"{"tools":[{"type":"function","function":{"name":"look","parameters":{"type":"object"},"strict":true}}]}"#,
        ),
        Probe::new("custom tool", r#"{"tools":[{"type":"custom","custom":{"name":"shell"}}]}"#),
        Probe::new("`tool_choice` `auto`", r#"{"tool_choice":"auto"}"#),
        Probe::new("`tool_choice` `required`", r#"{"tool_choice":"required"}"#),
        Probe::new("`tool_choice` `none`", r#"{"tool_choice":"none"}"#),
        Probe::new(
            "`tool_choice` of a function",
            r#"{"tool_choice":{"type":"function","function":{"name":"look"}}}"#,
        ),
        Probe::new(
            "`tool_choice` `allowed_tools`",
            r#"{"tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[]}}}"#,
        ),
        Probe::new(
            "`parallel_tool_calls` off, with tools",
            r#"{"parallel_tool_calls":false,"tools":[{"type":"function","function":{"name":"look","parameters":{}}}]}"#,
        ),
        Probe::new("`parallel_tool_calls` on", r#"{"parallel_tool_calls":true}"#).not_needed(),
        Probe::new("`functions` (deprecated)", r#"{"functions":[{"name":"look"}]}"#),
        said(
            "tool call",
            r#""content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"look","arguments":"{\"at\":1.0}"}}]"#,
        ),
        said(
            "tool call whose arguments are no JSON",
            r#""content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"look","arguments":"{\"at\""}}]"#,
        ),
        messages(
            "parallel tool calls and their results",
            r#"{"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"a","arguments":"{}"}},{"id":"c2","type":"function","function":{"name":"b","arguments":"{}"}}]},{"role":"tool","tool_call_id":"c1","content":"1"},{"role":"tool","tool_call_id":"c2","content":"2"}"#,
        ),
        said(
            "custom tool call",
            r#""content":null,"tool_calls":[{"id":"c1","type":"custom","custom":{"name":"shell","input":"ls"}}]"#,
        ),
        result("tool result, text", r#""3""#),
        result("tool result, parts", r#"[{"type":"text","text":"3"},{"type":"text","text":"4"}]"#),
        result("tool result, empty", r#""""#),
        parts("text parts", r#"{"type":"text","text":"One"},{"type":"text","text":"Two"}"#),
        parts("image by URL", r#"{"type":"image_url","image_url":{"url":"https://example.com/a.png"}}"#),
        parts(
            "image in a `data:` URL",
            r#"{"type":"image_url","image_url":{"url":"data:image/png;base64,iVBO"}}"#,
        ),
        parts(
            "image `detail`",
            r#"{"type":"image_url","image_url":{"url":"https://example.com/a.png","detail":"low"}}"#,
        ),
        parts(
            "PDF file",
            r#"{"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,JVBE"}}"#,
        ),
        parts("file by id", r#"{"type":"file","file":{"file_id":"file-1"}}"#),
        parts("audio", r#"{"type":"input_audio","input_audio":{"data":"UklG","format":"wav"}}"#),
        parts(
            "`cache_control` of a part",
            r#"{"type":"text","text":"One","cache_control":{"type":"ephemeral"}}"#,
        ),
        said("`reasoning_content`", r#""reasoning_content":"Hm.","content":"Two""#),
        said(
            "carrier of the provider's own thought",
            r#""content":"Two","reasoning_details":[{"type":"reasoning.text","index":0,"text":"Hm.","signature":"penstock:anthropic_messages/sample:c2ln"}]"#,
        ),
        said(
            "carrier of another provider's thought",
            r#""content":"Two","reasoning_details":[{"type":"reasoning.text","index":0,"text":"Hm.","signature":"penstock:anthropic_messages/other:c2ln"}]"#,
        ),
        said(
            "carrier of the provider's own encrypted thought",
            r#""content":"Two","reasoning_details":[{"type":"reasoning.encrypted","index":0,"data":"penstock:anthropic_messages/sample:{\"type\":\"redacted_thinking\",\"data\":\"c2VhbGVk\"}"}]"#,
        ),
        said(
            "`reasoning_details` without a carrier",
            r#""content":"Two","reasoning_details":[{"type":"reasoning.encrypted","data":"c2VhbGVk"}]"#,
        ),
        said("refusal", r#""refusal":"No.""#),
        Probe::new("`reasoning_effort` `minimal`", r#"{"reasoning_effort":"minimal"}"#),
        Probe::new("`reasoning_effort` `high`", r#"{"reasoning_effort":"high"}"#),
        Probe::new("`reasoning_effort` `none`", r#"{"reasoning_effort":"none"}"#),
        Probe::new("`reasoning_effort` of an unknown word", r#"{"reasoning_effort":"fierce"}"#),
        Probe::new(
            "`reasoning_effort` `high`, few tokens",
            r#"{"reasoning_effort":"high","max_completion_tokens":1000}"#,
        ),
        Probe::new("`reasoning_effort` `high`, adaptive model", r#"{"reasoning_effort":"high"}"#)
            .to(|target| target.adaptive_thinking = true),
        Probe::new("`reasoning_effort` `minimal`, adaptive model", r#"{"reasoning_effort":"minimal"}"#)
            .to(|target| target.adaptive_thinking = true),
        Probe::new("`reasoning_effort` `none`, adaptive model", r#"{"reasoning_effort":"none"}"#)
            .to(|target| target.adaptive_thinking = true)
            .not_needed(),
        Probe::new("`reasoning_effort`, a model that does not reason", r#"{"reasoning_effort":"low"}"#)
            .to(|target| target.no_reasoning = true),
        Probe::new("`max_completion_tokens`", r#"{"max_completion_tokens":100}"#),
        Probe::new("`max_tokens`", r#"{"max_completion_tokens":null,"max_tokens":100}"#),
        Probe::new("both limits", r#"{"max_completion_tokens":100,"max_tokens":200}"#),
        Probe::new("no limit, model in the catalogue", r#"{"max_completion_tokens":null}"#),
        Probe::new("`stop`, a text", r#"{"stop":"END"}"#),
        Probe::new("`stop`, several", r#"{"stop":["END","."]}"#),
        Probe::new("`temperature` 0.7", r#"{"temperature":0.7}"#),
        Probe::new("`temperature` 1.5", r#"{"temperature":1.5}"#),
        Probe::new("`temperature` with thinking", r#"{"temperature":0.7,"reasoning_effort":"high"}"#),
        Probe::new("`top_p`", r#"{"top_p":0.9}"#),
        Probe::new("`seed`", r#"{"seed":7}"#),
        Probe::new(
            "`frequency_penalty`, `logit_bias`",
            r#"{"frequency_penalty":0.5,"logit_bias":{"50256":-100}}"#,
        ),
        Probe::new("`logprobs`", r#"{"logprobs":true,"top_logprobs":2}"#),
        Probe::new("`logprobs` off", r#"{"logprobs":false}"#).not_needed(),
        Probe::new("`n` 1", r#"{"n":1}"#).not_needed(),
        Probe::new("`n` 2", r#"{"n":2}"#),
        Probe::new("`response_format` `text`", r#"{"response_format":{"type":"text"}}"#).not_needed(),
        Probe::new("`response_format` `json_object`", r#"{"response_format":{"type":"json_object"}}"#),
        Probe::new(
            "`response_format` `json_schema`",
            r#"{"response_format":{"type":"json_schema","json_schema":{"name":"answer","strict":true,"schema":{"type":"object"}}}}"#,
        ),
        Probe::new("`user`", r#"{"user":"u-1"}"#),
        Probe::new("`metadata`", r#"{"metadata":{"team":"a"}}"#),
        Probe::new("`service_tier`", r#"{"service_tier":"flex"}"#),
        Probe::new("`store` on", r#"{"store":true}"#),
        Probe::new("`store` off", r#"{"store":false}"#).not_needed(),
        Probe::new("`stream` with usage", r#"{"stream":true,"stream_options":{"include_usage":true}}"#),
        Probe::new("`web_search_options`", r#"{"web_search_options":{"search_context_size":"low"}}"#),
        Probe::new("`prediction`", r#"{"prediction":{"type":"content","content":"x"}}"#),
        Probe::new(
            "`modalities`, `audio`",
            r#"{"modalities":["text","audio"],"audio":{"voice":"alloy","format":"wav"}}"#,
        ),
        Probe::new("`verbosity`, `prompt_cache_key`", r#"{"verbosity":"low","prompt_cache_key":"k"}"#),
        Probe::new("a field nobody knows", r#"{"novelty":{"a":1}}"#),
        Probe::new("a field nobody knows, empty", r#"{"novelty":null}"#).not_needed(),
        parts("a part nobody knows", r#"{"type":"novelty","novelty":1}"#),
        parts("a field of a part nobody knows", r#"{"type":"text","text":"One","novelty":1}"#),
    ]
}

fn answers() -> Vec<Probe> {
    let call = r#"{"id":"c1","type":"function","function":{"name":"look","arguments":"{\"at\":1.0}"}}"#;
    vec![
        says("text", r#""content":"Two""#),
        says("text in parts", r#""content":[{"type":"text","text":"One"},{"type":"text","text":"Two"}]"#),
        says("no content", r#""content":null"#),
        choice(
            "tool call",
            &format!(
                r#""message":{{"role":"assistant","content":null,"tool_calls":[{call}]}},"finish_reason":"tool_calls""#
            ),
        ),
        choice(
            "text and tool call",
            &format!(
                r#""message":{{"role":"assistant","content":"Two","tool_calls":[{call}]}},"finish_reason":"tool_calls""#
            ),
        ),
        choice(
            "tool call without arguments",
            r#""message":{"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"look","arguments":""}}]},"finish_reason":"tool_calls""#,
        ),
        choice(
            "tool call whose arguments are no JSON",
            r#""message":{"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"look","arguments":"{\"at\""}}]},"finish_reason":"tool_calls""#,
        ),
        choice(
            "custom tool call",
            r#""message":{"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"custom","custom":{"name":"shell","input":"ls"}}]},"finish_reason":"tool_calls""#,
        ),
        says("refusal", r#""content":null,"refusal":"No.""#),
        choice(
            "`finish_reason` `content_filter`",
            r#""message":{"role":"assistant","content":"Two"},"finish_reason":"content_filter""#,
        ),
        choice(
            "`finish_reason` `length`",
            r#""message":{"role":"assistant","content":"Two"},"finish_reason":"length""#,
        ),
        choice(
            "`finish_reason` of an unknown word",
            r#""message":{"role":"assistant","content":"Two"},"finish_reason":"novelty""#,
        ),
        says("`reasoning_content`", r#""reasoning_content":"Hm.","content":"Two""#),
        says("`reasoning`", r#""reasoning":"Hm.","content":"Two""#),
        says(
            "`reasoning_details`",
            r#""reasoning":"Hm.","reasoning_details":[{"type":"reasoning.encrypted","data":"c2VhbGVk"}],"content":"Two""#,
        ),
        says(
            "annotations",
            r#""content":"Two","annotations":[{"type":"url_citation","url_citation":{"url":"https://example.com"}}]"#,
        ),
        says("annotations, empty", r#""content":"Two","annotations":[]"#),
        says(
            "audio",
            r#""content":null,"audio":{"id":"a1","data":"UklG","transcript":"Two","expires_at":1780003600}"#,
        ),
        choice(
            "log probabilities",
            r#""message":{"role":"assistant","content":"Two"},"logprobs":{"content":[]},"finish_reason":"stop""#,
        ),
        Probe::new(
            "several choices",
            r#"{"choices":[{"index":0,"message":{"role":"assistant","content":"Two"},"finish_reason":"stop"},{"index":1,"message":{"role":"assistant","content":"2"},"finish_reason":"stop"}]}"#,
        ),
        Probe::new("no choices", r#"{"choices":[]}"#),
        Probe::new(
            "usage with cached tokens",
            r#"{"usage":{"prompt_tokens":10,"completion_tokens":2,"total_tokens":12,"prompt_tokens_details":{"cached_tokens":8}}}"#,
        ),
        Probe::new(
            "usage with reasoning tokens",
            r#"{"usage":{"prompt_tokens":10,"completion_tokens":20,"total_tokens":30,"completion_tokens_details":{"reasoning_tokens":15}}}"#,
        ),
        Probe::new(
            "usage with other details",
            r#"{"usage":{"prompt_tokens":10,"completion_tokens":2,"total_tokens":12,"completion_tokens_details":{"audio_tokens":1},"cost":0.5}}"#,
        ),
        Probe::new("no usage", r#"{"usage":null}"#),
        Probe::new(
            "`system_fingerprint`, `service_tier`",
            r#"{"system_fingerprint":"fp_1","service_tier":"default"}"#,
        ),
        says("a field of the message nobody knows", r#""content":"Two","novelty":1"#),
    ]
}
