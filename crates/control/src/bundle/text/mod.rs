//! From the text of a bundle to a tree that knows its lines, the same for every format.
//!
//! A tree holds secrets: it has no `Debug`, and what is said of a text that cannot be read never quotes it.

mod json;
mod node;
mod toml;
mod yaml;

pub(super) use self::node::{Content, Node, Pair};
use super::BundleProblem;

/// How a bundle is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// What an export writes.
    Json,
    /// YAML 1.2: one document.
    Yaml,
    /// TOML.
    Toml,
}

/// Lists and objects within each other at the most: more is no bundle, and would cost the stack.
const DEPTH: usize = 64;

impl Format {
    /// By the ending of a file's name.
    pub fn of_name(name: &str) -> Option<Self> {
        let (_, ending) = name.rsplit_once('.')?;
        match ending.to_ascii_lowercase().as_str() {
            "json" => Some(Self::Json),
            "yaml" | "yml" => Some(Self::Yaml),
            "toml" => Some(Self::Toml),
            _ => None,
        }
    }

    /// By the text itself: JSON starts with a brace, TOML sets `penstock = 1`, the rest is YAML.
    pub fn of_text(text: &str) -> Self {
        if text.trim_start_matches('\u{feff}').trim_start().starts_with('{') {
            return Self::Json;
        }
        let sets_version = |line: &str| {
            line.trim().strip_prefix("penstock").is_some_and(|rest| rest.trim_start().starts_with('='))
        };
        if text.lines().any(sets_version) { Self::Toml } else { Self::Yaml }
    }
}

/// The tree of a text.
pub(super) fn parse(text: &str, format: Format) -> Result<Node, BundleProblem> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match format {
        Format::Json => json::parse(text),
        Format::Yaml => yaml::parse(text),
        Format::Toml => toml::parse(text),
    }
}

fn too_deep(line: Option<usize>) -> BundleProblem {
    BundleProblem::at(line, format!("expected at most {DEPTH} lists and objects within each other"))
}

/// Which line a byte stands in.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        Self(text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at).collect())
    }

    fn line(&self, offset: usize) -> usize {
        self.0.partition_point(|end| *end < offset) + 1
    }
}

#[cfg(test)]
mod tests;
