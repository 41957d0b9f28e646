//! What a translation could not carry, said openly.

use std::borrow::Cow;
use std::fmt;

use penstock_core::canonical::Extensions;
use penstock_core::{Dialect, Json};

/// What became of something in a translation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LossKind {
    /// It was left out.
    Dropped,
    /// It is there in another form, or in another place.
    Changed,
    /// It was not there, and the wire format demands it.
    Filled,
}

impl LossKind {
    /// The word for headers and traces.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dropped => "dropped",
            Self::Changed => "changed",
            Self::Filled => "filled",
        }
    }
}

/// One thing that a translation did not carry as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// Where it stood in the canonical form: `messages[2].content[0].cacheControl`. A part of the path
    /// may be a name that a client made up.
    pub path: String,
    /// What became of it.
    pub kind: LossKind,
    /// Why, or into what.
    pub note: Cow<'static, str>,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind.as_str(), self.path)?;
        if self.note.is_empty() { Ok(()) } else { write!(f, " ({})", self.note) }
    }
}

/// Where something stands. It costs nothing until it is shown.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Path<'a> {
    Root,
    Field(&'a Path<'a>, &'a str),
    Index(&'a Path<'a>, usize),
}

impl<'a> Path<'a> {
    pub(crate) const fn field(&'a self, name: &'a str) -> Self {
        Self::Field(self, name)
    }

    pub(crate) const fn index(&'a self, index: usize) -> Self {
        Self::Index(self, index)
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Field(Path::Root, name) => f.write_str(name),
            Self::Field(parent, name) => write!(f, "{parent}.{name}"),
            Self::Index(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

/// The losses of one encoding.
#[derive(Debug)]
pub(crate) struct Losses {
    dialect: Dialect,
    list: Vec<Loss>,
    taken: usize,
}

impl Losses {
    /// Losses on the way to `dialect`.
    pub(crate) const fn to(dialect: Dialect) -> Self {
        Self { dialect, list: Vec::new(), taken: 0 }
    }

    pub(crate) fn into_list(self) -> Vec<Loss> {
        self.list
    }

    /// What is new since the last time.
    pub(crate) fn take(&mut self) -> Vec<Loss> {
        let new = self.list[self.taken..].to_vec();
        self.taken = self.list.len();
        new
    }

    pub(crate) fn dropped(&mut self, path: Path<'_>, why: &'static str) {
        self.list.push(Loss { path: path.to_string(), kind: LossKind::Dropped, note: why.into() });
    }

    pub(crate) fn changed(&mut self, path: Path<'_>, how: impl Into<Cow<'static, str>>) {
        self.list.push(Loss { path: path.to_string(), kind: LossKind::Changed, note: how.into() });
    }

    pub(crate) fn filled(&mut self, path: Path<'_>, with: impl Into<Cow<'static, str>>) {
        self.list.push(Loss { path: path.to_string(), kind: LossKind::Filled, note: with.into() });
    }

    /// The fields of other dialects, none of which can be carried.
    pub(crate) fn extensions(&mut self, at: Path<'_>, extensions: &Extensions) {
        for (dialect, name, value) in extensions.iter() {
            if dialect == self.dialect || says_nothing(name, value) {
                continue;
            }
            if !name.starts_with('~') {
                self.dropped(at.field(name), "");
            }
            for (name, value) in value.members().filter(|_| name.starts_with('~')).into_iter().flatten() {
                if !says_nothing(&name, &value) {
                    self.dropped(at.field(&name), "");
                }
            }
        }
    }

    /// The same for a further piece of a stream.
    pub(crate) fn more_extensions(&mut self, at: Path<'_>, extensions: &Extensions) {
        let mut more = Self::to(self.dialect);
        more.extensions(at, extensions);
        more.list.into_iter().for_each(|loss| self.once(loss));
    }

    /// An event of a stream that only one dialect knows.
    pub(crate) fn event(&mut self) {
        let note = "only one dialect knows it".into();
        self.once(Loss { path: "event".to_owned(), kind: LossKind::Dropped, note });
    }

    /// What comes in pieces, or again and again, is named once.
    fn once(&mut self, loss: Loss) {
        if !self.list.contains(&loss) {
            self.list.push(loss);
        }
    }
}

/// Whether nothing is lost without this field: an absence, an option of the connection, or what the other
/// side does anyway.
fn says_nothing(name: &str, value: &Json) -> bool {
    let idle = match name {
        "stream_options" | "object" | "created" | "index" => true,
        "n" => value.text() == "1",
        "logprobs" | "store" => value.text() == "false",
        "annotations" | "citations" => value.text() == "[]",
        _ => false,
    };
    idle || matches!(value.text(), "null" | "\"\"" | "{}")
}
