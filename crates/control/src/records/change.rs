//! What is to be different.

use penstock_core::UserId;
use serde_json::Value;

use super::{Kind, Record};

/// One change of a [`ChangeSet`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "most changes put a record, and none lives long")]
pub enum Change {
    /// Makes the record (temporary id) or replaces it (real id).
    Put(Record),
    /// Removes the record and what hangs on it; removing a key leaves its tombstone. It is refused while
    /// something is left that must not lose it.
    Delete(Kind, i64),
    /// The same, but what must not lose it goes as well.
    DeleteCascading(Kind, i64),
}

/// What the audit trail says of a change. Secrets are left out by whoever makes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// The user who did it, if it was one.
    pub actor_id: Option<UserId>,
    /// Who did it, for people: a user's name, `admin key`, `command line`.
    pub actor_name: String,
    /// What was done, such as `user.create`.
    pub action: String,
    /// To what, such as `user ada`.
    pub target: String,
    /// What it was like.
    pub before: Option<Value>,
    /// What it is like now.
    pub after: Option<Value>,
    /// Where it was asked for.
    pub source_ip: Option<String>,
}

/// Changes that happen together or not at all, in this order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangeSet {
    /// The changes.
    pub changes: Vec<Change>,
    /// The version whose records the changes were made from: if the store has moved on, nothing is
    /// changed. `None` for changes that do not depend on what was read.
    pub based_on: Option<u64>,
    /// What the audit trail says of them.
    pub audit: Option<AuditEntry>,
}

impl ChangeSet {
    /// A set of one change.
    pub fn of(change: Change) -> Self {
        Self { changes: vec![change], ..Self::default() }
    }

    /// Says which version the changes were made from.
    #[must_use]
    pub fn based_on(self, version: u64) -> Self {
        Self { based_on: Some(version), ..self }
    }

    /// Says what the audit trail says.
    #[must_use]
    pub fn audited(self, entry: AuditEntry) -> Self {
        Self { audit: Some(entry), ..self }
    }

    /// Adds a change.
    #[must_use]
    pub fn and(mut self, change: Change) -> Self {
        self.changes.push(change);
        self
    }
}
