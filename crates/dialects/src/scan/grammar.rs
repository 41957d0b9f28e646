//! JSON's grammar (RFC 8259) as a machine that is fed byte by byte and can stop anywhere.

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
        loop {
            run += plain(&bytes[run..]);
            match bytes[run..] {
                [b'\\', b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => run += 2,
                [byte, ..] if byte < 0x20 => {
                    return Err(error(offset + run, "an escape such as \\n inside a string", Some(byte)));
                }
                _ => return Ok(run),
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

/// Length of the start of `bytes` without a quote, a back-slash or a control character. Bodies are mostly
/// strings, so this decides what a scan costs: it looks at eight bytes at a time.
fn plain(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGHS: u64 = ONES << 7;
    // the high bit of each byte that is zero, exact up to and including the first such byte
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word & HIGHS;
    let (words, rest) = bytes.as_chunks::<8>();
    for (at, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let special = zeros(word ^ (ONES * u64::from(b'"')))
            | zeros(word ^ (ONES * u64::from(b'\\')))
            | (word.wrapping_sub(ONES * 0x20) & !word & HIGHS);
        if special != 0 {
            return at * 8 + special.trailing_zeros() as usize / 8;
        }
    }
    let plain_byte = |byte: &&u8| !matches!(**byte, b'"' | b'\\') && **byte >= 0x20;
    words.len() * 8 + rest.iter().take_while(plain_byte).count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn plain_bytes_end_at_the_first_special_one(bytes in prop::collection::vec(any::<u8>(), 0..64), mild in any::<bool>()) {
            // text is mostly plain: without this most inputs would end at once
            let bytes: Vec<u8> = bytes.into_iter().map(|byte| if mild { byte % 96 + 0x1f } else { byte }).collect();
            let expected = bytes.iter().position(|byte| matches!(byte, b'"' | b'\\') || *byte < 0x20);
            prop_assert_eq!(plain(&bytes), expected.unwrap_or(bytes.len()));
        }
    }
}
