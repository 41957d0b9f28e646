//! Teams of organisations.

pub(super) mod create;
pub(super) mod delete;
pub(super) mod get;
pub(super) mod list;
pub(super) mod update;

use penstock_control::{Records, Team};
use penstock_core::{OrgId, TeamId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::check;
use super::orgs::Orgs;
use super::problem::Problem;
use super::resource::{Draft, Filter, Look, Reference, Resource, name_of, stands_for};

pub(in super::super) struct Teams;

/// What a team is made of.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct TeamBody {
    /// Its name among those of the organisation.
    name: String,
    /// The organisation, by id or name; `default` unless told otherwise.
    #[serde(default = "super::default_org")]
    org: Reference,
    /// Whether its users may do anything.
    #[serde(default = "super::yes")]
    enabled: bool,
}

/// A team.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct TeamView {
    id: i64,
    name: String,
    org_id: i64,
    org: String,
    enabled: bool,
    created_at: i64,
    updated_at: i64,
}

impl Resource for Teams {
    type Body = TeamBody;
    type View = TeamView;

    stands_for!(Team in teams);
    const NAME: &'static str = "team";
    const FILTERS: &'static [Filter] = &[Filter::Text("org"), Filter::Flag("enabled")];

    fn name(record: &Team, _: &Records) -> Option<String> {
        Some(record.name.clone())
    }

    fn target(record: &Team, records: &Records) -> String {
        format!("{} of organisation {}", record.name, name_of::<Orgs>(record.org_id, records))
    }

    fn view(record: &Team, look: &Look) -> TeamView {
        TeamView {
            id: record.id.0,
            name: record.name.clone(),
            org_id: record.org_id.0,
            org: name_of::<Orgs>(record.org_id, &look.records),
            enabled: record.enabled,
            created_at: record.created_at.0,
            updated_at: record.updated_at.0,
        }
    }

    fn body(record: &Team) -> TeamBody {
        TeamBody { name: record.name.clone(), org: Reference::Id(record.org_id.0), enabled: record.enabled }
    }

    fn record(body: TeamBody, draft: &Draft<'_, Self>) -> Result<Team, Problem> {
        check::own_name("name", &body.name)?;
        let org_id = OrgId(body.org.id::<Orgs>("org", &draft.look.records)?);
        let has_users = || draft.look.records.users.iter().any(|user| user.team_id == Some(TeamId(draft.id)));
        if draft.before.is_some_and(|before| before.org_id != org_id) && has_users() {
            return Err(Problem::field("org", "the team has users, who are of the organisation it is in"));
        }
        Ok(Team {
            id: TeamId(draft.id),
            org_id,
            name: body.name,
            enabled: body.enabled,
            created_at: draft.created_at,
            updated_at: draft.now(),
        })
    }
}
