//! Streams: any split gives the same, a stream folds to the answer, what is written is sound.

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};
use penstock_core::canonical::{CanonicalChunk, CanonicalResponse, Fold};
use penstock_core::{Dialect, Json};
use penstock_dialects::codec::{StreamError, codec};
use penstock_dialects::sse::{Splitter, events};
use penstock_dialects::translate::StreamTranslator;
use penstock_dialects::verify::Verifier;
use proptest::prelude::*;

use crate::corpus::{Faults, Fixture, client, dialects, fixtures, json, origin, twin};

fn decode(fixture: &Fixture, cuts: &[usize]) -> Result<Vec<CanonicalChunk>, StreamError> {
    let mut decoder = codec(fixture.dialect).unwrap().stream_decoder(origin(fixture.dialect));
    let mut splitter = Splitter::default();
    let mut chunks = Vec::new();
    let mut at = 0;
    let mut take = |block: &[u8], chunks: &mut Vec<_>| {
        events(block).try_for_each(|event| decoder.event(event.name, &event.data, chunks))
    };
    for cut in cuts.iter().copied().chain([fixture.body.len()]) {
        let piece = Bytes::copy_from_slice(&fixture.body[at..cut]);
        at = cut;
        if let Some(block) = splitter.push(&piece) {
            take(&block.bytes, &mut chunks)?;
        }
    }
    if let Some(block) = splitter.rest() {
        take(&block.bytes, &mut chunks)?;
    }
    decoder.finish(&mut chunks)?;
    Ok(chunks)
}

fn fold(chunks: &[CanonicalChunk]) -> Result<CanonicalResponse, String> {
    let mut fold = Fold::default();
    chunks.iter().cloned().try_for_each(|chunk| fold.push(chunk)).map_err(|error| error.to_string())?;
    fold.finish().map_err(|error| error.to_string())
}

#[test]
fn a_stream_folds_to_the_answer() {
    let mut faults = Faults::default();
    for fixture in fixtures("streams", 20) {
        let whole = Fixture { body: twin(&fixture, "responses", "json"), ..fixture.clone() };
        let folded =
            decode(&fixture, &[]).map_err(|error| error.to_string()).and_then(|chunks| fold(&chunks));
        match folded {
            Ok(response) => {
                let is = json(&codec(fixture.dialect).unwrap().encode_response(&response, &client()).body);
                if is != json(&whole.body) {
                    faults.note(&fixture, format!("\n  is {}\n  but folds to {is}", json(&whole.body)));
                }
                // what is only spelt alike is not the same in another dialect
                for (what, streamed, at_once) in compare(&response, &whole.response()) {
                    if streamed != at_once {
                        faults.note(&fixture, format!("{what}\n  streamed {streamed}\n  at once  {at_once}"));
                    }
                }
            }
            Err(error) => faults.note(&fixture, error),
        }
    }
    faults.none();
}

#[test]
fn a_stream_written_again_says_the_same() {
    let mut faults = Faults::default();
    for fixture in fixtures("streams", 20) {
        let codec = codec(fixture.dialect).unwrap();
        let chunks = decode(&fixture, &[]).unwrap();
        let mut encoder = codec.stream_encoder(&client());
        let mut out = BytesMut::new();
        for chunk in &chunks {
            encoder.chunk(chunk, &mut out);
        }
        let again = Fixture { body: out.to_vec(), dialect: fixture.dialect, name: fixture.name.clone() };
        let said = |chunks: &[CanonicalChunk]| {
            fold(chunks).map(|response| json(&codec.encode_response(&response, &client()).body))
        };
        match decode(&again, &[]).map_err(|error| error.to_string()).and_then(|chunks| said(&chunks)) {
            Ok(is) if is == said(&chunks).unwrap() => {}
            Ok(is) => faults.note(&fixture, format!("\n  was {}\n  is  {is}", said(&chunks).unwrap())),
            Err(error) => faults.note(&fixture, error),
        }
        let own = |chunks: Vec<CanonicalChunk>| {
            let is_own = |chunk: &CanonicalChunk| matches!(chunk, CanonicalChunk::Opaque(_));
            chunks.into_iter().filter(is_own).collect::<Vec<_>>()
        };
        if decode(&again, &[]).map(own) != Ok(own(chunks)) {
            faults.note(&fixture, "events that only this dialect knows are not the same");
        }
        if let Some(loss) = encoder.take_losses().first() {
            faults.note(&fixture, format!("lost on its way to itself: {loss}"));
        }
    }
    faults.none();
}

