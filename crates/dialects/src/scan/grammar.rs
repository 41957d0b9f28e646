//! JSON's grammar (RFC 8259) as a machine that is fed byte by byte and can stop anywhere.

use wide::u8x16;

/// Deeper documents are refused: no provider takes them, and the stack must stay small.
const MAX_DEPTH: usize = 1_024;

/// A document that is not JSON: where, what was expected there, and what came.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not valid JSON at byte {offset}: expected {expected}, found {}", Found(*.found))]
pub struct ScanError {
    /// Offset of the offending byte from the start of the document.
    pub offset: usize,
    /// What would have been right there.
    pub expected: &'static str,
    /// The byte that was there; `None` at the end of the document.
    pub found: Option<u8>,
}

struct Found(Option<u8>);

impl std::fmt::Display for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            None => f.write_str("the end"),
            // a body is private: only its punctuation is ever named in a message
            Some(byte) if byte.is_ascii_punctuation() => write!(f, "'{}'", char::from(byte)),
            Some(byte) if byte.is_ascii_alphabetic() => f.write_str("a letter"),
            Some(byte) if byte.is_ascii_digit() => f.write_str("a digit"),
            Some(byte) if byte < 0x20 => write!(f, "control character 0x{byte:02x}"),
            Some(_) => f.write_str("another character"),
        }
    }
}

