//! Finds out what a request asks for: endpoint, model, script and the few fields that shape the answer.
//!
//! One typed pass over the body, which skips what it does not name; the conversation is looked into
//! only when tools or `echo` make it matter. Nothing is validated beyond that.

use std::borrow::Cow;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::script::{Flag, Script};

/// The wire protocol an answer must be written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Dialect {
    OpenAiChat,
    OpenAiResponses,
    Anthropic,
    Gemini,
}

/// What a path and method address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Endpoint {
    /// Generate in the dialect; Gemini tells streaming by the path, with or without `alt=sse`.
    Generate(Dialect),
    GeminiStream {
        sse: bool,
    },
    CountTokens(Dialect),
    Embed(Dialect),
    EmbedBatch,
    Images,
    Models(Dialect),
}

impl Endpoint {
    pub(super) fn dialect(self) -> Dialect {
        match self {
            Self::Generate(dialect)
            | Self::CountTokens(dialect)
            | Self::Embed(dialect)
            | Self::Models(dialect) => dialect,
            Self::GeminiStream { .. } | Self::EmbedBatch => Dialect::Gemini,
            Self::Images => Dialect::OpenAiChat,
        }
    }

    /// The endpoint a request addresses, and the model where the path carries it.
    pub(super) fn of(parts: &http::request::Parts) -> Option<(Self, Option<String>)> {
        let path = parts.uri.path();
        if parts.method == http::Method::GET {
            return listing(parts, path).map(|endpoint| (endpoint, None));
        }
        if parts.method != http::Method::POST {
            return None;
        }
        if let Some((_, rest)) = path.split_once("/models/") {
            let rest = percent_decoded(rest);
            let (model, action) = rest.rsplit_once(':')?;
            let sse = parts.uri.query().is_some_and(|query| query.split('&').any(|pair| pair == "alt=sse"));
            let endpoint = match action {
                "generateContent" => Self::Generate(Dialect::Gemini),
                "streamGenerateContent" => Self::GeminiStream { sse },
                "countTokens" => Self::CountTokens(Dialect::Gemini),
                "embedContent" => Self::Embed(Dialect::Gemini),
                "batchEmbedContents" => Self::EmbedBatch,
                _ => return None,
            };
            return Some((endpoint, Some(model.to_owned())));
        }
        let endpoint = match path {
            _ if path.ends_with("/chat/completions") => Self::Generate(Dialect::OpenAiChat),
            _ if path.ends_with("/responses") => Self::Generate(Dialect::OpenAiResponses),
            _ if path.ends_with("/messages") => Self::Generate(Dialect::Anthropic),
            _ if path.ends_with("/messages/count_tokens") => Self::CountTokens(Dialect::Anthropic),
            _ if path.ends_with("/embeddings") => Self::Embed(Dialect::OpenAiChat),
            _ if path.ends_with("/images/generations") => Self::Images,
            _ => return None,
        };
        Some((endpoint, None))
    }
}

fn listing(parts: &http::request::Parts, path: &str) -> Option<Endpoint> {
    if !path.ends_with("/models") && !path.contains("/models/") {
        return None;
    }
    let anthropic = ["anthropic-version", "x-api-key"].iter().any(|name| parts.headers.contains_key(*name));
    Some(Endpoint::Models(if path.contains("/v1beta/") {
        Dialect::Gemini
    } else if anthropic {
        Dialect::Anthropic
    } else {
        Dialect::OpenAiChat
    }))
}

fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let hex = (byte == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        if let Some(value) = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            decoded.push(value);
            at += 3;
        } else {
            decoded.push(byte);
            at += 1;
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// The vectors an embedding request wants back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Vectors {
    pub(super) count: usize,
    pub(super) dimensions: usize,
    pub(super) base64: bool,
}