/// Each written stream is verified, and says what the whole answer says in that dialect.
#[test]
fn every_stream_can_be_written_in_every_dialect() {
    let mut faults = Faults::default();
    for fixture in fixtures("streams", 20) {
        for (to, target) in dialects() {
            let from = codec(fixture.dialect).unwrap();
            let decoder = from.stream_decoder(origin(fixture.dialect));
            let mut translator = StreamTranslator::new(decoder, target.stream_encoder(&client()));
            let mut out = BytesMut::new();
            translator.push(&Bytes::from(fixture.body.clone()), &mut out).unwrap();
            translator.finish(&mut out).unwrap();
            let mut verifier = Verifier::new(to).unwrap();
            let verified = verifier.push(&out.freeze()).and_then(|()| verifier.finish());
            let invalid_input = fixture.name.contains("invalid-arguments");
            match verified {
                Ok(said) => {
                    // as a client would give it back in a conversation
                    let said = target.encode_response(&said, &client());
                    let said = target.decode_response(&said.body, &origin(to)).unwrap();
                    let whole = fold(&decode(&fixture, &[]).unwrap()).unwrap();
                    let whole = target.encode_response(&whole, &client());
                    let whole = target.decode_response(&whole.body, &origin(to)).unwrap();
                    for (what, streamed, at_once) in compare(&said, &whole) {
                        if streamed != at_once {
                            faults.note(
                                &fixture,
                                format!("to {to}: {what}\n  streamed {streamed}\n  at once  {at_once}"),
                            );
                        }
                    }
                }
                Err(violation) if !invalid_input => faults.note(&fixture, format!("to {to}: {violation}")),
                Err(_) => {}
            }
        }
    }
    faults.none();
}

