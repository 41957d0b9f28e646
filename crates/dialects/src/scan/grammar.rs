//! JSON's grammar (RFC 8259) as a machine that is fed byte by byte and can stop anywhere.
//!
//! What a byte means is said once, in [`turn`], and looked up in a table made of it: a body has thousands of
//! tokens, and a machine that branches on each would cost more than everything else that is done with it.

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
    /// The quote before a string value.
    StringStart,
    /// First byte of a number or literal.
    ScalarStart,
    /// The quote behind a string value.
    StringEnd,
    /// Last byte of a literal.
    LiteralEnd,
    /// The byte before this one was the last of a number; this byte is still to be fed.
    NumberEnd,
    OpenObject,
    OpenArray,
    Close,
    Comma,
    /// The byte cannot stand here.
    Wrong,
}

impl Step {
    /// Whether it changes nothing but the state where members are not looked at.
    #[inline]
    pub(super) const fn is_quiet(self) -> bool {
        matches!(self, Self::Nothing | Self::Comma | Self::KeyEnd | Self::ScalarStart | Self::LiteralEnd)
    }
}

/// What the next byte means, and where the machine is after it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turn(State, Step);

impl Turn {
    #[inline]
    pub(super) const fn step(self) -> Step {
        self.1
    }
}

/// Where in the document the machine is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Value,
    FirstItemOrClose,
    FirstKeyOrClose,
    Key,
    InKey,
    Colon,
    InString,
    AfterMember,
    AfterItem,
    /// Behind a value: one of the two above, or [`State::Complete`].
    AfterValue,
    T,
    Tr,
    Tru,
    F,
    Fa,
    Fal,
    Fals,
    N,
    Nu,
    Nul,
    Minus,
    Zero,
    Integer,
    Point,
    Fraction,
    Exponent,
    ExponentSign,
    ExponentDigits,
    Complete,
}

#[rustfmt::skip]
const STATES: [State; State::Complete as usize + 1] = {
    #[allow(clippy::enum_glob_use, reason = "nearly all of them are named here")]
    use State::*;
    [
        Value, FirstItemOrClose, FirstKeyOrClose, Key, InKey, Colon, InString, AfterMember, AfterItem, AfterValue,
        T, Tr, Tru, F, Fa, Fal, Fals, N, Nu, Nul,
        Minus, Zero, Integer, Point, Fraction, Exponent, ExponentSign, ExponentDigits,
        Complete,
    ]
};

