//! Lists of models, in the shape that the client understands; and Gemini's calls, which share the path.

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, extract};
use http::HeaderMap;
use http::header::CACHE_CONTROL;
use penstock_gateway::{GatewayError, ListedModel};
use serde_json::{Value, json};

use crate::Shared;
use crate::inference::{authenticate, gemini, plain_error, remote};

/// `GET` lists and single models, `POST` is a call of Gemini's.
pub(crate) fn router() -> Router<Shared> {
    let mut router = Router::new();
    for prefix in ["/v1", "/v1beta"] {
        router =
            router
                .route(
                    &format!("{prefix}/models"),
                    get(|State(state): State<Shared>, request: extract::Request| async move {
                        answer(&state, None, None, &request)
                    }),
                )
                .route(
                    &format!("{prefix}/models/{{*model}}"),
                    get(
                        |State(state): State<Shared>,
                         Path(model): Path<String>,
                         request: extract::Request| async move {
                            answer(&state, None, Some(&model), &request)
                        },
                    )
                    .post(
                        |State(state): State<Shared>, Path(rest): Path<String>, request: extract::Request| {
                            gemini(state, None, rest, request)
                        },
                    ),
                )
                .route(
                    &format!("/{{provider}}{prefix}/models"),
                    get(
                        |State(state): State<Shared>,
                         Path(provider): Path<String>,
                         request: extract::Request| async move {
                            answer(&state, Some(&provider), None, &request)
                        },
                    ),
                )
                .route(
                    &format!("/{{provider}}{prefix}/models/{{*model}}"),
                    get(
                        |State(state): State<Shared>,
                         Path((provider, model)): Path<(String, String)>,
                         request: extract::Request| async move {
                            answer(&state, Some(&provider), Some(&model), &request)
                        },
                    )
                    .post(
                        |State(state): State<Shared>,
                         Path((provider, rest)): Path<(String, String)>,
                         request: extract::Request| {
                            gemini(state, Some(provider), rest, request)
                        },
                    ),
                );
    }
    router
}

/// The three shapes in which models are listed.
#[derive(Clone, Copy)]
enum Shape {
    Openai,
    Anthropic,
    Gemini,
}

impl Shape {
    fn of(path: &str, headers: &HeaderMap) -> Self {
        if path.contains("/v1beta/") || headers.contains_key("x-goog-api-key") {
            Self::Gemini
        } else if headers.contains_key("anthropic-version") || headers.contains_key("x-api-key") {
            Self::Anthropic
        } else {
            Self::Openai
        }
    }

    fn one(self, model: &ListedModel) -> Value {
        match self {
            // release dates are not known here, and the field is required
            Self::Openai => json!({
                "id": model.id, "object": "model", "created": 0,
                "owned_by": model.provider.as_deref().unwrap_or("penstock"),
            }),
            Self::Anthropic => json!({
                "type": "model", "id": model.id, "display_name": model.id,
                "created_at": "1970-01-01T00:00:00Z",
            }),
            Self::Gemini => json!({
                "name": format!("models/{}", model.id), "displayName": model.id,
                "inputTokenLimit": model.context, "outputTokenLimit": model.max_output,
                "supportedGenerationMethods": ["generateContent", "streamGenerateContent", "countTokens"],
            }),
        }
    }

    fn many(self, models: &[Value]) -> Value {
        match self {
            Self::Openai => json!({"object": "list", "data": models}),
            Self::Anthropic => json!({
                "data": models, "has_more": false,
                "first_id": models.first().map(|model| &model["id"]),
                "last_id": models.last().map(|model| &model["id"]),
            }),
            Self::Gemini => json!({"models": models}),
        }
    }
}

fn answer(
    state: &Shared,
    provider: Option<&str>,
    model: Option<&str>,
    request: &extract::Request,
) -> Response {
    match listed(state, provider, model, request) {
        Ok(body) => ([(CACHE_CONTROL, "private, no-store")], Json(body)).into_response(),
        Err(error) => plain_error(state, request, &error),
    }
}

fn listed(
    state: &Shared,
    provider: Option<&str>,
    model: Option<&str>,
    request: &extract::Request,
) -> Result<Value, GatewayError> {
    let remote = remote(state, request.headers());
    let caller = authenticate(state, remote, request.headers(), request.uri())?;
    let shape = Shape::of(request.uri().path(), request.headers());
    let models = state.parts.gateway.models(&caller, provider)?;
    let Some(wanted) = model else {
        return Ok(shape.many(&models.values().map(|model| shape.one(model)).collect::<Vec<_>>()));
    };
    // a bare name is understood here as it is in a call
    let under_provider =
        || models.values().find(|model| model.id.split_once('/').is_some_and(|(_, id)| id == wanted));
    models.get(wanted).or_else(under_provider).map(|model| shape.one(model)).ok_or_else(|| {
        GatewayError::NotFound {
            message: format!("no model {wanted:?} that this key may use: see GET /v1/models"),
            code: "model_not_found",
        }
    })
}
