//! A structural scan of one JSON document: where the top-level members are, without a tree.
//!
//! The request path has to find `model` in a body of any size, and the response path has to find
//! `usage` in an answer that passes by in pieces. Both feed this scanner. It checks the whole
//! grammar (a broken document is refused with the byte offset), keeps only the members that were
//! asked for, and any split of the same bytes gives the same result. It must not allocate in
//! proportion to the document.

mod grammar;
mod marks;
#[cfg(test)]
mod tests;

use std::ops::Range;

use fearless_simd::{Level, Simd, dispatch};

pub use grammar::ScanError;
use grammar::{Grammar, Step, Walk};
use marks::{BLOCK, Marker, Marks};

/// A wanted value longer than this is reported without its text.
const CAPTURE_LIMIT: usize = 64 * 1024;
/// Raw bytes of a key kept for comparison; every wanted name is far shorter, even if all escaped.
const KEY_LIMIT: usize = 256;
/// What carriers begin with.
const CARRIER: &[u8] = crate::carrier::PREFIX.as_bytes();
/// A string at least this long without a space near its start is counted as media.
const MEDIA_LENGTH: u64 = 1_024;
/// Blocks that are marked before the first of them is read. Where tokens are read a processor foresees little, and what
/// it did ahead for the next block would be lost each time.
const TOGETHER: usize = 16;

/// One wanted top-level member as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The wanted name it matched, after escapes in the key were resolved.
    pub name: &'static str,
    /// From the key's opening quote to the end of the value.
    pub span: Range<usize>,
    /// The value alone, without white space around it.
    pub value_span: Range<usize>,
    /// Where the comma before the key stands; `None` for the first member.
    pub comma_before: Option<usize>,
    /// The value's text, or `None` if it is longer than 64 KiB.
    pub value: Option<Box<[u8]>>,
}

/// What kind of value the document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Root {
    /// `{…}`: members are those of the object.
    Object,
    /// `[…]`: members are those of the objects it lists.
    Array,
    /// A string, number or literal.
    Scalar,
}

/// What a scan found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    /// The kind of document.
    pub root: Root,
    /// The wanted members in the order in which they stand; a repeated key is there repeatedly.
    pub members: Vec<Member>,
    /// Bytes inside string values that read like text; for estimates.
    pub text_bytes: u64,
    /// Long string values without spaces, as base64 media are; for estimates.
    pub media_parts: u64,
    /// Whether a string value begins as what is carried for another provider does.
    pub may_hold_carrier: bool,
}

impl Scan {
    /// Every member called `name`.
    pub fn all<'a>(&'a self, name: &'a str) -> impl DoubleEndedIterator<Item = &'a Member> {
        self.members.iter().filter(move |member| member.name == name)
    }

    /// The member that counts where a key is repeated: the last, as most parsers have it.
    pub fn last<'a>(&'a self, name: &'a str) -> Option<&'a Member> {
        self.all(name).next_back()
    }
}

/// The scanner; see the module.
#[derive(Debug)]
pub struct Scanner {
    wanted: &'static [&'static str],
    grammar: Grammar,
    /// Bytes of the document before the current chunk.
    offset: usize,
    marker: Marker,
    /// Where in the current chunk the open string begins or goes on.
    text_from: usize,
    root: Option<Root>,
    /// How deep the members are that are looked at.
    member_depth: usize,
    key: Vec<u8>,
    key_start: usize,
    comma: Option<usize>,
    /// A wanted key was read; its value comes next.
    expecting: Option<&'static str>,
    reading: Option<Reading>,
    members: Vec<Member>,
    strings: StringStats,
}

