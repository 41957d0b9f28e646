//! Generated cases: numbers keep their text, conversations come back, streams say what answers say.

use bytes::{Bytes, BytesMut};
use penstock_core::canonical::{
    CanonicalRequest, CanonicalResponse, Content, ContentBlock, Fold, StopReason,
};
use penstock_core::{Dialect, Json};
use penstock_dialects::codec::codec;
use penstock_dialects::loss::{Loss, LossKind};
use penstock_dialects::sse::events;
use penstock_dialects::verify::Verifier;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use crate::arbitrary::{answer, conversation, number, object, streamed, value};
use crate::corpus::{client, dialects, json, origin, target};
use crate::plain::{plain, plain_content, said, token};

/// A request of `dialect` with a number, a value and an input wherever one can stand.
fn request_with(dialect: Dialect, number: &str, value: &Json, input: &Json) -> String {
    let arguments = Json::of(input.text());
    match dialect {
        Dialect::OpenaiChat => format!(
            r#"{{"model":"m","temperature":{number},"top_p":{number},"max_tokens":{number},"seed":{number},"x_value":{value},
            "messages":[{{"role":"user","x_value":{value},"content":[{{"type":"text","text":"Hi","x_value":{value}}}]}},
            {{"role":"assistant","content":null,"x_number":{number},"tool_calls":[{{"id":"c","type":"function","x_value":{value},
            "function":{{"name":"f","arguments":{arguments},"x_value":{value}}}}}]}},
            {{"role":"tool","tool_call_id":"c","content":"Done","x_value":{value}}}],
            "tools":[{{"type":"function","function":{{"name":"f","parameters":{input},"x_value":{value}}}}}],
            "response_format":{{"type":"json_schema","json_schema":{{"name":"n","schema":{input},"x_number":{number}}}}}}}"#
        ),
        _ => format!(
            r#"{{"model":"m","temperature":{number},"top_p":{number},"top_k":{number},"max_tokens":{number},"x_value":{value},
            "system":[{{"type":"text","text":"Be brief.","x_value":{value}}}],"metadata":{input},
            "thinking":{{"type":"enabled","budget_tokens":{number},"x_number":{number}}},
            "messages":[{{"role":"user","x_value":{value},"content":[{{"type":"text","text":"Hi","x_value":{value}}}]}},
            {{"role":"assistant","content":[{{"type":"tool_use","id":"c","name":"f","input":{input},"x_value":{value}}}]}},
            {{"role":"user","content":[{{"type":"tool_result","tool_use_id":"c","content":"Done","x_number":{number}}}]}}],
            "tools":[{{"name":"f","input_schema":{input},"x_value":{value}}}],
            "output_config":{{"format":{{"type":"json_schema","schema":{input},"x_number":{number}}},"x_value":{value}}}}}"#
        ),
    }
}

fn tool_input(request: &CanonicalRequest) -> Json {
    let blocks = request.messages.iter().filter_map(|message| match &message.content {
        Content::Blocks(blocks) => Some(blocks),
        Content::Text(_) => None,
    });
    let mut calls = blocks.flatten().filter_map(|block| match block {
        ContentBlock::ToolUse(call) => Some(call.input.clone()),
        _ => None,
    });
    calls.next().unwrap()
}

/// `request` without the failures that the losses say were dropped.
fn without_failures(request: &CanonicalRequest, losses: &[Loss]) -> CanonicalRequest {
    let mut request = request.clone();
    for (at, message) in request.messages.iter_mut().enumerate() {
        let Content::Blocks(blocks) = &mut message.content else { continue };
        for (index, block) in blocks.iter_mut().enumerate() {
            let path = format!("messages[{at}].content[{index}].isError");
            if let ContentBlock::ToolResult(result) = block
                && losses.iter().any(|loss| loss.kind == LossKind::Dropped && loss.path == path)
            {
                result.is_error = None;
            }
        }
    }
    request
}

/// An answer as a client of its dialect gives it back, without spelling.
fn given_back(dialect: Dialect, answer: &CanonicalResponse) -> (Vec<ContentBlock>, [Json; 4]) {
    let codec = codec(dialect).unwrap();
    let body = codec.encode_response(answer, &client()).body;
    let back = codec.decode_response(&body, &origin(dialect)).unwrap();
    let usage = back.usage.unwrap_or_default();
    let tokens = [usage.input_tokens, usage.output_tokens, usage.cache_read_input_tokens];
    let facts = [
        Json::of(&back.id),
        Json::of(&back.stop_reason),
        Json::of(&back.stop_sequence),
        Json::of(&(tokens, usage.cache_creation_input_tokens, usage.reasoning_tokens)),
    ];
    (plain_content(&Content::Blocks(back.content)), facts)
}

