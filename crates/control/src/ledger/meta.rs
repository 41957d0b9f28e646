//! What the store knows of itself.

use penstock_core::Timestamp;

use crate::table::table;

table! {
    /// What marks the schema as ours, and the counters that writers guard themselves with.
    pub(crate) struct Meta in "penstock_meta", key(name) {
        pub(crate) name: String,
        pub(crate) value: String,
    }
}

table! {
    /// A step of the schema that was taken.
    pub(crate) struct Migration in "penstock_migrations", key(number) {
        pub(crate) number: i64,
        pub(crate) name: String,
        pub(crate) applied_at: Timestamp,
    }
}

table! {
    /// A record that changed with a version; if it is not there any more, it was deleted.
    pub(crate) struct Changed in "changes", key(version, kind, record_id) {
        pub(crate) version: i64,
        pub(crate) kind: String,
        pub(crate) record_id: i64,
    }
}
