//! Organisations.

pub(super) mod create;
pub(super) mod delete;
pub(super) mod get;
pub(super) mod list;
pub(super) mod update;

use penstock_control::{Org, Records};
use penstock_core::OrgId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::check;
use super::problem::Problem;
use super::resource::{Draft, Filter, Look, Resource, stands_for};

pub(in super::super) struct Orgs;

/// What an organisation is made of.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct OrgBody {
    /// Its name.
    name: String,
    /// What it is for.
    description: Option<String>,
    /// Whether its users may do anything.
    #[serde(default = "super::yes")]
    enabled: bool,
}

/// An organisation.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct OrgView {
    id: i64,
    name: String,
    description: Option<String>,
    enabled: bool,
    created_at: i64,
    updated_at: i64,
}

impl Resource for Orgs {
    type Body = OrgBody;
    type View = OrgView;

    stands_for!(Org in orgs);
    const NAME: &'static str = "org";
    const FILTERS: &'static [Filter] = &[Filter::Flag("enabled")];

    fn name(record: &Org, _: &Records) -> Option<String> {
        Some(record.name.clone())
    }

    fn view(record: &Org, _: &Look) -> OrgView {
        OrgView {
            id: record.id.0,
            name: record.name.clone(),
            description: record.description.clone(),
            enabled: record.enabled,
            created_at: record.created_at.0,
            updated_at: record.updated_at.0,
        }
    }

    fn body(record: &Org) -> OrgBody {
        OrgBody {
            name: record.name.clone(),
            description: record.description.clone(),
            enabled: record.enabled,
        }
    }

    fn record(body: OrgBody, draft: &Draft<'_, Self>) -> Result<Org, Problem> {
        check::own_name("name", &body.name)?;
        Ok(Org {
            id: OrgId(draft.id),
            name: body.name,
            description: body.description,
            enabled: body.enabled,
            created_at: draft.created_at,
            updated_at: draft.now(),
        })
    }
}
