//! `POST /admin/v1/apply`

use axum::Json;
use axum::extract::{Request, State};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use penstock_control::bundle::{self, Bundle, Format, MadeKey, PlanOptions, PlannedChange, References};
use penstock_gateway::channel_rules;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Applying, LARGEST};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::body::{QueryString, read};
use crate::admin::v1::problem::Problem;
use crate::admin::v1::publish::publish;
use crate::admin::v1::schema::Anything;

/// What changed, or would change.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct Applied {
    version: u64,
    #[schema(value_type = Vec<Anything>)]
    changes: Vec<PlannedChange>,
    notes: Vec<String>,
    keys: Vec<KeyView>,
}

/// A key that was made, which is shown this once.
#[derive(Serialize, ToSchema)]
#[schema(as = MadeKey)]
struct KeyView {
    user: String,
    label: Option<String>,
    prefix: String,
    key: String,
}

impl From<MadeKey> for KeyView {
    fn from(made: MadeKey) -> Self {
        // the one time it is shown
        Self { user: made.user, label: made.label, prefix: made.prefix, key: made.key.expose().clone() }
    }
}

/// Makes the records what a bundle says, or tells what that would change.
#[utoipa::path(
    post, path = "/apply", tag = "bundles", params(Applying),
    request_body(content(
        (inline(Anything) = "application/json"), (String = "application/yaml"), (String = "application/toml")
    )),
    responses((status = 200, description = "What changed.", body = Applied))
)]
pub(in super::super) async fn handle(
    Admin { actor }: Admin,
    State(state): State<Shared>,
    QueryString(asked): QueryString<Applying>,
    request: Request,
) -> Result<Json<Applied>, Problem> {
    let format = format(request.headers())?;
    let body = read(request, LARGEST).await?;
    let text = std::str::from_utf8(&body).map_err(|error| {
        Problem::new(StatusCode::BAD_REQUEST, "unreadable", format!("the body is no text: {error}"))
    })?;
    let bundle = Bundle::read(text, format).map_err(|error| Problem::invalid(error.to_string()))?;
    for (key, text) in bundle.pipelines() {
        let checked = state.parts.gateway.pipelines().check(text).await;
        checked.map_err(|error| Problem::invalid(format!("{key}: {error}")))?;
    }
    let bundle = bundle.seeding(channel_rules(&state.parts.table));
    // who calls from elsewhere may not read the files and variables of this machine
    let options = PlanOptions { prune: asked.prune, references: References::Refused };
    let (store, now) = (state.parts.store.as_ref(), state.parts.gateway.now());
    if asked.plan {
        let plan = bundle.preview(store, options, now).await?;
        let version = plan.based_on();
        return Ok(Json(Applied { version, changes: plan.changes, notes: plan.notes, keys: Vec::new() }));
    }
    let applied = bundle::apply(store, &bundle, options, &actor, now).await?;
    publish(&state).await;
    let keys = applied.keys.into_iter().map(KeyView::from).collect();
    Ok(Json(Applied { version: applied.version, changes: applied.changes, notes: applied.notes, keys }))
}

/// By the content type; JSON if there is none.
fn format(headers: &HeaderMap) -> Result<Format, Problem> {
    let given = headers.get(CONTENT_TYPE).map(|value| value.to_str().unwrap_or_default());
    let kind = given.map(|value| value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
    match kind.as_deref() {
        None | Some("application/json") => Ok(Format::Json),
        Some("application/yaml" | "application/x-yaml" | "text/yaml" | "text/x-yaml") => Ok(Format::Yaml),
        Some("application/toml" | "text/toml") => Ok(Format::Toml),
        Some(other) => Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            format!(
                "content-type: expected application/json, application/yaml or application/toml, found {other:?}"
            ),
        )),
    }
}
