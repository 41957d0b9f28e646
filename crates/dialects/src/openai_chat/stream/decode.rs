//! From the wire to the canonical form.
//!
//! What the canonical form models goes on at once. What it does not (log probabilities, filter results,
//! further choices) is gathered and goes along at the end.

use std::collections::BTreeMap;

use penstock_core::Json;
use penstock_core::canonical::{
    CanonicalChunk, CanonicalResponse, CanonicalUsage, ContentBlock, Delta, Extensions, Fields, Fold,
    MessageDelta, Origin,
};

use super::super::{DIALECT, decode, encode, errors, wire};
use super::choice::ChoiceDecoder;
use crate::codec::{DecodeError, StreamDecoder, StreamError, read};
use crate::loss::Losses;
use crate::object::{Text, fields};

/// Fields that say nothing: the kind of object, and padding against eavesdroppers.
const IDLE: &[&str] = &["object", "obfuscation", "usage"];

/// Reads a stream.
pub(in super::super) struct Decoder {
    origin: Origin,
    head: Option<CanonicalResponse>,
    started: bool,
    stopped: bool,
    main: ChoiceDecoder,
    others: BTreeMap<usize, (ChoiceDecoder, Fold)>,
    usage: Option<CanonicalUsage>,
    /// Fields of chunks, and those of them that went out with the start.
    top: Fields,
    sent: Fields,
    choices: bool,
}

impl Decoder {
    pub(in super::super) fn new(origin: Origin) -> Self {
        Self {
            main: ChoiceDecoder::new(origin.clone()),
            origin,
            head: None,
            started: false,
            stopped: false,
            others: BTreeMap::new(),
            usage: None,
            top: Fields::new(),
            sent: Fields::new(),
            choices: false,
        }
    }

    fn take(&mut self, chunk: wire::Response<'_>, out: &mut Vec<CanonicalChunk>) -> Result<(), StreamError> {
        let mut rest = fields(chunk.rest);
        rest.retain(|(name, _)| !IDLE.contains(&name.as_str()));
        let choices = chunk.choices.unwrap_or_default();
        // a provider that names no answer may still name its model
        let nameless = choices.is_empty() || chunk.model.as_deref().is_none_or(str::is_empty);
        if chunk.id.as_deref() == Some("") && nameless {
            // such a chunk brings something along, and its head means nothing
            rest.retain(|(name, _)| name != "created");
        } else if self.head.is_none() && (chunk.id.is_some() || !choices.is_empty()) {
            let text = |text: Option<Text<'_>>| text.map(Text::into_owned).unwrap_or_default();
            let (id, model) = (text(chunk.id), text(chunk.model));
            self.head = Some(CanonicalResponse { id, model, ..CanonicalResponse::default() });
        }
        for (name, value) in rest {
            match self.top.iter_mut().find(|(known, _)| *known == name) {
                Some((_, known)) if !value.is_null() => *known = value,
                Some(_) => {}
                None => self.top.push((name, value)),
            }
        }
        if let Some(usage) = chunk.usage {
            self.usage = Some(decode::usage(usage));
        }
        if !choices.is_empty() || self.head.is_some() {
            self.start(out);
        }
        for choice in &choices {
            self.choices = true;
            let choice = decode::read_choice(choice)?;
            match choice.index.unwrap_or(0) {
                0 => self.main.take(choice, out)?,
                index => self.other(index, choice)?,
            }
        }
        Ok(())
    }

    fn other(&mut self, index: usize, choice: wire::Choice<'_>) -> Result<(), StreamError> {
        let (decoder, fold) = self.others.entry(index).or_insert_with(|| {
            let mut fold = Fold::default();
            // a fold that has not begun takes its start
            drop(fold.push(CanonicalChunk::MessageStart { message: Box::default() }));
            (ChoiceDecoder::new(self.origin.clone()), fold)
        });
        let mut chunks = Vec::new();
        decoder.take(choice, &mut chunks)?;
        gather(fold, chunks)
    }

