//! Changes: planned from the newest records, committed with their audit entry, published before the answer.

use axum::Json;
use http::StatusCode;
use penstock_control::{Change, ChangeSet, ControlError};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::find::{look, parent_id};
use super::{Draft, Look, Resource, find};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::body::{Fields, from_fields};
use crate::admin::v1::problem::Problem;
use crate::admin::v1::publish::publish;

/// How often a change is planned anew because others changed something in between.
const ATTEMPTS: usize = 20;
/// The temporary id of a record that is about to be made.
const NEW: i64 = -1;

/// How a record is removed.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in super::super) struct Removal {
    /// Whether what must not lose it goes as well; else it is refused (409 `in_use`).
    #[serde(default)]
    cascade: bool,
}

/// What a change comes to.
pub(in super::super) struct Planned {
    pub(in super::super) changes: Vec<Change>,
    /// Which record it is about: one that is there, or [`NEW`].
    pub(in super::super) id: i64,
    /// What the audit trail calls it.
    pub(in super::super) target: String,
    pub(in super::super) before: Option<Value>,
    pub(in super::super) after: Option<Value>,
}

/// A change that was made.
pub(in super::super) struct Done {
    /// The record it was about.
    id: i64,
    /// What is there since: worked out, since the store may have gone away behind the commit.
    look: Look,
}

impl Done {
    fn shown<R: Resource>(&self) -> Result<Json<R::View>, Problem> {
        let record = R::all(&self.look.records).get(self.id);
        let gone = || Problem::not_found(format!("no {} {}", R::KIND.noun(), self.id));
        Ok(Json(R::view(record.ok_or_else(gone)?, &self.look)))
    }
}

/// `POST`: makes one.
pub(in super::super) async fn create<R: Resource>(
    state: &Shared,
    admin: &Admin,
    parent: Option<&str>,
    fields: Fields,
) -> Result<(StatusCode, Json<R::View>), Problem> {
    create_with::<R>(state, admin, parent, fields, None).await
}

/// The same, over what the record has already that no field says.
pub(in super::super) async fn create_with<R: Resource>(
    state: &Shared,
    admin: &Admin,
    parent: Option<&str>,
    fields: Fields,
    made: Option<&R::Record>,
) -> Result<(StatusCode, Json<R::View>), Problem> {
    let plan = |look: &Look| {
        let parent = parent_id::<R>(&look.records, parent)?.unwrap_or_default();
        let draft = Draft { id: NEW, parent, before: made, created_at: look.now, look, state };
        put::<R>(from_fields(fields.0.clone())?, &fields.0, &draft)
    };
    let made = commit::<R>(state, admin, "create", plan).await?;
    Ok((StatusCode::CREATED, made.shown::<R>()?))
}

/// `PATCH`: changes the fields that are there; `null` is a value, absent is none.
pub(in super::super) async fn update<R: Resource>(
    state: &Shared,
    admin: &Admin,
    parent: Option<&str>,
    wanted: &str,
    fields: Fields,
) -> Result<Json<R::View>, Problem> {
    let plan = |look: &Look| {
        let parent = parent_id::<R>(&look.records, parent)?;
        let found = find::<R>(&look.records, parent, wanted)?;
        let mut all = fields_of(&R::body(&found));
        // a field that is not said is not there, so that secrets stay as they are
        all.retain(|name, _| !R::SECRETS.contains(&name.as_str()) && !R::ALONG.contains(&name.as_str()));
        all.extend(fields.0.clone());
        let created_at = R::created_at(&found);
        let parent = parent.unwrap_or_default();
        let draft = Draft { id: R::id(&found), parent, before: Some(&found), created_at, look, state };
        let planned = put::<R>(from_fields(all)?, &fields.0, &draft)?;
        Ok(Planned { before: Some(json(&R::view(&found, look))), ..planned })
    };
    commit::<R>(state, admin, "update", plan).await?.shown::<R>()
}

