//! What limits apply to.

use penstock_core::{KeyId, OrgId, TeamId, UserId, named_enum};
use serde::{Deserialize, Serialize};

use crate::table::{Cell, Cells, Column, ColumnType, Field, by_name};
use crate::{ControlError, Kind};

named_enum! {
    /// The kinds of [`Scope`].
    ScopeKind("scope") {
        /// An organisation.
        Org = "org",
        /// A team.
        Team = "team",
        /// A user.
        User = "user",
        /// A key.
        Key = "key",
    }
}

by_name!(Short: ScopeKind);

impl ScopeKind {
    /// The kind of record it is.
    pub(crate) const fn kind(self) -> Kind {
        match self {
            Self::Org => Kind::Org,
            Self::Team => Kind::Team,
            Self::User => Kind::User,
            Self::Key => Kind::UserKey,
        }
    }
}

/// What a permission or limit applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "scope", content = "scope_id")]
pub enum Scope {
    /// Everyone in an organisation.
    Org(OrgId),
    /// Everyone in a team.
    Team(TeamId),
    /// All keys of a user.
    User(UserId),
    /// One key.
    Key(KeyId),
}

impl Scope {
    /// Its kind and id.
    pub fn parts(self) -> (ScopeKind, i64) {
        match self {
            Self::Org(id) => (ScopeKind::Org, id.0),
            Self::Team(id) => (ScopeKind::Team, id.0),
            Self::User(id) => (ScopeKind::User, id.0),
            Self::Key(id) => (ScopeKind::Key, id.0),
        }
    }

    /// The scope of that kind and id.
    pub fn of(kind: ScopeKind, id: i64) -> Self {
        match kind {
            ScopeKind::Org => Self::Org(OrgId(id)),
            ScopeKind::Team => Self::Team(TeamId(id)),
            ScopeKind::User => Self::User(UserId(id)),
            ScopeKind::Key => Self::Key(KeyId(id)),
        }
    }
}

/// The name of the column that says what kind of record the next column points at.
pub(crate) const SCOPE: &str = "scope";
pub(crate) const SCOPE_ID: &str = "scope_id";

/// Two columns: which table the second points at stands in the first, so that no database can check it.
impl Field for Scope {
    fn columns(_: &'static str, columns: &mut Vec<Column>) {
        let column = |name, kind| Column { name, kind, nullable: false, sealed: false, refers: None };
        columns.push(column(SCOPE, ColumnType::Short));
        columns.push(column(SCOPE_ID, ColumnType::Integer));
    }

    fn write(&self, row: &mut Vec<Cell>) {
        let (kind, id) = self.parts();
        row.extend([kind.as_str().into(), id.into()]);
    }

    fn read(_: &'static str, cells: &mut Cells) -> Result<Self, ControlError> {
        Ok(Self::of(Field::read(SCOPE, cells)?, Field::read(SCOPE_ID, cells)?))
    }
}
