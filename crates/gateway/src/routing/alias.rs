//! Rewriting of requested names.

use std::borrow::Cow;

use regex::Regex;

use super::RoutingError;
use super::valid::expression;

/// One rewriting.
#[derive(Debug)]
struct Alias {
    pattern: Regex,
    target: String,
}

/// Several, in their order.
#[derive(Debug, Default)]
pub(super) struct Aliases(Vec<Alias>);

impl Aliases {
    /// Adds one behind the others.
    pub(super) fn add(&mut self, alias: &str, target: &str) -> Result<(), RoutingError> {
        let pattern = expression(alias)
            .map_err(|problem| RoutingError::BadAlias { alias: alias.to_owned(), problem })?;
        self.0.push(Alias { pattern, target: target.to_owned() });
        Ok(())
    }

    /// `name` after the first that matches it as a whole.
    pub(super) fn rewrite<'a>(&self, name: &'a str) -> Cow<'a, str> {
        let first = self.0.iter().find(|alias| alias.pattern.is_match(name));
        first.map_or(name.into(), |alias| alias.pattern.replace(name, alias.target.as_str()))
    }

    /// What `name` becomes, step by step: for each step the first that matches and was not used before, so
    /// that no chain goes on for ever.
    pub(super) fn chain<'a>(&self, name: &'a str) -> impl Iterator<Item = Cow<'a, str>> {
        let mut unused: Vec<_> = self.0.iter().collect();
        let mut last = Cow::Borrowed(name);
        std::iter::from_fn(move || {
            let place = unused.iter().position(|alias| alias.pattern.is_match(&last))?;
            let alias = unused.remove(place);
            last = Cow::Owned(alias.pattern.replace(&last, alias.target.as_str()).into_owned());
            Some(last.clone())
        })
    }
}
