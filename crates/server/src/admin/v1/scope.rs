//! What permissions and limits apply to, as bodies and views name it.

use penstock_control::{Records, Scope, ScopeKind};

use super::keys::Keys;
use super::orgs::Orgs;
use super::problem::Problem;
use super::resource::{self, Reference};
use super::teams::Teams;
use super::users::Users;

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
        Scope::Org(id) => resource::name_of::<Orgs>(id, records),
        Scope::Team(id) => resource::name_of::<Teams>(id, records),
        Scope::User(id) => resource::name_of::<Users>(id, records),
        Scope::Key(id) => resource::name_of::<Keys>(id, records),
    }
}

/// For the audit trail: `user ada`.
pub(super) fn shown(scope: Scope, records: &Records) -> String {
    format!("{} {}", scope.parts().0, name_of(scope, records))
}
