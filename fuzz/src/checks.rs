//! What must hold for whatever arrives, by the name of the fuzz target.
//!
//! The same file is a module of `crates/dialects/tests/regressions.rs`, so that what a fuzzer once found
//! is tried with every test run.

use bytes::{Bytes, BytesMut};
use penstock_core::canonical::{CanonicalChunk, CanonicalResponse, ContentBlock, Fold, Origin, StopReason};
use penstock_core::{Dialect, Json};
use penstock_dialects::codec::{Client, Codec, StreamError, Target, codec};
use penstock_dialects::loss::Loss;
use penstock_dialects::sse::{Block, Splitter, events};
use penstock_dialects::translate::StreamTranslator;
use penstock_dialects::verify::{Verifier, Violation};

/// Values nested deeper are not compared: [`Json`] compares those by their text.
const DEPTH: usize = 60;
/// Streams up to this length are also cut after every byte.
const SHORT: usize = 600;

/// Runs the check of `target`.
///
/// # Panics
///
/// If it finds a fault.
pub fn hold(target: &str, data: &[u8]) {
    let fault = check(target, data).err();
    assert!(fault.is_none(), "{}", fault.unwrap_or_default());
}

/// The first fault that the check of `target` finds.
pub fn check(target: &str, data: &[u8]) -> Result<(), String> {
    match target {
        "openai_chat_request" => request(Dialect::OpenaiChat, data),
        "anthropic_messages_request" => request(Dialect::AnthropicMessages, data),
        "openai_chat_stream" => stream(Dialect::OpenaiChat, data),
        "anthropic_messages_stream" => stream(Dialect::AnthropicMessages, data),
        "response" => codecs().try_for_each(|(dialect, _)| response(dialect, data)),
        "sse_splitter" => sse_splitter(data),
        other => Err(format!("there is no target {other}")),
    }
}

/// The dialects that take part in translation.
fn codecs() -> impl Iterator<Item = (Dialect, &'static dyn Codec)> {
    Dialect::ALL.iter().filter_map(|dialect| Some((*dialect, codec(*dialect)?)))
}

/// A provider that changes nothing, and one that wants everything its own way.
fn targets() -> [Target<'static>; 2] {
    let plain =
        Target { provider: "sample", max_output: Some(8_192), cache_control: true, ..Target::default() };
    let picky = Target {
        provider: "other",
        model: "renamed",
        ask_for_usage: true,
        max_completion_tokens: true,
        adaptive_thinking: true,
        cache_control: false,
        ..plain
    };
    [plain, picky]
}

fn client() -> Client {
    Client { created: 1_790_000_000, stream_usage: true }
}

fn origin(dialect: Dialect) -> Origin {
    Origin { dialect, provider: Some("sample".into()) }
}

fn json(body: &[u8]) -> Option<Json> {
    Json::parse(std::str::from_utf8(body).ok()?)
}

/// A request that can be read can be written in every dialect, and in its own it is what it was.
fn request(dialect: Dialect, body: &[u8]) -> Result<(), String> {
    for (own, codec) in codecs().filter(|(own, _)| *own == dialect) {
        let Ok(request) = codec.decode_request(body) else { continue };
        let was = json(body).ok_or("what is no JSON was read")?;
        for (to, codec) in codecs() {
            for target in targets() {
                let encoded = codec.encode_request(&request, &target);
                let encoded = encoded.map_err(|error| format!("{own} to {to}: {error}"))?;
                let read = codec.decode_request(&encoded.body);
                read.map_err(|error| format!("{own} to {to}: what was written cannot be read: {error}"))?;
            }
        }
        if comparable(&was, DEPTH) {
            let encoded = codec.encode_request(&request, &targets()[0]).map_err(|error| error.to_string())?;
            same(&was, &encoded.body, &encoded.losses)?;
        }
    }
    Ok(())
}

