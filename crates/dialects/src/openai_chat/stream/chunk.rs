//! The chunks of a stream, as they are written.

use std::borrow::Cow;

use bytes::BytesMut;
use penstock_core::Json;
use serde::Serialize;

use super::super::wire;
use crate::codec::append;
use crate::object::{Rest, Text, null, owned};

const OBJECT: &str = "chat.completion.chunk";

/// What every chunk says of the answer that it is a piece of.
pub(super) struct Head {
    pub(super) id: String,
    pub(super) model: String,
    /// Seconds since 1970.
    pub(super) created: Json,
    /// Whose words they are, until the first piece has said it.
    pub(super) role: Option<&'static str>,
}

#[derive(Serialize)]
struct Chunk<'a> {
    id: &'a str,
    object: &'static str,
    created: &'a Json,
    model: &'a str,
    choices: &'a [wire::Choice<'a>],
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<wire::UsageReport<'a>>,
}

impl Head {
    /// A piece of the message.
    pub(super) fn delta(&mut self, mut delta: wire::Message<'_>, out: &mut BytesMut) {
        delta.role = self.role.take().map(Text::from);
        let choice = wire::Choice {
            index: Some(0),
            delta: Some(delta),
            rest: vec![(Cow::Borrowed("finish_reason"), null())],
            ..wire::Choice::default()
        };
        self.chunk(&[choice], None, out);
    }

    /// A piece of a tool call.
    pub(super) fn call(&mut self, call: wire::ToolCall<'_>, out: &mut BytesMut) {
        self.delta(wire::Message { tool_calls: Some(vec![call]), ..wire::Message::default() }, out);
    }

    pub(super) fn chunk(
        &self,
        choices: &[wire::Choice<'_>],
        usage: Option<wire::UsageReport<'_>>,
        out: &mut BytesMut,
    ) {
        let Self { id, model, created, .. } = self;
        put(&Chunk { id, object: OBJECT, created, model, choices, usage }, out);
    }

    /// A chunk that has further fields.
    pub(super) fn with(&self, mut fields: Rest<'_>, choices: &[wire::Choice<'_>], out: &mut BytesMut) {
        fields.retain(|(name, _)| name != "created");
        fields.push(owned("created", &self.created));
        fields.push(owned("choices", &Json::of(choices)));
        let chunk = wire::Response {
            id: Some(self.id.as_str().into()),
            object: Some(OBJECT.into()),
            model: Some(self.model.as_str().into()),
            rest: fields,
            ..wire::Response::default()
        };
        put(&chunk, out);
    }
}

fn put(chunk: &impl Serialize, out: &mut BytesMut) {
    out.extend_from_slice(b"data: ");
    append(out, chunk);
    out.extend_from_slice(b"\n\n");
}
