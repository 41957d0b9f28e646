//! One choice of a streamed completion.

use std::collections::BTreeMap;

use penstock_core::Json;
use penstock_core::canonical::{
    BlockExtras, CanonicalChunk, CanonicalResponse, ContentBlock, Delta, Extensions, Opaque, Origin, ToolUse,
};
use serde::de::IgnoredAny;

use super::super::{DIALECT, decode, wire};
use super::decode::{begin, piece};
use crate::codec::{DecodeError, StreamError};
use crate::object::{Text, TextOr, extensions, fields};

/// Texts that come in pieces, wherever in a delta they stand.
const JOINED: &[&str] = &["arguments", "input", "data", "transcript"];

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

/// A tool call that has begun.
struct Call {
    wire_index: usize,
    id: String,
    block: usize,
    arguments: String,
    open: bool,
}

/// Reads the deltas of one choice.
pub(super) struct ChoiceDecoder {
    origin: Origin,
    next: usize,
    open: Option<(Running, usize)>,
    /// Whether a running text has said anything yet.
    said: BTreeMap<Running, bool>,
    calls: Vec<Call>,
    /// Calls that are gathered: those of kinds that cannot be streamed on, and those that came too early.
    held: BTreeMap<usize, Json>,
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
            next: 0,
            open: None,
            said: BTreeMap::new(),
            calls: Vec::new(),
            held: BTreeMap::new(),
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
        self.finish_reason = choice.finish_reason.map(Text::into_owned).or(self.finish_reason.take());
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
            Some(TextOr::Text(text)) => self.text(Running::Content, Some(text), out),
            Some(TextOr::Other(parts)) => self.parts(parts, out),
            None => {}
        }
        self.text(Running::Refusal, delta.refusal, out);
        for call in delta.tool_calls.into_iter().flatten() {
            self.call(call, out)?;
        }
        Ok(())
    }

    fn text(&mut self, kind: Running, text: Option<Text<'_>>, out: &mut Vec<CanonicalChunk>) {
        let Some(text) = text else { return };
        *self.said.entry(kind).or_default() |= !text.is_empty();
        if text.is_empty() {
            return;
        }
        let index = match self.open {
            Some((open, index)) if open == kind => index,
            _ => {
                self.close_text(out);
                let index = self.place();
                self.open = Some((kind, index));
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
        self.close_text(out);
        for part in parts {
            let index = self.place();
            out.push(begin(index, decode::part(part)));
            out.push(CanonicalChunk::ContentBlockStop { index });
        }
    }

    fn place(&mut self) -> usize {
        self.next += 1;
        self.next - 1
    }

    fn close_text(&mut self, out: &mut Vec<CanonicalChunk>) {
        if let Some((_, index)) = self.open.take() {
            out.push(CanonicalChunk::ContentBlockStop { index });
        }
    }

    fn call(&mut self, call: wire::ToolCall<'_>, out: &mut Vec<CanonicalChunk>) -> Result<(), StreamError> {
        let index = call.index.unwrap_or(self.calls.len());
        let known = self.calls.iter().rposition(|known| known.wire_index == index);
        let same = |known: &Call| call.id.as_deref().is_none_or(|id| id.is_empty() || id == known.id);
        if let Some(at) = known.filter(|at| same(&self.calls[*at])) {
            return self.more(at, call, out);
        }
        let begins =
            call.id.is_some() && call.function.as_ref().is_some_and(|function| function.name.is_some());
        let held = self.held.contains_key(&index);
        if held || !begins || index > self.calls.len() + self.held.len() || !self.held.is_empty() {
            let call = wire::ToolCall { index: None, ..call };
            let value = Json::of(&call);
            match self.held.get_mut(&index) {
                Some(known) => known.accumulate(value, JOINED),
                None => drop(self.held.insert(index, value)),
            }
            return Ok(());
        }
        self.begin(index, call, out)
    }

    fn begin(
        &mut self,
        wire_index: usize,
        call: wire::ToolCall<'_>,
        out: &mut Vec<CanonicalChunk>,
    ) -> Result<(), StreamError> {
        self.close_text(out);
        self.close_whole(out);
        let block = self.place();
        let id = call.id.clone().map(Text::into_owned).unwrap_or_default();
        let name = call.function.as_ref().and_then(|function| function.name.clone());
        let name = name.map(Text::into_owned).unwrap_or_default();
        let extras = BlockExtras::default();
        let tool = ToolUse { id: id.clone(), name, input: Json::object::<&str>(&[]), extras };
        out.push(begin(block, ContentBlock::ToolUse(tool)));
        self.calls.push(Call { wire_index, id, block, arguments: String::new(), open: true });
        self.more(self.calls.len() - 1, call, out)
    }

    fn more(
        &mut self,
        at: usize,
        call: wire::ToolCall<'_>,
        out: &mut Vec<CanonicalChunk>,
    ) -> Result<(), StreamError> {
        let known = &mut self.calls[at];
        let mut added = extensions(DIALECT, call.rest);
        if let Some(function) = call.function {
            if !function.rest.is_empty() {
                added.set(DIALECT, "~function", Json::object(&fields(function.rest)));
            }
            let text = function.arguments.map(Text::into_owned).unwrap_or_default();
            if !text.is_empty() && !known.open {
                return Err(late());
            }
            known.arguments.push_str(&text);
            if !text.is_empty() {
                out.push(piece(known.block, Delta::InputJsonDelta { partial_json: text }));
            }
        }
        if !added.is_empty() {
            if !known.open {
                return Err(late());
            }
            out.push(piece(known.block, Delta::ExtensionsDelta { extensions: added }));
        }
        Ok(())
    }

    /// Closes the calls whose arguments are complete: the next one has begun. Providers that write several
    /// at once keep theirs open.
    fn close_whole(&mut self, out: &mut Vec<CanonicalChunk>) {
        for call in self.calls.iter_mut().filter(|call| call.open) {
            if serde_json::from_str::<IgnoredAny>(&call.arguments).is_ok() {
                call.close(out);
            }
        }
    }

    /// Ends all blocks.
    pub(super) fn close(&mut self, out: &mut Vec<CanonicalChunk>) -> Result<(), StreamError> {
        self.close_text(out);
        for (index, value) in std::mem::take(&mut self.held) {
            let call: wire::ToolCall<'_> = value.read().ok_or_else(late)?;
            if call.function.is_some() {
                self.begin(index, call, out)?;
            } else {
                self.close_calls(out);
                let value = Json::object(&[("tool_call", value.clone())]);
                let block = self.place();
                let opaque = Opaque { dialect: DIALECT, value, origin: None };
                out.push(begin(block, ContentBlock::Opaque(opaque)));
                out.push(CanonicalChunk::ContentBlockStop { index: block });
            }
        }
        self.close_calls(out);
        Ok(())
    }

    fn close_calls(&mut self, out: &mut Vec<CanonicalChunk>) {
        for call in self.calls.iter_mut().filter(|call| call.open) {
            call.close(out);
        }
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

impl Call {
    fn close(&mut self, out: &mut Vec<CanonicalChunk>) {
        self.open = false;
        let mut notes = Extensions::default();
        decode::input(&self.arguments, &mut notes);
        if !notes.is_empty() {
            out.push(piece(self.block, Delta::ExtensionsDelta { extensions: notes }));
        }
        out.push(CanonicalChunk::ContentBlockStop { index: self.block });
    }
}

fn late() -> StreamError {
    let problem = "a tool call goes on after its arguments were complete";
    StreamError::Malformed(DecodeError::new("choices[].delta.tool_calls", problem))
}
