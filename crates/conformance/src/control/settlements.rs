//! Settlements: each is applied once, whoever brings it how often, and comes back as it was.

use std::sync::Arc;

use futures_util::future::try_join_all;
use penstock_control::{Grouping, Settled, Settlement, UsageQuery, totals};
use penstock_core::{Dialect, Ended, KeyId, Operation, OrgId, TeamId, Timestamp, Usage, UsageSource, UserId};

use super::{Harness, settlement, with_ada};
use crate::Outcome;
use crate::case::{cases, equal};

cases! { "control", dyn Harness:
    a_settlement_comes_back_as_it_was;
    a_name_of_any_length_is_settled;
    a_name_of_any_characters_is_settled;
    a_raw_usage_of_any_length_is_kept;
    settling_again_changes_nothing;
    nodes_that_settle_the_same_apply_each_once;
    sums_are_exact_and_filtered;
    usage_is_found_by_what_it_is_about;
}

fn everything() -> UsageQuery {
    UsageQuery { limit: 10_000, ..UsageQuery::default() }
}

async fn a_settlement_comes_back_as_it_was(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    let most = Settlement {
        org_id: Some(OrgId(1)),
        team_id: Some(TeamId(i64::MAX)),
        user_id: Some(UserId(2)),
        key_id: Some(KeyId(3)),
        tenant: Some("byok:0123".into()),
        operation: Operation::Embed,
        dialect: Dialect::AnthropicMessages,
        model: "\u{1f41f} it's a 'model'".into(),
        usage: Usage {
            input: 1 << 62,
            output: 2,
            cache_read: 3,
            cache_write_5m: 4,
            cache_write_1h: 5,
            reasoning: 6,
        },
        cost: "123456789012345.000000000001".parse().ok(),
        source: UsageSource::Estimated,
        ended: Ended::ClientGone,
        ..settlement(1)
    };
    let least = Settlement {
        credential: None,
        raw_usage: None,
        cost: None,
        price_version: None,
        ttft_ms: None,
        usage: Usage::default(),
        ..settlement(2)
    };
    let rows = [most, least];
    store.settle(&rows).await?;
    equal("the rows", store.usage(&everything()).await?.rows, rows)
}

async fn a_name_of_any_length_is_settled(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    let name = "é".repeat(100_000);
    let long = Settlement { route: name.as_str().into(), model: name.as_str().into(), ..settlement(1) };
    equal("what became of it", store.settle(&[long, settlement(2)]).await?, [Settled::Applied; 2])?;
    let rows = store.usage(&everything()).await?.rows;
    equal("the rows", rows.len(), 2)?;
    equal("the beginning of the name", &*rows[0].model, &name[..rows[0].model.len()])
}

async fn a_name_of_any_characters_is_settled(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    let named = |name: &str| Settlement {
        route: name.into(),
        model: name.into(),
        provider: name.into(),
        credential: Some(name.into()),
        tenant: Some(name.into()),
        price_version: Some(name.into()),
        raw_usage: Some(name.into()),
        ..settlement(1)
    };
    // a zero is what no text of PostgreSQL has
    let (odd, kept) = (named("a\0\u{1}\u{7f}\n'\u{feff}"), named("a\u{1}\u{7f}\n'\u{feff}"));
    let kept = Settlement { request_id: odd.request_id, ..kept };
    let rows = [odd, settlement(2)];
    equal("what became of it", store.settle(&rows).await?, [Settled::Applied; 2])?;
    equal("again", store.settle(&rows).await?, [Settled::Duplicate; 2])?;
    equal("the row", store.usage(&everything()).await?.rows.first(), Some(&kept))
}

