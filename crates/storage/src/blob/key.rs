//! The names of blobs. What could leave a root, or mean different things to two backends, is refused here.

use std::fmt;

use crate::{Result, StorageError};

/// The longest key, in bytes.
pub const KEY_LIMIT: usize = 1_024;

/// The name of a blob: segments between `/`, of letters and digits of any script and `._~+=@,-`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(Box<str>);

impl Key {
    /// The key of that name.
    pub fn new(name: impl Into<Box<str>>) -> Result<Self> {
        let name = name.into();
        match problem(&name) {
            None => Ok(Self(name)),
            Some(problem) => Err(StorageError::invalid("blob.key", problem)),
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The beginning of keys: nothing at all, or what could be cut off a key at any byte.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prefix(Box<str>);

impl Prefix {
    /// The prefix of that text.
    pub fn new(text: impl Into<Box<str>>) -> Result<Self> {
        let text = text.into();
        // `a/` and `a/.` begin keys although they are none: what follows them decides
        let whole = text.rsplit_once('/').map_or("", |(folder, _)| folder);
        let last = text.rsplit('/').next().unwrap_or_default();
        let bad = if text.contains('/') { problem(whole) } else { None };
        let bad = bad.or_else(|| last.chars().find(|letter| !is_allowed(*letter)).map(bad_letter));
        match bad.or_else(|| (text.len() > KEY_LIMIT).then(|| too_long(text.len()))) {
            None => Ok(Self(text)),
            Some(problem) => Err(StorageError::invalid("blob.list", problem)),
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The folder in which all keys with this prefix are: what stands before its last `/`.
    pub fn folder(&self) -> &str {
        self.0.rsplit_once('/').map_or("", |(folder, _)| folder)
    }
}

fn problem(name: &str) -> Option<String> {
    if name.is_empty() || name.len() > KEY_LIMIT {
        return Some(too_long(name.len()));
    }
    if name.starts_with('/') {
        return Some("expected a key relative to the store, found a '/' at its start".to_owned());
    }
    for segment in name.split('/') {
        match segment {
            "" => return Some("expected names between '/', found an empty one".to_owned()),
            "." | ".." => return Some(format!("expected names between '/', found '{segment}'")),
            _ => {}
        }
        if let Some(letter) = segment.chars().find(|letter| !is_allowed(*letter)) {
            return Some(bad_letter(letter));
        }
    }
    None
}

fn is_allowed(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '.' | '_' | '~' | '+' | '=' | '@' | ',' | '-')
}

fn bad_letter(letter: char) -> String {
    format!("expected letters, digits and . _ ~ + = @ , - in a key, found U+{:04X}", u32::from(letter))
}

fn too_long(length: usize) -> String {
    format!("expected a key of 1 to {KEY_LIMIT} bytes, found {length}")
}
