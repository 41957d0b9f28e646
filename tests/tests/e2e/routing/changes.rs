//! What is changed holds at once, and what cannot be used is left out.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};
use penstock_conformance::servers::{postgres::Postgres, skip};
use penstock_control::{Credential, Provider, RouteMember};
use penstock_core::{Clock as _, CredentialStrategy, RouteStrategy, SystemClock};
use penstock_tests::gateway::{Builder, DataDir, Gateway};
use penstock_tests::http::PATIENCE;
use penstock_tests::upstream::ScriptedUpstream;
use serde_json::json;

use super::seed::{Seed, Store};
use super::{ask, requests, said, told, with_key};

/// Asks until the answer has that status.
async fn until(gateway: &Gateway, model: &str, status: u16) -> Result<()> {
    let start = Instant::now();
    while ask(gateway, model).await?.status != status {
        ensure!(start.elapsed() < PATIENCE, "no {status} within {PATIENCE:?}: {}", gateway.log()?);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_route_holds_on_another_node_within_a_second() -> Result<()> {
    let Some(server) = Postgres::start().await.map_err(|error| anyhow!("{error}"))? else {
        skip("postgres", "it is not installed");
        return Ok(());
    };
    let dsn = server.database().await.map_err(|error| anyhow!("{error}"))?;
    let upstream = ScriptedUpstream::start().await?;
    let store = Store::at(&dsn).await?;
    let mut seed = Seed::default();
    let one = seed.simple("one", &upstream.url());
    seed.route("fast", RouteStrategy::Failover, &[(one, "scripted@tag=old", 0, 1)]);
    store.put(seed).await?;
    let node = async || Builder::new()?.set("dsn", &dsn).start().await;
    let nodes = [node().await?, node().await?];
    for node in &nodes {
        requests(node, "fast", 1).await?;
    }
    store
        .change(|records| {
            let member = records.members.iter().next()?.clone();
            Some(RouteMember { upstream_model_id: "scripted@tag=new".to_owned(), ..member }.into())
        })
        .await?;
    let start = Instant::now();
    for node in &nodes {
        loop {
            requests(node, "fast", 1).await?;
            if upstream.requests().last().is_some_and(|request| request.tag.as_deref() == Some("new")) {
                break;
            }
            ensure!(start.elapsed() < Duration::from_secs(1), "the route is as it was: {}", node.log()?);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    store.close().await
}

#[tokio::test]
async fn what_is_disabled_or_revoked_is_not_used_from_then_on() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let data = DataDir::new()?;
    let store = Store::in_folder(data.path()).await?;
    let mut seed = Seed::default();
    let settings = json!({"base_url": format!("{}/v1", upstream.url())});
    seed.provider("two", settings, CredentialStrategy::RoundRobin, &[("kept", 1), ("revoked", 1)]);
    let other = seed.simple("other", &upstream.url());
    seed.route("fast", RouteStrategy::Failover, &[(other, "scripted", 0, 1)]);
    store.put(seed).await?;
    let gateway = Builder::on(data).start().await?;
    requests(&gateway, "two/scripted", 4).await?;
    assert_eq!((with_key(&upstream, "sk-kept"), with_key(&upstream, "sk-revoked")), (2, 2));

    store
        .change(|records| {
            let revoked = records.credentials.iter().find(|found| found.name == "revoked")?.clone();
            Some(Credential { enabled: false, updated_at: SystemClock.now(), ..revoked }.into())
        })
        .await?;
    let renewed = "providers and routes are those of the newest records";
    let start = Instant::now();
    while said(&gateway, &[renewed])? < 1 {
        ensure!(start.elapsed() < PATIENCE, "{}", gateway.log()?);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let before = with_key(&upstream, "sk-revoked");
    requests(&gateway, "two/scripted", 6).await?;
    assert_eq!(with_key(&upstream, "sk-revoked"), before);

    for name in ["two", "other"] {
        store
            .change(|records| {
                let provider = records.providers.named(name)?;
                Some(Provider { enabled: false, ..(**provider).clone() }.into())
            })
            .await?;
    }
    until(&gateway, "two/scripted", 404).await?;
    until(&gateway, "fast", 502).await?;
    assert!(ask(&gateway, "fast").await?.text().contains("no member of the route"));
    let models = penstock_tests::http::get(gateway.at("/v1/models")).send().await?.text();
    assert!(!models.contains("two/"), "{models}");
    store.close().await
}

#[tokio::test]
async fn a_record_hides_the_environment_and_a_bad_one_is_left_out_by_name() -> Result<()> {
    let (ours, theirs) = (ScriptedUpstream::start().await?, ScriptedUpstream::start().await?);
    let data = DataDir::new()?;
    let store = Store::in_folder(data.path()).await?;
    let mut seed = Seed::default();
    seed.simple("openai", &ours.url());
    let bad = seed.provider("bad", json!({}), CredentialStrategy::RoundRobin, &[("b", 1)]);
    seed.route("fast", RouteStrategy::Failover, &[(bad, "scripted", 0, 1)]);
    seed.alias("broken(", "openai/scripted");
    store.put(seed).await?;
    let gateway = Builder::on(data).upstream(&theirs.url()).start().await?;
    requests(&gateway, "openai/scripted", 2).await?;
    assert_eq!((with_key(&ours, "sk-openai"), theirs.requests().len()), (2, 0));
    requests(&gateway, "gemini/scripted", 0).await?;
    for words in [
        ["openai", "is a record and stands in the configuration as well"],
        ["left out of the routing", "`base_url` is missing"],
        ["left out of the routing", "broken("],
    ] {
        told(&gateway, &words, 1).await?;
    }
    assert_eq!(ask(&gateway, "bad/scripted").await?.status, 404);
    // mended, it is used without a restart
    store
        .change(|records| {
            let provider = records.providers.named("bad")?;
            let settings = json!({"base_url": format!("{}/v1", ours.url())});
            Some(Provider { settings, ..(**provider).clone() }.into())
        })
        .await?;
    until(&gateway, "fast", 200).await?;
    assert_eq!(
        said(&gateway, &["left out of the routing", "broken("])?,
        1,
        "what is known is not said again"
    );
    store.close().await
}
