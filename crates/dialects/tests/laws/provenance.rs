//! Provenance: a thought with its signature, and reasoning that only its origin can read, travels through a
//! client of another dialect and comes back to its origin as it was, and to nobody else.

use bytes::{Bytes, BytesMut};
use penstock_core::canonical::{
    CanonicalMessage, CanonicalRequest, CanonicalResponse, Content, ContentBlock, Extensions, MessageRole,
    Opaque, Origin,
};
use penstock_core::{Dialect, Json};
use penstock_dialects::codec::{Target, codec};
use penstock_dialects::loss::{Loss, LossKind};
use penstock_dialects::scan::Scanner;
use penstock_dialects::sse::events;
use penstock_dialects::translate::StreamTranslator;

use crate::corpus::{Fixture, client, fixtures, json, twin};

const CLAUDE: &str = "anthropic";
const SEEK: &str = "deepseek";

fn origin(dialect: Dialect, provider: &str) -> Origin {
    Origin { dialect, provider: Some(provider.into()) }
}

/// The message of a whole answer, as a client of `to` keeps it.
fn kept_whole(to: Dialect, response: &CanonicalResponse) -> Json {
    let body = json(&codec(to).unwrap().encode_response(response, &client()).body);
    match to {
        Dialect::OpenaiChat => body.get("choices").unwrap().elements().unwrap()[0].get("message").unwrap(),
        _ => Json::object(&[("role", Json::of("assistant")), ("content", body.get("content").unwrap())]),
    }
}

/// The message of a streamed answer, as a client of `to` puts it together.
fn kept_streamed(to: Dialect, fixture: &Fixture, provider: &str) -> Json {
    let decoder = codec(fixture.dialect).unwrap().stream_decoder(origin(fixture.dialect, provider));
    let mut translator = StreamTranslator::new(decoder, codec(to).unwrap().stream_encoder(&client()));
    let mut out = BytesMut::new();
    translator.push(&Bytes::from(fixture.body.clone()), &mut out).unwrap();
    translator.finish(&mut out).unwrap();
    let events: Vec<_> =
        events(&out).filter(|event| &*event.data != b"[DONE]").map(|event| json(&event.data)).collect();
    match to {
        Dialect::OpenaiChat => joined_deltas(&events),
        _ => joined_blocks(&events),
    }
}

/// What an OpenAI client makes of chunks: texts are joined, lists grow, calls are joined by their index.
fn joined_deltas(chunks: &[Json]) -> Json {
    let mut message = Json::object(&[("role", Json::of("assistant"))]);
    let mut calls: Vec<Json> = Vec::new();
    for chunk in chunks {
        let Some(choice) = chunk.get("choices").and_then(|list| list.elements()?.into_iter().next()) else {
            continue;
        };
        let mut delta = choice.get("delta").unwrap().members().unwrap();
        delta.retain(|(name, _)| name != "role" && name != "tool_calls");
        message.accumulate(Json::object(&delta), &["content", "reasoning_content", "reasoning", "refusal"]);
        let pieces = choice.get("delta").and_then(|delta| delta.get("tool_calls")?.elements());
        for piece in pieces.into_iter().flatten() {
            let index: usize = piece.get("index").unwrap().read().unwrap();
            let mut members = piece.members().unwrap();
            members.retain(|(name, _)| name != "index");
            match calls.get_mut(index) {
                Some(known) => known.accumulate(Json::object(&members), &["arguments"]),
                None => calls.push(Json::object(&members)),
            }
        }
    }
    if !calls.is_empty() {
        message.accumulate(Json::object(&[("tool_calls", Json::of(&calls))]), &[]);
    }
    message
}

/// What an Anthropic client makes of events.
fn joined_blocks(events: &[Json]) -> Json {
    let mut blocks: Vec<Json> = Vec::new();
    for event in events {
        let kind = event.get("type").unwrap();
        match &*kind.as_str().unwrap() {
            "content_block_start" => blocks.push(event.get("content_block").unwrap()),
            "content_block_delta" => {
                let index: usize = event.get("index").unwrap().read().unwrap();
                let mut delta = event.get("delta").unwrap().members().unwrap();
                delta.retain(|(name, _)| name != "type" && name != "partial_json");
                blocks[index].accumulate(Json::object(&delta), &["text", "thinking", "signature"]);
            }
            _ => {}
        }
    }
    Json::object(&[("role", Json::of("assistant")), ("content", Json::of(&blocks))])
}

/// A conversation that goes on after `message`, in the words of a client of `dialect`.
fn next_turn(dialect: Dialect, message: &Json) -> Vec<u8> {
    let user = |text: &str| Json::object(&[("role", Json::of("user")), ("content", Json::of(text))]);
    let body = Json::object(&[
        ("model", Json::of("m")),
        ("max_tokens", Json::of(&8_192)),
        ("messages", Json::of(&[user("Hi"), message.clone(), user("Go on")])),
    ]);
    let scan = Scanner::scan(&[], body.text().as_bytes()).unwrap();
    assert_eq!(scan.may_hold_carrier, body.text().contains("penstock:"), "{dialect}");
    body.text().as_bytes().to_vec()
}

