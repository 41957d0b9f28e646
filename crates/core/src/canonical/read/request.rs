//! Requests, whole and by their fields.

use super::object::Object;
use super::values::{extras, fields};
use super::{FromJson, Path, ReadError};
use crate::Json;
use crate::canonical::{CanonicalRequest, CanonicalTool, ResponseFormat, ThinkingRequest, ToolChoice};

impl FromJson for CanonicalRequest {
    fn from_json(json: &Json, path: Path<'_>) -> Result<Self, ReadError> {
        let mut request = Self::default();
        for (name, value) in fields(json, path)? {
            request.set(&name, (!value.is_null()).then_some(&value), path)?;
        }
        for (name, missing) in
            [("model", request.model.is_empty()), ("messages", request.messages.is_empty())]
        {
            if missing {
                return Err(path.field(name).problem("expected a value, found nothing"));
            }
        }
        Ok(request)
    }
}

impl CanonicalRequest {
    /// The names of its fields.
    pub const FIELDS: &'static [&'static str] = &[
        "model",
        "messages",
        "system",
        "tools",
        "toolChoice",
        "maxTokens",
        "temperature",
        "topP",
        "topK",
        "stream",
        "stopSequences",
        "metadata",
        "thinking",
        "responseFormat",
        "extensions",
    ];

    /// The field of that name; `None` if it is absent, or if there is no such field.
    pub fn field(&self, name: &str) -> Option<Json> {
        fn some<T: serde::Serialize>(value: Option<&T>) -> Option<Json> {
            value.map(Json::of)
        }
        match name {
            "model" => Some(Json::of(&self.model)),
            "messages" => Some(Json::of(&self.messages)),
            "system" => some(self.system.as_ref()),
            "tools" => some(self.tools.as_ref()),
            "toolChoice" => some(self.tool_choice.as_ref()),
            "maxTokens" => some(self.max_tokens.as_ref()),
            "temperature" => some(self.temperature.as_ref()),
            "topP" => some(self.top_p.as_ref()),
            "topK" => some(self.top_k.as_ref()),
            "stream" => Some(Json::of(&self.stream.unwrap_or(false))),
            "stopSequences" => some(self.stop_sequences.as_ref()),
            "metadata" => self.metadata.as_ref().map(|fields| Json::object(fields)),
            "thinking" => some(self.thinking.as_ref()),
            "responseFormat" => some(self.response_format.as_ref()),
            "extensions" => (!self.extensions.is_empty()).then(|| Json::of(&self.extensions)),
            _ => None,
        }
    }

    /// Sets the field of that name, or takes it out.
    pub fn set_field(&mut self, name: &str, value: Option<&Json>) -> Result<(), ReadError> {
        self.set(name, value, Path::ROOT)
    }

    fn set(&mut self, name: &str, value: Option<&Json>, path: Path<'_>) -> Result<(), ReadError> {
        fn read<T: FromJson>(value: Option<&Json>, path: Path<'_>) -> Result<Option<T>, ReadError> {
            value.map(|value| T::from_json(value, path)).transpose()
        }
        let at = path.field(name);
        let missing = || at.problem("expected a value, found nothing");
        match name {
            "model" => self.model = read(value, at)?.ok_or_else(missing)?,
            "messages" => self.messages = read(value, at)?.ok_or_else(missing)?,
            "system" => self.system = read(value, at)?,
            "tools" => self.tools = read(value, at)?,
            "toolChoice" => self.tool_choice = read(value, at)?,
            "maxTokens" => self.max_tokens = read(value, at)?,
            "temperature" => self.temperature = read(value, at)?,
            "topP" => self.top_p = read(value, at)?,
            "topK" => self.top_k = read(value, at)?,
            "stream" => self.stream = read(value, at)?,
            "stopSequences" => self.stop_sequences = read(value, at)?,
            "metadata" => self.metadata = value.map(|value| fields(value, at)).transpose()?,
            "thinking" => self.thinking = read(value, at)?,
            "responseFormat" => self.response_format = read(value, at)?,
            "extensions" => self.extensions = read(value, at)?.unwrap_or_default(),
            _ => return Err(at.problem("expected no such field, found one")),
        }
        Ok(())
    }
}

impl FromJson for CanonicalTool {
    fn from_json(json: &Json, path: Path<'_>) -> Result<Self, ReadError> {
        let mut object = Object::of(json, path)?;
        let tool = Self {
            name: object.required("name", "a string")?,
            description: object.optional("description")?,
            input_schema: object.take("inputSchema"),
            dialect: object.optional("dialect")?,
            extras: extras(&mut object)?,
        };
        object.finish()?;
        Ok(tool)
    }
}

impl FromJson for ToolChoice {
    fn from_json(json: &Json, path: Path<'_>) -> Result<Self, ReadError> {
        let mut object = Object::of(json, path)?;
        let choice = Self {
            kind: object.optional("type")?,
            name: object.optional("name")?,
            disable_parallel_tool_use: object.optional("disableParallelToolUse")?,
            extensions: object.or_default("extensions")?,
        };
        object.finish()?;
        Ok(choice)
    }
}

impl FromJson for ThinkingRequest {
    fn from_json(json: &Json, path: Path<'_>) -> Result<Self, ReadError> {
        let mut object = Object::of(json, path)?;
        let thinking = Self {
            mode: object.optional("type")?,
            budget_tokens: object.optional("budgetTokens")?,
            effort: object.optional("effort")?,
            extensions: object.or_default("extensions")?,
        };
        object.finish()?;
        Ok(thinking)
    }
}

impl FromJson for ResponseFormat {
    fn from_json(json: &Json, path: Path<'_>) -> Result<Self, ReadError> {
        const KINDS: &str = "`text`, `json_object` or `json_schema`";
        let mut object = Object::of(json, path)?;
        let kind: String = object.required("type", KINDS)?;
        let extensions = object.or_default("extensions")?;
        let format = match kind.as_str() {
            "text" => Self::Text { extensions },
            "json_object" => Self::JsonObject { extensions },
            "json_schema" => {
                Self::JsonSchema { name: object.optional("name")?, schema: object.take("schema"), extensions }
            }
            _ => return Err(object.problem("type", format!("expected {KINDS}, found another word"))),
        };
        object.finish()?;
        Ok(format)
    }
}
