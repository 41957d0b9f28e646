//! Logs, the audit trail, and how long they are kept.

use std::sync::Arc;
use std::time::{Duration, Instant};

use penstock_control::{
    AuditEntry, AuditQuery, ChangeSet, DownstreamRequest, LogBatch, LogQuery, Pruned, Retention, Session,
    UpstreamRequest, UsageQuery,
};
use penstock_core::{RequestId, Timestamp, UserId};
use serde_json::json;

use super::{Harness, default_org, settlement, user, with_ada};
use crate::case::{cases, equal, holds};
use crate::{Failure, Outcome};

cases! { "control", dyn Harness:
    logs_come_back_with_what_was_asked_of_providers;
    logs_are_paged_and_filtered;
    the_oldest_log_is_found_whichever_kind_it_is;
    a_change_and_its_audit_entry_are_one;
    the_audit_trail_is_paged_from_the_newest;
    what_is_too_old_is_removed_in_pieces;
    without_a_limit_nothing_is_removed;
    what_removed_logs_leave_is_given_back;
}

/// What is not so after that time never will be.
const PATIENCE: Duration = Duration::from_mins(1);

fn downstream(at: i64) -> DownstreamRequest {
    DownstreamRequest {
        request_id: RequestId::new(Timestamp(at)),
        at: Timestamp(at),
        method: "POST".to_owned(),
        path: "/v1/chat/completions".to_owned(),
        query: None,
        status: 200,
        headers: Some(json!({"user-agent": "it's \u{1f41f}"})),
        body: Some("{\"model\": \"x\"}".to_owned()),
        response_body: Some("é".repeat(40_000)),
    }
}

fn upstream(of: &DownstreamRequest, attempt: i64) -> UpstreamRequest {
    UpstreamRequest {
        request_id: of.request_id,
        attempt,
        at: of.at,
        provider: Some("openai".to_owned()),
        credential: None,
        url: "https://api.example.com/v1/chat/completions".to_owned(),
        method: "POST".to_owned(),
        status: 500,
        latency_ms: 12,
        headers: None,
        body: Some(String::new()),
        response_body: None,
    }
}

async fn logs_come_back_with_what_was_asked_of_providers(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    let (first, second) = (downstream(1), downstream(2));
    let attempts = vec![upstream(&first, 1), upstream(&first, 2)];
    let batch = LogBatch { downstream: vec![first.clone(), second.clone()], upstream: attempts.clone() };
    store.record(&batch).await?;
    // a batch whose acknowledgement was lost comes again
    store.record(&batch).await?;
    let page = store.logs(&LogQuery { limit: 10, ..LogQuery::default() }).await?;
    equal("the rows", page.rows, [(first, attempts), (second, Vec::new())])
}

async fn logs_are_paged_and_filtered(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    let rows: Vec<_> = (0..7).map(downstream).collect();
    store.record(&LogBatch { downstream: rows.clone(), upstream: Vec::new() }).await?;
    let mut query =
        LogQuery { since: Some(Timestamp(1)), until: Some(Timestamp(6)), limit: 2, ..LogQuery::default() };
    let mut found = Vec::new();
    loop {
        let page = store.logs(&query).await?;
        found.extend(page.rows.into_iter().map(|(row, _)| row));
        let Some(next) = page.next else { break };
        query.after = Some(next);
    }
    equal("the rows between", found.as_slice(), &rows[1..6])?;
    let one = LogQuery { request_id: Some(rows[3].request_id), limit: 2, ..LogQuery::default() };
    equal("the one", store.logs(&one).await?.rows, [(rows[3].clone(), Vec::new())])
}

async fn the_oldest_log_is_found_whichever_kind_it_is(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    equal("of none", store.oldest_log().await?, None)?;
    let attempts =
        |at: i64| LogBatch { downstream: Vec::new(), upstream: vec![upstream(&downstream(at), 1)] };
    store.record(&attempts(8)).await?;
    equal("of attempts alone", store.oldest_log().await?, Some(Timestamp(8)))?;
    store.record(&LogBatch { downstream: vec![downstream(5), downstream(9)], upstream: Vec::new() }).await?;
    equal("of both", store.oldest_log().await?, Some(Timestamp(5)))?;
    store.record(&attempts(3)).await?;
    equal("of both, an attempt first", store.oldest_log().await?, Some(Timestamp(3)))
}

fn entry(action: &str) -> AuditEntry {
    AuditEntry {
        actor_id: Some(UserId(1)),
        actor_name: "ada".to_owned(),
        action: action.to_owned(),
        target: "user bob".to_owned(),
        before: None,
        after: Some(json!({"name": "bob"})),
        source_ip: Some("127.0.0.1".to_owned()),
    }
}

async fn a_change_and_its_audit_entry_are_one(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    let org = default_org(&*store).await?;
    store.commit(&ChangeSet::of(user(-1, "bob", org)).audited(entry("user.create"))).await?;
    let again = store.commit(&ChangeSet::of(user(-1, "bob", org)).audited(entry("user.create"))).await;
    holds("the name is taken", again.is_err())?;
    store.note(&entry("login"), Timestamp(1 << 41), 401).await?;
    let page = store.audit(&AuditQuery { limit: 10, ..AuditQuery::default() }).await?;
    let found: Vec<_> = page.rows.iter().map(|row| (row.action.as_str(), row.status)).collect();
    equal("the trail", found, [("login", 401), ("user.create", 200)])?;
    let created = page.rows.last().ok_or_else(|| Failure::new("there is no entry"))?;
    equal("what is new", created.after.as_ref(), Some(&json!({"name": "bob"})))?;
    equal("who did it", (created.actor_id, created.actor_name.as_deref()), (Some(UserId(1)), Some("ada")))
}