/// What is said, by kind: an answer of one dialect has them in one order, of another in another.
fn words(content: &[ContentBlock]) -> [Vec<String>; 3] {
    let (mut text, mut thought) = (String::new(), String::new());
    let (mut signatures, mut calls) = (Vec::new(), Vec::new());
    for block in content {
        match block {
            ContentBlock::Text(block) => text.push_str(&block.text.to_str()),
            ContentBlock::Thinking(block) => {
                thought.push_str(&block.text);
                signatures.extend(
                    block.signature.as_ref().map(|signature| format!("{} {signature}", block.origin)),
                );
            }
            call => calls.push(token(call).into_owned()),
        }
    }
    [vec![text, thought], signatures, calls]
}

/// What a client of `to` is told of an answer beside its content.
fn told(to: Dialect, answer: &CanonicalResponse) -> [Json; 4] {
    let calls = answer.content.iter().any(|block| matches!(block, ContentBlock::ToolUse(_)));
    let chat = to == Dialect::OpenaiChat;
    let reason = match answer.stop_reason.unwrap_or(StopReason::EndTurn) {
        // a client looks at the reason to see whether a tool is called
        StopReason::EndTurn if calls && !chat && answer.stop_reason.is_some() => StopReason::ToolUse,
        StopReason::Error => StopReason::EndTurn,
        StopReason::StopSequence if chat => StopReason::EndTurn,
        known => known,
    };
    let usage = answer.usage.clone();
    let (is_filled, usage) = (usage.is_none() && !chat, usage.unwrap_or_default());
    let (read, written) = (usage.cache_read_input_tokens, usage.cache_creation_input_tokens);
    let input = usage.input_tokens.map(|input| input + written.filter(|_| chat).unwrap_or(0));
    let filled = |figure: Option<u64>| figure.or(is_filled.then_some(0));
    let tokens = [filled(input), filled(usage.output_tokens), read];
    [
        Json::of(&answer.id),
        Json::of(&Some(reason)),
        Json::of(&answer.stop_sequence.as_ref().filter(|_| !chat)),
        Json::of(&(tokens, written.filter(|_| !chat), usage.reasoning_tokens.filter(|_| chat))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn numbers_keep_their_text(number in number(), value in value(), input in object()) {
        for (dialect, codec) in dialects() {
            let body = request_with(dialect, &number, &value, &input);
            let request = codec.decode_request(body.as_bytes()).unwrap();
            let encoded = codec.encode_request(&request, &target(dialect)).unwrap();
            prop_assert!(encoded.losses.is_empty(), "{dialect}: {:?}", encoded.losses);
            prop_assert!(json(&encoded.body) == json(body.as_bytes()), "{dialect}:\nwas {body}\nis  {}", json(&encoded.body));
            for (to, other) in dialects().filter(|(to, _)| *to != dialect) {
                let written = other.encode_request(&request, &target(to)).unwrap();
                let back = other.decode_request(&written.body).unwrap();
                prop_assert!(tool_input(&back) == input, "{to}: {input} became {}", tool_input(&back));
                prop_assert_eq!(Json::of(&back.max_tokens).to_string(), number.clone());
            }
        }
    }

    #[test]
    fn a_conversation_comes_back_but_for_what_is_named(request in conversation()) {
        for (to, codec) in dialects() {
            let encoded = codec.encode_request(&request, &target(to)).unwrap();
            let back = codec.decode_request(&encoded.body).unwrap();
            let expected = without_failures(&request, &encoded.losses);
            let moved = |loss: &Loss| loss.kind == LossKind::Changed;
            if encoded.losses.iter().any(moved) {
                let (mut expected, mut is) = (said(&expected), said(&back));
                is.retain(|text| !text.starts_with("[from the result of "));
                expected.retain(|text| !text.starts_with("[from the result of "));
                prop_assert!(is == expected, "{to}: {:?}\nwas {expected:?}\nis  {is:?}", encoded.losses);
            } else {
                let (expected, is) = (plain(&expected), plain(&back));
                prop_assert!(is == expected, "{to}: {:?}\nwas {expected:?}\nis  {is:?}", encoded.losses);
            }
            prop_assert!(encoded.losses.iter().all(|loss| {
                moved(loss) || loss.kind == LossKind::Filled || loss.path.ends_with("isError")
            }), "{to}: {:?}", encoded.losses);
        }
    }

    #[test]
    fn a_written_answer_says_what_was_answered(answer in answer()) {
        for (to, codec) in dialects() {
            let encoded = codec.encode_response(&answer, &client());
            let (content, facts) = given_back(to, &answer);
            prop_assert!(words(&content) == words(&answer.content), "{to}: {}", json(&encoded.body));
            prop_assert!(facts == told(to, &answer), "{to}: {facts:?} of {}", json(&encoded.body));
            let named = |path: &str| encoded.losses.iter().any(|loss| loss.path == path);
            let joined = answer.content.iter().filter(|block| matches!(block, ContentBlock::Text(_))).count() > 1;
            prop_assert!(!joined || to != Dialect::OpenaiChat || named("content"), "joined, and not named");
            prop_assert!(answer.stop_sequence.is_none() || to != Dialect::OpenaiChat || named("stopSequence"));
        }
    }

    #[test]
    fn a_written_stream_says_what_the_written_answer_says(
        answer in answer(),
        sizes in prop::collection::vec(1_usize..6, 1..5),
        overlap in any::<bool>(),
    ) {
        let chunks = streamed(&answer, &sizes, overlap);
        let mut fold = Fold::default();
        for chunk in &chunks {
            fold.push(chunk.clone()).unwrap();
        }
        prop_assert!(fold.finish().unwrap() == answer, "the generated stream is not that answer");
        for (to, codec) in dialects() {
            let mut encoder = codec.stream_encoder(&client());
            let mut out = BytesMut::new();
            for chunk in &chunks {
                encoder.chunk(chunk, &mut out);
            }
            let mut verifier = Verifier::new(to).unwrap();
            verifier.push(&Bytes::copy_from_slice(&out)).unwrap();
            if let Err(violation) = verifier.finish() {
                prop_assert!(false, "{to}: {violation}\n{}", String::from_utf8_lossy(&out));
            }

            let mut decoder = codec.stream_decoder(origin(to));
            let mut read = Vec::new();
            for event in events(&out) {
                decoder.event(event.name, &event.data, &mut read).unwrap();
            }
            decoder.finish(&mut read).unwrap();
            let mut fold = Fold::default();
            for chunk in read {
                fold.push(chunk).unwrap();
            }
            let (streamed, at_once) = (given_back(to, &fold.finish().unwrap()), given_back(to, &answer));
            prop_assert!(streamed == at_once, "{to}:\nstreamed {streamed:?}\nat once  {at_once:?}\n{}", String::from_utf8_lossy(&out));
        }
    }
}

/// How many of 200 generated things are so.
fn count<T: std::fmt::Debug>(strategy: impl Strategy<Value = T>, is: impl Fn(&T) -> bool) -> usize {
    let mut runner = TestRunner::deterministic();
    (0..200).filter(|_| is(&strategy.new_tree(&mut runner).unwrap().current())).count()
}

#[test]
fn there_is_something_in_the_generated_cases() {
    let lost = |request: &CanonicalRequest, to: Dialect| {
        codec(to).unwrap().encode_request(request, &target(to)).unwrap().losses
    };
    let whole = |request: &CanonicalRequest| dialects().any(|(to, _)| lost(request, to).is_empty());
    let moved = |request: &CanonicalRequest| {
        let changed = |loss: &Loss| loss.kind == LossKind::Changed;
        dialects().any(|(to, _)| lost(request, to).iter().any(changed))
    };
    let conversations = [
        ("whole ones", count(conversation(), whole)),
        ("ones of which something moves", count(conversation(), moved)),
        (
            "tool results",
            count(conversation(), |request| said(request).iter().any(|text| text.starts_with("call_"))),
        ),
        ("images", count(conversation(), |request| said(request).iter().any(|text| text.contains("image/")))),
    ];
    let has = |is: fn(&ContentBlock) -> bool| count(answer(), |answer| answer.content.iter().any(is));
    let answers = [
        ("calls", has(|block| matches!(block, ContentBlock::ToolUse(call) if call.input.text().len() > 2))),
        (
            "signed thoughts",
            has(|block| matches!(block, ContentBlock::Thinking(thought) if thought.signature.is_some())),
        ),
        ("figures", count(answer(), |answer| answer.usage.is_some())),
        (
            "calls behind each other",
            count(answer(), |answer| {
                let calls = |pair: &[ContentBlock]| {
                    pair.iter().all(|block| matches!(block, ContentBlock::ToolUse(_)))
                };
                answer.content.windows(2).any(calls)
            }),
        ),
    ];
    for (what, there) in conversations.into_iter().chain(answers) {
        assert!(there >= 20, "of 200 only {there} are {what}");
    }
}