/// An answer that can be read can be written in every dialect. In its own it is what it was, if it has what
/// every answer has, and written again it does not change any more.
fn response(dialect: Dialect, body: &[u8]) -> Result<(), String> {
    for (own, codec) in codecs().filter(|(own, _)| *own == dialect) {
        // what an error says may be anything
        codec.decode_error(body);
        let Ok(response) = codec.decode_response(body, &origin(own)) else { continue };
        let was = json(body).ok_or("what is no JSON was read")?;
        for (to, codec) in codecs() {
            let encoded = codec.encode_response(&response, &client());
            let read = codec.decode_response(&encoded.body, &origin(to));
            let read =
                read.map_err(|error| format!("{own} to {to}: what was written cannot be read: {error}"))?;
            let again = codec.encode_response(&read, &client());
            let first = json(&encoded.body).ok_or("what was written is no JSON")?;
            if comparable(&first, DEPTH) {
                same(&first, &again.body, &[]).map_err(|fault| format!("{own} to {to}: {fault}"))?;
            }
        }
        if comparable(&was, DEPTH) && is_whole(own, &was) {
            let encoded = codec.encode_response(&response, &client());
            same(&was, &encoded.body, &encoded.losses)?;
        }
    }
    Ok(())
}

fn same(was: &Json, body: &[u8], losses: &[Loss]) -> Result<(), String> {
    let is = json(body).ok_or("what was written is no JSON")?;
    if *was != is {
        return Err(difference(was, &is, "body"));
    }
    losses.first().map_or(Ok(()), |loss| Err(format!("lost on its way to itself: {loss}")))
}

/// Where two values that are not the same differ first.
fn difference(was: &Json, is: &Json, at: &str) -> String {
    let differ = |pair: &(String, Option<Json>, Option<Json>)| pair.1 != pair.2;
    let pairs: Vec<_> = match (was.members(), is.members(), was.elements(), is.elements()) {
        (Some(old), Some(new), ..) => {
            let keys = old.iter().chain(&new).map(|(key, _)| key);
            keys.map(|key| (format!("{at}.{key}"), was.get(key), is.get(key))).collect()
        }
        (.., Some(old), Some(new)) => (0..old.len().max(new.len()))
            .map(|index| (format!("{at}[{index}]"), old.get(index).cloned(), new.get(index).cloned()))
            .collect(),
        _ => Vec::new(),
    };
    match pairs.into_iter().find(differ) {
        Some((at, Some(was), Some(is))) => difference(&was, &is, &at),
        Some((at, Some(was), None)) => format!("{at} is gone, which was {was}"),
        Some((at, None, is)) => format!("{at} is new: {}", is.map(|is| is.to_string()).unwrap_or_default()),
        None => format!("{at} has changed from {was} to {is}"),
    }
}

/// Whether a body says everything once, openly, and not too deep. Of a repeated key one value counts, and a
/// carrier is opened.
fn comparable(value: &Json, depth: usize) -> bool {
    if depth == 0 {
        return false;
    }
    if let Some(members) = value.members() {
        let mut keys: Vec<_> = members.iter().map(|(key, _)| key).collect();
        keys.sort_unstable();
        return keys.windows(2).all(|pair| pair[0] != pair[1])
            && members.iter().all(|(_, value)| comparable(value, depth - 1));
    }
    match value.elements() {
        Some(elements) => elements.iter().all(|value| comparable(value, depth - 1)),
        None => value.as_str().is_none_or(|text| !text.starts_with("penstock:")),
    }
}

/// Whether an answer has what its dialect's answers always have; what is missing is supplied.
fn is_whole(dialect: Dialect, answer: &Json) -> bool {
    let text = |value: &Json, name: &str| value.get(name).is_some_and(|value| value.as_str().is_some());
    let says = |value: &Json, name: &str, word: &str| {
        value.get(name).is_some_and(|value| value.as_str().as_deref() == Some(word))
    };
    match dialect {
        Dialect::OpenaiChat => {
            let choice = |choice: &Json| {
                choice.get("index").is_some_and(|index| !index.is_null())
                    && choice.get("message").is_some_and(|message| text(&message, "role"))
            };
            text(answer, "id")
                && text(answer, "model")
                && says(answer, "object", "chat.completion")
                && answer.get("created").is_some()
                && answer
                    .get("choices")
                    .and_then(|choices| choices.elements())
                    .is_some_and(|choices| !choices.is_empty() && choices.iter().all(choice))
        }
        _ => {
            text(answer, "id")
                && text(answer, "model")
                && says(answer, "type", "message")
                && says(answer, "role", "assistant")
        }
    }
}