impl Scanner {
    /// A scanner that reports the members called one of `wanted`.
    pub fn new(wanted: &'static [&'static str]) -> Self {
        Self {
            wanted,
            grammar: Grammar::default(),
            offset: 0,
            marker: Marker::default(),
            text_from: 0,
            root: None,
            member_depth: 1,
            key: Vec::new(),
            key_start: 0,
            comma: None,
            expecting: None,
            reading: None,
            members: Vec::new(),
            strings: StringStats::default(),
        }
    }

    /// Scans a whole document at once.
    pub fn scan(wanted: &'static [&'static str], document: &[u8]) -> Result<Scan, ScanError> {
        let mut scanner = Self::new(wanted);
        scanner.push(document)?;
        scanner.finish()
    }

    /// Takes the next piece of the document.
    pub fn push(&mut self, chunk: &[u8]) -> Result<(), ScanError> {
        dispatch!(Level::new(), simd => self.push_blocks(simd, chunk))?;
        if self.grammar.in_string() {
            self.strings.part(&chunk[self.text_from..]);
        } else if self.grammar.in_key() {
            self.key_bytes(&chunk[self.text_from..]);
        }
        self.text_from = 0;
        if let Some(reading) = &mut self.reading {
            reading.copy(chunk, chunk.len());
            reading.copy_from = 0;
        }
        self.offset += chunk.len();
        Ok(())
    }

    #[expect(
        clippy::inline_always,
        reason = "code that uses vectors is made anew for each kind of processor"
    )]
    #[inline(always)]
    fn push_blocks<S: Simd>(&mut self, simd: S, chunk: &[u8]) -> Result<(), ScanError> {
        let (blocks, rest) = chunk.as_chunks();
        let mut at = 0;
        let mut marked = [Marks::default(); TOGETHER];
        for some in blocks.chunks(TOGETHER) {
            for (block, marks) in some.iter().zip(&mut marked) {
                *marks = self.marker.mark(simd, block, u64::BITS);
            }
            for marks in &marked[..some.len()] {
                // the inside of a long string has nothing to read
                if marks.tokens | marks.wrong != 0 {
                    self.read(chunk, at, marks)?;
                }
                at += BLOCK;
            }
        }
        if rest.is_empty() {
            return Ok(());
        }
        let (mut block, mut length) = ([0; BLOCK], 0);
        for (place, byte) in block.iter_mut().zip(rest) {
            *place = *byte;
            length += 1;
        }
        let marks = self.marker.mark(simd, &block, length);
        self.read(chunk, at, &marks)
    }

    /// Reads what is marked in the block at `start`.
    fn read(&mut self, chunk: &[u8], start: usize, marks: &Marks) -> Result<(), ScanError> {
        let Marks { tokens, wrong } = *marks;
        let before_wrong = (wrong & wrong.wrapping_neg()).wrapping_sub(1);
        let mut left = tokens & before_wrong;
        loop {
            if self.grammar.depth() > self.member_depth {
                left = self.deep_tokens(chunk, start, left);
            }
            if left == 0 {
                break;
            }
            self.token(chunk, start + left.trailing_zeros() as usize)?;
            left &= left - 1;
        }
        if wrong == 0 { Ok(()) } else { Err(self.error(chunk, start + wrong.trailing_zeros() as usize)) }
    }

    #[inline]
    fn token(&mut self, chunk: &[u8], at: usize) -> Result<(), ScanError> {
        let mut step = self.grammar.step(chunk[at]);
        if step == Step::NumberEnd {
            self.value_ends(chunk, at);
            // the byte that ended a number belongs to what follows
            step = self.grammar.step(chunk[at]);
        }
        match step {
            Step::Nothing => Ok(()),
            Step::Wrong => Err(self.error(chunk, at)),
            _ => {
                self.apply(step, chunk, at);
                Ok(())
            }
        }
    }

    /// Nearly all tokens of a large body stand deeper than what is looked at, where most of them mean nothing but what
    /// may follow. Foreseeing which of a dozen meanings is next costs a processor more than all that is done about it,
    /// so that these few are told apart, and where the machine is stays in registers. Returns what is left of `tokens`
    /// from the first on that is another one.
    #[inline]
    fn deep_tokens(&mut self, chunk: &[u8], start: usize, tokens: u64) -> u64 {
        let mut tokens = Tokens { chunk, start, left: tokens };
        let mut walk = self.grammar.walk;
        while let Some(byte) = tokens.byte() {
            let turn = walk.turn(byte);
            let step = turn.step();
            if step.is_quiet() {
                walk.take(turn);
            } else if step == Step::KeyStart {
                walk.take(turn);
                self.texts(&mut tokens, &mut walk);
                continue;
            } else if step == Step::StringStart {
                walk.take(turn);
                self.string(&mut tokens, &mut walk);
                continue;
            } else if step == Step::StringEnd {
                self.strings.ends(&chunk[self.text_from..tokens.place()]);
                walk.take(turn);
            } else if self.is_deep_nesting(step) {
                self.grammar.walk = walk;
                self.grammar.nest(turn);
                walk = self.grammar.walk;
            } else if step == Step::NumberEnd {
                walk.take(turn);
                // the byte that ended a number belongs to what follows
                continue;
            } else {
                break;
            }
            tokens.pass();
        }
        self.grammar.walk = walk;
        tokens.left
    }

    /// Members whose values are texts, as nearly all are, from the quote of a key on as far as they go. What may come
    /// is known without the table, whose every answer would wait for the one before.
    #[inline]
    fn texts(&mut self, tokens: &mut Tokens<'_>, walk: &mut Walk) {
        loop {
            if !self.key(tokens, walk)
                || !tokens.next_is(|byte| walk.colon(byte))
                || !tokens.is_at(|byte| walk.string(byte))
                || !self.string(tokens, walk)
                || !tokens.next_is(|byte| walk.comma(byte))
                || !tokens.is_at(|byte| walk.key(byte))
            {
                return;
            }
        }
    }

    /// A deep key, from its first quote on; false if it does not end here.
    #[inline]
    fn key(&mut self, tokens: &mut Tokens<'_>, walk: &mut Walk) -> bool {
        let ends = self.inside(tokens).is_some();
        if ends {
            walk.end_key();
        }
        ends
    }

    /// A deep string value, from its first quote on; false if it does not end here.
    #[inline]
    fn string(&mut self, tokens: &mut Tokens<'_>, walk: &mut Walk) -> bool {
        let Some(inside) = self.inside(tokens) else { return false };
        self.strings.ends(inside);
        walk.end_string();
        true
    }

    /// What stands between the next two tokens, which are quotes, if the second is here.
    #[inline]
    fn inside<'a>(&mut self, tokens: &mut Tokens<'a>) -> Option<&'a [u8]> {
        self.text_from = tokens.place() + 1;
        tokens.pass();
        if tokens.left == 0 {
            return None;
        }
        let inside = &tokens.chunk[self.text_from..tokens.place()];
        tokens.pass();
        Some(inside)
    }

    /// Whether that is a container which opens or closes, and behind it members are not looked at either.
    #[inline]
    fn is_deep_nesting(&self, step: Step) -> bool {
        match step {
            Step::OpenObject | Step::OpenArray => self.grammar.may_open(),
            Step::Close => self.grammar.depth() > self.member_depth + 1,
            _ => false,
        }
    }

    #[cold]
    fn error(&self, chunk: &[u8], at: usize) -> ScanError {
        let byte = chunk[at];
        ScanError { offset: self.offset + at, expected: self.grammar.expected(byte), found: Some(byte) }
    }

    /// Ends the document, which must be complete.
    pub fn finish(self) -> Result<Scan, ScanError> {
        let offset = self.offset;
        self.grammar.finish().map_err(|expected| ScanError { offset, expected, found: None })?;
        Ok(Scan {
            root: self.root.unwrap_or(Root::Scalar),
            members: self.members,
            text_bytes: self.strings.text_bytes,
            media_parts: self.strings.media_parts,
            may_hold_carrier: self.strings.carriers,
        })
    }

    /// The wanted members so far; for a document that may have been cut off.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// Bytes inside string values so far; for estimates.
    pub fn text_bytes(&self) -> u64 {
        self.strings.text_bytes
    }

    /// Members are looked at in the root object, or in the objects of a root array.
    fn at_member_level(&self) -> bool {
        self.grammar.depth() == self.member_depth
    }

    /// A part of the open key.
    fn key_bytes(&mut self, part: &[u8]) {
        if self.at_member_level() {
            let room = KEY_LIMIT.saturating_sub(self.key.len());
            self.key.extend_from_slice(&part[..part.len().min(room)]);
        }
    }

    fn apply(&mut self, step: Step, chunk: &[u8], at: usize) {
        let position = self.offset + at;
        match step {
            Step::Nothing | Step::NumberEnd | Step::Wrong => {}
            Step::Comma => {
                if self.at_member_level() {
                    self.comma = Some(position);
                }
            }
            Step::KeyStart => {
                self.text_from = at + 1;
                if self.at_member_level() {
                    self.key.clear();
                    self.key_start = position;
                }
            }
            Step::KeyEnd => {
                if self.at_member_level() {
                    self.key_bytes(&chunk[self.text_from..at]);
                    self.expecting = self.wanted_name();
                }
            }
            Step::StringStart => {
                self.text_from = at + 1;
                self.value_starts(Root::Scalar, position, at);
            }
            Step::ScalarStart => self.value_starts(Root::Scalar, position, at),
            Step::OpenObject | Step::OpenArray => {
                let kind = if step == Step::OpenObject { Root::Object } else { Root::Array };
                self.value_starts(kind, position, at);
                if self.at_member_level() {
                    self.comma = None;
                }
            }
            Step::StringEnd => {
                self.strings.ends(&chunk[self.text_from..at]);
                self.value_ends(chunk, at + 1);
            }
            Step::LiteralEnd | Step::Close => self.value_ends(chunk, at + 1),
        }
    }

    fn value_starts(&mut self, kind: Root, position: usize, at: usize) {
        if self.root.is_none() {
            self.root = Some(kind);
            self.member_depth = if kind == Root::Array { 2 } else { 1 };
        }
        if let Some(name) = self.expecting.take() {
            self.reading = Some(Reading { name, start: position, copy_from: at, text: Vec::new() });
        }
    }

    fn value_ends(&mut self, chunk: &[u8], end: usize) {
        if !self.at_member_level() {
            return;
        }
        if let Some(mut reading) = self.reading.take() {
            reading.copy(chunk, end);
            let end = self.offset + end;
            self.members.push(Member {
                name: reading.name,
                span: self.key_start..end,
                value_span: reading.start..end,
                comma_before: self.comma,
                value: (end - reading.start <= CAPTURE_LIMIT).then(|| reading.text.into_boxed_slice()),
            });
        }
    }

    /// Which wanted name the key just read spells, escapes resolved.
    fn wanted_name(&self) -> Option<&'static str> {
        let is = |text: &str| self.wanted.iter().copied().find(|name| *name == text);
        if memchr::memchr(b'\\', &self.key).is_none() {
            return std::str::from_utf8(&self.key).ok().and_then(is);
        }
        let quoted = [b"\"", self.key.as_slice(), b"\""].concat();
        serde_json::from_slice::<String>(&quoted).ok().as_deref().and_then(is)
    }
}

