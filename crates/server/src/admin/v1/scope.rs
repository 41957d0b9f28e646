//! What permissions and limits apply to, as bodies and views name it.

use penstock_control::{Records, Scope, ScopeKind};

use super::keys::Keys;
use super::orgs::{self, Orgs};
use super::problem::Problem;
use super::resource::Reference;
use super::teams::Teams;
use super::users::{self, Users};

/// The scope that a body means by `scope` and `of`.
pub(super) fn require(kind: ScopeKind, of: &Reference, records: &Records) -> Result<Scope, Problem> {
    let id = match kind {
        ScopeKind::Org => of.id::<Orgs>("of", records),
        ScopeKind::Team => of.id::<Teams>("of", records),
        ScopeKind::User => of.id::<Users>("of", records),
        ScopeKind::Key => of.id::<Keys>("of", records),
    };
    id.map(|id| Scope::of(kind, id))
}

/// The name of it; of a key its first characters.
pub(super) fn name_of(scope: Scope, records: &Records) -> String {
    match scope {
        Scope::Org(id) => orgs::name_of(id, records),
        Scope::Team(id) => records.teams.get(id).map(|team| team.name.clone()).unwrap_or_default(),
        Scope::User(id) => users::name_of(id, records),
        Scope::Key(id) => records.keys.get(id).map(|key| key.prefix.clone()).unwrap_or_default(),
    }
}

/// For the audit trail: `user ada`.
pub(super) fn shown(scope: Scope, records: &Records) -> String {
    format!("{} {}", scope.parts().0, name_of(scope, records))
}