    fn start(&mut self, out: &mut Vec<CanonicalChunk>) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        let mut message = self.head.clone().unwrap_or_default();
        let plain = |(_, value): &(String, Json)| !value.is_object() && value.elements().is_none();
        self.sent = self.top.iter().filter(|field| plain(field)).cloned().collect();
        message.extensions = Extensions::new(DIALECT, self.sent.clone());
        message.extensions.set(DIALECT, "~from", Json::of("response"));
        out.push(CanonicalChunk::MessageStart { message: Box::new(message) });
    }

    fn end(&mut self, out: &mut Vec<CanonicalChunk>) -> Result<(), StreamError> {
        if std::mem::replace(&mut self.stopped, true) {
            return Ok(());
        }
        self.start(out);
        self.main.close(out)?;
        let mut late = CanonicalResponse::default();
        for (name, value) in std::mem::take(&mut self.top) {
            if !self.sent.iter().any(|(sent, before)| *sent == name && before.text() == value.text()) {
                late.extensions.set(DIALECT, &name, value);
            }
        }
        self.main.leave(&mut late);
        let others = self.take_others()?;
        if !others.is_empty() {
            late.extensions.set(DIALECT, "choices", Json::of(&others));
        }
        if !self.choices {
            late.extensions.set(DIALECT, "~choice_at", Json::of("none"));
        }
        let delta =
            MessageDelta { stop_reason: late.stop_reason, stop_sequence: None, extensions: late.extensions };
        out.push(CanonicalChunk::MessageDelta { delta, usage: self.usage.take() });
        out.push(CanonicalChunk::MessageStop);
        Ok(())
    }

    fn take_others(&mut self) -> Result<Vec<Json>, StreamError> {
        let mut choices = Vec::new();
        for (index, (mut decoder, mut fold)) in std::mem::take(&mut self.others) {
            let mut chunks = Vec::new();
            decoder.close(&mut chunks)?;
            chunks.push(CanonicalChunk::MessageStop);
            gather(&mut fold, chunks)?;
            let mut response = fold.finish().map_err(|error| malformed(&error))?;
            response.extensions.set(DIALECT, "~index", Json::of(&index));
            response.extensions.set(DIALECT, "~from", Json::of("response"));
            decoder.leave(&mut response);
            choices.push(Json::of(&encode::choice(&response, &mut Losses::to(DIALECT))));
        }
        Ok(choices)
    }
}

fn gather(fold: &mut Fold, chunks: Vec<CanonicalChunk>) -> Result<(), StreamError> {
    chunks.into_iter().try_for_each(|chunk| fold.push(chunk)).map_err(|error| malformed(&error))
}

fn malformed(error: &dyn std::error::Error) -> StreamError {
    StreamError::Malformed(DecodeError::new("choices", error.to_string()))
}

impl StreamDecoder for Decoder {
    fn event(
        &mut self,
        _name: Option<&[u8]>,
        data: &[u8],
        chunks: &mut Vec<CanonicalChunk>,
    ) -> Result<(), StreamError> {
        if data.trim_ascii() == b"[DONE]" {
            return if self.started { self.end(chunks) } else { Err(StreamError::Cut) };
        }
        let chunk: wire::Response<'_> = read(data)?;
        let failed = chunk.rest.iter().any(|(name, value)| name == "error" && value.get() != "null");
        if failed {
            return Err(StreamError::Reported(errors::read(data).unwrap_or_default()));
        }
        if self.stopped {
            return Ok(());
        }
        self.take(chunk, chunks)
    }

    fn finish(&mut self, chunks: &mut Vec<CanonicalChunk>) -> Result<(), StreamError> {
        // some providers never say [DONE]; one that has said why it ends is complete
        if self.stopped || self.main.is_finished() { self.end(chunks) } else { Err(StreamError::Cut) }
    }
}

/// A piece for a block.
pub(super) fn piece(index: usize, delta: Delta) -> CanonicalChunk {
    CanonicalChunk::ContentBlockDelta { index, delta }
}

/// The begin of a block.
pub(super) fn begin(index: usize, content_block: ContentBlock) -> CanonicalChunk {
    CanonicalChunk::ContentBlockStart { index, content_block }
}
