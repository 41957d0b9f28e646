//! What records are after a change that was committed, for whoever made it and cannot ask the store again.

use penstock_core::Timestamp;

use super::contract::{Committed, ControlError};
use super::plan::{NextIds, plan};
use crate::seal::Keyring;
use crate::{Change, ChangeSet, Records};

impl Records {
    /// These records after the changes that were made from them and committed.
    pub fn after(
        &self,
        changes: &ChangeSet,
        committed: &Committed,
        keyring: &Keyring,
        now: Timestamp,
    ) -> Result<Self, ControlError> {
        let mut next = NextIds::new();
        for change in &changes.changes {
            // ids of a table were given in the order of the changes
            if let Change::Put(record) = change
                && let Some(id) = committed.id(record.id())
            {
                next.entry(record.kind().table().name).or_insert(id);
            }
        }
        Ok(plan(self, next, changes, keyring, now)?.records)
    }
}

#[cfg(test)]
mod tests {
    use penstock_core::{OrgId, TeamId, UserId};

    use super::*;
    use crate::{ControlStore as _, Dsn, Kind, Org, Permission, Scope, Store, Team, User};

    const NOW: Timestamp = Timestamp(5);

    fn org(id: i64, name: &str) -> Change {
        let (id, name) = (OrgId(id), name.to_owned());
        Change::Put(
            Org { id, name, description: None, enabled: true, created_at: NOW, updated_at: NOW }.into(),
        )
    }

    fn team(id: i64, org: i64, name: &str) -> Change {
        let (id, org_id, name) = (TeamId(id), OrgId(org), name.to_owned());
        Change::Put(Team { id, org_id, name, enabled: true, created_at: NOW, updated_at: NOW }.into())
    }

    fn user(id: i64, org: i64, team: i64) -> Change {
        let user = User {
            id: UserId(id),
            name: "ada".to_owned(),
            org_id: OrgId(org),
            team_id: Some(TeamId(team)),
            password: None,
            is_admin: false,
            enabled: true,
            created_at: NOW,
            updated_at: NOW,
        };
        Change::Put(user.into())
    }

    fn permission(id: i64, user: i64) -> Change {
        let scope = Scope::User(UserId(user));
        let route_pattern = format!("pattern {id}");
        Change::Put(Permission { id, scope, route_pattern, created_at: NOW, updated_at: NOW }.into())
    }

    #[tokio::test]
    async fn what_is_worked_out_is_what_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&Dsn::Sqlite(folder.path().join("penstock.db"))).await.unwrap();
        let mut before = store.load().await.unwrap().records;
        for changes in [
            vec![org(-5, "a"), org(-2, "b"), team(-1, -2, "core"), user(-3, -2, -1), permission(-4, -3)],
            vec![
                permission(-1, 1),
                permission(-2, 1),
                Change::Delete(Kind::Permission, 1),
                team(-3, 2, "new"),
            ],
            vec![Change::Delete(Kind::Team, 1), org(2, "renamed")],
            vec![Change::DeleteCascading(Kind::Org, 3)],
        ] {
            let changes = ChangeSet { changes, ..ChangeSet::default() };
            let committed = store.commit(&changes).await.unwrap();
            let after = before.after(&changes, &committed, store.keyring(), NOW).unwrap();
            assert_eq!(after, store.load().await.unwrap().records, "{changes:?}");
            assert_ne!(after, before, "{changes:?}");
            before = after;
        }
    }
}