/// A stream is the same pieces however it is cut. What is written without an error is sound, and says what
/// the provider said.
fn stream(dialect: Dialect, bytes: &[u8]) -> Result<(), String> {
    let own = codec(dialect).ok_or("a dialect without a codec")?;
    let whole = chunks(own, dialect, bytes, &[]);
    for cuts in cuts(bytes) {
        let cut = chunks(own, dialect, bytes, &cuts);
        if whole != cut {
            return Err(format!("cut at {cuts:?} it is another stream\nwhole {whole:?}\ncut   {cut:?}"));
        }
    }
    for (to, codec) in codecs() {
        let mut translator =
            StreamTranslator::new(own.stream_decoder(origin(dialect)), codec.stream_encoder(&client()));
        let mut out = BytesMut::new();
        let pushed = translator.push(&Bytes::copy_from_slice(bytes), &mut out);
        if pushed.and_then(|()| translator.finish(&mut out)).is_ok() {
            if !translator.is_stopped() {
                return Err(format!("to {to}: it ended well without an end"));
            }
            sound(&whole.0, to, &out.freeze()).map_err(|fault| format!("to {to}: {fault}"))?;
        }
    }
    Ok(())
}

/// The pieces of a stream, and how it ended.
type Pieces = (Vec<CanonicalChunk>, Result<(), StreamError>);

fn chunks(codec: &dyn Codec, dialect: Dialect, bytes: &[u8], cuts: &[usize]) -> Pieces {
    let (mut decoder, mut splitter) = (codec.stream_decoder(origin(dialect)), Splitter::default());
    let mut chunks = Vec::new();
    let mut take = |block: Block, chunks: &mut Vec<_>| {
        events(&block.bytes).try_for_each(|event| decoder.event(event.name, &event.data, chunks))
    };
    let mut ended = pieces(bytes, cuts)
        .filter_map(|piece| splitter.push(&piece))
        .try_for_each(|block| take(block, &mut chunks));
    if let (Ok(()), Some(rest)) = (&ended, splitter.rest()) {
        ended = take(rest, &mut chunks);
    }
    let ended = ended.and_then(|()| decoder.finish(&mut chunks));
    (chunks, ended)
}

fn sound(chunks: &[CanonicalChunk], to: Dialect, written: &Bytes) -> Result<(), String> {
    let shown = || String::from_utf8_lossy(written).into_owned();
    let mut verifier = Verifier::new(to).ok_or("a dialect without a verifier")?;
    let read = match verifier.push(written).and_then(|()| verifier.finish()) {
        Ok(read) => read,
        Err(Violation::Input(_)) => return Ok(()),
        Err(violation) => return Err(format!("what was written is not sound: {violation}\n{}", shown())),
    };
    let mut fold = Fold::default();
    chunks.iter().try_for_each(|chunk| fold.push(chunk.clone())).map_err(|error| error.to_string())?;
    let heard = fold.finish().map_err(|error| error.to_string())?;
    let (said, mut says) = (Said::of(&heard), Said::of(&read));
    // a model that calls a tool may say that it is done; who looks at the reason to see the call is told of it
    if !said.calls.is_empty()
        && (said.ended, says.ended) == (Some(StopReason::EndTurn), Some(StopReason::ToolUse))
    {
        says.ended = said.ended;
    }
    // a reason that nobody gave, or only one dialect knows, may be filled in
    says.ended = says.ended.filter(|_| said.ended.is_some());
    // what a cache gave without the whole that it is a part of cannot be added up the same way in every dialect
    let input = |response: &CanonicalResponse| response.usage.as_ref().and_then(|usage| usage.input_tokens);
    if input(&heard).is_none() && input(&read).unwrap_or(0) == 0 {
        says.tokens.0 = said.tokens.0;
    }
    if said == says { Ok(()) } else { Err(format!("was {said:?}\nis  {says:?}\n{}", shown())) }
}

