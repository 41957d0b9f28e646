use super::*;

fn document(dialect: Dialect, body: &str) -> Observed {
    let mut observer = Observer::new(dialect);
    for piece in body.as_bytes().chunks(7) {
        observer.document(piece);
    }
    observer.document_end();
    observer.observed().clone()
}

fn stream(dialect: Dialect, block: &str) -> Observed {
    let mut observer = Observer::new(dialect);
    observer.block(block.as_bytes());
    observer.observed().clone()
}

#[test]
fn usage_is_normalised_from_each_dialect() {
    let cases = [
        (
            Dialect::OpenaiChat,
            r#"{"choices":[],"usage":{"prompt_tokens":100,"completion_tokens":20,"total_tokens":120,
                "prompt_tokens_details":{"cached_tokens":60,"audio_tokens":0},
                "completion_tokens_details":{"reasoning_tokens":5}}}"#,
            Usage { input: 40, output: 20, cache_read: 60, reasoning: 5, ..Usage::default() },
        ),
        (
            Dialect::OpenaiResponses,
            r#"{"usage":{"input_tokens":9,"input_tokens_details":{"cached_tokens":4},"output_tokens":3,
                "output_tokens_details":{"reasoning_tokens":2},"total_tokens":12}}"#,
            Usage { input: 5, output: 3, cache_read: 4, reasoning: 2, ..Usage::default() },
        ),
        (
            Dialect::AnthropicMessages,
            r#"{"usage":{"input_tokens":7,"cache_creation_input_tokens":30,"cache_read_input_tokens":11,
                "cache_creation":{"ephemeral_5m_input_tokens":10,"ephemeral_1h_input_tokens":20},"output_tokens":5}}"#,
            Usage {
                input: 7,
                output: 5,
                cache_read: 11,
                cache_write_5m: 10,
                cache_write_1h: 20,
                reasoning: 0,
            },
        ),
        (
            Dialect::Gemini,
            r#"{"candidates":[],"usageMetadata":{"promptTokenCount":50,"cachedContentTokenCount":30,
                "candidatesTokenCount":6,"thoughtsTokenCount":4,"toolUsePromptTokenCount":1}}"#,
            Usage { input: 21, output: 10, cache_read: 30, reasoning: 4, ..Usage::default() },
        ),
    ];
    for (dialect, body, usage) in cases {
        let reported = document(dialect, body).reported.unwrap();
        assert_eq!(reported.usage, usage, "{dialect}");
        assert!(body.contains(&*reported.raw), "{dialect}: the raw object is kept as it was");
    }
}

#[test]
fn an_openai_stream_reports_in_its_last_chunk() {
    let observed = stream(
        Dialect::OpenaiChat,
        "data: {\"choices\":[{\"delta\":{\"content\":\"12345678\"},\"finish_reason\":null}],\"usage\":null}\n\n\
         data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":null}\n\n\
         data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2}}\n\ndata: [DONE]\n\n",
    );
    assert_eq!(observed.reported.as_ref().unwrap().usage, Usage { input: 3, output: 2, ..Usage::default() });
    assert_eq!((observed.estimated_output(), observed.finished, observed.terminal), (2, true, true));
}

#[test]
fn an_anthropic_stream_reports_in_two_parts() {
    let observed = stream(
        Dialect::AnthropicMessages,
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":25,\"cache_read_input_tokens\":1.0e0,\"output_tokens\":1}}}\n\n",
    );
    assert_eq!(observed.reported, None, "a count that is not a whole number is not guessed at");
    let observed = stream(
        Dialect::AnthropicMessages,
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":25,\"cache_read_input_tokens\":10,\"output_tokens\":1}}}\n\n\
         data: {\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\",\"text\":\"Hello, \\\"you\\\"\"}}\n\n\
         event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"input_tokens\":null,\"output_tokens\":15}}\n\n\
         event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
    );
    let reported = observed.reported.as_ref().unwrap();
    assert_eq!(reported.usage, Usage { input: 25, output: 15, cache_read: 10, ..Usage::default() });
    assert_eq!(&*reported.raw, r#"{"cache_read_input_tokens":10,"input_tokens":25,"output_tokens":15}"#);
    assert!(observed.terminal && observed.output_bytes > 0);
}

#[test]
fn responses_and_gemini_streams_report() {
    let observed = stream(
        Dialect::OpenaiResponses,
        "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"hey\"}\n\n\
         event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"id\":\"r\",\"usage\":{\"input_tokens\":4,\"output_tokens\":6}}}\n\n",
    );
    assert_eq!(observed.reported.unwrap().usage, Usage { input: 4, output: 6, ..Usage::default() });
    assert!(observed.terminal);
    let observed = stream(
        Dialect::Gemini,
        "data: {\"candidates\":[{}],\"usageMetadata\":{\"promptTokenCount\":4}}\r\n\r\n\
         data: {\"candidates\":[{\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":4,\"candidatesTokenCount\":8}}\r\n\r\n",
    );
    assert_eq!(observed.reported.unwrap().usage, Usage { input: 4, output: 8, ..Usage::default() });
    assert!(observed.finished && !observed.terminal);
}

#[test]
fn errors_inside_a_stream_are_noticed() {
    for (dialect, block) in [
        (Dialect::OpenaiChat, "data: {\"error\":{\"message\":\"x\"}}\n\n"),
        (Dialect::OpenaiResponses, "data: {\"type\":\"error\",\"message\":\"x\"}\n\n"),
        (
            Dialect::AnthropicMessages,
            "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}\n\n",
        ),
        (Dialect::Gemini, "data: {\"error\":{\"code\":503}}\n\n"),
    ] {
        assert!(stream(dialect, block).failed, "{dialect}");
    }
}

#[test]
fn a_document_that_is_cut_off_or_rubbish_reports_nothing() {
    for body in ["{\"usage\":{\"prompt_tokens\":3", "<html>", "", "[]"] {
        assert_eq!(document(Dialect::OpenaiChat, body).reported, None, "{body}");
    }
}
