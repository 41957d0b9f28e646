//! The answer as modules see it.

use std::fmt;
use std::sync::{Arc, OnceLock};

use penstock_core::canonical::{CanonicalResponse, CanonicalUsage, StopReason};
use penstock_core::{Ended, Usage, UsageSource, Usd};

use crate::HookError;

/// Where an answer's content comes from.
pub trait ResponseSource: fmt::Debug + Send + Sync {
    /// All there is of it.
    fn decode(&self) -> Result<CanonicalResponse, String>;

    /// Why it ended, where that is known without decoding it.
    fn stop_reason(&self) -> Option<StopReason> {
        None
    }
}

/// An answer. To copy one costs nothing.
#[derive(Clone, Debug)]
pub struct Response {
    content: Content,
    /// What it cost, as it is settled; absent while it goes on, and for answers that no provider gave.
    pub owed: Option<Owed>,
    /// How it ended; absent while it goes on.
    pub ended: Option<Ended>,
    /// What the client was told instead of an answer: status and words.
    pub error: Option<Arc<Failed>>,
}

/// What an answer consumed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owed {
    /// Who answered, such as `openai`.
    pub provider: Arc<str>,
    /// Its name of the model.
    pub model: Arc<str>,
    /// Tokens.
    pub usage: Usage,
    /// Where they are from.
    pub source: UsageSource,
    /// What that costs; `None` where a price is not known.
    pub cost: Option<Usd>,
}

/// An error that went to the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// HTTP status.
    pub status: u16,
    /// What it says.
    pub message: String,
}

#[derive(Clone, Debug)]
enum Content {
    Whole(Arc<CanonicalResponse>),
    Lazy(Arc<Lazy>),
}

#[derive(Debug)]
struct Lazy {
    source: Arc<dyn ResponseSource>,
    decoded: OnceLock<Result<CanonicalResponse, String>>,
}

impl Response {
    /// This answer.
    pub fn new(content: impl Into<Arc<CanonicalResponse>>) -> Self {
        Self::of(Content::Whole(content.into()))
    }

    /// An answer that is decoded for whoever asks.
    pub fn lazy(source: Arc<dyn ResponseSource>) -> Self {
        Self::of(Content::Lazy(Arc::new(Lazy { source, decoded: OnceLock::new() })))
    }

    /// No answer, but these words.
    pub fn failed(status: u16, message: impl Into<String>) -> Self {
        let message = message.into();
        let content = CanonicalResponse {
            content: vec![crate::answer::error_block(status, &message)],
            stop_reason: Some(StopReason::Error),
            usage: Some(CanonicalUsage::default()),
            ..CanonicalResponse::default()
        };
        let error = Some(Arc::new(Failed { status, message }));
        Self { error, ..Self::new(content) }
    }

    /// The same, with how it ended and what is owed for it.
    #[must_use]
    pub fn with_end(self, ended: Ended, owed: Option<Owed>) -> Self {
        Self { ended: Some(ended), owed, ..self }
    }

    const fn of(content: Content) -> Self {
        Self { content, owed: None, ended: None, error: None }
    }

    /// The content.
    pub fn canonical(&self) -> Result<&CanonicalResponse, HookError> {
        match &self.content {
            Content::Whole(content) => Ok(content),
            Content::Lazy(lazy) => {
                let decoded = lazy.decoded.get_or_init(|| lazy.source.decode());
                decoded.as_ref().map_err(|error| HookError::new(error.clone()))
            }
        }
    }

    /// Why it ended, where that is known without decoding it.
    pub fn stop_reason(&self) -> Option<StopReason> {
        match &self.content {
            Content::Whole(content) => content.stop_reason,
            Content::Lazy(lazy) => match lazy.decoded.get() {
                Some(Ok(content)) => content.stop_reason,
                _ => lazy.source.stop_reason(),
            },
        }
    }
}
