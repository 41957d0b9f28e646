//! The shapes on the wire, and what a gateway that only forwards has to know of them.

use penstock_core::{Number, Usage};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::object::{RawText, RawTextOr, Text, TextOr, Value, object};

pub(crate) const WANTED: &[&str] = &["usage"];

/// `usage` of a message: input excludes what a cache gave or took. `cache_creation` splits the
/// writes by life time; without it they are five-minute writes, the API's default.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct UsageShape {
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    cache_creation: Option<CacheCreation>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct CacheCreation {
    ephemeral_5m_input_tokens: u64,
    ephemeral_1h_input_tokens: u64,
}

impl From<UsageShape> for Usage {
    fn from(shape: UsageShape) -> Self {
        let written = shape.cache_creation_input_tokens.unwrap_or(0);
        let hour = shape.cache_creation.map_or(0, |split| {
            split.ephemeral_1h_input_tokens.max(written.saturating_sub(split.ephemeral_5m_input_tokens))
        });
        let hour = hour.min(written);
        Self {
            input: shape.input_tokens.unwrap_or(0),
            output: shape.output_tokens.unwrap_or(0),
            cache_read: shape.cache_read_input_tokens.unwrap_or(0),
            cache_write_5m: written - hour,
            cache_write_1h: hour,
            reasoning: 0,
        }
    }
}

object! {
    /// A request.
    Request {
        model: Text<'a>,
        messages: Vec<Message<'a>>,
        system: RawTextOr<'a, Vec<Block<'a>>>,
        tools: Vec<Tool<'a>>,
        tool_choice: ToolChoice<'a>,
        max_tokens: Number,
        temperature: Number,
        top_p: Number,
        top_k: Number,
        stream: bool,
        stop_sequences: Vec<Text<'a>>,
        metadata: Value<'a>,
        thinking: Thinking<'a>,
        output_config: OutputConfig<'a>,
    }
}

object! { Message { role: Text<'a>, content: RawTextOr<'a, Vec<Block<'a>>> } }

object! {
    /// A block of any type.
    Block {
        kind: Text<'a>,
        text: RawText<'a>,
        id: Text<'a>,
        name: Text<'a>,
        input: Value<'a>,
        tool_use_id: Text<'a>,
        content: RawTextOr<'a, Inside<'a>>,
        is_error: bool,
        source: Box<TextOr<'a, Source<'a>>>,
        title: Text<'a>,
        context: Text<'a>,
        thinking: Text<'a>,
        signature: Text<'a>,
        cache_control: Value<'a>,
    }
}

object! { Source { kind: Text<'a>, media_type: Text<'a>, data: Text<'a>, url: Text<'a> } }

object! {
    Tool {
        kind: Text<'a>,
        name: Text<'a>,
        description: Text<'a>,
        input_schema: Value<'a>,
        cache_control: Value<'a>,
    }
}

object! { ToolChoice { kind: Text<'a>, name: Text<'a>, disable_parallel_tool_use: bool } }

object! { Thinking { kind: Text<'a>, budget_tokens: Number } }

object! { OutputConfig { effort: Text<'a>, format: Format<'a> } }

object! { Format { kind: Text<'a>, schema: Value<'a> } }

object! {
    /// An answer.
    Response {
        id: Text<'a>,
        kind: Text<'a>,
        role: Text<'a>,
        model: Text<'a>,
        content: Vec<Block<'a>>,
        stop_reason: Text<'a>,
        stop_sequence: Text<'a>,
        usage: UsageReport<'a>,
    }
}

object! {
    UsageReport {
        input_tokens: Number,
        output_tokens: Number,
        cache_read_input_tokens: Number,
        cache_creation_input_tokens: Number,
    }
}

object! {
    /// An event of a stream.
    Event {
        kind: Text<'a>,
        message: Response<'a>,
        index: usize,
        content_block: Block<'a>,
        delta: Delta<'a>,
        usage: UsageReport<'a>,
    }
}

object! {
    /// What an event adds.
    Delta {
        kind: Text<'a>,
        text: Text<'a>,
        partial_json: Text<'a>,
        thinking: Text<'a>,
        signature: Text<'a>,
        citation: Value<'a>,
        stop_reason: Text<'a>,
        stop_sequence: Text<'a>,
    }
}

object! { Anything {} }

/// The content of a block: blocks again, or some object.
#[derive(Clone, Debug)]
pub(crate) enum Inside<'a> {
    Blocks(Vec<Block<'a>>),
    Object(Anything<'a>),
}

impl<'de: 'a, 'a> Deserialize<'de> for Inside<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Inside<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("blocks or an object")
            }

            fn visit_seq<S: SeqAccess<'de>>(self, mut list: S) -> Result<Self::Value, S::Error> {
                let mut blocks = Vec::new();
                while let Some(block) = list.next_element()? {
                    blocks.push(block);
                }
                Ok(Inside::Blocks(blocks))
            }

            fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<Self::Value, M::Error> {
                Deserialize::deserialize(serde::de::value::MapAccessDeserializer::new(map))
                    .map(Inside::Object)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl Serialize for Inside<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Blocks(blocks) => blocks.serialize(serializer),
            Self::Object(object) => object.serialize(serializer),
        }
    }
}