/// The tokens of a block that are still to be read. Of the inside of a string nothing is one, so that behind a quote
/// which begins a string the next token is the one that ends it.
struct Tokens<'a> {
    chunk: &'a [u8],
    start: usize,
    left: u64,
}

impl Tokens<'_> {
    /// Where the next one stands.
    #[inline]
    fn place(&self) -> usize {
        self.start + self.left.trailing_zeros() as usize
    }

    /// The next one.
    #[inline]
    fn byte(&self) -> Option<u8> {
        (self.left != 0).then(|| self.chunk[self.place()])
    }

    #[inline]
    fn pass(&mut self) {
        self.left &= self.left - 1;
    }

    /// Whether the next one is there and as it should be.
    #[inline]
    fn is_at(&self, is_it: impl FnOnce(u8) -> bool) -> bool {
        self.byte().is_some_and(is_it)
    }

    /// The same, and passes it if so.
    #[inline]
    fn next_is(&mut self, is_it: impl FnOnce(u8) -> bool) -> bool {
        let found = self.is_at(is_it);
        if found {
            self.pass();
        }
        found
    }
}

/// A wanted value on its way past.
#[derive(Debug)]
struct Reading {
    name: &'static str,
    start: usize,
    /// Where the part that is not yet copied begins in the current chunk.
    copy_from: usize,
    text: Vec<u8>,
}

