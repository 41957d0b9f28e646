//! Sums of usage rows. Money is added here, in exact decimals, and never by a database.

use std::collections::BTreeMap;

use penstock_core::{UsageSource, Usd};
use serde::Serialize;

use crate::{ControlError, ControlStore, Records, Settlement, UsageQuery};

const PAGE: u64 = 2_000;

/// By what rows are summed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grouping {
    /// Provider and upstream model.
    Model,
    /// Provider.
    Provider,
    /// User, or the tenant of a caller with an own key.
    User,
    /// Key.
    Key,
    /// Day, UTC.
    Day,
}

/// The sum of one group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Total {
    /// The group's name.
    pub group: String,
    /// Rows in it.
    pub requests: u64,
    /// Input tokens, cached ones excluded.
    pub input: u64,
    /// Tokens read from a cache.
    pub cache_read: u64,
    /// Tokens written to a cache.
    pub cache_write: u64,
    /// Output tokens.
    pub output: u64,
    /// What the priced rows cost.
    pub cost: Usd,
    /// Rows whose figures are not the provider's own.
    pub estimated: u64,
    /// Rows whose model has no known price.
    pub unpriced: u64,
}

impl Total {
    fn add(&mut self, row: &Settlement) {
        self.requests += 1;
        self.input += row.usage.input;
        self.cache_read += row.usage.cache_read;
        self.cache_write += row.usage.cache_write_5m + row.usage.cache_write_1h;
        self.output += row.usage.output;
        self.cost += row.cost.unwrap_or(Usd::ZERO);
        self.estimated += u64::from(row.source == UsageSource::Estimated);
        self.unpriced += u64::from(row.cost.is_none());
    }
}

/// Sums all rows that `query` matches, page by page. Groups are sorted by name.
pub async fn totals(
    store: &dyn ControlStore,
    records: &Records,
    query: &UsageQuery,
    grouping: Grouping,
) -> Result<Vec<Total>, ControlError> {
    let names = Names::of(records);
    let mut groups = BTreeMap::<String, Total>::new();
    let mut query = UsageQuery { limit: PAGE, ..query.clone() };
    loop {
        let page = store.usage(&query).await?;
        for row in &page.rows {
            groups.entry(names.group(row, grouping)).or_default().add(row);
        }
        let Some(next) = page.next else { break };
        query.after = Some(next);
    }
    Ok(groups.into_iter().map(|(group, total)| Total { group, ..total }).collect())
}

struct Names<'a> {
    users: BTreeMap<i64, &'a str>,
    keys: BTreeMap<i64, String>,
}

impl<'a> Names<'a> {
    fn of(records: &'a Records) -> Self {
        let label = |key: &crate::UserKey| match &key.label {
            Some(label) => format!("{} ({label})", key.prefix),
            None => key.prefix.clone(),
        };
        Self {
            users: records.users.iter().map(|user| (user.id.0, user.name.as_str())).collect(),
            keys: records.keys.iter().map(|key| (key.id.0, label(key))).collect(),
        }
    }

    fn group(&self, row: &Settlement, grouping: Grouping) -> String {
        let keyless = || row.tenant.as_deref().unwrap_or("(no key)").to_owned();
        match grouping {
            Grouping::Model => format!("{}/{}", row.provider, row.model),
            Grouping::Provider => row.provider.to_string(),
            Grouping::User => row.user_id.map_or_else(keyless, |id| {
                self.users.get(&id.0).map_or_else(|| format!("user {id}"), ToString::to_string)
            }),
            Grouping::Key => row.key_id.map_or_else(keyless, |id| {
                self.keys.get(&id.0).cloned().unwrap_or_else(|| format!("key {id}"))
            }),
            Grouping::Day => jiff::Timestamp::from_millisecond(row.at.0)
                .map_or_else(|_| "(no date)".to_owned(), |at| at.strftime("%Y-%m-%d").to_string()),
        }
    }
}