async fn the_audit_trail_is_paged_from_the_newest(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    for at in 0..7 {
        store.note(&entry(&at.to_string()), Timestamp(at), 200).await?;
    }
    let mut query =
        AuditQuery { actor: Some(UserId(1)), since: Some(Timestamp(1)), limit: 2, ..AuditQuery::default() };
    let mut found = Vec::new();
    loop {
        let page = store.audit(&query).await?;
        found.extend(page.rows.into_iter().map(|row| row.action));
        let Some(next) = page.next else { break };
        query.before = Some(next);
    }
    equal("the trail", found, ["6", "5", "4", "3", "2", "1"])?;
    let nobody = AuditQuery { actor: Some(UserId(2)), limit: 2, ..AuditQuery::default() };
    equal("somebody else's", store.audit(&nobody).await?.rows, [])
}

async fn what_is_too_old_is_removed_in_pieces(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    let key = with_ada(&*store).await?;
    store.settle(&(0..10).map(settlement).collect::<Vec<_>>()).await?;
    let logs: Vec<_> = (0..10).map(downstream).collect();
    let attempts = logs.iter().map(|log| upstream(log, 1)).collect();
    store.record(&LogBatch { downstream: logs, upstream: attempts }).await?;
    let session = |digest: &str, ends| Session {
        digest: digest.to_owned(),
        user_id: key.user_id,
        created_at: Timestamp(0),
        expires_at: Timestamp(ends),
    };
    store.open_session(&session("old", 5)).await?;
    store.open_session(&session("new", 50)).await?;
    let before = |at| Some(Timestamp(at));
    let retention = Retention {
        usage_before: before(6),
        logs_before: before(4),
        bodies_before: before(8),
        sessions_before: before(6),
        limit: 3,
    };
    let mut sum = Pruned::default();
    for _ in 0..20 {
        let pruned = store.prune(&retention).await?;
        let most = [pruned.usages, pruned.logs / 2, pruned.bodies, pruned.sessions].into_iter().max();
        holds("a piece is no larger than told", most <= Some(3))?;
        sum.usages += pruned.usages;
        sum.logs += pruned.logs;
        sum.sessions += pruned.sessions;
        if !pruned.more {
            break;
        }
    }
    equal("what was removed", (sum.usages, sum.logs, sum.sessions), (6, 8, 1))?;
    let usage = store.usage(&UsageQuery { limit: 100, ..UsageQuery::default() }).await?;
    equal("the usage rows", usage.rows.iter().map(|row| row.at.0).collect::<Vec<_>>(), [6, 7, 8, 9])?;
    let logs = store.logs(&LogQuery { limit: 100, ..LogQuery::default() }).await?.rows;
    let bodies =
        logs.iter().map(|(log, attempts)| (log.at.0, log.body.is_some() && attempts[0].body.is_some()));
    let expected = [(4, false), (5, false), (6, false), (7, false), (8, true), (9, true)];
    equal("the bodies", bodies.collect::<Vec<_>>(), expected)?;
    holds("the old login is gone", store.session("old").await?.is_none())?;
    holds("the new one is there", store.session("new").await?.is_some())
}

async fn without_a_limit_nothing_is_removed(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    store.settle(&[settlement(1)]).await?;
    let pruned = store.prune(&Retention { limit: 100, ..Retention::default() }).await?;
    equal("what was removed", pruned, Pruned::default())?;
    equal("the rows", store.usage(&UsageQuery { limit: 9, ..UsageQuery::default() }).await?.rows.len(), 1)
}

async fn what_removed_logs_leave_is_given_back(harness: Arc<dyn Harness>) -> Outcome {
    const ROWS: i64 = 40;
    let store = harness.store();
    let before = store.size().await?;
    let rows = (0..ROWS).map(|at| {
        // a text that is not made smaller by whoever compresses it
        let mut state = u64::try_from(at).unwrap_or_default() + 1;
        let body = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            format!("{state:016x}")
        });
        DownstreamRequest { response_body: Some(body.take(4_000).collect()), ..downstream(at) }
    });
    let bytes = u64::try_from(ROWS)? * 64_000;
    store.record(&LogBatch { downstream: rows.collect(), upstream: Vec::new() }).await?;
    let grown = store.size().await?;
    holds("the rows count, compressed or not", grown > before + bytes / 3)?;
    let all = Retention { logs_before: Some(Timestamp(ROWS)), limit: 1_000, ..Retention::default() };
    equal("what is removed", store.prune(&all).await?.logs, u64::try_from(ROWS)?)?;
    // a server may have to wait for whoever still sees the rows, in another database of it too
    let start = Instant::now();
    loop {
        store.compact().await?;
        let after = store.size().await?;
        if after < before + bytes / 10 {
            return Ok(());
        }
        let said = format!("the room is given back: {before}, then {grown}, and now {after} bytes");
        holds(&said, start.elapsed() < PATIENCE)?;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