/// What an answer says in every dialect.
#[derive(Debug, Default, PartialEq, Eq)]
struct Said {
    text: String,
    thought: String,
    calls: Vec<(String, String, String)>,
    ended: Option<StopReason>,
    /// Input, however cached, and output; 0 is what is written where nothing was said.
    tokens: (u64, u64),
}

impl Said {
    fn of(response: &CanonicalResponse) -> Self {
        let usage = response.usage.clone().unwrap_or_default();
        let cached = [usage.cache_read_input_tokens, usage.cache_creation_input_tokens];
        let input = usage
            .input_tokens
            .map(|input| cached.iter().flatten().fold(input, |sum: u64, tokens| sum.saturating_add(*tokens)));
        let mut said = Self {
            // not every dialect tells these apart
            ended: response.stop_reason.map(|reason| match reason {
                StopReason::StopSequence | StopReason::Error => StopReason::EndTurn,
                reason => reason,
            }),
            tokens: (input.unwrap_or(0), usage.output_tokens.unwrap_or(0)),
            ..Self::default()
        };
        for block in &response.content {
            match block {
                ContentBlock::Text(block) => said.text.push_str(&block.text.to_str()),
                ContentBlock::Thinking(block) => said.thought.push_str(&block.text),
                ContentBlock::ToolUse(block) => {
                    said.calls.push((block.id.clone(), block.name.clone(), block.input.to_string()));
                }
                _ => {}
            }
        }
        said
    }
}

/// However a stream is cut, the splitter gives back its bytes, in whole events.
fn sse_splitter(bytes: &[u8]) -> Result<(), String> {
    let said = |block: &[u8]| -> Vec<_> {
        events(block).map(|event| (event.name.map(<[u8]>::to_vec), event.data.into_owned())).collect()
    };
    for event in events(bytes) {
        if bytes.get(event.span.clone()).is_none() || event.fields_start < event.span.start {
            return Err(format!("an event has the span {:?} of {}", event.span, bytes.len()));
        }
        if event.data_span.is_some_and(|span| bytes.get(span) != Some(&event.data)) {
            return Err("the data of an event is not where it should be".to_owned());
        }
    }
    for cuts in cuts(bytes) {
        let mut splitter = Splitter::default();
        let mut blocks: Vec<_> = pieces(bytes, &cuts).filter_map(|piece| splitter.push(&piece)).collect();
        blocks.extend(splitter.rest());
        if blocks.iter().any(|block| !block.whole) {
            return Err(format!("cut at {cuts:?} a block is not whole"));
        }
        let joined: Vec<_> = blocks.iter().flat_map(|block| block.bytes.to_vec()).collect();
        let read: Vec<_> = blocks.iter().flat_map(|block| said(&block.bytes)).collect();
        if joined != bytes || read != said(bytes) {
            return Err(format!("cut at {cuts:?} it is another stream"));
        }
    }
    Ok(())
}

fn pieces(bytes: &[u8], cuts: &[usize]) -> impl Iterator<Item = Bytes> {
    let ends = cuts.iter().copied().chain([bytes.len()]);
    ends.scan(0, |start, end| Some(Bytes::copy_from_slice(&bytes[std::mem::replace(start, end)..end])))
}

/// Some ways to cut a stream; the bytes themselves decide where.
fn cuts(bytes: &[u8]) -> Vec<Vec<usize>> {
    let mut state = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |state, byte| {
        (state ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mut ways = Vec::new();
    for most in [3, 40] {
        let mut cuts = Vec::new();
        for _ in 0..most {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let length = u64::try_from(bytes.len()).unwrap_or(0) + 1;
            cuts.push(usize::try_from((state >> 33) % length).unwrap_or(0));
        }
        cuts.sort_unstable();
        ways.push(cuts);
    }
    if bytes.len() <= SHORT {
        ways.push((1..bytes.len()).collect());
    }
    ways
}
