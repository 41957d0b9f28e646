//! The difference, for people and for the store.

use penstock_core::Secret;
use serde::Serialize;
use serde_json::{Value, json};

use crate::password::{self, PasswordError};
use crate::{AuditEntry, Change, ChangeSet, Kind, Record};

/// Changes that the audit trail lists at the most; of the others it has the number.
const LISTED: usize = 200;

/// What a bundle would change.
#[derive(Debug, Default)]
pub struct Plan {
    /// Each record that would be different, in the order of the bundle; what is removed comes last.
    pub changes: Vec<PlannedChange>,
    /// What nobody asked for: what is kept although pruning would remove it, and why; what a provider starts with.
    pub notes: Vec<String>,
    /// Keys that would be made. Their texts are known here and nowhere else.
    pub keys: Vec<MadeKey>,
    pub(super) based_on: u64,
    pub(super) made: i64,
    pub(super) puts: Vec<Record>,
    pub(super) deletes: Vec<(Kind, i64)>,
    /// Passwords that are hashed when it comes to it, by the id of the user.
    pub(super) passwords: Vec<(i64, Secret<String>)>,
}

/// What becomes of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It is made.
    Create,
    /// Some of its fields change.
    Change,
    /// It is removed, with what hangs on it.
    Delete,
}

/// A record that would be different.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlannedChange {
    /// What becomes of it.
    pub action: Action,
    /// What kind of record it is, for people.
    pub kind: &'static str,
    /// Its name, after the names of what it belongs to: `openai / main`.
    pub name: String,
    /// The fields that differ, or those that a new record is made with.
    pub fields: Vec<FieldChange>,
}

/// A field that would be different. Secrets are `[hidden]` on both sides.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FieldChange {
    /// Its name.
    pub field: String,
    /// What is there.
    pub from: Value,
    /// What is to be there.
    pub to: Value,
}

/// A key that was made, to be shown once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MadeKey {
    /// Whose it is.
    pub user: String,
    /// What its owner calls it.
    pub label: Option<String>,
    /// Its first characters.
    pub prefix: String,
    /// The key.
    pub key: Secret<String>,
}

impl Plan {
    /// Whether the records are as the bundle says.
    pub fn is_empty(&self) -> bool {
        self.puts.is_empty() && self.deletes.is_empty()
    }

    /// The version of the records that it was made from.
    pub fn based_on(&self) -> u64 {
        self.based_on
    }

    /// How many records are made, changed and removed, in words.
    pub fn summary(&self) -> String {
        let count = |action| self.changes.iter().filter(|change| change.action == action).count();
        let [made, changed, removed] = [Action::Create, Action::Change, Action::Delete].map(count);
        format!("{made} to create, {changed} to change, {removed} to delete")
    }

    /// The changes for the store. Passwords are hashed here, which takes its time.
    pub(in super::super) fn into_changes(mut self, entry: AuditEntry) -> Result<ChangeSet, PasswordError> {
        for (id, password) in &self.passwords {
            let hash = password::hash(password)?;
            for put in &mut self.puts {
                if let Record::User(user) = put
                    && user.id.0 == *id
                {
                    user.password = Some(hash.clone());
                }
            }
        }
        let left_out = self.changes.len().saturating_sub(LISTED);
        let listed: Vec<_> = self.changes.iter().take(LISTED).collect();
        let after = json!({ "changes": listed, "left_out": left_out });
        let puts = self.puts.into_iter().map(Change::Put);
        let deletes = self.deletes.into_iter().map(|(kind, id)| Change::Delete(kind, id));
        let changes = ChangeSet { changes: puts.chain(deletes).collect(), ..ChangeSet::default() };
        Ok(changes.based_on(self.based_on).audited(AuditEntry { after: Some(after), ..entry }))
    }
}