async fn a_raw_usage_of_any_length_is_kept(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    let raw = format!(r#"{{"note":"{}"}}"#, "é".repeat(150_000));
    let row = Settlement { raw_usage: Some(raw.into()), ..settlement(1) };
    store.settle(std::slice::from_ref(&row)).await?;
    equal("the row", store.usage(&everything()).await?.rows, [row])
}

async fn settling_again_changes_nothing(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    let rows: Vec<_> = (1..=1_200).map(settlement).collect();
    equal("the first", store.settle(&rows[..700]).await?, vec![Settled::Applied; 700])?;
    let again = store.settle(&rows).await?;
    let old = again.iter().filter(|settled| **settled == Settled::Duplicate).count();
    equal("what was there", old, 700)?;
    let new = settlement(5_000);
    let twice = [new.clone(), new, rows[0].clone()];
    let expected = [Settled::Applied, Settled::Duplicate, Settled::Duplicate];
    equal("one twice in a batch", store.settle(&twice).await?, expected)?;

    let mut read = Vec::new();
    let mut query = UsageQuery { limit: 500, until: Some(Timestamp(5_000)), ..UsageQuery::default() };
    loop {
        let page = store.usage(&query).await?;
        read.extend(page.rows);
        query.after = page.next;
        if query.after.is_none() {
            break;
        }
    }
    equal("the rows, in order, each once", read, rows)
}

async fn nodes_that_settle_the_same_apply_each_once(harness: Arc<dyn Harness>) -> Outcome {
    let nodes = [harness.store(), harness.node().await?];
    let rows: Vec<_> = (1..=50).map(settlement).collect();
    let settling = (0..20).map(|number: usize| {
        let (node, rows) = (Arc::clone(&nodes[number % 2]), rows.clone());
        async move { node.settle(&rows).await }
    });
    let settled = try_join_all(settling).await?;
    let applied = settled.iter().flatten().filter(|settled| **settled == Settled::Applied).count();
    equal("how often one was applied", applied, 50)?;
    equal("the rows", nodes[0].usage(&everything()).await?.rows, rows)
}

async fn sums_are_exact_and_filtered(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    let key = with_ada(&*store).await?;
    let row = |at: i64| Settlement {
        cost: "0.1".parse().ok(),
        user_id: (at % 3 == 0).then_some(key.user_id),
        key_id: (at % 3 == 0).then_some(key.id),
        tenant: (at % 3 == 1).then(|| "byok:12".into()),
        ..settlement(at)
    };
    let rows: Vec<_> = (0..3_000).map(row).collect();
    store.settle(&rows).await?;
    let records = store.load().await?.records;
    let sums = totals(&*store, &records, &UsageQuery::default(), Grouping::User).await?;
    let read: Vec<_> =
        sums.iter().map(|sum| (sum.group.as_str(), sum.requests, sum.cost.to_string())).collect();
    let expected = ["(no key)", "ada", "byok:12"].map(|group| (group, 1_000, "100".to_owned()));
    equal("the sums", read, expected.to_vec())?;
    let query =
        UsageQuery { user: Some(key.user_id), since: Some(Timestamp(1_500)), ..UsageQuery::default() };
    let sums = totals(&*store, &records, &query, Grouping::Day).await?;
    let read: Vec<_> = sums.iter().map(|sum| (sum.group.as_str(), sum.requests)).collect();
    equal("the sums of one user", read, [("1970-01-01", 500)])
}

async fn usage_is_found_by_what_it_is_about(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    let rows = [
        Settlement { model: "Gpt".into(), ..settlement(1) },
        Settlement { provider: "groq".into(), ..settlement(2) },
        Settlement { user_id: Some(UserId(7)), ..settlement(3) },
        Settlement { key_id: Some(KeyId(8)), ..settlement(4) },
    ];
    store.settle(&rows).await?;
    let queries = [
        (UsageQuery { model: Some("Gpt".to_owned()), ..everything() }, &rows[..1]),
        (UsageQuery { model: Some("gpt".to_owned()), ..everything() }, &rows[..0]),
        (UsageQuery { provider: Some("groq".to_owned()), ..everything() }, &rows[1..2]),
        (UsageQuery { user: Some(UserId(7)), ..everything() }, &rows[2..3]),
        (UsageQuery { key: Some(KeyId(8)), ..everything() }, &rows[3..]),
        (UsageQuery { since: Some(Timestamp(2)), until: Some(Timestamp(4)), ..everything() }, &rows[1..3]),
    ];
    for (query, expected) in queries {
        equal(&format!("{query:?}"), store.usage(&query).await?.rows, expected)?;
    }
    Ok(())
}