impl Reading {
    fn copy(&mut self, chunk: &[u8], end: usize) {
        if self.text.len() <= CAPTURE_LIMIT {
            self.text.extend_from_slice(&chunk[self.copy_from..end]);
        }
    }
}

/// Tells text from base64 and from carriers while strings pass by, without looking at most of any.
#[derive(Debug, Default)]
struct StringStats {
    text_bytes: u64,
    media_parts: u64,
    carriers: bool,
    length: u64,
    spaced: bool,
    /// How much of a carrier's beginning the open string has.
    begun: usize,
}

impl StringStats {
    /// How much of a string is looked at for a space.
    const LOOK_AT: u64 = 256;

    /// A part of a string that goes on.
    fn part(&mut self, part: &[u8]) {
        if self.length == self.begun as u64 {
            let begins = part.iter().zip(&CARRIER[self.begun..]).take_while(|(is, wanted)| is == wanted);
            self.begun += begins.count();
        }
        if self.length < Self::LOOK_AT && !self.spaced {
            let look = usize::try_from(Self::LOOK_AT - self.length).unwrap_or(usize::MAX).min(part.len());
            self.spaced = memchr::memchr2(b' ', b'\\', &part[..look]).is_some();
        }
        self.length += part.len() as u64;
    }

    /// The last part of a string.
    #[inline]
    fn ends(&mut self, part: &[u8]) {
        let length = part.len() as u64;
        if self.length == 0 && length < MEDIA_LENGTH {
            // the usual case: whole, and too short to be media
            self.text_bytes += length;
            self.carriers |= part.starts_with(CARRIER);
        } else {
            self.ends_long(part);
        }
    }

    fn ends_long(&mut self, part: &[u8]) {
        self.part(part);
        self.carriers |= self.begun == CARRIER.len();
        if self.length < MEDIA_LENGTH || self.spaced {
            self.text_bytes += self.length;
        } else {
            self.media_parts += 1;
        }
        (self.length, self.spaced, self.begun) = (0, false, 0);
    }
}
