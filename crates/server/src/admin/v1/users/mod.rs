//! Users, and what they may use.

pub(super) mod create;
pub(super) mod delete;
pub(super) mod get;
pub(super) mod list;
pub(super) mod update;

use penstock_control::{Permission, Records, Scope, User};
use serde::Serialize;

/// A user as the API shows it.
#[derive(Serialize)]
pub(super) struct UserView {
    #[serde(flatten)]
    user: User,
    org: Option<String>,
    permissions: Vec<String>,
}

impl UserView {
    pub(super) fn of(user: &User, records: &Records) -> Self {
        let org = records.orgs.iter().find(|org| org.id == user.org_id).map(|org| org.name.clone());
        let permissions = granted(user, records).map(|permission| permission.route_pattern.clone()).collect();
        Self { user: user.clone(), org, permissions }
    }
}

fn granted<'a>(user: &User, records: &'a Records) -> impl Iterator<Item = &'a Permission> {
    let scope = Scope::User(user.id);
    records.permissions.iter().filter(move |permission| permission.scope == scope)
}
