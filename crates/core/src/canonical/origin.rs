//! Where a signature or an encrypted piece of reasoning comes from.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use crate::Dialect;

/// A dialect and, where it is known, the provider: `anthropic_messages/anthropic`.
///
/// What a client sends in its own dialect names no provider: it may be anyone who speaks that dialect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The wire protocol.
    pub dialect: Dialect,
    /// The provider's name in the provider table.
    pub provider: Option<Arc<str>>,
}

impl Origin {
    /// Something that came in `dialect`, from whomever.
    pub const fn of(dialect: Dialect) -> Self {
        Self { dialect, provider: None }
    }

    /// Whether what has this origin may be sent to `provider` in `dialect`.
    pub fn admits(&self, dialect: Dialect, provider: &str) -> bool {
        self.dialect == dialect && self.provider.as_deref().is_none_or(|own| own == provider)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.dialect.as_str())?;
        match &self.provider {
            Some(provider) => write!(f, "/{provider}"),
            None => Ok(()),
        }
    }
}

/// A text that is no origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an origin such as `anthropic_messages/anthropic`")]
pub struct OriginError;

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        let (dialect, provider) = match text.split_once('/') {
            Some((dialect, provider)) => (dialect, Some(provider)),
            None => (text, None),
        };
        let dialect = dialect.parse().map_err(|_| OriginError)?;
        Ok(Self { dialect, provider: provider.map(Arc::from) })
    }
}

impl Serialize for Origin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_origin_gets_its_own_back() {
        let known: Origin = "anthropic_messages/anthropic".parse().unwrap();
        assert_eq!(known.to_string(), "anthropic_messages/anthropic");
        assert!(known.admits(Dialect::AnthropicMessages, "anthropic"));
        assert!(!known.admits(Dialect::AnthropicMessages, "deepseek"));
        assert!(!known.admits(Dialect::OpenaiChat, "anthropic"));
        assert!(Origin::of(Dialect::OpenaiChat).admits(Dialect::OpenaiChat, "groq"));
        assert_eq!("anthropic".parse::<Origin>(), Err(OriginError));
    }
}