/// `DELETE`: removes one, and what hangs on it.
pub(in super::super) async fn delete<R: Resource>(
    state: &Shared,
    admin: &Admin,
    parent: Option<&str>,
    wanted: &str,
    removal: &Removal,
) -> Result<StatusCode, Problem> {
    let plan = |look: &Look| {
        let parent = parent_id::<R>(&look.records, parent)?;
        let found = find::<R>(&look.records, parent, wanted)?;
        let id = R::id(&found);
        let change =
            if removal.cascade { Change::DeleteCascading(R::KIND, id) } else { Change::Delete(R::KIND, id) };
        Ok(Planned {
            changes: vec![change],
            id,
            target: target::<R>(&found, look),
            before: Some(json(&R::view(&found, look))),
            after: None,
        })
    };
    commit::<R>(state, admin, "delete", plan).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn put<R: Resource>(
    body: R::Body,
    said: &Map<String, Value>,
    draft: &Draft<'_, R>,
) -> Result<Planned, Problem> {
    let along = R::along(&body, draft)?;
    let record = R::record(body, draft)?;
    let mut after = fields_of(&R::view(&record, draft.look));
    if draft.id == NEW {
        after.remove("id");
    }
    for (name, value) in said {
        if R::SECRETS.contains(&name.as_str()) {
            let redacted = if value.is_null() { Value::Null } else { "[redacted]".into() };
            after.insert(name.clone(), redacted);
        } else if R::ALONG.contains(&name.as_str()) {
            after.insert(name.clone(), value.clone());
        }
    }
    let target = target::<R>(&record, draft.look);
    let changes = std::iter::once(Change::Put(record.into())).chain(along).collect();
    Ok(Planned { changes, id: draft.id, target, before: None, after: Some(Value::Object(after)) })
}

/// Commits what is planned and publishes it; what is refused stands in the audit trail too.
pub(in super::super) async fn commit<R: Resource>(
    state: &Shared,
    admin: &Admin,
    verb: &str,
    plan: impl Fn(&Look) -> Result<Planned, Problem>,
) -> Result<Done, Problem> {
    let action = format!("{}.{verb}", R::NAME);
    let outcome = try_to_commit::<R>(state, admin, &action, plan).await;
    if let Err(problem) = &outcome {
        let target = R::NAME.to_owned();
        let entry = admin.actor.did(&action, target, None, Some(Value::from(problem.detail.clone())));
        let status = problem.status.as_u16();
        // the refusal is answered all the same
        if let Err(error) = state.parts.store.note(&entry, state.parts.gateway.now(), status).await {
            tracing::warn!(%error, action, "a refused change is not in the audit trail");
        }
    }
    outcome
}

async fn try_to_commit<R: Resource>(
    state: &Shared,
    admin: &Admin,
    action: &str,
    plan: impl Fn(&Look) -> Result<Planned, Problem>,
) -> Result<Done, Problem> {
    let store = state.parts.store.as_ref();
    for _ in 0..ATTEMPTS {
        let look = look::<R>(state).await?;
        let Planned { changes, id, target, before, after } = plan(&look)?;
        let entry = admin.actor.did(action, target, before, after);
        let changes = ChangeSet { changes, based_on: Some(look.version), audit: Some(entry) };
        match store.commit(&changes).await {
            Ok(made) => {
                publish(state).await;
                let records = look.records.after(&changes, &made, store.keyring(), look.now)?;
                let look = Look { records, version: made.version, ..look };
                return Ok(Done { id: made.id(id).unwrap_or(id), look });
            }
            // planned from older records: again, from the newest
            Err(ControlError::Stale) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(ControlError::Stale.into())
}

/// What the audit trail calls a record.
fn target<R: Resource>(record: &R::Record, look: &Look) -> String {
    format!("{} {}", R::NAME, R::target(record, &look.records))
}

fn json(value: &impl serde::Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

fn fields_of(value: &impl serde::Serialize) -> Map<String, Value> {
    match json(value) {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}
