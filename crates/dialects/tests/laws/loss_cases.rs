//! What concrete requests and answers lose, in so many words: what the laws of [`crate::loss`] hold in
//! general, for eyes to check.

use penstock_core::{Dialect, Json};
use penstock_dialects::codec::{Target, codec};

use crate::corpus::{client, fixture, json, origin};
use crate::loss::short;

use Dialect::{AnthropicMessages, OpenaiChat};

/// The name of a fixture, or members that are laid over a plain body.
type Case = (&'static str, &'static [&'static str]);

const REQUESTS_TO_ANTHROPIC: &[Case] = &[
    ("max-tokens", &[]),
    ("lookalike-cache-control", &["filled maxTokens"]),
    (
        "numbers-kept-by-text",
        &["dropped frequency_penalty", "dropped logit_bias", "dropped presence_penalty", "dropped seed"],
    ),
    ("two-choices", &["changed temperature", "dropped n", "filled maxTokens"]),
    ("file-data", &["filled maxTokens"]),
    ("file-id", &["dropped messages[0].content[1]", "filled maxTokens"]),
    ("tool-message-as-parts", &["filled maxTokens", "filled tools[0].inputSchema"]),
    (
        "lookalike-reasoning-content",
        &["dropped messages[1].content[0]", "dropped thinking", "filled maxTokens"],
    ),
    (
        "custom-tools",
        &[
            "dropped tools[0]",
            "dropped tools[1]",
            "dropped tools[2]",
            "dropped tools[3]",
            "filled maxTokens",
            "filled tools[4].inputSchema",
        ],
    ),
    ("reasoning-effort-high", &["changed thinking.effort"]),
    ("reasoning-effort-none", &["filled maxTokens"]),
    (
        r#"{"reasoning_effort":"medium","max_tokens":2000,"temperature":0.2,"top_p":0.5}"#,
        &["changed thinking.effort", "dropped temperature", "dropped topP"],
    ),
    (
        r#"{"reasoning_effort":"high","tools":[{"type":"function","function":{"name":"f","parameters":{}}}],"tool_choice":"required"}"#,
        &["dropped thinking.effort"],
    ),
    (r#"{"reasoning_effort":"low","max_tokens":1024}"#, &["dropped thinking.effort"]),
    ("response-format-json-object", &["dropped responseFormat", "filled maxTokens"]),
    (
        "response-format-json-schema",
        &[
            "dropped responseFormat.description",
            "dropped responseFormat.name",
            "dropped responseFormat.strict",
            "filled maxTokens",
        ],
    ),
    ("system-in-the-middle", &["changed messages[2]", "filled maxTokens"]),
    ("system-two-leading", &["filled maxTokens"]),
    (r#"{"temperature":1.5}"#, &["changed temperature"]),
    (r#"{"temperature":1.0}"#, &[]),
    (r#"{"max_tokens":null,"max_completion_tokens":null}"#, &["filled maxTokens"]),
    (r#"{"tools":[{"type":"function","function":{"name":"f"}}]}"#, &["filled tools[0].inputSchema"]),
    (
        r#"{"tools":[{"type":"custom","custom":{"name":"c"}}],"tool_choice":"auto"}"#,
        &["dropped toolChoice", "dropped tools[0]"],
    ),
    (
        "tool-arguments-invalid-json",
        &[
            "changed messages[1].content[0].input",
            "changed messages[1].content[1].input",
            "changed messages[1].content[2].input",
            "changed messages[1].content[3].input",
            "filled maxTokens",
        ],
    ),
    (
        r#"{"user":"u","metadata":{"a":"b"},"store":false,"logprobs":false,"n":1,"stream_options":{"include_usage":true}}"#,
        &["dropped metadata"],
    ),
    (
        r#"{"messages":[{"role":"system","content":[{"type":"image_url","image_url":{"url":"https://e.org/a.png"}},{"type":"text","text":"See."}]},{"role":"user","content":"Hi"}]}"#,
        &["dropped messages[0].content[0]"],
    ),
];

const REQUESTS_TO_OPENAI: &[Case] = &[
    ("minimal", &[]),
    (
        "cache-control-everywhere",
        &[
            "changed messages[0].content[2]",
            "changed messages[2].content[0].content[1]",
            "dropped messages[0].content[0].cacheControl",
            "dropped messages[0].content[1].cacheControl",
            "dropped messages[0].content[2].cacheControl",
            "dropped messages[1].content[0].cacheControl",
            "dropped messages[2].content[0].cacheControl",
            "dropped messages[2].content[0].content[0].cacheControl",
            "dropped messages[2].content[0].content[1].cacheControl",
            "dropped messages[3].content[0].cacheControl",
            "dropped system[0].cacheControl",
            "dropped tools[0].cacheControl",
        ],
    ),
    ("sampling-all", &["dropped topK"]),
    (
        "document-text-source",
        &[
            "changed messages[0].content[0]",
            "dropped messages[0].content[0].citations",
            "dropped messages[0].content[0].context",
            "dropped messages[0].content[0].title",
        ],
    ),
    ("document-url", &["dropped messages[0].content[0]"]),
    ("document-pdf-base64", &["filled messages[0].content[0].title"]),
    (
        "tool-result-image",
        &["changed messages[2].content[0].content[1]", "changed messages[2].content[0].content[2]"],
    ),
    ("tool-result-error", &["dropped messages[2].content[0].isError"]),
    ("tool-result-without-content", &["filled messages[2].content[0].content"]),
    ("thinking-in-history", &["changed thinking.budgetTokens", "dropped messages[1].content[0]"]),
    (
        "thinking-redacted-in-history",
        &[
            "changed thinking.budgetTokens",
            "dropped messages[1].content[0]",
            "dropped messages[1].content[1]",
        ],
    ),
    ("server-tools", &["dropped tools[0]", "dropped tools[1]", "dropped tools[2]"]),
    ("thinking-enabled", &["changed thinking.budgetTokens"]),
    ("thinking-adaptive-display", &["dropped thinking.display"]),
    ("thinking-disabled", &[]),
    ("output-config-json-schema", &["filled responseFormat.name"]),
    ("metadata-user-id", &["dropped service_tier"]),
    (
        "web-search-in-history",
        &[
            "dropped messages[1].content[1]",
            "dropped messages[1].content[2]",
            "dropped messages[1].content[4].citations",
            "dropped tools[0]",
        ],
    ),
    (
        r#"{"thinking":{"type":"enabled","budget_tokens":4000},"output_config":{"effort":"max"}}"#,
        &["dropped thinking.budgetTokens"],
    ),
    (r#"{"thinking":{"type":"enabled"}}"#, &["dropped thinking"]),
    (
        r#"{"tools":[{"type":"web_search_20250305","name":"web_search"}],"tool_choice":{"type":"any"}}"#,
        &["dropped toolChoice", "dropped tools[0]"],
    ),
    (
        r#"{"tools":[{"type":"web_search_20250305","name":"web_search"},{"name":"f","input_schema":{}}],"tool_choice":{"type":"tool","name":"web_search"}}"#,
        &["dropped toolChoice", "dropped tools[0]"],
    ),
    (r#"{"metadata":{"user_id":"u","team":"t","gone":null}}"#, &["dropped metadata.team"]),
    (
        r#"{"system":[{"type":"text","text":"S","cache_control":{"type":"ephemeral"}}],"tools":[{"name":"f","input_schema":{},"cache_control":{"type":"ephemeral"}}]}"#,
        &["dropped system[0].cacheControl", "dropped tools[0].cacheControl"],
    ),
    (
        r#"{"messages":[{"role":"user","content":[{"type":"search_result","source":"s","title":"t","content":[]}]}]}"#,
        &["dropped messages[0].content[0]"],
    ),
];

const ANSWERS_TO_ANTHROPIC: &[Case] = &[
    ("{}", &[]),
    (
        r#"{"choices":[{"index":0,"message":{"role":"assistant","content":"A"},"finish_reason":"stop"},{"index":1,"message":{"role":"assistant","content":"B"},"finish_reason":"stop"}]}"#,
        &["dropped choices"],
    ),
    (
        r#"{"choices":[{"index":0,"message":{"role":"assistant","content":"Hi"},"finish_reason":"stop","logprobs":{"content":[],"refusal":null}}]}"#,
        &["dropped logprobs"],
    ),
    (
        r#"{"choices":[{"index":0,"message":{"role":"assistant","content":"Hi","annotations":[{"type":"url_citation"}],"audio":{"id":"a"}},"finish_reason":"stop"}]}"#,
        &["dropped annotations", "dropped audio"],
    ),
    (
        r#"{"choices":[{"index":0,"message":{"role":"assistant","content":null,"annotations":[],"tool_calls":[{"id":"c","type":"custom","custom":{"name":"n","input":""}}]},"finish_reason":"tool_calls"}]}"#,
        &["dropped content[0]"],
    ),
    (
        r#"{"choices":[{"index":0,"message":{"role":"assistant","content":"Hi"},"finish_reason":null}]}"#,
        &["filled stopReason"],
    ),
    (
        r#"{"choices":[{"index":0,"message":{"role":"assistant","content":"Hi"},"finish_reason":"novelty"}]}"#,
        &["dropped finish_reason", "filled stopReason"],
    ),
    (
        r#"{"choices":[{"index":0,"message":{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"stop"}]}"#,
        &["changed stopReason"],
    ),
    (
        r#"{"choices":[{"index":0,"message":{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{\"a\": "}}]},"finish_reason":"tool_calls"}]}"#,
        &["changed content[0].input"],
    ),
    (
        r#"{"choices":[{"index":0,"message":{"role":"assistant","content":"Hi","reasoning_content":"Hm."},"finish_reason":"stop"}]}"#,
        &[],
    ),
    (
        r#"{"choices":[{"index":0,"message":{"role":"assistant","content":null,"refusal":"No."},"finish_reason":"stop"}]}"#,
        &[],
    ),
    (r#"{"usage":null}"#, &["filled usage"]),
    (
        r#"{"usage":{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13,"prompt_tokens_details":{"cached_tokens":3,"audio_tokens":1},"completion_tokens_details":{"reasoning_tokens":2}}}"#,
        &["dropped usage.audio_tokens", "dropped usage.reasoningTokens"],
    ),
    (
        r#"{"service_tier":"default","system_fingerprint":"fp","x":1}"#,
        &["dropped service_tier", "dropped system_fingerprint", "dropped x"],
    ),
];

const ANSWERS_TO_OPENAI: &[Case] = &[
    ("text-plain", &[]),
    ("text-two-blocks", &["changed content"]),
    ("stop-sequence-hit", &["dropped stopSequence"]),
    (
        "stop-pause-turn",
        &[
            "dropped content[1]",
            "dropped stop_reason",
            "dropped usage.cache_creation",
            "dropped usage.server_tool_use",
            "dropped usage.service_tier",
        ],
    ),
    ("stop-unknown-reason", &["dropped stop_reason", "filled stopReason"]),
    ("thinking-redacted", &[]),
    ("thinking-and-tool-use", &[]),
    (
        "usage-cache-write-and-read",
        &[
            "dropped usage.cacheCreationInputTokens",
            "dropped usage.cache_creation",
            "dropped usage.server_tool_use",
            "dropped usage.service_tier",
        ],
    ),
    (
        "web-search-with-citations",
        &[
            "changed content",
            "dropped content[1]",
            "dropped content[2]",
            "dropped content[4].citations",
            "dropped usage.cache_creation",
            "dropped usage.server_tool_use",
            "dropped usage.service_tier",
        ],
    ),
    ("stream-text-between-tools", &["changed content", "changed content[1]", "changed content[3]"]),
    ("container-null-context-management", &["dropped context_management"]),
    (
        "usage-unknown-fields",
        &[
            "dropped usage.cache_creation",
            "dropped usage.server_tool_use",
            "dropped usage.x_big",
            "dropped usage.x_usage",
        ],
    ),
    (
        r#"{"content":[{"type":"tool_use","id":"t","name":"f","input":{}},{"type":"text","text":"Now."}]}"#,
        &["changed content[1]"],
    ),
];

const PLAIN_REQUEST: &str = r#"{"model":"m","max_tokens":4096,"messages":[{"role":"user","content":"Hi"}]}"#;
const PLAIN_COMPLETION: &str = r#"{"id":"1","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":1}}"#;
const PLAIN_MESSAGE: &str = r#"{"id":"1","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"Hi"}],"stop_reason":"end_turn","usage":{"input_tokens":9,"output_tokens":1}}"#;

fn body(dialect: Dialect, kind: &str, case: &str, plain: &str) -> Vec<u8> {
    if !case.starts_with('{') {
        return fixture(dialect, kind, case).body;
    }
    let members = Json::parse(case).unwrap().members().unwrap();
    let mut all = json(plain.as_bytes()).members().unwrap();
    all.retain(|(name, _)| members.iter().all(|(other, _)| other != name));
    all.extend(members);
    Json::object(&all).text().as_bytes().to_vec()
}

fn check(cases: &[Case], least: usize, losses: impl Fn(&str) -> Vec<String>) {
    assert!(cases.len() >= least, "only {} cases", cases.len());
    let mut faults = Vec::new();
    for (case, expected) in cases {
        let found = losses(case);
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        if found != expected {
            faults.push(format!("{case}:\n  expected {expected:?}\n  found    {found:?}"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

fn requests(from: Dialect, to: Dialect, cases: &[Case]) {
    let target = Target { provider: "sample", max_output: Some(8_192), ..Target::default() };
    check(cases, 12, |case| {
        let body = body(from, "requests", case, PLAIN_REQUEST);
        let request = codec(from).unwrap().decode_request(&body).unwrap();
        short(&codec(to).unwrap().encode_request(&request, &target).unwrap().losses)
    });
}

fn answers(from: Dialect, to: Dialect, plain: &str, cases: &[Case]) {
    check(cases, 12, |case| {
        let body = body(from, "responses", case, plain);
        let response = codec(from).unwrap().decode_response(&body, &origin(from)).unwrap();
        short(&codec(to).unwrap().encode_response(&response, &client()).losses)
    });
}

#[test]
fn what_a_request_loses_on_its_way_to_anthropic() {
    requests(OpenaiChat, AnthropicMessages, REQUESTS_TO_ANTHROPIC);
}

#[test]
fn what_a_request_loses_on_its_way_to_openai() {
    requests(AnthropicMessages, OpenaiChat, REQUESTS_TO_OPENAI);
}

#[test]
fn what_an_answer_loses_on_its_way_to_an_anthropic_client() {
    answers(OpenaiChat, AnthropicMessages, PLAIN_COMPLETION, ANSWERS_TO_ANTHROPIC);
}

#[test]
fn what_an_answer_loses_on_its_way_to_an_openai_client() {
    answers(AnthropicMessages, OpenaiChat, PLAIN_MESSAGE, ANSWERS_TO_OPENAI);
}
