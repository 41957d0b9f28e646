//! What the store remembers beside records: what was used and logged, who is logged in, how credentials are.
//!
//! These rows are not part of the snapshot, and they change without a new version of the records.

mod health;
mod log;
mod meta;
mod quota;
mod rollup;

pub use self::health::CredentialStatus;
pub use self::log::{AuditLog, DownstreamRequest, Lease, Session, UpstreamRequest, Vocab};
pub(crate) use self::meta::{Changed, Meta, Migration};
pub use self::quota::QuotaCost;
pub(crate) use self::quota::window_start;
pub use self::rollup::{Granularity, UsageRollup};
use crate::table::{Entity, Table};
use crate::{Kind, Settlement};

/// Every table of the schema, each after those it points at.
pub(crate) fn tables() -> Vec<&'static Table> {
    let mut tables = vec![Meta::table(), Migration::table(), Changed::table()];
    tables.extend(Kind::ALL.iter().map(|kind| kind.table()));
    tables.extend([
        CredentialStatus::table(),
        QuotaCost::table(),
        Settlement::table(),
        UsageRollup::table(),
        DownstreamRequest::table(),
        UpstreamRequest::table(),
        AuditLog::table(),
        Session::table(),
        Lease::table(),
        Vocab::table(),
    ]);
    tables
}

/// A table whose rows go with a record, and its column that holds the record's id.
pub(crate) type Satellite = (fn() -> &'static Table, &'static str);

/// The tables whose rows go with a record of that kind.
pub(crate) fn satellites(kind: Kind) -> &'static [Satellite] {
    match kind {
        Kind::Credential => &[(CredentialStatus::table, "credential_id")],
        Kind::Quota => &[(QuotaCost::table, "quota_id")],
        Kind::User => &[(Session::table, "user_id")],
        _ => &[],
    }
}
