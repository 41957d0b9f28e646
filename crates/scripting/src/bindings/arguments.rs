//! The arguments of an operation, one after the other.

use std::borrow::Cow;

use crate::engine::{Failure, Value};

/// Arguments that are taken one after the other.
#[derive(Debug)]
pub(crate) struct Arguments<'a> {
    operation: &'a str,
    left: std::slice::Iter<'a, Value>,
}

impl<'a> Arguments<'a> {
    pub(crate) fn new(operation: &'a str, arguments: &'a [Value]) -> Self {
        Self { operation, left: arguments.iter() }
    }

    fn expected(&self, what: &str) -> Failure {
        Failure::of_type(format!("{}: expected {what}", self.operation))
    }

    fn next(&mut self) -> &'a Value {
        self.left.next().unwrap_or(&Value::Nothing)
    }

    pub(crate) fn text(&mut self) -> Result<String, Failure> {
        self.optional_text()?.ok_or_else(|| self.expected("a text"))
    }

    pub(crate) fn optional_text(&mut self) -> Result<Option<String>, Failure> {
        match self.next() {
            Value::Text(text) => Ok(Some(text.clone())),
            Value::Null | Value::Nothing => Ok(None),
            _ => Err(self.expected("a text")),
        }
    }

    pub(crate) fn float(&mut self) -> Result<f64, Failure> {
        self.optional_float()?.ok_or_else(|| self.expected("a number"))
    }

    pub(crate) fn optional_float(&mut self) -> Result<Option<f64>, Failure> {
        match self.next() {
            Value::Number(number) => Ok(Some(*number)),
            Value::Null | Value::Nothing => Ok(None),
            _ => Err(self.expected("a number")),
        }
    }

    /// A number by which scripts and the host know something.
    pub(crate) fn number(&mut self) -> Result<u32, Failure> {
        let number = self.float()?;
        whole(number).ok_or_else(|| self.expected("a whole number"))
    }

    pub(crate) fn flag(&mut self) -> Result<bool, Failure> {
        match self.next() {
            Value::Bool(flag) => Ok(*flag),
            Value::Null | Value::Nothing => Ok(false),
            _ => Err(self.expected("true or false")),
        }
    }

    /// Bytes; a text is its UTF-8.
    pub(crate) fn bytes(&mut self) -> Result<Cow<'a, [u8]>, Failure> {
        self.optional_bytes()?.ok_or_else(|| self.expected("bytes"))
    }

    pub(crate) fn optional_bytes(&mut self) -> Result<Option<Cow<'a, [u8]>>, Failure> {
        match self.next() {
            Value::Bytes(bytes) => Ok(Some(Cow::Borrowed(bytes))),
            Value::Text(text) => Ok(Some(Cow::Borrowed(text.as_bytes()))),
            Value::Null | Value::Nothing => Ok(None),
            _ => Err(self.expected("bytes")),
        }
    }

    /// What a hook returned: JSON, nothing, or `null` for what it was given.
    pub(crate) fn returned(&mut self) -> Result<(Option<String>, bool), Failure> {
        match self.next() {
            Value::Text(text) => Ok((Some(text.clone()), false)),
            Value::Nothing => Ok((None, false)),
            Value::Null => Ok((None, true)),
            _ => Err(self.expected("JSON")),
        }
    }
}

/// The whole number that a float is, if it is one of 32 bits.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked just before")]
fn whole(number: f64) -> Option<u32> {
    (number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number)).then_some(number as u32)
}
