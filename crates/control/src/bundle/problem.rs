//! What is wrong with a bundle: all of it at once, each with its place.

use std::fmt;

/// Why a bundle cannot be read or applied. Every problem is told, one in a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundleError(pub Vec<BundleProblem>);

/// One thing that is wrong. A secret is never quoted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundleProblem {
    /// The line of the text, where it is known.
    pub line: Option<usize>,
    /// Section, name and field, such as `providers "openai", base_url`; empty for the whole.
    pub place: String,
    /// What was expected, what was found, what to do.
    pub says: String,
}

impl BundleProblem {
    pub(super) fn new(line: Option<usize>, place: impl Into<String>, says: impl Into<String>) -> Self {
        Self { line, place: place.into(), says: says.into() }
    }

    pub(super) fn at(line: Option<usize>, says: impl Into<String>) -> Self {
        Self::new(line, "", says)
    }
}

impl fmt::Display for BundleProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if !self.place.is_empty() {
            write!(f, "{}: ", self.place)?;
        }
        f.write_str(&self.says)
    }
}

impl fmt::Display for BundleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, problem) in self.0.iter().enumerate() {
            write!(f, "{}{problem}", if number == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

impl std::error::Error for BundleError {}

impl From<BundleProblem> for BundleError {
    fn from(problem: BundleProblem) -> Self {
        Self(vec![problem])
    }
}

/// The known name most like `name`, if any is much alike.
pub(super) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let known: Vec<_> = known.collect();
    // the beginning of one name is what people remember
    let begun = known.iter().find(|known| name.len() >= 4 && known.starts_with(name));
    if let Some(begun) = begun {
        return Some(begun);
    }
    let near = known.into_iter().map(|known| (strsim::damerau_levenshtein(name, known), known));
    near.filter(|(distance, known)| *distance <= 1 + known.len() / 4).min().map(|(_, known)| known)
}
