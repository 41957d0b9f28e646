//! From the wire to the canonical form, which is modelled on it.

use penstock_core::Json;
use penstock_core::canonical::{CanonicalChunk, Delta, Extensions, MessageDelta, Opaque, Origin};

use super::super::{DIALECT, decode, errors, wire};
use crate::codec::{DecodeError, StreamDecoder, StreamError, read};
use crate::object::{Text, extensions, put_nested};

/// Fields that mean something in a delta only.
const IN_DELTA: &[&str] =
    &["text", "partial_json", "thinking", "signature", "citation", "stop_reason", "stop_sequence"];

/// Reads a stream.
pub(in super::super) struct Decoder {
    origin: Origin,
    started: bool,
    stopped: bool,
}

impl Decoder {
    pub(in super::super) const fn new(origin: Origin) -> Self {
        Self { origin, started: false, stopped: false }
    }

    fn take(&mut self, event: wire::Event<'_>, data: &[u8]) -> Result<Option<CanonicalChunk>, StreamError> {
        let kind = event.kind.as_deref().unwrap_or_default();
        if !self.started
            && matches!(
                kind,
                "content_block_start"
                    | "content_block_delta"
                    | "content_block_stop"
                    | "message_delta"
                    | "message_stop"
            )
        {
            return Err(malformed("type", "expected message_start first"));
        }
        let index = || event.index.ok_or_else(|| malformed("index", "expected a number, found nothing"));
        Ok(Some(match kind {
            "message_start" if self.started => {
                return Err(malformed("type", "expected one message_start, found two"));
            }
            "message_start" => {
                let message = event.message.ok_or_else(|| malformed("message", "expected an object"))?;
                self.started = true;
                CanonicalChunk::MessageStart { message: Box::new(decode::message_of(message, &self.origin)) }
            }
            "content_block_start" => {
                let block = event.content_block.clone();
                let block = block.ok_or_else(|| malformed("content_block", "expected an object"))?;
                let content_block = decode::block(block, &self.origin);
                CanonicalChunk::ContentBlockStart { index: index()?, content_block }
            }
            "content_block_delta" => {
                let index = index()?;
                match event.delta.clone().and_then(delta) {
                    Some(delta) => CanonicalChunk::ContentBlockDelta { index, delta },
                    None => own(&event),
                }
            }
            "content_block_stop" => CanonicalChunk::ContentBlockStop { index: index()? },
            "message_delta" => message_delta(event),
            "message_stop" => {
                self.stopped = true;
                CanonicalChunk::MessageStop
            }
            "error" => return Err(StreamError::Reported(errors::read(data).unwrap_or_default())),
            "ping" => return Ok(None),
            _ => own(&event),
        }))
    }
}

/// An event only this dialect knows.
fn own(event: &wire::Event<'_>) -> CanonicalChunk {
    CanonicalChunk::Opaque(Opaque { dialect: DIALECT, value: Json::of(event), origin: None })
}

fn malformed(path: &str, problem: &str) -> StreamError {
    StreamError::Malformed(DecodeError::new(path, problem))
}

fn delta(delta: wire::Delta<'_>) -> Option<Delta> {
    let text = |text: Option<Text<'_>>| text.map(Text::into_owned);
    Some(match delta.kind.as_deref()? {
        "text_delta" => Delta::TextDelta { text: text(delta.text)? },
        "input_json_delta" => Delta::InputJsonDelta { partial_json: text(delta.partial_json)? },
        "thinking_delta" => Delta::ThinkingDelta { text: text(delta.thinking)? },
        "signature_delta" => Delta::SignatureDelta { signature: text(delta.signature)? },
        "citations_delta" => {
            let citations = Json::of(&[Json::from(delta.citation?)]);
            Delta::ExtensionsDelta {
                extensions: Extensions::new(DIALECT, vec![("citations".to_owned(), citations)]),
            }
        }
        _ => return None,
    })
}

/// What stands beside the delta speaks of the message as well.
fn message_delta(event: wire::Event<'_>) -> CanonicalChunk {
    // written into the delta, some of it would say there what the provider did not
    let (beside, rest) = event.rest.into_iter().partition(|(name, _)| IN_DELTA.contains(&name.as_ref()));
    let mut known = MessageDelta { extensions: extensions(DIALECT, rest), ..MessageDelta::default() };
    put_nested(&mut known.extensions, DIALECT, "~beside", beside);
    if let Some(delta) = event.delta {
        known.extensions.accumulate(extensions(DIALECT, delta.rest));
        known.stop_reason =
            delta.stop_reason.and_then(|reason| decode::stop_reason(&reason, &mut known.extensions));
        known.stop_sequence = delta.stop_sequence.map(Text::into_owned);
    }
    CanonicalChunk::MessageDelta { delta: known, usage: event.usage.map(decode::usage) }
}

impl StreamDecoder for Decoder {
    fn event(
        &mut self,
        name: Option<&[u8]>,
        data: &[u8],
        chunks: &mut Vec<CanonicalChunk>,
    ) -> Result<(), StreamError> {
        if self.stopped {
            return Ok(());
        }
        let mut event: wire::Event<'_> = read(data)?;
        // as a rule it stands in both places
        event.kind = event.kind.or_else(|| std::str::from_utf8(name?).ok().map(Into::into));
        chunks.extend(self.take(event, data)?);
        Ok(())
    }

    fn finish(&mut self, _chunks: &mut Vec<CanonicalChunk>) -> Result<(), StreamError> {
        if self.stopped { Ok(()) } else { Err(StreamError::Cut) }
    }
}
