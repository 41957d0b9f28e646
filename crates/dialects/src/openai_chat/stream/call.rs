//! The tool calls of one choice of a streamed completion.

use std::collections::BTreeMap;

use penstock_core::Json;
use penstock_core::canonical::{BlockExtras, CanonicalChunk, ContentBlock, Delta, Extensions, ToolUse};
use serde::de::IgnoredAny;

use super::super::{DIALECT, decode, wire};
use super::choice::{JOINED, Places};
use super::decode::{begin, piece};
use crate::codec::{DecodeError, StreamError};
use crate::object::{Text, block_only_here, extensions, put_nested};

/// A tool call that has begun.
struct Call {
    /// Its index on the wire; its block has another.
    wire_index: usize,
    id: String,
    block: usize,
    arguments: String,
    open: bool,
}

/// Reads calls, which come in pieces and may overlap.
#[derive(Default)]
pub(super) struct Calls {
    begun: Vec<Call>,
    /// Calls that are gathered: those of kinds that cannot be streamed on, and those that came too early.
    held: BTreeMap<usize, Json>,
}

impl Calls {
    /// Whether there were any that the canonical form has.
    pub(super) const fn is_empty(&self) -> bool {
        self.begun.is_empty()
    }

    /// Takes a call, or a piece of one.
    pub(super) fn take(
        &mut self,
        call: wire::ToolCall<'_>,
        places: &mut Places,
        out: &mut Vec<CanonicalChunk>,
    ) -> Result<(), StreamError> {
        let index = call.index.unwrap_or(self.begun.len());
        let known = self.begun.iter().rposition(|known| known.wire_index == index);
        let same = |known: &Call| call.id.as_deref().is_none_or(|id| id.is_empty() || id == known.id);
        if let Some(at) = known.filter(|at| same(&self.begun[*at])) {
            return self.more(at, call, out);
        }
        let begins =
            call.id.is_some() && call.function.as_ref().is_some_and(|function| function.name.is_some());
        let held = self.held.contains_key(&index);
        if held || !begins || index > self.begun.len() + self.held.len() || !self.held.is_empty() {
            let call = wire::ToolCall { index: None, ..call };
            let value = Json::of(&call);
            match self.held.get_mut(&index) {
                Some(known) => known.accumulate(value, JOINED),
                None => drop(self.held.insert(index, value)),
            }
            return Ok(());
        }
        self.begin(index, call, places, out)
    }

    fn begin(
        &mut self,
        wire_index: usize,
        call: wire::ToolCall<'_>,
        places: &mut Places,
        out: &mut Vec<CanonicalChunk>,
    ) -> Result<(), StreamError> {
        places.close_text(out);
        self.close_whole(out);
        let block = places.next();
        let id = call.id.clone().map(Text::into_owned).unwrap_or_default();
        let name = call.function.as_ref().and_then(|function| function.name.clone());
        let name = name.map(Text::into_owned).unwrap_or_default();
        let extras = BlockExtras::default();
        let tool = ToolUse { id: id.clone(), name, input: Json::object::<&str>(&[]), extras };
        out.push(begin(block, ContentBlock::ToolUse(tool)));
        self.begun.push(Call { wire_index, id, block, arguments: String::new(), open: true });
        self.more(self.begun.len() - 1, call, out)
    }

    fn more(
        &mut self,
        at: usize,
        call: wire::ToolCall<'_>,
        out: &mut Vec<CanonicalChunk>,
    ) -> Result<(), StreamError> {
        let known = &mut self.begun[at];
        let mut added = extensions(DIALECT, call.rest);
        if let Some(function) = call.function {
            put_nested(&mut added, DIALECT, "~function", function.rest);
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
        for call in self.begun.iter_mut().filter(|call| call.open) {
            if serde_json::from_str::<IgnoredAny>(&call.arguments).is_ok() {
                call.close(out);
            }
        }
    }

    /// Ends all calls, those that are held first.
    pub(super) fn close(
        &mut self,
        places: &mut Places,
        out: &mut Vec<CanonicalChunk>,
    ) -> Result<(), StreamError> {
        for (index, value) in std::mem::take(&mut self.held) {
            let call: wire::ToolCall<'_> = value.read().ok_or_else(late)?;
            if call.function.is_some() {
                self.begin(index, call, places, out)?;
            } else {
                self.close_open(out);
                let block = places.next();
                out.push(begin(
                    block,
                    block_only_here(DIALECT, &Json::object(&[("tool_call", value.clone())])),
                ));
                out.push(CanonicalChunk::ContentBlockStop { index: block });
            }
        }
        self.close_open(out);
        Ok(())
    }

    fn close_open(&mut self, out: &mut Vec<CanonicalChunk>) {
        for call in self.begun.iter_mut().filter(|call| call.open) {
            call.close(out);
        }
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
