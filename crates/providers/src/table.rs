//! The provider table: where each provider is and what it speaks.
//!
//! A table that was parsed is sound: names are unique, base URLs are `http(s)` without a trailing
//! slash, paths begin with one, fixed headers can be sent. The embedded table is
//! `data/providers.toml`; facts in it come from the providers' public documentation, to which
//! each row links.

use std::collections::{BTreeMap, HashSet};
use std::sync::LazyLock;

use http::{HeaderName, HeaderValue};
use penstock_core::{Dialect, Operation};
use serde::{Deserialize, Serialize};
use wildmatch::WildMatch;

use crate::rows::{refuse_rest, take_rows};
use crate::{AuthScheme, TableError};

/// When a provider says in a stream what it consumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StreamUsage {
    /// Only if asked with `stream_options.include_usage`.
    Ask,
    /// Unasked; the option is needless and may be refused.
    Always,
    /// Never.
    None,
}

/// How an operation is served that is asked for in some dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServedBy {
    /// The provider, as it is asked.
    Passthrough,
    /// The provider, asked in this dialect.
    Translation(Dialect),
    /// The gateway itself.
    Gateway,
    /// Nobody.
    Nobody,
}

/// One provider.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderRow {
    /// The name in configuration and in `provider/model`: lower-case letters, digits, `_`, `-`.
    pub name: String,
    /// The name for people; [`name`](Self::name) if the row gives none.
    #[serde(default)]
    pub label: String,
    /// The public documentation.
    pub docs: Option<String>,
    /// Where the provider is, without a trailing slash; absent if it must be configured.
    pub base_url: Option<String>,
    /// Environment variables that may hold the key; the first one set wins.
    #[serde(default)]
    pub env_key: Vec<String>,
    /// The environment variable that overrides `base_url`.
    pub env_base_url: Option<String>,
    /// How the key is sent.
    pub auth: AuthScheme,
    /// Further schemes in which a caller's own key may be forwarded as it came.
    #[serde(default)]
    pub auth_also: Vec<AuthScheme>,
    /// Headers sent when the client did not send them, by lower-case name.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Beginnings that only this provider's keys have.
    #[serde(default)]
    pub key_prefixes: Vec<String>,
    /// Globs (`*`, `?`) of model ids the provider is taken to serve when nobody configured it.
    #[serde(default)]
    pub models: Vec<String>,
    /// When usage comes in a stream.
    pub stream_usage: StreamUsage,
    /// Takes `max_completion_tokens`, the successor of `max_tokens` in OpenAI's dialect.
    #[serde(default)]
    pub max_completion_tokens: bool,
    /// Understands Anthropic's `cache_control` in OpenAI's dialect.
    #[serde(default)]
    pub cache_control: bool,
    /// Runs on the operator's own machine, so that a key is optional.
    #[serde(default)]
    pub local: bool,
    /// Paths relative to the base URL. `{model}` and `{action}` in them are for the caller to fill.
    #[serde(default)]
    pub endpoints: BTreeMap<Operation, BTreeMap<Dialect, String>>,
    #[serde(skip)]
    globs: Vec<WildMatch>,
}

impl ProviderRow {
    /// The path for `operation` in `dialect`, if the provider speaks it natively.
    pub fn endpoint(&self, operation: Operation, dialect: Dialect) -> Option<&str> {
        self.endpoints.get(&operation)?.get(&dialect).map(String::as_str)
    }

    /// The dialects in which the provider takes `operation`, in the order of the docs.
    pub fn dialects(&self, operation: Operation) -> impl Iterator<Item = Dialect> {
        self.endpoints.get(&operation).into_iter().flat_map(|paths| paths.keys().copied())
    }

    /// How the provider serves `operation` for a client that speaks `dialect`. It says what is meant to be, whether
    /// or not this version has the translation.
    pub fn serves_by(&self, operation: Operation, dialect: Dialect) -> ServedBy {
        match operation {
            // what may be used depends on the caller
            Operation::ListModels => ServedBy::Gateway,
            _ if self.endpoint(operation, dialect).is_some() => ServedBy::Passthrough,
            Operation::CountTokens => ServedBy::Gateway,
            Operation::Generate | Operation::Embed => {
                self.dialects(operation).next().map_or(ServedBy::Nobody, ServedBy::Translation)
            }
        }
    }

    /// Whether the provider is taken to serve `model`, an upstream id.
    pub fn serves(&self, model: &str) -> bool {
        self.globs.iter().any(|glob| glob.matches(model))
    }

