//! Reads usage out of an answer as it passes, without holding or changing it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use penstock_core::{Dialect, Usage};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::envelope::estimated_tokens;
use crate::scan::Scanner;
use crate::sse::{Event, events};
use crate::{anthropic_messages, gemini, openai_chat, openai_responses};

/// A usage object longer than this is not one.
const RAW_LIMIT: usize = 64 * 1024;

/// Usage as a provider reported it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reported {
    /// In the normalised form.
    pub usage: Usage,
    /// The provider's own JSON object.
    pub raw: Box<str>,
}

/// What is known of an answer so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// The usage, once it was reported; later reports replace or complete earlier ones.
    pub reported: Option<Reported>,
    /// Bytes of generated text, for an estimate where no usage is reported.
    pub output_bytes: u64,
    /// The dialect's last event was seen: nothing follows.
    pub terminal: bool,
    /// The provider said why it stopped, so the answer is whole even without a last event.
    pub finished: bool,
    /// The provider reported an error inside the stream.
    pub failed: bool,
}

impl Observed {
    /// Output tokens, roughly, where the provider said nothing.
    pub fn estimated_output(&self) -> u64 {
        estimated_tokens(self.output_bytes)
    }

    /// Takes in a usage object in the shape that `parse` knows. A text that is not such an object
    /// is left out rather than guessed at.
    pub(crate) fn report<'de, Shape>(&mut self, raw: &'de [u8])
    where
        Shape: Deserialize<'de> + Into<Usage>,
    {
        let Some(text) = std::str::from_utf8(raw).ok().filter(|text| text.len() <= RAW_LIMIT) else { return };
        if let Ok(shape) = serde_json::from_str::<Shape>(text) {
            self.reported = Some(Reported { usage: shape.into(), raw: text.into() });
        }
    }

    /// Like [`Self::report`], but fields that this report leaves out keep their earlier value.
    pub(crate) fn report_more<Shape>(&mut self, raw: &[u8])
    where
        Shape: for<'de> Deserialize<'de> + Into<Usage>,
    {
        let merged = self.reported.as_ref().and_then(|earlier| merge(earlier.raw.as_bytes(), raw));
        self.report::<Shape>(merged.as_deref().map_or(raw, str::as_bytes));
    }
}

/// The members of two objects, those of `later` winning, each with its text as it was.
fn merge(earlier: &[u8], later: &[u8]) -> Option<String> {
    type Members<'a> = BTreeMap<Cow<'a, str>, &'a RawValue>;
    let mut members: Members<'_> = serde_json::from_slice(earlier).ok()?;
    let later: Members<'_> = serde_json::from_slice(later).ok()?;
    members.extend(later.into_iter().filter(|(_, value)| value.get() != "null"));
    serde_json::to_string(&members).ok()
}

/// Observes one answer.
#[derive(Debug)]
pub struct Observer {
    dialect: Dialect,
    observed: Observed,
    /// For an answer that is one JSON document; `None` once it turned out not to be one.
    document: Option<Scanner>,
}

impl Observer {
    /// An observer for an answer in `dialect`.
    pub fn new(dialect: Dialect) -> Self {
        let wanted = match dialect {
            Dialect::OpenaiChat => openai_chat::wire::WANTED,
            Dialect::OpenaiResponses => openai_responses::wire::WANTED,
            Dialect::AnthropicMessages => anthropic_messages::wire::WANTED,
            Dialect::Gemini => gemini::wire::WANTED,
        };
        Self { dialect, observed: Observed::default(), document: Some(Scanner::new(wanted)) }
    }

    /// What is known so far.
    pub fn observed(&self) -> &Observed {
        &self.observed
    }

    /// Takes the next piece of a JSON answer.
    pub fn document(&mut self, chunk: &[u8]) {
        if self.document.as_mut().is_some_and(|scanner| scanner.push(chunk).is_err()) {
            self.document = None;
        }
    }

    /// Ends a JSON answer.
    pub fn document_end(&mut self) {
        let Some(scanner) = self.document.take() else {
            return;
        };
        self.observed.output_bytes += scanner.text_bytes();
        let Ok(scan) = scanner.finish() else { return };
        self.observed.finished = true;
        let usage = scan.members.iter().filter_map(|member| member.value.as_deref());
        for raw in usage {
            self.report(raw);
        }
    }

    /// Takes a block of whole server-sent events.
    pub fn block(&mut self, block: &[u8]) {
        for event in events(block) {
            self.event(&event);
        }
    }

    /// Takes one event.
    pub fn event(&mut self, event: &Event<'_>) {
        let observed = &mut self.observed;
        match self.dialect {
            Dialect::OpenaiChat => openai_chat::stream::observe(observed, event),
            Dialect::OpenaiResponses => openai_responses::stream::observe(observed, event),
            Dialect::AnthropicMessages => anthropic_messages::stream::observe(observed, event),
            Dialect::Gemini => gemini::stream::observe(observed, event),
        }
    }

    fn report(&mut self, raw: &[u8]) {
        let observed = &mut self.observed;
        match self.dialect {
            Dialect::OpenaiChat => observed.report::<openai_chat::wire::UsageShape>(raw),
            Dialect::OpenaiResponses => observed.report::<openai_responses::wire::UsageShape>(raw),
            Dialect::AnthropicMessages => observed.report::<anthropic_messages::wire::UsageShape>(raw),
            Dialect::Gemini => observed.report::<gemini::wire::UsageShape>(raw),
        }
    }
}

/// Length of the string values behind all `keys` in `data`.
pub(crate) fn text_after(data: &[u8], keys: &[&[u8]]) -> u64 {
    strings_after(data, keys).map(|(_, text)| text.len() as u64).sum()
}

/// The raw string values behind those of `keys` that are in `data`, each with the place of its key in the list. Keys are
/// given with their quotes and colon. Only what stands behind a key is read, since it only feeds estimates; all of
/// them are looked for at once, since a stream has hundreds of chunks.
pub(crate) fn strings_after<'a>(data: &'a [u8], keys: &[&[u8]]) -> impl Iterator<Item = (usize, &'a [u8])> {
    memchr::memchr_iter(b':', data).filter_map(move |at| {
        // most colons stand behind a key
        let behind = &data[..=at];
        let which = keys.iter().position(|key| behind.ends_with(key))?;
        Some((which, string_at(&data[at + 1..])?))
    })
}

/// The raw string value after the first `key`, which is given with its quotes and colon.
pub(crate) fn string_after<'a>(data: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    let at = memchr::memmem::find(data, key)? + key.len();
    string_at(&data[at..])
}

/// The inside of the string that comes next.
fn string_at(data: &[u8]) -> Option<&[u8]> {
    let rest = data.trim_ascii_start().strip_prefix(b"\"")?;
    let mut end = 0;
    loop {
        end += memchr::memchr2(b'"', b'\\', &rest[end..])?;
        if rest[end] == b'"' {
            return Some(&rest[..end]);
        }
        end = (end + 2).min(rest.len());
    }
}

/// The kind of an event: its name, or the `type` its data declares.
pub(crate) fn kind<'a>(event: &'a Event<'_>) -> Option<&'a [u8]> {
    event.name.or_else(|| string_after(&event.data, b"\"type\":"))
}

#[cfg(test)]
mod tests;