fn compare(streamed: &CanonicalResponse, at_once: &CanonicalResponse) -> [(&'static str, Json, Json); 5] {
    let plain = |response: &CanonicalResponse| {
        let content = Json::of(&response.content).elements().unwrap_or_default();
        let blocks = content.iter().map(|block| {
            let mut members = block.members().unwrap_or_default();
            // what has no place in a stream but at its end stands elsewhere
            members.retain(|(name, _)| name != "extensions" && name != "origin");
            Json::object(&members)
        });
        Json::of(&blocks.collect::<Vec<_>>())
    };
    let tokens = |response: &CanonicalResponse| {
        let usage = response.usage.clone().unwrap_or_default();
        Json::of(&[usage.input_tokens, usage.output_tokens, usage.cache_read_input_tokens])
    };
    [
        ("id", Json::of(&streamed.id), Json::of(&at_once.id)),
        ("content", plain(streamed), plain(at_once)),
        ("stop reason", Json::of(&streamed.stop_reason), Json::of(&at_once.stop_reason)),
        ("stop sequence", Json::of(&streamed.stop_sequence), Json::of(&at_once.stop_sequence)),
        ("usage", tokens(streamed), tokens(at_once)),
    ]
}

/// What a client looks at beside what is said: the names of events, whose words they are, the one end.
#[test]
fn a_written_stream_has_the_shape_that_clients_look_for() {
    let mut faults = Faults::default();
    for fixture in fixtures("streams", 20) {
        for (to, target) in dialects() {
            let decoder = codec(fixture.dialect).unwrap().stream_decoder(origin(fixture.dialect));
            let mut translator = StreamTranslator::new(decoder, target.stream_encoder(&client()));
            let mut out = BytesMut::new();
            translator.push(&Bytes::from(fixture.body.clone()), &mut out).unwrap();
            translator.finish(&mut out).unwrap();
            let fault = match to {
                Dialect::OpenaiChat => odd_chunks(&out, fixture.dialect == to),
                _ => odd_events(&out),
            };
            if let Some(fault) = fault {
                faults.note(&fixture, format!("to {to}: {fault}"));
            }
        }
    }
    faults.none();
}

/// What an OpenAI client would stumble over.
fn odd_chunks(out: &[u8], own: bool) -> Option<String> {
    let events: Vec<_> = events(out).collect();
    let (done, chunks) = events.split_last()?;
    if &*done.data != b"[DONE]" || events.iter().any(|event| event.name.is_some()) {
        return Some("it does not end in [DONE], or has names of events".to_owned());
    }
    let chunks: Vec<_> = chunks.iter().map(|event| json(&event.data)).collect();
    let text = |value: Option<Json>| value.map(|value| value.to_string()).unwrap_or_default();
    let head = |chunk: &Json| ["id", "model", "created"].map(|name| text(chunk.get(name)));
    if chunks.iter().any(|chunk| {
        text(chunk.get("object")) != r#""chat.completion.chunk""# || head(chunk) != head(&chunks[0])
    }) {
        return Some("its chunks are not of one completion".to_owned());
    }
    let first = chunks.iter().filter_map(|chunk| chunk.get("choices")?.elements()?.into_iter().next());
    let main: Vec<_> = first.filter(|choice| text(choice.get("index")) == "0").collect();
    let roles = main.iter().map(|choice| text(choice.get("delta").and_then(|delta| delta.get("role"))));
    if roles.enumerate().any(|(at, role)| role.is_empty() == (at == 0)) {
        return Some("the first piece alone should say whose words they are".to_owned());
    }
    let reasons: Vec<_> = main.iter().map(|choice| text(choice.get("finish_reason"))).collect();
    let ends = reasons.iter().filter(|reason| !matches!(reason.as_str(), "" | "null")).count();
    // a provider of this dialect may end without a reason, and then so does what is written
    (ends > 1 || (ends == 0 && !own)).then(|| format!("{ends} pieces say why it ended"))
}

/// What an Anthropic client would stumble over.
fn odd_events(out: &[u8]) -> Option<String> {
    let mut names = Vec::new();
    for event in events(out) {
        let name = String::from_utf8(event.name.unwrap_or_default().to_vec()).unwrap();
        let kind = json(&event.data).get("type").and_then(|kind| kind.as_str().map(Cow::into_owned));
        if kind.as_deref() != Some(&name) {
            return Some(format!("the event {name:?} is a {kind:?}"));
        }
        names.push(name);
    }
    let count = |name: &str| names.iter().filter(|other| *other == name).count();
    let ends = [names.first()?.as_str(), names.last()?.as_str()];
    let once = count("message_start") == 1 && count("message_stop") == 1 && count("message_delta") > 0;
    (ends != ["message_start", "message_stop"] || !once).then(|| format!("the events are {names:?}"))
}

/// Everything was said in these; what is odd about them is what follows.
const WHOLE_AFTER_ALL: &[&str] =
    &["cut-before-last-blank-line", "cut-after-finish", "cut-before-blank-line", "content-after-finish"];

#[test]
fn a_broken_stream_ends_in_an_error_and_never_in_an_answer() {
    let mut faults = Faults::default();
    for fixture in fixtures("broken-streams", 4) {
        let sound = decode(&fixture, &[]).is_ok_and(|chunks| {
            fold(&chunks).is_ok_and(|response| {
                let tools = Json::of(&response.content).elements().unwrap_or_default();
                tools.iter().all(|block| block.get("input").is_none_or(|input| input.is_object()))
            })
        });
        if sound && !WHOLE_AFTER_ALL.contains(&fixture.name.as_str()) {
            faults.note(&fixture, "it counts as whole");
        }
    }
    faults.none();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn any_split_gives_the_same_chunks(cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..40)) {
        for fixture in fixtures("streams", 20) {
            let mut at: Vec<_> = cuts.iter().map(|cut| cut.index(fixture.body.len() + 1)).collect();
            at.sort_unstable();
            let (whole, split) = (decode(&fixture, &[]).unwrap(), decode(&fixture, &at).unwrap());
            prop_assert!(whole == split, "{}/{}", fixture.dialect, fixture.name);
        }
    }
}

#[test]
fn a_byte_at_a_time_gives_the_same_chunks() {
    for fixture in fixtures("streams", 20) {
        let cuts: Vec<_> = (1..fixture.body.len()).collect();
        assert_eq!(decode(&fixture, &[]), decode(&fixture, &cuts), "{}/{}", fixture.dialect, fixture.name);
    }
}
