//! Reads the canonical form from JSON: what a module gives back, or a cache has kept.
//!
//! It is strict: a field that the form does not have is refused rather than dropped. An error names the field and
//! shows no value.

mod blocks;
mod chunk;
mod object;
mod request;
mod response;
mod values;

use std::fmt;

use crate::Json;

/// JSON that is not of the canonical form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{problem}", if path.is_empty() { String::new() } else { format!("{path}: ") })]
pub struct ReadError {
    /// The field: `messages[2].content`.
    pub path: String,
    /// What was expected and what came.
    pub problem: String,
}

/// What can be read from JSON.
pub trait FromJson: Sized {
    /// Reads what stands at `path`.
    fn from_json(json: &Json, path: Path<'_>) -> Result<Self, ReadError>;

    /// Reads a whole value.
    fn read(json: &Json) -> Result<Self, ReadError> {
        Self::from_json(json, Path::ROOT)
    }
}

/// Where in a value something stands. It is written out only for an error.
#[derive(Clone, Copy, Debug)]
pub struct Path<'a> {
    parent: Option<&'a Path<'a>>,
    step: Step<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Step<'a> {
    Root,
    Field(&'a str),
    Index(usize),
}

impl<'a> Path<'a> {
    /// The value itself.
    pub const ROOT: Path<'static> = Path { parent: None, step: Step::Root };

    /// A field of what stands here.
    #[must_use]
    pub const fn field(&'a self, name: &'a str) -> Self {
        Self { parent: Some(self), step: Step::Field(name) }
    }

    /// An element of what stands here.
    #[must_use]
    pub const fn index(&'a self, index: usize) -> Self {
        Self { parent: Some(self), step: Step::Index(index) }
    }

    /// Something else was expected here.
    fn expected(&self, what: &str, found: &Json) -> ReadError {
        self.problem(format!("expected {what}, found {}", found.kind()))
    }

    fn problem(&self, problem: impl Into<String>) -> ReadError {
        ReadError { path: self.to_string(), problem: problem.into() }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(f)?;
        }
        match self.step {
            Step::Root => Ok(()),
            Step::Field(name) if self.parent.is_some_and(|parent| parent.parent.is_some()) => {
                write!(f, ".{name}")
            }
            Step::Field(name) => f.write_str(name),
            Step::Index(index) => write!(f, "[{index}]"),
        }
    }
}

#[cfg(test)]
mod tests;
