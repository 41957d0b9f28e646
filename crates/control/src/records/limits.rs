//! What a scope may do, and how much of it.

use penstock_core::{Usd, named_enum};
use serde::Serialize;

use super::define::record;
use super::scope::Scope;
use crate::table::by_name;

record! {
    /// Models that a scope may use.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
    pub struct Permission(i64) in "route_permissions", unique(scope, scope_id, route_pattern) {
        /// Whom it is given to.
        #[serde(flatten)]
        pub scope: Scope,
        /// A glob over route names and `provider/model`; `*` stands for anything.
        pub route_pattern: String,
    }
}

record! {
    /// How often a scope may ask. Absent limits do not hold.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
    pub struct RateLimit(i64) in "rate_limits", unique(scope, scope_id, route_pattern) {
        /// Whom it holds for.
        #[serde(flatten)]
        pub scope: Scope,
        /// A glob over route names and `provider/model`.
        pub route_pattern: String,
        /// Requests a minute.
        pub rpm: Option<u64>,
        /// Requests a day.
        pub rpd: Option<u64>,
        /// Tokens a minute.
        pub tpm: Option<u64>,
        /// Tokens a day.
        pub tokens_per_day: Option<u64>,
        /// Requests at a time.
        pub max_parallel: Option<u64>,
    }
}

named_enum! {
    /// The time after which a quota starts anew, UTC.
    Window("window") {
        /// It never does.
        Total = "total",
        /// At midnight.
        Day = "day",
        /// At midnight before Monday.
        Week = "week",
        /// At midnight before the first.
        Month = "month",
    }
}

by_name!(Short: Window);

record! {
    /// How much a scope may spend. What it has spent is in the ledger.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
    pub struct Quota(i64) in "quotas", unique(scope, scope_id, window) {
        /// Whom it holds for.
        #[serde(flatten)]
        pub scope: Scope,
        /// The time it is for.
        pub window: Window,
        /// US dollars of one window.
        pub limit: Usd,
    }
}
