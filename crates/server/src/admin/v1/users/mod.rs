//! Users, and what they may use.

pub(super) mod create;
pub(super) mod delete;
pub(super) mod get;
pub(super) mod list;
pub(super) mod update;

use penstock_control::accounts::{check_name, grants};
use penstock_control::{Change, Kind, Permission, Records, Scope, User, password};
use penstock_core::{OrgId, Secret, TeamId, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::orgs::Orgs;
use super::problem::Problem;
use super::resource::{Draft, Filter, Look, Reference, Resource, Written, name_of, stands_for};
use super::teams::Teams;

/// Characters of a password. Argon2id makes the shortest of these a matter of years, and the longest is hashed
/// in no time.
const PASSWORD: std::ops::RangeInclusive<usize> = 8..=1024;

pub(in super::super) struct Users;

/// What a user is made of.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct UserBody {
    /// Its name.
    name: String,
    /// The organisation, by id or name; `default` unless told otherwise.
    #[serde(default = "super::default_org")]
    org: Reference,
    /// The team within the organisation, by id or name.
    team: Option<Reference>,
    /// With which it logs in, of 8 to 1024 characters; null: it does not.
    #[serde(default, skip_serializing_if = "Written::is_kept")]
    password: Written,
    /// Whether it may use the admin API.
    #[serde(default)]
    is_admin: bool,
    /// Whether its keys work.
    #[serde(default = "super::yes")]
    enabled: bool,
    /// Globs of what it may use, in place of those it has; a new user without them may use nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    permissions: Option<Vec<String>>,
}

/// A user.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct UserView {
    id: i64,
    name: String,
    org_id: i64,
    org: String,
    team_id: Option<i64>,
    team: Option<String>,
    /// Whether it has a password to log in with.
    has_password: bool,
    is_admin: bool,
    enabled: bool,
    /// Globs of what it may use. What its key, its team and its organisation may is not among them.
    permissions: Vec<String>,
    created_at: i64,
    updated_at: i64,
}

impl Resource for Users {
    type Body = UserBody;
    type View = UserView;

    stands_for!(User in users);
    const NAME: &'static str = "user";
    const FILTERS: &'static [Filter] =
        &[Filter::Text("org"), Filter::Text("team"), Filter::Flag("is_admin"), Filter::Flag("enabled")];
    const SECRETS: &'static [&'static str] = &["password"];
    const ALONG: &'static [&'static str] = &["permissions"];

    fn name(record: &User, _: &Records) -> Option<String> {
        Some(record.name.clone())
    }

    fn view(record: &User, look: &Look) -> UserView {
        let team = record.team_id.and_then(|id| look.records.teams.get(id));
        let permissions = granted(record.id, &look.records);
        UserView {
            id: record.id.0,
            name: record.name.clone(),
            org_id: record.org_id.0,
            org: name_of::<Orgs>(record.org_id, &look.records),
            team_id: record.team_id.map(|id| id.0),
            team: team.map(|team| team.name.clone()),
            has_password: record.password.is_some(),
            is_admin: record.is_admin,
            enabled: record.enabled,
            permissions: permissions.map(|permission| permission.route_pattern.clone()).collect(),
            created_at: record.created_at.0,
            updated_at: record.updated_at.0,
        }
    }

    fn body(record: &User) -> UserBody {
        UserBody {
            name: record.name.clone(),
            org: Reference::Id(record.org_id.0),
            team: record.team_id.map(|id| Reference::Id(id.0)),
            password: Written::Kept,
            is_admin: record.is_admin,
            enabled: record.enabled,
            permissions: None,
        }
    }

    fn record(body: UserBody, draft: &Draft<'_, Self>) -> Result<User, Problem> {
        check_name(&body.name)?;
        let records = &draft.look.records;
        let org_id = OrgId(body.org.id::<Orgs>("org", records)?);
        let before = draft.before.and_then(|before| before.password.clone());
        let password = match &body.password {
            Written::Given(password) => Some(hash(password)?),
            Written::Cleared => None,
            Written::Kept => before,
        };
        Ok(User {
            id: UserId(draft.id),
            name: body.name,
            org_id,
            team_id: body.team.map(|team| team_of(&team, org_id, records)).transpose()?,
            password,
            is_admin: body.is_admin,
            enabled: body.enabled,
            created_at: draft.created_at,
            updated_at: draft.now(),
        })
    }

    fn along(body: &UserBody, draft: &Draft<'_, Self>) -> Result<Vec<Change>, Problem> {
        let Some(permissions) = &body.permissions else { return Ok(Vec::new()) };
        for pattern in permissions {
            super::check::glob("permissions", pattern.trim())?;
        }
        let user = UserId(draft.id);
        let old = granted(user, &draft.look.records);
        let mut changes: Vec<_> = old.map(|old| Change::Delete(Kind::Permission, old.id)).collect();
        changes.extend(grants(user, permissions, draft.now())?);
        Ok(changes)
    }
}

fn granted(user: UserId, records: &Records) -> impl Iterator<Item = &Permission> {
    records.permissions.iter().filter(move |permission| permission.scope == Scope::User(user))
}

/// The team of that organisation: others may have one of the same name.
fn team_of(team: &Reference, org: OrgId, records: &Records) -> Result<TeamId, Problem> {
    let named = |name: &str| records.teams.iter().find(|team| team.org_id == org && team.name == name);
    let found = match team {
        Reference::Name(name) if named(name).is_some() => named(name).cloned(),
        team => Some(team.record::<Teams>("team", records)?).filter(|team| team.org_id == org),
    };
    let found =
        found.ok_or_else(|| Problem::invalid_reference("team", "expected a team of the user's organisation"));
    found.map(|team| team.id)
}

fn hash(password: &Secret<String>) -> Result<Secret<String>, Problem> {
    // only counted
    if !PASSWORD.contains(&password.expose().chars().count()) {
        let (least, most) = (PASSWORD.start(), PASSWORD.end());
        return Err(Problem::field(
            "password",
            format!("expected {least} to {most} characters, found [hidden]"),
        ));
    }
    // tens of milliseconds, in which other requests must not wait
    let hashed = tokio::task::block_in_place(|| password::hash(password));
    hashed
        .map_err(|error| Problem::new(http::StatusCode::INTERNAL_SERVER_ERROR, "password", error.to_string()))
}