/// What `byte` means in `state`, and which state follows.
#[expect(clippy::match_same_arms, reason = "what stands in front of the blanks has none")]
const fn turn(state: State, byte: u8) -> (State, Step) {
    #[allow(clippy::enum_glob_use, reason = "nearly all of them are named here")]
    use State::*;
    use Step::{Nothing, Wrong};
    match (state, byte) {
        (InKey, b'"') => (Colon, Step::KeyEnd),
        (InString, b'"') => (AfterValue, Step::StringEnd),

        (Minus, b'0') => (Zero, Nothing),
        (Minus, b'1'..=b'9') | (Integer, b'0'..=b'9') => (Integer, Nothing),
        (Zero | Integer, b'.') => (Point, Nothing),
        (Point | Fraction, b'0'..=b'9') => (Fraction, Nothing),
        (Zero | Integer | Fraction, b'e' | b'E') => (Exponent, Nothing),
        (Exponent, b'+' | b'-') => (ExponentSign, Nothing),
        (Exponent | ExponentSign | ExponentDigits, b'0'..=b'9') => (ExponentDigits, Nothing),
        (Zero | Integer | Fraction | ExponentDigits, _) => (AfterValue, Step::NumberEnd),

        (T, b'r') => (Tr, Nothing),
        (Tr, b'u') => (Tru, Nothing),
        (F, b'a') => (Fa, Nothing),
        (Fa, b'l') => (Fal, Nothing),
        (Fal, b's') => (Fals, Nothing),
        (N, b'u') => (Nu, Nothing),
        (Nu, b'l') => (Nul, Nothing),
        (Tru | Fals, b'e') | (Nul, b'l') => (AfterValue, Step::LiteralEnd),

        (T | Tr | Tru | F | Fa | Fal | Fals | N | Nu | Nul, _) => (state, Wrong),
        (Minus | Point | Exponent | ExponentSign | InKey | InString, _) => (state, Wrong),
        (_, b' ' | b'\t' | b'\n' | b'\r') => (state, Nothing),

        (FirstItemOrClose | AfterItem, b']') | (FirstKeyOrClose | AfterMember, b'}') => {
            (AfterValue, Step::Close)
        }
        (AfterItem, b',') => (Value, Step::Comma),
        (AfterMember, b',') => (Key, Step::Comma),
        (FirstKeyOrClose | Key, b'"') => (InKey, Step::KeyStart),
        (Colon, b':') => (Value, Nothing),

        (Value | FirstItemOrClose, b'{') => (FirstKeyOrClose, Step::OpenObject),
        (Value | FirstItemOrClose, b'[') => (FirstItemOrClose, Step::OpenArray),
        (Value | FirstItemOrClose, b'"') => (InString, Step::StringStart),
        (Value | FirstItemOrClose, b't') => (T, Step::ScalarStart),
        (Value | FirstItemOrClose, b'f') => (F, Step::ScalarStart),
        (Value | FirstItemOrClose, b'n') => (N, Step::ScalarStart),
        (Value | FirstItemOrClose, b'-') => (Minus, Step::ScalarStart),
        (Value | FirstItemOrClose, b'0') => (Zero, Step::ScalarStart),
        (Value | FirstItemOrClose, b'1'..=b'9') => (Integer, Step::ScalarStart),
        _ => (state, Wrong),
    }
}

/// [`turn`] for every state and byte.
static TURNS: [[(State, Step); 256]; STATES.len()] = {
    let (mut turns, mut row) = ([[(State::Value, Step::Wrong); 256]; STATES.len()], 0);
    while row < turns.len() {
        assert!(STATES[row] as usize == row, "the list has the order of the enum");
        let mut byte = 0_u8;
        loop {
            turns[row][byte as usize] = turn(STATES[row], byte);
            if byte == u8::MAX {
                break;
            }
            byte += 1;
        }
        row += 1;
    }
    turns
};

/// Where the machine is in the container that is open.
#[derive(Clone, Copy, Debug)]
pub(super) struct Walk {
    state: State,
    /// What follows a value there.
    after_value: State,
}

impl Walk {
    /// What a byte would mean here.
    #[inline]
    pub(super) fn turn(self, byte: u8) -> Turn {
        let (state, step) = TURNS[self.state as usize][usize::from(byte)];
        Turn(state, step)
    }

    /// Takes a byte that opens and closes nothing.
    #[inline]
    pub(super) fn take(&mut self, Turn(state, _): Turn) {
        self.state = if state == State::AfterValue { self.after_value } else { state };
    }

    /// Takes the quote that ends a key.
    #[inline]
    pub(super) fn end_key(&mut self) {
        self.state = State::Colon;
    }

    /// Takes the quote that ends a string value.
    #[inline]
    pub(super) fn end_string(&mut self) {
        self.state = self.after_value;
    }

    /// Behind a key: takes `byte` if it is the colon.
    #[inline]
    pub(super) fn colon(&mut self, byte: u8) -> bool {
        self.state = if byte == b':' { State::Value } else { State::Colon };
        byte == b':'
    }

    /// Behind a colon: takes `byte` if it begins a string.
    #[inline]
    pub(super) fn string(&mut self, byte: u8) -> bool {
        self.state = if byte == b'"' { State::InString } else { State::Value };
        byte == b'"'
    }

    /// Behind the value of a member: takes `byte` if it is the comma.
    #[inline]
    pub(super) fn comma(&mut self, byte: u8) -> bool {
        self.state = if byte == b',' { State::Key } else { State::AfterMember };
        byte == b','
    }

