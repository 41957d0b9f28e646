//! How a body names another record: by its id, or by its name.

use penstock_control::Records;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Resource, find};
use crate::admin::v1::problem::Problem;

/// The id of a record, or its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged, expecting = "expected an id or a name")]
pub(in super::super) enum Reference {
    /// Its id.
    Id(i64),
    /// Its name.
    Name(String),
}

impl Reference {
    /// The record that is meant by `field`, or the refusal that names the field.
    pub(in super::super) fn record<R: Resource>(
        &self,
        field: &'static str,
        records: &Records,
    ) -> Result<R::Record, Problem> {
        let found = match self {
            Self::Id(id) => R::all(records).get(*id).map(|record| (**record).clone()),
            Self::Name(name) => match find::<R>(records, None, name) {
                Ok(record) => Some(record),
                Err(problem) if problem.is_ambiguous() => return Err(problem),
                Err(_) => None,
            },
        };
        found.ok_or_else(|| {
            let wanted = match self {
                Self::Id(id) => id.to_string(),
                Self::Name(name) => format!("{name:?}"),
            };
            Problem::invalid_reference(field, format!("no {} {wanted}", R::KIND.noun()))
        })
    }

    /// The id of it.
    pub(in super::super) fn id<R: Resource>(
        &self,
        field: &'static str,
        records: &Records,
    ) -> Result<i64, Problem> {
        self.record::<R>(field, records).map(|record| R::id(&record))
    }
}
