//! One choice of a streamed completion.

use std::collections::BTreeMap;

use penstock_core::Json;
use penstock_core::canonical::{CanonicalChunk, CanonicalResponse, ContentBlock, Delta, Origin};

use super::super::{DIALECT, decode, wire};
use super::call::Calls;
use super::decode::{begin, piece};
use crate::codec::StreamError;
use crate::object::{RawTextOr, Text, fields};

/// Texts that come in pieces, wherever in a delta they stand.
pub(super) const JOINED: &[&str] = &["arguments", "input", "data", "transcript"];

/// The kinds of running text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Running {
    ReasoningContent,
    Reasoning,
    Content,
    Refusal,
}

impl Running {
    const fn field(self) -> &'static str {
        match self {
            Self::ReasoningContent => "reasoning_content",
            Self::Reasoning => "reasoning",
            Self::Content => "content",
            Self::Refusal => "refusal",
        }
    }
}

/// The places of blocks, and the text that is open.
#[derive(Default)]
pub(super) struct Places {
    next: usize,
    open: Option<(Running, usize)>,
}

impl Places {
    /// The place of the next block.
    pub(super) const fn next(&mut self) -> usize {
        self.next += 1;
        self.next - 1
    }

    /// Ends the text that is open.
    pub(super) fn close_text(&mut self, out: &mut Vec<CanonicalChunk>) {
        if let Some((_, index)) = self.open.take() {
            out.push(CanonicalChunk::ContentBlockStop { index });
        }
    }
}

/// Reads the deltas of one choice.
pub(super) struct ChoiceDecoder {
    origin: Origin,
    places: Places,
    /// Whether a running text has said anything yet.
    said: BTreeMap<Running, bool>,
    calls: Calls,
    left_choice: Json,
    left_message: Json,
    role: Option<String>,
    finish_reason: Option<String>,
}

impl ChoiceDecoder {
    pub(super) fn new(origin: Origin) -> Self {
        let nothing = Json::object::<&str>(&[]);
        Self {
            origin,
            places: Places::default(),
            said: BTreeMap::new(),
            calls: Calls::default(),
            left_choice: nothing.clone(),
            left_message: nothing,
            role: None,
            finish_reason: None,
        }
    }

    pub(super) const fn is_finished(&self) -> bool {
        self.finish_reason.is_some()
    }

    pub(super) fn take(
        &mut self,
        choice: wire::Choice<'_>,
        out: &mut Vec<CanonicalChunk>,
    ) -> Result<(), StreamError> {
        let mut rest = fields(choice.rest);
        rest.retain(|(name, _)| name != "finish_reason" && name != "delta");
        self.left_choice.accumulate(Json::object(&rest), JOINED);
        if let Some(delta) = choice.delta.or(choice.message) {
            self.delta(delta, out)?;
        }
        // some lookalikes write an empty text for as long as there is no reason
        let reason = choice.finish_reason.filter(|reason| !reason.is_empty());
        self.finish_reason = reason.map(Text::into_owned).or(self.finish_reason.take());
        Ok(())
    }

    fn delta(&mut self, delta: wire::Message<'_>, out: &mut Vec<CanonicalChunk>) -> Result<(), StreamError> {
        self.role = delta.role.map(Text::into_owned).or(self.role.take());
        self.left_message.accumulate(Json::object(&fields(delta.rest)), JOINED);
        let texts =
            [(Running::ReasoningContent, delta.reasoning_content), (Running::Reasoning, delta.reasoning)];
        for (kind, text) in texts {
            self.text(kind, text, out);
        }
        match delta.content {
            Some(RawTextOr::Text(text)) => self.text(Running::Content, Some(Text(text.to_str())), out),
            Some(RawTextOr::Other(parts)) => self.parts(parts, out),
            None => {}
        }
        self.text(Running::Refusal, delta.refusal, out);
        for call in delta.tool_calls.into_iter().flatten() {
            self.calls.take(call, &mut self.places, out)?;
        }
        Ok(())
    }

    fn text(&mut self, kind: Running, text: Option<Text<'_>>, out: &mut Vec<CanonicalChunk>) {
        let Some(text) = text else { return };
        *self.said.entry(kind).or_default() |= !text.is_empty();
        if text.is_empty() {
            return;
        }
        let index = match self.places.open {
            Some((open, index)) if open == kind => index,
            _ => {
                self.places.close_text(out);
                let index = self.places.next();
                self.places.open = Some((kind, index));
                let block = match kind {
                    Running::Content => ContentBlock::text(""),
                    Running::Refusal => decode::refusal(String::new()),
                    Running::ReasoningContent | Running::Reasoning => {
                        decode::thought(kind.field(), String::new(), self.origin.clone())
                    }
                };
                out.push(begin(index, block));
                index
            }
        };
        let text = text.into_owned();
        out.push(piece(
            index,
            match kind {
                Running::Content | Running::Refusal => Delta::TextDelta { text },
                Running::ReasoningContent | Running::Reasoning => Delta::ThinkingDelta { text },
            },
        ));
    }

    /// Content in parts comes whole.
    fn parts(&mut self, parts: Vec<wire::Part<'_>>, out: &mut Vec<CanonicalChunk>) {
        self.places.close_text(out);
        for part in parts {
            let index = self.places.next();
            out.push(begin(index, decode::part(part)));
            out.push(CanonicalChunk::ContentBlockStop { index });
        }
    }

    /// Ends all blocks.
    pub(super) fn close(&mut self, out: &mut Vec<CanonicalChunk>) -> Result<(), StreamError> {
        self.places.close_text(out);
        self.calls.close(&mut self.places, out)
    }

    /// Lays what is left of the choice into the response.
    pub(super) fn leave(&mut self, response: &mut CanonicalResponse) {
        let empty = || Json::object::<&str>(&[]);
        let mut choice = std::mem::replace(&mut self.left_choice, empty()).members().unwrap_or_default();
        let mut message = std::mem::replace(&mut self.left_message, empty()).members().unwrap_or_default();
        message.retain(|(name, _)| name != "role");
        for (kind, said) in &self.said {
            message.retain(|(name, _)| name != kind.field());
            if !said {
                message.push((kind.field().to_owned(), Json::of("")));
            }
        }
        if !self.calls.is_empty() {
            message.retain(|(name, _)| name != "tool_calls");
        }
        if let Some(role) = self.role.as_deref().filter(|role| *role != "assistant") {
            response.extensions.set(DIALECT, "~role", Json::of(role));
        }
        response.stop_reason = self.finish_reason.as_deref().and_then(decode::stop_reason);
        if let (None, Some(reason)) = (response.stop_reason, &self.finish_reason) {
            choice.push(("finish_reason".to_owned(), Json::of(reason.as_str())));
        }
        decode::put_left(response, choice, message);
    }
}