    fn checked(mut self, row: &str) -> Result<Self, TableError> {
        let fault =
            |field: &str, expected: &str, found: &str| Err(TableError::field(row, field, expected, &found));
        if !is_name(&self.name) {
            return fault("name", "lower-case letters, digits, `_` and `-`", &self.name);
        }
        if let Some(url) = self.base_url.as_deref().filter(|url| !is_base_url(url)) {
            return fault("base_url", "an http or https URL without a trailing slash", url);
        }
        for (operation, paths) in &self.endpoints {
            if let Some((dialect, path)) = paths.iter().find(|(_, path)| !path.starts_with('/')) {
                let field = format!("endpoints.{operation}.{dialect}");
                return fault(&field, "a path that begins with a slash", path);
            }
        }
        for (name, value) in &self.headers {
            let sendable = HeaderValue::from_str(value).is_ok()
                && HeaderName::from_bytes(name.as_bytes()).is_ok_and(|parsed| parsed.as_str() == name);
            if !sendable {
                // The value may be a secret and stays out of the message.
                let field = format!("headers.{name}");
                return fault(&field, "a lower-case header name and a value to send", name);
            }
        }
        let lists =
            [("env_key", &self.env_key), ("key_prefixes", &self.key_prefixes), ("models", &self.models)];
        for (field, values) in lists {
            if let Some(empty) = values.iter().find(|value| value.trim().is_empty()) {
                return fault(field, "texts that are not empty", empty);
            }
        }
        if self.label.is_empty() {
            self.label.clone_from(&self.name);
        }
        self.globs = self.models.iter().map(|glob| WildMatch::new(glob)).collect();
        Ok(self)
    }
}

/// Providers by name, in the order of their file.
#[derive(Clone, Debug, Default)]
pub struct ProviderTable(Vec<ProviderRow>);

static BUILTIN: LazyLock<ProviderTable> = LazyLock::new(|| {
    ProviderTable::parse(include_str!("../data/providers.toml"))
        .expect("the embedded provider table is sound, as its test holds")
});

impl ProviderTable {
    /// The embedded table.
    pub fn builtin() -> &'static Self {
        &BUILTIN
    }

    /// Reads a table of `[[provider]]` rows.
    pub fn parse(text: &str) -> Result<Self, TableError> {
        let mut table: toml::Table = text.parse()?;
        let rows = take_rows::<ProviderRow>(&mut table, "provider", &["name"])?;
        refuse_rest(&table, "`[[provider]]` rows")?;
        let mut names = HashSet::new();
        let mut checked = Vec::with_capacity(rows.len());
        for named in rows {
            let row = named.row.checked(&named.label)?;
            if !names.insert(row.name.clone()) {
                return Err(TableError::Duplicate { row: named.label });
            }
            checked.push(row);
        }
        Ok(Self(checked))
    }

    /// Lays `other` over this table: its rows replace those of the same name whole.
    pub fn merge(&mut self, other: Self) {
        for row in other.0 {
            match self.0.iter_mut().find(|own| own.name == row.name) {
                Some(own) => *own = row,
                None => self.0.push(row),
            }
        }
    }

    /// The provider of that name.
    pub fn get(&self, name: &str) -> Option<&ProviderRow> {
        self.0.iter().find(|row| row.name == name)
    }

    /// Every provider.
    pub fn rows(&self) -> impl Iterator<Item = &ProviderRow> {
        self.0.iter()
    }

    /// The provider whose keys look like `key`, by the longest distinctive prefix.
    pub fn owner_of_key(&self, key: &str) -> Option<&ProviderRow> {
        let prefixes = self.rows().flat_map(|row| row.key_prefixes.iter().map(move |prefix| (prefix, row)));
        prefixes
            .filter(|(prefix, _)| key.starts_with(prefix.as_str()))
            .max_by_key(|(prefix, _)| prefix.len())
            .map(|(_, row)| row)
    }
}

fn is_name(name: &str) -> bool {
    let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
    !name.is_empty() && name.bytes().all(allowed)
}

fn is_base_url(url: &str) -> bool {
    let parsed = url.parse::<http::Uri>();
    let whole = parsed.is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.host().is_some_and(|host| !host.is_empty())
            && uri.query().is_none()
    });
    whole && !url.ends_with('/') && !url.contains('#')
}

#[cfg(test)]
mod tests;
