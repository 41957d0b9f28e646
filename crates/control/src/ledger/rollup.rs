//! Sums of usage by hour and day.

use std::collections::HashMap;

use penstock_core::{Timestamp, Usage, Usd, named_enum};
use serde::Serialize;

use crate::Settlement;
use crate::table::{Word, by_name, table};

named_enum! {
    /// The length of what a rollup sums up.
    Granularity("granularity") {
        /// An hour.
        Hour = "hour",
        /// A day, UTC.
        Day = "day",
    }
}

by_name!(Short: Granularity);

impl Granularity {
    const fn millis(self) -> i64 {
        match self {
            Self::Hour => 3_600_000,
            Self::Day => 86_400_000,
        }
    }
}

table! {
    /// What was used in an hour or a day. Absent ids are 0, so that there is one row for them.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
    pub struct UsageRollup in "usage_rollups",
        key(granularity, bucket, provider, org_id, team_id, user_id, route, model),
        index(bucket), index(user_id)
    {
        /// Its length.
        pub granularity: Granularity,
        /// When it begins.
        pub bucket: Timestamp,
        /// The provider that answered.
        pub provider: Word,
        /// Who is charged, or 0.
        pub org_id: i64,
        /// See `org_id`.
        pub team_id: i64,
        /// See `org_id`.
        pub user_id: i64,
        /// The model as clients named it.
        pub route: std::sync::Arc<str>,
        /// The provider's name of it.
        pub model: std::sync::Arc<str>,
        /// How many requests.
        pub requests: u64,
        /// Their tokens.
        #[serde(flatten)]
        pub usage: Usage,
        /// What the priced ones cost.
        pub cost: Usd,
        /// How many have no known price.
        pub unpriced: u64,
    }
}

impl Granularity {
    /// When the one begins that `at` lies in.
    const fn bucket(self, at: Timestamp) -> Timestamp {
        Timestamp(at.0.div_euclid(self.millis()) * self.millis())
    }
}

impl UsageRollup {
    /// What settlements add, by hours. There are far fewer of these than settlements, so these are summed by
    /// what they hold, and nothing is made for each.
    pub(crate) fn by_hour(settlements: &[&Settlement]) -> Vec<Self> {
        let mut sums = HashMap::new();
        for settlement in settlements {
            let Settlement { at, provider, org_id, team_id, user_id, route, model, .. } = settlement;
            let key = (Granularity::Hour.bucket(*at), provider, org_id, team_id, user_id, route, model);
            sums.entry(key).or_insert_with(|| Self::empty(settlement)).count(settlement);
        }
        sums.into_values().collect()
    }

    /// The same as part of the day.
    pub(crate) fn of_day(&self) -> Self {
        let granularity = Granularity::Day;
        Self { granularity, bucket: granularity.bucket(self.bucket), ..self.clone() }
    }

    /// The hour that a settlement belongs to, with nothing in it.
    fn empty(settlement: &Settlement) -> Self {
        Self {
            granularity: Granularity::Hour,
            bucket: Granularity::Hour.bucket(settlement.at),
            provider: Word::from(&*settlement.provider),
            org_id: settlement.org_id.map_or(0, |id| id.0),
            team_id: settlement.team_id.map_or(0, |id| id.0),
            user_id: settlement.user_id.map_or(0, |id| id.0),
            route: settlement.route.clone(),
            model: settlement.model.clone(),
            requests: 0,
            usage: Usage::default(),
            cost: Usd::ZERO,
            unpriced: 0,
        }
    }

    fn count(&mut self, settlement: &Settlement) {
        self.requests += 1;
        self.usage = self.usage.plus(&settlement.usage);
        self.cost += settlement.cost.unwrap_or(Usd::ZERO);
        self.unpriced += u64::from(settlement.cost.is_none());
    }

    /// Adds what another row of the same key has.
    pub(crate) fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.usage = self.usage.plus(&other.usage);
        self.cost += other.cost;
        self.unpriced += other.unpriced;
    }
}