    /// Behind that comma: takes `byte` if it begins a key.
    #[inline]
    pub(super) fn key(&mut self, byte: u8) -> bool {
        self.state = if byte == b'"' { State::InKey } else { State::Key };
        byte == b'"'
    }
}

/// The machine.
#[derive(Debug)]
pub(super) struct Grammar {
    /// To be walked on with by itself as long as nothing opens or closes.
    pub(super) walk: Walk,
    /// The open containers, `true` for an object.
    open: Vec<bool>,
}

impl Default for Grammar {
    fn default() -> Self {
        Self { walk: Walk { state: State::Value, after_value: State::Complete }, open: Vec::new() }
    }
}

impl Grammar {
    pub(super) fn depth(&self) -> usize {
        self.open.len()
    }

    pub(super) fn in_key(&self) -> bool {
        self.walk.state == State::InKey
    }

    pub(super) fn in_string(&self) -> bool {
        self.walk.state == State::InString
    }

    /// Takes one byte; of a string only the quotes.
    #[inline]
    pub(super) fn step(&mut self, byte: u8) -> Step {
        let turn = self.walk.turn(byte);
        let step = turn.step();
        match step {
            Step::Wrong => return step,
            Step::OpenObject | Step::OpenArray if !self.may_open() => return Step::Wrong,
            Step::OpenObject | Step::OpenArray | Step::Close => self.nest(turn),
            _ => self.walk.take(turn),
        }
        step
    }

    /// Whether one level more is allowed.
    pub(super) fn may_open(&self) -> bool {
        self.open.len() < MAX_DEPTH
    }

    /// Takes a byte that opens or closes a container.
    #[inline]
    pub(super) fn nest(&mut self, turn: Turn) {
        match turn.step() {
            Step::Close => self.close(),
            step => self.open(step == Step::OpenObject),
        }
        self.walk.take(turn);
    }

    fn open(&mut self, object: bool) {
        self.open.push(object);
        self.walk.after_value = if object { State::AfterMember } else { State::AfterItem };
    }

    fn close(&mut self) {
        self.open.pop();
        self.walk.after_value = match self.open.last() {
            Some(true) => State::AfterMember,
            Some(false) => State::AfterItem,
            None => State::Complete,
        };
    }

    /// What should have come in place of a wrong `byte`.
    pub(super) fn expected(&self, byte: u8) -> &'static str {
        match (self.walk.state, byte) {
            // the only reason for which they can be wrong there
            (State::Value | State::FirstItemOrClose, b'{' | b'[') => "at most 1024 levels of nesting",
            (State::Value | State::FirstItemOrClose, _) => "a value",
            (State::FirstKeyOrClose, _) => "a key in quotes or '}'",
            (State::Key, _) => "a key in quotes",
            (State::Colon, _) => "':' after the key",
            (State::AfterMember, _) => "',' or '}' after the value",
            (State::AfterItem, _) => "',' or ']' after the value",
            (State::InKey | State::InString, ..0x20) => "an escape such as \\n inside a string",
            (State::InKey | State::InString, _) => {
                "one of \" \\ / b f n r t after a back-slash, or u and four hex digits"
            }
            (State::Minus | State::Point | State::Exponent | State::ExponentSign, _) => "a digit",
            (State::Complete, _) => "nothing more after the document",
            _ => "true, false or null",
        }
    }

    /// The document must be complete here; an error is what should have come.
    pub(super) fn finish(&self) -> Result<(), &'static str> {
        let may_end = matches!(TURNS[self.walk.state as usize][usize::from(b' ')].1, Step::NumberEnd);
        match self.walk.state {
            State::Complete => Ok(()),
            _ if may_end && self.open.is_empty() => Ok(()),
            State::InKey | State::InString => Err("the closing quote of a string"),
            State::Value if self.open.is_empty() => Err("a JSON document"),
            _ => Err("the rest of the document"),
        }
    }
}
