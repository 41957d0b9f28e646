//! Credentials that fail: no client sees it, and every node knows.

use std::time::Instant;

use anyhow::{Result, anyhow, ensure};
use penstock_conformance::servers::{postgres::Postgres, skip};
use penstock_core::{CredentialStrategy, HealthState, RouteStrategy};
use penstock_tests::gateway::{Builder, DataDir, Gateway};
use penstock_tests::http::{PATIENCE, post};
use penstock_tests::upstream::ScriptedUpstream;
use serde_json::json;

use super::seed::{Seed, Store};
use super::{ask, requests, said, told, with_key};

/// What the four credentials of the tests are answered with.
const MODEL: &str =
    "scripted@refuse-key=sk-limited:429,refuse-key=sk-broken:500,cut-key=sk-dead,retry-after=600";

/// One credential over its limit, one that gets errors, one whose connections are cut, and one that works.
fn four(upstream: &ScriptedUpstream) -> Seed {
    let mut seed = Seed::default();
    let settings = json!({
        "base_url": format!("{}/v1", upstream.url()),
        "circuit_breaker": {"consecutive_failures": 2, "cool_down": "10m"},
    });
    let credentials = [("limited", 1), ("broken", 1), ("dead", 1), ("good", 1)];
    let provider = seed.provider("four", settings, CredentialStrategy::RoundRobin, &credentials);
    seed.route("fast", RouteStrategy::Failover, &[(provider, MODEL, 0, 1)]);
    seed
}

/// Every bad credential was asked until it was known to be bad, and no more.
fn asked_no_more(upstream: &ScriptedUpstream) {
    let asked = ["sk-limited", "sk-broken", "sk-dead"].map(|key| with_key(upstream, key));
    assert_eq!(asked, [1, 2, 2]);
}

async fn fail_through(gateway: &Gateway, upstream: &ScriptedUpstream, store: &Store) -> Result<()> {
    requests(gateway, "fast", 12).await?;
    asked_no_more(upstream);
    let aside = ["a credential is left alone", "\"limited\"", "rate_limited"];
    told(gateway, &aside, 1).await?;
    for (name, reason) in [("broken", "server_error"), ("dead", "broken")] {
        let credential = &format!("\"credential\":\"{name}\"");
        told(gateway, &["a breaker is open", credential, reason], 1).await?;
        told(gateway, &["an attempt failed", credential, "\"four\""], 2).await?;
    }
    let reported = store.health(3).await?;
    let states: Vec<_> = reported.iter().map(|status| status.state).collect();
    assert_eq!(states, [HealthState::RateLimited, HealthState::Cooling, HealthState::Cooling]);
    assert!(reported.iter().all(|status| status.model == MODEL), "{reported:?}");
    let metrics = penstock_tests::http::get(gateway.at("/metrics")).send().await?.text();
    let open = "penstock_breakers{provider=\"four\",credential=\"dead\",state=\"open\"} 1";
    assert!(metrics.contains(open), "{metrics}");
    assert!(metrics.contains("penstock_upstream_retries_total{provider=\"four\"}"), "{metrics}");
    Ok(())
}

/// Waits until a gateway knows of all three.
async fn heard(gateway: &Gateway) -> Result<()> {
    told(gateway, &["a credential's state was reported"], 3).await
}

