//! One record, by id or by name.

use axum::Json;
use penstock_control::{Kind, Loaded, Records};

use super::{Look, Resource};
use crate::Shared;
use crate::admin::v1::problem::Problem;

/// `GET` of one.
pub(in super::super) async fn get<R: Resource>(
    state: &Shared,
    parent: Option<&str>,
    wanted: &str,
) -> Result<Json<R::View>, Problem> {
    let look = look::<R>(state).await?;
    let parent = parent_id::<R>(&look.records, parent)?;
    let record = find::<R>(&look.records, parent, wanted)?;
    Ok(Json(R::view(&record, &look)))
}

/// The records, as they are now, and what else the view needs.
pub(super) async fn look<R: Resource>(state: &Shared) -> Result<Look, Problem> {
    let store = state.parts.store.as_ref();
    let Loaded { records, version } = store.load().await?;
    let costs = match R::KIND {
        Kind::Quota => store.quota_costs().await?,
        _ => Vec::new(),
    };
    Ok(Look { records, version, costs, now: state.parts.gateway.now() })
}

/// The id of the record that the path names before this resource.
pub(super) fn parent_id<R: Resource>(
    records: &Records,
    parent: Option<&str>,
) -> Result<Option<i64>, Problem> {
    match (R::PARENT, parent) {
        (Some(find), Some(parent)) => find(records, parent).map(Some),
        _ => Ok(None),
    }
}

/// The id of the one of that name or id.
pub(in super::super) fn id_of<R: Resource>(records: &Records, wanted: &str) -> Result<i64, Problem> {
    find::<R>(records, None, wanted).map(|record| R::id(&record))
}

/// The name of the one with that id; empty if there is none.
pub(in super::super) fn name_of<R: Resource>(id: impl Into<i64>, records: &Records) -> String {
    R::all(records).get(id).and_then(|record| R::name(record, records)).unwrap_or_default()
}

/// The one of that name or, if none has it, of that id. A name counts before an id, since names may be numbers.
pub(in super::super) fn find<R: Resource>(
    records: &Records,
    parent: Option<i64>,
    wanted: &str,
) -> Result<R::Record, Problem> {
    let siblings = || R::all(records).iter().filter(|record| R::parent(record) == parent || parent.is_none());
    let named: Vec<_> =
        siblings().filter(|record| R::name(record, records).as_deref() == Some(wanted)).take(2).collect();
    let noun = R::KIND.noun();
    match named.as_slice() {
        [found] => Ok((*found).clone()),
        [_, _, ..] => {
            Err(Problem::ambiguous(format!("more than one {noun} is called {wanted:?}: use its id")))
        }
        [] => {
            let id = wanted.parse::<i64>().ok();
            let found = id.and_then(|id| siblings().find(|record| R::id(record) == id));
            found.cloned().ok_or_else(|| Problem::not_found(format!("no {noun} {wanted:?}")))
        }
    }
}
