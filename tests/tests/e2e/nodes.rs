//! Two gateways on one PostgreSQL, one of them behind a pooler that swallows notices: what changes on one holds on
//! the other within a second.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};
use penstock_conformance::servers::{pgbouncer::Pgbouncer, postgres::Postgres, skip};
use penstock_tests::gateway::{Builder, Gateway};
use penstock_tests::http::post;
use penstock_tests::upstream::ScriptedUpstream;

/// What changed on one node holds on the others after that time.
const SOON: Duration = Duration::from_secs(1);
/// A test that looks for so long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

fn failed(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("{error}")
}

/// Runs a command of the one gateway's configuration, and gives what it prints.
fn says(gateway: &Gateway, dsn: &str, command: &[&str]) -> Result<String> {
    let setting = format!("--set=dsn={dsn}");
    let said = gateway.command(&[&[setting.as_str()], command].concat())?;
    ensure!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    Ok(String::from_utf8(said.stdout)?.trim().to_owned())
}

/// How long it takes until a call of that model with the key is answered with that status.
async fn until(gateway: &Gateway, model: &str, key: &str, status: u16) -> Result<Duration> {
    let start = Instant::now();
    loop {
        let body = format!(r#"{{"model":"{model}","messages":[]}}"#);
        let answer = post(gateway.at("/v1/chat/completions"), body).key(key).send().await?;
        if answer.status == status {
            return Ok(start.elapsed());
        }
        ensure!(start.elapsed() < PATIENCE, "{status} never came: {}", answer.text());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_on_one_node_holds_on_the_other_within_a_second() -> Result<()> {
    let Some(server) = Postgres::start().await.map_err(failed)? else {
        skip("postgres", "it is not installed");
        return Ok(());
    };
    let Some(address) = server.address() else { return Ok(()) };
    let Some(pooler) = Pgbouncer::start(address).await.map_err(failed)? else {
        skip("postgres", "pgbouncer is not installed");
        return Ok(());
    };
    let upstream = ScriptedUpstream::start().await?;
    let direct = server.database().await.map_err(failed)?;
    let pooled = pooler.through(&direct);
    // both make the first schema at once
    let start =
        |dsn: &str| Ok::<_, anyhow::Error>(Builder::new()?.upstream(&upstream.url()).set("dsn", dsn).start());
    let (first, second) = tokio::try_join!(start(&direct)?, start(&pooled)?)?;
    says(&first, &direct, &["user", "add", "ada"])?;
    for (made_on, dsn) in [(&first, &direct), (&second, &pooled)] {
        let key = says(made_on, dsn, &["key", "create", "--user", "ada"])?;
        for (node, name) in [(&first, "direct"), (&second, "pooled")] {
            let took = until(node, "openai/scripted", &key, 200).await?;
            ensure!(took < SOON, "a new key works on the {name} node after {took:?}");
        }
        let revoked = key.chars().take(13).collect::<String>();
        says(made_on, dsn, &["key", "revoke", &revoked])?;
        for (node, name) in [(&first, "direct"), (&second, "pooled")] {
            let took = until(node, "openai/scripted", &key, 401).await?;
            ensure!(took < SOON, "a revoked key stops on the {name} node after {took:?}");
        }
    }
    let key = says(&first, &direct, &["key", "create", "--user", "ada"])?;
    let bundle = first.data_dir().join("routes.yaml");
    let file = bundle.to_str().unwrap();
    for (made_on, dsn, model) in [(&first, &direct, "scripted"), (&second, &pooled, "another")] {
        let members = format!("[{{ provider: vendor, model: {model} }}]");
        let providers = format!(
            "[{{ name: vendor, channel: custom, base_url: {}/v1, credentials: [{{ name: a, api_key: sk-1 }}] }}]",
            upstream.url()
        );
        let text = format!(
            "penstock: 1\nproviders: {providers}\nroutes: [{{ name: to-{model}, members: {members} }}]\n"
        );
        std::fs::write(&bundle, text)?;
        says(made_on, dsn, &["apply", file, "--prune"])?;
        for (node, name) in [(&first, "direct"), (&second, "pooled")] {
            let took = until(node, &format!("to-{model}"), &key, 200).await?;
            ensure!(took < SOON, "a new route is followed on the {name} node after {took:?}");
        }
    }
    // the second one has taken the place of the first
    for (node, name) in [(&first, "direct"), (&second, "pooled")] {
        let took = until(node, "to-scripted", &key, 404).await?;
        ensure!(took < SOON, "a route that is gone is followed on the {name} node for {took:?}");
    }
    Ok(())
}