#[tokio::test]
async fn no_client_sees_a_failing_credential_and_a_restart_forgets_nothing() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let data = DataDir::new()?;
    let store = Store::in_folder(data.path()).await?;
    store.put(four(&upstream)).await?;
    let gateway = Builder::on(data).set("max_attempts", "4").start().await?;
    ensure!(gateway.greeting().contains("four (record)"), "{}", gateway.greeting());
    fail_through(&gateway, &upstream, &store).await?;
    let gateway = Builder::on(gateway.kill()?).set("max_attempts", "4").start().await?;
    heard(&gateway).await?;
    requests(&gateway, "fast", 12).await?;
    asked_no_more(&upstream);
    store.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn another_node_knows_what_one_has_found_out() -> Result<()> {
    let Some(server) = Postgres::start().await.map_err(|error| anyhow!("{error}"))? else {
        skip("postgres", "it is not installed");
        return Ok(());
    };
    let dsn = server.database().await.map_err(|error| anyhow!("{error}"))?;
    let upstream = ScriptedUpstream::start().await?;
    let store = Store::at(&dsn).await?;
    store.put(four(&upstream)).await?;
    let node = async || Builder::new()?.set("max_attempts", "4").set("dsn", &dsn).start().await;
    let nodes = [node().await?, node().await?];
    fail_through(&nodes[0], &upstream, &store).await?;
    heard(&nodes[1]).await?;
    requests(&nodes[1], "fast", 12).await?;
    asked_no_more(&upstream);
    store.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_breaker_is_open_nobody_is_asked_and_then_one_request_finds_out() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let data = DataDir::new()?;
    let store = Store::in_folder(data.path()).await?;
    let mut seed = Seed::default();
    let settings = json!({
        "base_url": format!("{}/v1", upstream.url()),
        "circuit_breaker": {"consecutive_failures": 3, "cool_down": "2s"},
    });
    let provider = seed.provider("lone", settings, CredentialStrategy::RoundRobin, &[("lone", 1)]);
    let model = "scripted@fail-times=3:500,slow-head-ms=400";
    seed.route("lone", RouteStrategy::Failover, &[(provider, model, 0, 1)]);
    store.put(seed).await?;
    let gateway = Builder::on(data).set("max_attempts", "1").start().await?;
    for _ in 0..3 {
        assert_eq!(ask(&gateway, "lone").await?.status, 500);
    }
    let answer = ask(&gateway, "lone").await?;
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert_eq!(answer.json()?["error"]["code"], "upstream_unavailable");
    assert!(answer.header("retry-after").is_some_and(|seconds| ["1", "2"].contains(&seconds)));
    assert_eq!(upstream.requests().len(), 3, "it was not asked");
    let start = Instant::now();
    loop {
        ensure!(start.elapsed() < PATIENCE, "nobody finds out: {}", gateway.log()?);
        let body = r#"{"model":"lone","messages":[]}"#;
        let calls = (0..6).map(|_| tokio::spawn(post(gateway.at("/v1/chat/completions"), body).send()));
        let calls: Vec<_> = calls.collect();
        let mut statuses = Vec::new();
        for call in calls {
            statuses.push(call.await??.status.as_u16());
        }
        statuses.sort_unstable();
        if statuses != [503; 6] {
            assert_eq!(statuses, [200, 503, 503, 503, 503, 503], "there is one probe");
            break;
        }
    }
    assert_eq!(upstream.requests().len(), 4);
    requests(&gateway, "lone", 3).await?;
    told(&gateway, &["a breaker is half-open", "lone"], 1).await?;
    told(&gateway, &["a credential works again", "lone"], 1).await?;
    store.close().await
}

#[tokio::test]
async fn an_own_key_that_is_refused_is_its_owners_business() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let data = DataDir::new()?;
    let store = Store::in_folder(data.path()).await?;
    let mut seed = Seed::default();
    let first = seed.simple("first", &upstream.url());
    let second = seed.simple("second", &upstream.url());
    let model = "scripted@refuse-key=sk-own:403";
    seed.route("fast", RouteStrategy::Failover, &[(first, model, 0, 1), (second, "scripted", 0, 1)]);
    store.put(seed).await?;
    let gateway = Builder::on(data).start().await?;
    let body = r#"{"model":"fast","messages":[]}"#;
    for _ in 0..3 {
        let answer = post(gateway.at("/v1/chat/completions"), body).key("sk-own").send().await?;
        assert_eq!(answer.status, 403, "{}", answer.text());
    }
    assert_eq!(with_key(&upstream, "sk-own"), 3);
    assert_eq!(upstream.requests().len(), 3, "nobody else was asked");
    requests(&gateway, "fast", 3).await?;
    assert_eq!(with_key(&upstream, "sk-first"), 3, "the gateway's own credential is as it was");
    assert_eq!(said(&gateway, &["a credential is left alone"])?, 0);
    assert!(store.health(0).await?.is_empty());
    store.close().await
}

#[tokio::test]
async fn a_tier_that_fails_gives_way_to_the_next() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let data = DataDir::new()?;
    let store = Store::in_folder(data.path()).await?;
    let mut seed = Seed::default();
    let first = seed.simple("first", &upstream.url());
    let spare = seed.simple("spare", &upstream.url());
    let members = [(spare, "scripted", 1, 1), (first, "scripted@status=503", 0, 1)];
    seed.route("fast", RouteStrategy::Failover, &members);
    store.put(seed).await?;
    let gateway = Builder::on(data).start().await?;
    requests(&gateway, "fast", 12).await?;
    // five in a row open its breaker
    assert_eq!((with_key(&upstream, "sk-first"), with_key(&upstream, "sk-spare")), (5, 12));
    store.close().await
}
