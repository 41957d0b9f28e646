//! The wire protocols and what can be asked in them. The names are those of the public docs,
//! of configuration and of stored rows; they do not change once released.

/// A name that is not one of the listed ones.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown {what} {found:?}: expected one of {expected}")]
pub struct UnknownName {
    pub(crate) what: &'static str,
    pub(crate) found: String,
    pub(crate) expected: String,
}

impl UnknownName {
    /// A name that is none of `expected`.
    pub fn new(what: &'static str, found: &str, expected: &[&str]) -> Self {
        Self { what, found: found.to_owned(), expected: expected.join(", ") }
    }
}

/// An enum of which every value has one name, on the wire, in configuration and in storage.
#[macro_export]
macro_rules! named_enum {
    ($(#[$meta:meta])* $name:ident ($what:literal) { $($(#[$variant_meta:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $($(#[$variant_meta])* #[serde(rename = $text)] $variant,)+
        }

        impl $name {
            /// Every value, in the order of the docs.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name used on the wire, in configuration and in storage.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::UnknownName;

            fn from_str(text: &str) -> Result<Self, $crate::UnknownName> {
                let known = || $crate::UnknownName::new($what, text, &[$($text),+]);
                Self::ALL.iter().copied().find(|value| value.as_str() == text).ok_or_else(known)
            }
        }
    };
}

named_enum! {
    /// A wire protocol.
    Dialect("dialect") {
        /// OpenAI Chat Completions; embeddings and model lists of the same API family count here.
        OpenaiChat = "openai_chat",
        /// OpenAI Responses.
        OpenaiResponses = "openai_responses",
        /// Anthropic Messages.
        AnthropicMessages = "anthropic_messages",
        /// Google's `generateContent` family.
        Gemini = "gemini",
    }
}

named_enum! {
    /// What is asked of a model.
    Operation("operation") {
        /// Answer a conversation.
        Generate = "generate",
        /// Turn text into vectors.
        Embed = "embed",
        /// Say how many tokens a request would cost.
        CountTokens = "count_tokens",
        /// Say which models there are.
        ListModels = "list_models",
    }
}
