//! What an answer is kept under.

use std::sync::Arc;

use bytes::Bytes;
use penstock_core::canonical::CanonicalRequest;
use penstock_core::{Dialect, Json};
use penstock_storage::kv::Key;
use serde::Serialize;
use sha2::digest::Output;
use sha2::{Digest as _, Sha256};

use super::canonical;
use crate::{Call, HookError, Request, Tenant};

/// Everything that could answer a model, as one name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Upstream(Arc<str>);

impl Upstream {
    /// Who would answer `model` for this caller; `None` if nobody could, or nobody can tell.
    pub fn of(call: &Call, model: &str) -> Option<Self> {
        call.upstreams.identity(model).map(Self)
    }
}

/// What an answer is kept under: whose it is, who gave it, and what was asked.
///
/// There is no other way to a key than with all three, so that no tenant can find another's answers, and none an answer
/// of somebody who would not be asked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CacheKey {
    tenant: Tenant,
    upstream: Upstream,
    digest: Output<Sha256>,
}

/// What is asked: all that can change the answer. Neither whether it is streamed nor what the provider is told of the
/// caller can.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Asked<'a> {
    model: &'a str,
    max_tokens: Json,
    temperature: Json,
    top_p: Json,
    top_k: Json,
    stop_sequences: Json,
    system: Json,
    tools: Json,
    messages: Json,
    tool_choice: Json,
    thinking: Json,
    response_format: Json,
    extensions: Json,
}

impl CacheKey {
    /// The key of `request`, which `tenant` would ask of `upstream`.
    pub fn new(tenant: Tenant, upstream: Upstream, request: &Request) -> Result<Self, HookError> {
        let content = request.canonical()?;
        let asked = Asked {
            model: request.model(),
            max_tokens: Json::of(&content.max_tokens),
            temperature: Json::of(&content.temperature),
            top_p: Json::of(&content.top_p),
            top_k: Json::of(&content.top_k),
            stop_sequences: Json::of(&content.stop_sequences),
            system: Json::of(&content.system),
            tools: Json::of(&content.tools),
            messages: Json::of(&content.messages),
            tool_choice: Json::of(&content.tool_choice),
            thinking: Json::of(&content.thinking),
            response_format: Json::of(&content.response_format),
            extensions: extensions(content),
        };
        let mut text = Vec::new();
        canonical::write(Json::of(&asked).raw(), &mut text);
        Ok(Self { tenant, upstream, digest: Sha256::digest(&text) })
    }

    /// Who would answer.
    pub const fn upstream(&self) -> &Upstream {
        &self.upstream
    }

    /// Its name in the store. Names of tenants and upstreams are not for everyone who may list keys, and of any length:
    /// they are digests there.
    pub fn named(&self, prefix: &str) -> Result<Key, HookError> {
        let [tenant, upstream] = [self.tenant.as_str(), &*self.upstream.0].map(Sha256::digest);
        let [tenant, upstream, asked] =
            [tenant, upstream, self.digest].map(|digest| Bytes::copy_from_slice(&digest));
        Ok(Key::new(format!("{prefix}:{tenant:x}:{upstream:x}:{asked:x}"))?)
    }

    /// A few bits, to spread keys by.
    pub fn first_byte(&self) -> u8 {
        self.digest[0]
    }
}

/// The fields that only one dialect knows, but for those that are about the stream.
fn extensions(content: &CanonicalRequest) -> Json {
    let is_of_stream = |dialect, name: &str| dialect == Dialect::OpenaiChat && name == "stream_options";
    let fields = content.extensions.iter().filter(|(dialect, name, _)| !is_of_stream(*dialect, name));
    let fields = fields.map(|(dialect, name, value)| (format!("{}.{name}", dialect.as_str()), value.clone()));
    Json::object(&fields.collect::<Vec<_>>())
}