/// What a byte meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Nothing,
    KeyStart,
    KeyEnd,
    /// First byte of a string, number or literal value.
    ScalarStart,
    /// Last byte of a string or literal value.
    ScalarEnd,
    /// The byte before this one was the last of a number; this byte is still to be fed.
    NumberEnd,
    Open {
        object: bool,
    },
    Close,
    Comma,
    /// Part of an escape sequence in a string.
    Escaped,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Value,
    FirstKeyOrClose,
    Key,
    FirstValueOrClose,
    Colon,
    AfterValue,
    String,
    Escape,
    Hex(u8),
    Literal(&'static [u8]),
    Number(NumberPart),
    Complete,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NumberPart {
    Minus,
    Zero,
    Integer,
    Point,
    Fraction,
    Exponent,
    ExponentSign,
    ExponentDigits,
}

impl NumberPart {
    const fn may_end(self) -> bool {
        matches!(self, Self::Zero | Self::Integer | Self::Fraction | Self::ExponentDigits)
    }

    const fn next(self, byte: u8) -> Option<Self> {
        match (self, byte) {
            (Self::Minus, b'0') => Some(Self::Zero),
            (Self::Minus, b'1'..=b'9') | (Self::Integer, b'0'..=b'9') => Some(Self::Integer),
            (Self::Zero | Self::Integer, b'.') => Some(Self::Point),
            (Self::Point | Self::Fraction, b'0'..=b'9') => Some(Self::Fraction),
            (Self::Zero | Self::Integer | Self::Fraction, b'e' | b'E') => Some(Self::Exponent),
            (Self::Exponent, b'+' | b'-') => Some(Self::ExponentSign),
            (Self::Exponent | Self::ExponentSign | Self::ExponentDigits, b'0'..=b'9') => {
                Some(Self::ExponentDigits)
            }
            _ => None,
        }
    }
}

/// The machine.
#[derive(Debug)]
pub(super) struct Grammar {
    state: State,
    /// The open containers, `true` for an object.
    open: Vec<bool>,
    /// Whether the string that is being read is a key.
    key: bool,
}

impl Default for Grammar {
    fn default() -> Self {
        Self { state: State::Value, open: Vec::new(), key: false }
    }
}

impl Grammar {
    pub(super) fn depth(&self) -> usize {
        self.open.len()
    }

    pub(super) fn in_key(&self) -> bool {
        self.key
    }

    /// How many of `bytes` belong to the string that is being read, short escapes included; 0 outside one.
    /// The quote that ends it, a `\u` escape and an escape cut in two are left to [`Self::step`].
    pub(super) fn string_run(&self, bytes: &[u8], offset: usize) -> Result<usize, ScanError> {
        if self.state != State::String {
            return Ok(0);
        }
        let mut run = 0;
        while let Some(block) = bytes[run..].first_chunk::<BLOCK>() {
            let Block { stops, whole } = look(block);
            if stops != 0 {
                run += stops.trailing_zeros() as usize;
                return end_of_run(bytes, run, offset);
            }
            run += whole;
        }
        loop {
            run += bytes[run..].iter().take_while(|byte| !is_special(**byte)).count();
            match bytes[run..] {
                [b'\\', escaped, ..] if SHORT_ESCAPES[usize::from(escaped)] => run += 2,
                _ => return end_of_run(bytes, run, offset),
            }
        }
    }

    /// How many of `bytes` are white space between tokens, as indented documents have much of; 0 where
    /// white space would be part of a token.
    pub(super) fn blank_run(&self, bytes: &[u8]) -> usize {
        if matches!(
            self.state,
            State::Number(_) | State::Literal(_) | State::String | State::Escape | State::Hex(_)
        ) {
            return 0;
        }
        bytes.iter().position(|byte| !matches!(byte, b' ' | b'\n' | b'\r' | b'\t')).unwrap_or(bytes.len())
    }

    /// Takes one byte.
    pub(super) fn step(&mut self, byte: u8, offset: usize) -> Result<Step, ScanError> {
        let fail = |expected| Err(error(offset, expected, Some(byte)));
        match self.state {
            State::String | State::Escape | State::Hex(_) => self.string(byte, offset),
            State::Number(part) => match part.next(byte) {
                Some(next) => Ok(self.go(State::Number(next), Step::Nothing)),
                None if part.may_end() => {
                    let after = self.after_value();
                    Ok(self.go(after, Step::NumberEnd))
                }
                None => fail("a digit"),
            },
            State::Literal(rest) => match rest {
                [last] if *last == byte => {
                    let after = self.after_value();
                    Ok(self.go(after, Step::ScalarEnd))
                }
                [first, rest @ ..] if *first == byte => Ok(self.go(State::Literal(rest), Step::Nothing)),
                _ => fail("true, false or null"),
            },
            _ if matches!(byte, b' ' | b'\t' | b'\n' | b'\r') => Ok(Step::Nothing),
            State::FirstValueOrClose if byte == b']' => Ok(self.close()),
            State::Value | State::FirstValueOrClose => self.value(byte, offset),
            State::FirstKeyOrClose if byte == b'}' => Ok(self.close()),
            State::FirstKeyOrClose | State::Key if byte == b'"' => {
                self.key = true;
                Ok(self.go(State::String, Step::KeyStart))
            }
            State::FirstKeyOrClose => fail("a key in quotes or '}'"),
            State::Key => fail("a key in quotes"),
            State::Colon if byte == b':' => Ok(self.go(State::Value, Step::Nothing)),
            State::Colon => fail("':' after the key"),
            State::AfterValue => match (self.open.last(), byte) {
                (Some(true), b',') => Ok(self.go(State::Key, Step::Comma)),
                (Some(false), b',') => Ok(self.go(State::Value, Step::Comma)),
                (Some(true), b'}') | (Some(false), b']') => Ok(self.close()),
                (Some(true), _) => fail("',' or '}' after the value"),
                _ => fail("',' or ']' after the value"),
            },
            State::Complete => fail("nothing more after the document"),
        }
    }

    /// The document must be complete here.
    pub(super) fn finish(&self, offset: usize) -> Result<(), ScanError> {
        match self.state {
            State::Complete => Ok(()),
            State::Number(part) if part.may_end() && self.open.is_empty() => Ok(()),
            State::String | State::Escape | State::Hex(_) => {
                Err(error(offset, "the closing quote of a string", None))
            }
            State::Value if self.open.is_empty() => Err(error(offset, "a JSON document", None)),
            _ => Err(error(offset, "the rest of the document", None)),
        }
    }

    fn string(&mut self, byte: u8, offset: usize) -> Result<Step, ScanError> {
        let next = match (self.state, byte) {
            (State::String, b'"') => {
                let was_key = std::mem::take(&mut self.key);
                let (state, step) = if was_key {
                    (State::Colon, Step::KeyEnd)
                } else {
                    (self.after_value(), Step::ScalarEnd)
                };
                return Ok(self.go(state, step));
            }
            (State::String, b'\\') => State::Escape,
            (State::Escape, b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => State::String,
            (State::Escape, b'u') => State::Hex(4),
            (State::Hex(1), byte) if byte.is_ascii_hexdigit() => State::String,
            (State::Hex(left), byte) if byte.is_ascii_hexdigit() => State::Hex(left - 1),
            (State::Hex(_), _) => return Err(error(offset, "four hex digits after \\u", Some(byte))),
            _ => {
                return Err(error(offset, "one of \" \\ / b f n r t u after a back-slash", Some(byte)));
            }
        };
        Ok(self.go(next, Step::Escaped))
    }

    fn value(&mut self, byte: u8, offset: usize) -> Result<Step, ScanError> {
        let state = match byte {
            b'{' | b'[' => {
                if self.open.len() == MAX_DEPTH {
                    return Err(error(offset, "at most 1024 levels of nesting", Some(byte)));
                }
                let object = byte == b'{';
                self.open.push(object);
                self.state = if object { State::FirstKeyOrClose } else { State::FirstValueOrClose };
                return Ok(Step::Open { object });
            }
            b'"' => State::String,
            b't' => State::Literal(b"rue"),
            b'f' => State::Literal(b"alse"),
            b'n' => State::Literal(b"ull"),
            b'-' => State::Number(NumberPart::Minus),
            b'0' => State::Number(NumberPart::Zero),
            b'1'..=b'9' => State::Number(NumberPart::Integer),
            _ => return Err(error(offset, "a value", Some(byte))),
        };
        Ok(self.go(state, Step::ScalarStart))
    }

    fn close(&mut self) -> Step {
        self.open.pop();
        let after = self.after_value();
        self.go(after, Step::Close)
    }

    fn after_value(&self) -> State {
        if self.open.is_empty() { State::Complete } else { State::AfterValue }
    }

    fn go(&mut self, state: State, step: Step) -> Step {
        self.state = state;
        step
    }
}

fn error(offset: usize, expected: &'static str, found: Option<u8>) -> ScanError {
    ScanError { offset, expected, found }
}

/// A run that ends where something special is; a control character is an error.
fn end_of_run(bytes: &[u8], run: usize, offset: usize) -> Result<usize, ScanError> {
    match bytes.get(run) {
        Some(byte) if *byte < 0x20 => {
            Err(error(offset + run, "an escape such as \\n inside a string", Some(*byte)))
        }
        _ => Ok(run),
    }
}

/// Whether a byte means something inside a string: a quote, a back-slash, a control character.
const fn is_special(byte: u8) -> bool {
    matches!(byte, b'"' | b'\\') || byte < 0x20
}

/// The bytes that are all of an escape behind the back-slash.
const SHORT_ESCAPES: [bool; 256] = {
    let (mut table, bytes, mut at) = ([false; 256], b"\"\\/bfnrt", 0);
    while at < bytes.len() {
        table[bytes[at] as usize] = true;
        at += 1;
    }
    table
};

/// Bytes that are looked at together, one bit for each.
const BLOCK: usize = 64;

/// What a block of a string's inside is.
struct Block {
    /// Where the run may end: unescaped quotes, control characters, back-slashes of long or wrong escapes.
    stops: u64,
    /// Bytes that belong to the run if it does not: a back-slash at the end is left to the next block.
    whole: usize,
}

/// Looks at a block almost without branches: code in JSON has an escape every few bytes, which no processor
/// foresees. Bodies are mostly strings, so this decides what a scan costs.
fn look(block: &[u8; BLOCK]) -> Block {
    let (quote, back_slash) = (bits(block, |bytes| is(bytes, b'"')), bits(block, |bytes| is(bytes, b'\\')));
    let control = bits(block, |bytes| bytes.simd_eq(bytes.min(u8x16::splat(0x1f))));
    let (escaped, open) = escaped(back_slash);
    let wrong = wrong_escapes(block, escaped);
    let stops = ((quote | control) & !escaped) | (wrong >> 1);
    Block { stops, whole: BLOCK - usize::from(open) }
}

/// Of the escaped bytes those that are no whole escape.
fn wrong_escapes(block: &[u8; BLOCK], escaped: u64) -> u64 {
    let (mut left, mut wrong) = (escaped, 0);
    while left != 0 {
        let at = left.trailing_zeros();
        let short = SHORT_ESCAPES[usize::from(block[at as usize % BLOCK])];
        wrong |= u64::from(!short) << at;
        left &= left - 1;
    }
    wrong
}

fn is(bytes: u8x16, byte: u8) -> u8x16 {
    bytes.simd_eq(u8x16::splat(byte))
}

fn bits(block: &[u8; BLOCK], test: impl Fn(u8x16) -> u8x16) -> u64 {
    let (quarters, _) = block.as_chunks::<16>();
    let bits = |quarter: &[u8; 16]| u64::from(test(u8x16::new(*quarter)).to_bitmask());
    quarters.iter().rev().fold(0, |sum, quarter| (sum << 16) | bits(quarter))
}

/// The bytes that a back-slash in front of them escapes, and whether the last byte begins an escape. Of a
/// row of back-slashes every other one escapes; subtraction carries that along the row
/// (Langdale and Lemire, "Parsing gigabytes of JSON per second", 3.1.1).
fn escaped(back_slash: u64) -> (u64, bool) {
    const ODD: u64 = 0xaaaa_aaaa_aaaa_aaaa;
    let codes = ((back_slash << 1) | ODD).wrapping_sub(back_slash) ^ ODD;
    (codes ^ back_slash, (codes & back_slash) >> 63 == 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The same, a byte at a time.
    fn by_steps(bytes: &[u8]) -> Result<usize, ScanError> {
        let mut grammar = Grammar { state: State::String, open: vec![true], key: false };
        let mut run = 0;
        for (at, byte) in bytes.iter().enumerate() {
            match (grammar.state, byte) {
                (State::String, b'"') | (State::Escape, b'u') => break,
                (State::String, byte) if *byte < 0x20 => return Err(error(at, "", Some(*byte))),
                (State::String, byte) if *byte != b'\\' => {}
                (State::Escape, _) if grammar.step(*byte, at).is_err() => break,
                (State::Escape, _) => {}
                _ => drop(grammar.step(*byte, at)),
            }
            if grammar.state == State::String {
                run = at + 1;
            }
        }
        Ok(run)
    }

    proptest! {
        #[test]
        fn a_run_is_what_the_steps_say(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            kind in 0..3_u8,
        ) {
            // text is mostly plain: without this most inputs would end at once
            let letter = |byte: u8| match kind {
                0 => byte,
                1 => if byte < 8 { b'\\' } else if byte < 20 { b'n' } else { byte | 0x40 },
                _ => byte % 96 + 0x20,
            };
            let bytes: Vec<u8> = bytes.into_iter().map(letter).collect();
            let grammar = Grammar { state: State::String, open: vec![true], key: false };
            let run = grammar.string_run(&bytes, 0).map_err(|error| error.offset);
            prop_assert_eq!(run, by_steps(&bytes).map_err(|error| error.offset));
        }
    }
}