/// What a request asks for, enough to write its answer.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    pub(super) endpoint: Endpoint,
    /// The model as it came, directives included.
    pub(super) model: String,
    /// The model without its directives.
    pub(super) name: String,
    pub(super) script: Script,
    pub(super) stream: bool,
    /// Whether the client of a chat stream asked for usage.
    pub(super) include_usage: bool,
    /// Whether the answer shows its reasoning.
    pub(super) thinking: bool,
    /// Names of the tools to call; empty when the answer is to be text.
    pub(super) tools: Vec<String>,
    pub(super) vectors: Vectors,
    /// The text to say back, with the `echo` directive.
    pub(super) echo: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Probe<'a> {
    #[serde(borrow)]
    model: Option<Cow<'a, str>>,
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    #[serde(borrow)]
    tools: Option<&'a RawValue>,
    #[serde(borrow)]
    tool_choice: Option<&'a RawValue>,
    #[serde(borrow, alias = "input", alias = "contents", alias = "requests")]
    messages: Option<&'a RawValue>,
    thinking: Option<Thinking>,
    reasoning: Option<serde::de::IgnoredAny>,
    #[serde(rename = "generationConfig")]
    generation: Option<Generation>,
    dimensions: Option<usize>,
    encoding_format: Option<String>,
}

#[derive(Deserialize)]
struct StreamOptions {
    include_usage: Option<bool>,
}

#[derive(Deserialize)]
struct Thinking {
    r#type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Generation {
    thinking_config: Option<ThinkingConfig>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ThinkingConfig {
    include_thoughts: Option<bool>,
}

/// All that a rendered answer depends on, `echo` aside.
pub(super) type Key = (Endpoint, String, [bool; 3], Vec<String>, Vectors);

impl Ask {
    pub(super) fn key(&self) -> Key {
        let flags = [self.stream, self.include_usage, self.thinking];
        (self.endpoint, self.model.clone(), flags, self.tools.clone(), self.vectors)
    }

    /// Reads the body; an error says what is wrong with the request, fit for a 400.
    pub(super) fn read(endpoint: Endpoint, path_model: Option<String>, body: &[u8]) -> Result<Self> {
        let probe: Probe<'_> = match endpoint {
            Endpoint::Models(_) => Probe::default(),
            _ => serde_json::from_slice(body).context("the body is not the JSON expected here")?,
        };
        let model = path_model.or(probe.model.map(Cow::into_owned)).unwrap_or_default();
        let (name, script) = Script::of_model(&model)?;
        let echo = (script.has(Flag::Echo)).then(|| super::echo::describe(probe.messages)).transpose()?;
        let thinking = match endpoint.dialect() {
            Dialect::OpenAiChat => false,
            Dialect::OpenAiResponses => probe.reasoning.is_some(),
            Dialect::Anthropic => probe.thinking.is_some_and(|thinking| thinking.r#type != "disabled"),
            Dialect::Gemini => probe
                .generation
                .and_then(|generation| generation.thinking_config?.include_thoughts)
                .unwrap_or_default(),
        };
        let none = probe.tool_choice.is_some_and(|choice| choice.get().contains("\"none\""));
        let tools = match (probe.tools, probe.messages) {
            (Some(tools), messages) if !none && !messages.is_some_and(super::echo::ends_in_tool_result) => {
                tool_names(tools)
            }
            _ => Vec::new(),
        };
        let embeds = matches!(endpoint, Endpoint::Embed(_) | Endpoint::EmbedBatch);
        let vectors = Vectors {
            count: probe.messages.filter(|_| embeds).map_or(1, super::echo::count_inputs),
            dimensions: probe.dimensions.unwrap_or(8),
            base64: probe.encoding_format.as_deref() == Some("base64"),
        };
        Ok(Self {
            endpoint,
            name: name.to_owned(),
            stream: probe.stream.unwrap_or_default() || matches!(endpoint, Endpoint::GeminiStream { .. }),
            include_usage: probe.stream_options.and_then(|options| options.include_usage).unwrap_or_default(),
            thinking,
            tools,
            vectors,
            echo,
            script,
            model,
        })
    }
}

#[derive(Deserialize)]
struct Tool {
    name: Option<String>,
    function: Option<Box<Tool>>,
    #[serde(alias = "functionDeclarations")]
    function_declarations: Option<Vec<Tool>>,
}

/// The names of the functions offered, whatever the dialect wraps them in.
fn tool_names(tools: &RawValue) -> Vec<String> {
    let tools: Vec<Tool> = serde_json::from_str(tools.get()).unwrap_or_default();
    let names = tools.into_iter().flat_map(|tool| {
        let inner = tool.function.and_then(|function| function.name);
        let declared = tool.function_declarations.into_iter().flatten().filter_map(|declared| declared.name);
        tool.name.or(inner).into_iter().chain(declared).collect::<Vec<_>>()
    });
    names.collect()
}