/// What only its origin gets back.
fn secrets(content: &[ContentBlock]) -> Vec<ContentBlock> {
    let is_secret = |block: &&ContentBlock| {
        matches!(block, ContentBlock::Thinking(_) | ContentBlock::Opaque(Opaque { origin: Some(_), .. }))
    };
    content.iter().filter(is_secret).cloned().map(bare).collect()
}

/// A block without unknown fields, which do not travel.
fn bare(mut block: ContentBlock) -> ContentBlock {
    if let Some(extras) = block.extras_mut() {
        let field = extras.extensions.get(Dialect::OpenaiChat, "~field").cloned();
        extras.extensions = Extensions::default();
        if let Some(field) = field {
            extras.extensions.set(Dialect::OpenaiChat, "~field", field);
        }
    }
    block
}

fn said(request: &CanonicalRequest) -> &[ContentBlock] {
    let CanonicalMessage { role: MessageRole::Assistant, content: Content::Blocks(blocks), .. } =
        &request.messages[1]
    else {
        panic!("the second message is not the model's");
    };
    blocks
}

fn written(request: &CanonicalRequest, dialect: Dialect, provider: &str) -> (String, Vec<Loss>) {
    let target = Target { provider, max_output: Some(8_192), ..Target::default() };
    let encoded = codec(dialect).unwrap().encode_request(request, &target).unwrap();
    (String::from_utf8(encoded.body.to_vec()).unwrap(), encoded.losses)
}

/// What has to be the same at home: the text, the signature, and the field it stands in.
fn words(secrets: &[ContentBlock]) -> Vec<[String; 3]> {
    let words = secrets.iter().map(|block| match block {
        ContentBlock::Thinking(thought) => {
            let field = thought.extras.extensions.get(Dialect::OpenaiChat, "~field").map(Json::to_string);
            [thought.text.clone(), thought.signature.clone().unwrap_or_default(), field.unwrap_or_default()]
        }
        ContentBlock::Opaque(opaque) => [opaque.value.to_string(), String::new(), String::new()],
        other => panic!("{other:?} is no secret"),
    });
    words.collect()
}

/// The secrets come back from a client, go to their origin as they were, and to nobody else.
fn goes_home_only(
    what: &str,
    answer: &CanonicalResponse,
    message: &Json,
    through: Dialect,
    home: (Dialect, &str),
    strangers: &[(Dialect, &str)],
) {
    let request = codec(through).unwrap().decode_request(&next_turn(through, message)).unwrap();
    let secrets = secrets(&answer.content);
    assert_eq!(self::secrets(said(&request)), secrets, "{what}: what came back");

    let (body, losses) = written(&request, home.0, home.1);
    let again = codec(home.0).unwrap().decode_request(body.as_bytes()).unwrap();
    assert_eq!(words(&self::secrets(said(&again))), words(&secrets), "{what}: what went home");
    let lost = |losses: &[Loss], at: usize| {
        let path = format!("messages[1].content[{at}]");
        losses.iter().any(|loss| loss.kind == LossKind::Dropped && loss.path == path)
    };
    for (at, block) in said(&request).iter().enumerate() {
        if self::secrets(std::slice::from_ref(block)).is_empty() {
            continue;
        }
        assert!(!lost(&losses, at), "{what}: block {at} is at home there");
        for (dialect, provider) in strangers {
            let (body, losses) = written(&request, *dialect, provider);
            assert!(lost(&losses, at), "{what}: nothing says that {provider} does not get block {at}");
            for [text, signature, _] in words(&secrets) {
                // one of a letter or two may stand anywhere
                let leaks = |secret: &str| {
                    let escaped = Json::of(secret);
                    let inside = escaped.text().trim_matches('"');
                    secret.len() > 3 && (body.contains(secret) || body.contains(inside))
                };
                assert!(!leaks(&text), "{what}: {provider} gets a foreign thought");
                assert!(!leaks(&signature), "{what}: {provider} gets a signature");
            }
            assert!(!body.contains("penstock:"), "{what}: {provider} gets a carrier");
        }
    }
}

/// The fixtures whose answers hold secrets, whole and, where there is a stream, streamed.
fn each_with_secrets(
    dialect: Dialect,
    provider: &str,
    try_it: &mut dyn FnMut(&str, &CanonicalResponse, Option<&Fixture>),
) -> usize {
    let mut seen = 0;
    for whole in fixtures("responses", 25).into_iter().filter(|fixture| fixture.dialect == dialect) {
        let answer =
            codec(dialect).unwrap().decode_response(&whole.body, &origin(dialect, provider)).unwrap();
        if !secrets(&answer.content).is_empty() {
            seen += 1;
            try_it(&whole.name, &answer, None);
        }
    }
    for stream in fixtures("streams", 20).into_iter().filter(|fixture| fixture.dialect == dialect) {
        let twin = twin(&stream, "responses", "json");
        let answer = codec(dialect).unwrap().decode_response(&twin, &origin(dialect, provider)).unwrap();
        if !secrets(&answer.content).is_empty() {
            seen += 1;
            try_it(&stream.name, &answer, Some(&stream));
        }
    }
    seen
}

