//! `penstock usage`

use penstock_control::accounts::require_user;
use penstock_control::{ControlStore, Grouping, Total, UsageQuery, totals};
use penstock_core::{Clock, SystemClock, Usd};
use serde_json::json;

use super::{open_existing, when};
use crate::arguments::By;
use crate::config::Config;
use crate::output;

/// What the report is about.
pub(super) struct Asked {
    pub(super) by: By,
    pub(super) since: Option<String>,
    pub(super) until: Option<String>,
    pub(super) user: Option<String>,
    pub(super) provider: Option<String>,
    pub(super) model: Option<String>,
}

/// Sums usage rows.
pub(super) async fn report(config: &Config, asked: Asked, json: bool) -> anyhow::Result<()> {
    let now = SystemClock.now();
    let point = |flag, text: Option<String>| text.map(|text| when::parse(flag, &text, now)).transpose();
    let (since, until) = (point("--since", asked.since)?, point("--until", asked.until)?);
    let store = open_existing(config).await?;
    let records = store.load().await?.records;
    let user = asked.user.map(|user| require_user(&records, &user).map(|user| user.id)).transpose()?;
    let query = UsageQuery {
        since,
        until,
        user,
        provider: asked.provider,
        model: asked.model,
        ..UsageQuery::default()
    };
    let sums = totals(&store, &records, &query, grouping(asked.by)).await?;
    store.close().await?;
    if json {
        return output::json(&json!({"since": since, "until": until, "totals": sums}));
    }
    if sums.is_empty() {
        output::line("no requests in this time");
        return Ok(());
    }
    print(asked.by, &sums);
    Ok(())
}

fn grouping(by: By) -> Grouping {
    match by {
        By::Model => Grouping::Model,
        By::Provider => Grouping::Provider,
        By::User => Grouping::User,
        By::Key => Grouping::Key,
        By::Day => Grouping::Day,
    }
}

fn print(by: By, sums: &[Total]) {
    let heading = match by {
        By::Model => "model",
        By::Provider => "provider",
        By::User => "user",
        By::Key => "key",
        By::Day => "day (utc)",
    };
    let header = [heading, "requests", "input", "cache read", "cache write", "output", "cost usd"];
    let mut whole = Total { group: "all".to_owned(), ..Total::default() };
    for sum in sums {
        whole.requests += sum.requests;
        whole.input += sum.input;
        whole.cache_read += sum.cache_read;
        whole.cache_write += sum.cache_write;
        whole.output += sum.output;
        whole.cost += sum.cost;
        whole.estimated += sum.estimated;
        whole.unpriced += sum.unpriced;
    }
    let rows = sums.iter().chain((sums.len() > 1).then_some(&whole)).map(|sum| {
        let counts = [sum.requests, sum.input, sum.cache_read, sum.cache_write, sum.output];
        let mut row = vec![sum.group.clone()];
        row.extend(counts.map(grouped));
        row.push(cost(sum));
        row
    });
    output::table(&header, &[1, 2, 3, 4, 5, 6], rows);
    if whole.estimated > 0 {
        output::note(format!("{} rows are estimates: their provider reported no usage", whole.estimated));
    }
    if whole.unpriced > 0 {
        output::note(format!("{} rows have no cost: the price of their model is not known", whole.unpriced));
    }
}

fn cost(sum: &Total) -> String {
    if sum.unpriced == sum.requests && sum.cost == Usd::ZERO { "-".to_owned() } else { sum.cost.rounded(4) }
}

/// Digits in groups of three.
fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}
