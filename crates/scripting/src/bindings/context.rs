//! What hooks look at: the request, the answer, who asks. Each field crosses by itself.

use penstock_core::canonical::{CanonicalRequest, CanonicalResponse};
use penstock_core::{Json, Timestamp};
use penstock_pipeline::{ApiKeyInfo, HookError, Request};
use serde_json::json;

use super::Arguments;
use crate::engine::{Failure, Value};
use crate::host::ThreadHost;

pub(super) fn call(
    host: &ThreadHost,
    operation: &str,
    mut arguments: Arguments<'_>,
) -> Result<Value, Failure> {
    if operation == "request.fields" {
        return Ok(text(&CanonicalRequest::FIELDS));
    }
    let call = arguments.number()?;
    host.scope(call, |scope| {
        Ok(match operation {
            "request.field" => request_field(&scope.request, &arguments.text()?)?,
            "request.messages" => {
                let count = content(&scope.request)?.messages.len();
                Value::Number(f64::from(u32::try_from(count).unwrap_or(u32::MAX)))
            }
            "request.message" => {
                let at = usize::try_from(arguments.number()?).unwrap_or(usize::MAX);
                content(&scope.request)?.messages.get(at).map_or(Value::Null, text)
            }
            "response.field" => {
                let (response, _) =
                    scope.response.as_ref().ok_or_else(|| Failure::new("there is no answer yet"))?;
                response_field(response.canonical().map_err(unread)?, &arguments.text()?)
            }
            "metadata" => text(&scope.metadata.iter().collect::<std::collections::BTreeMap<_, _>>()),
            _ => key(&scope.call.key),
        })
    })
}

fn text(value: &(impl serde::Serialize + ?Sized)) -> Value {
    Value::Text(Json::of(value).text().to_owned())
}

fn unread(error: HookError) -> Failure {
    Failure::new(error.message)
}

fn content(request: &Request) -> Result<&CanonicalRequest, Failure> {
    request.canonical().map_err(unread)
}

fn request_field(request: &Request, name: &str) -> Result<Value, Failure> {
    Ok(match name {
        // what these two say is known without reading the body
        "model" => text(request.model()),
        "stream" => text(&request.is_stream()),
        _ => content(request)?.field(name).map_or(Value::Null, |value| text(&value)),
    })
}

fn response_field(response: &CanonicalResponse, name: &str) -> Value {
    fn some<T: serde::Serialize>(value: Option<&T>) -> Value {
        value.map_or(Value::Null, text)
    }
    match name {
        "id" => text(&response.id),
        "model" => text(&response.model),
        "role" => text("assistant"),
        "content" => text(&response.content),
        "stopReason" => some(response.stop_reason.as_ref()),
        "stopSequence" => some(response.stop_sequence.as_ref()),
        "usage" => some(response.usage.as_ref()),
        "extensions" if !response.extensions.is_empty() => text(&response.extensions),
        _ => Value::Null,
    }
}

fn key(key: &ApiKeyInfo) -> Value {
    let ApiKeyInfo { id, user_id, tier, pipeline_config, revoked, provider_key } = key;
    let mut object = json!({ "id": id, "keyId": id, "userId": user_id, "tier": tier, "revoked": revoked });
    if let Some(config) = pipeline_config {
        object["pipelineConfig"] = config.as_str().into();
    }
    if let Some(secret) = provider_key {
        // it is the caller's own, and a module may have to ask for something in their name
        object["providerKey"] = secret.expose().as_str().into();
    }
    Value::Text(object.to_string())
}

/// A time as scripts have it: milliseconds since 1970.
#[expect(clippy::cast_precision_loss, reason = "exact for the next 280,000 years")]
pub(crate) fn milliseconds_of(time: Timestamp) -> f64 {
    time.0 as f64
}