fn kept(to: Dialect, answer: &CanonicalResponse, stream: Option<&Fixture>, provider: &str) -> Json {
    match stream {
        Some(stream) => kept_streamed(to, stream, provider),
        None => kept_whole(to, answer),
    }
}

#[test]
fn what_claude_thought_travels_through_an_openai_client() {
    let (claude, through) = (Dialect::AnthropicMessages, Dialect::OpenaiChat);
    let strangers = [(through, "openai"), (through, CLAUDE), (claude, SEEK)];
    let seen = each_with_secrets(claude, CLAUDE, &mut |what, answer, stream| {
        let message = kept(through, answer, stream, CLAUDE);
        goes_home_only(what, answer, &message, through, (claude, CLAUDE), &strangers);
    });
    assert!(seen >= 14, "only {seen} answers hold secrets");
}

#[test]
fn what_an_openai_model_thought_travels_through_an_anthropic_client() {
    let (seek, through) = (Dialect::OpenaiChat, Dialect::AnthropicMessages);
    let strangers = [(seek, "openai"), (through, CLAUDE), (through, SEEK)];
    let seen = each_with_secrets(seek, SEEK, &mut |what, answer, stream| {
        let message = kept(through, answer, stream, SEEK);
        goes_home_only(what, answer, &message, through, (seek, SEEK), &strangers);
    });
    assert!(seen >= 5, "only {seen} answers hold thoughts");
}

/// No decoder makes such a block yet; a canonical answer may hold one all the same.
#[test]
fn a_secret_of_an_openai_model_travels_through_an_anthropic_client() {
    let (seek, through) = (Dialect::OpenaiChat, Dialect::AnthropicMessages);
    let value = Json::parse(r#"{"type":"reasoning","data":"c2Vh\u0062GVk"}"#).unwrap();
    let block = Opaque { dialect: seek, value, origin: Some(origin(seek, SEEK)) };
    let content = vec![ContentBlock::Opaque(block), ContentBlock::text("Done.")];
    let answer = CanonicalResponse { content, ..CanonicalResponse::default() };
    let message = kept_whole(through, &answer);
    let request = codec(through).unwrap().decode_request(&next_turn(through, &message)).unwrap();
    assert_eq!(secrets(said(&request)), secrets(&answer.content));

    let (body, losses) = written(&request, seek, SEEK);
    assert!(body.contains(r#"{"type":"reasoning","data":"c2Vh\u0062GVk"}"#) && losses.is_empty(), "{body}");
    for (dialect, provider) in [(seek, "openai"), (through, CLAUDE)] {
        let (body, losses) = written(&request, dialect, provider);
        assert!(!body.contains("c2Vh") && !body.contains("penstock:"), "{provider}: {body}");
        assert_eq!(losses.len(), 1, "{provider}: {losses:?}");
        assert_eq!((losses[0].kind, losses[0].path.as_str()), (LossKind::Dropped, "messages[1].content[0]"));
    }
}

/// A client may bring back what it likes; only what is whole counts, the rest stays as it came.
#[test]
fn what_is_no_carrier_is_left_alone() {
    let (chat, messages) = (codec(Dialect::OpenaiChat).unwrap(), codec(Dialect::AnthropicMessages).unwrap());
    for signature in ["penstock:", "penstock:nobody/x:sig", "penstock:anthropic_messages", "EqQB"] {
        let details = format!(r#"[{{"type":"reasoning.text","text":"Hm.","signature":"{signature}"}}]"#);
        let message = format!(r#"{{"role":"assistant","content":"Yes.","reasoning_details":{details}}}"#);
        let request = chat.decode_request(&next_turn(Dialect::OpenaiChat, &Json::parse(message).unwrap()));
        assert!(secrets(said(&request.unwrap())).is_empty(), "{signature}");

        let thought = format!(r#"{{"type":"thinking","thinking":"Hm.","signature":"{signature}"}}"#);
        let message = format!(r#"{{"role":"assistant","content":[{thought}]}}"#);
        let request =
            messages.decode_request(&next_turn(Dialect::AnthropicMessages, &Json::parse(message).unwrap()));
        match said(&request.unwrap()) {
            [ContentBlock::Thinking(thought)] => {
                assert_eq!(thought.signature.as_deref(), Some(signature));
                assert_eq!(thought.origin, Origin::of(Dialect::AnthropicMessages), "{signature}");
            }
            other => panic!("{signature}: {other:?}"),
        }
    }
}
