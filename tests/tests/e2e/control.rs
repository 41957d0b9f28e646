//! A control store on a database server, which several gateways share.

use std::time::Instant;

use anyhow::{Context as _, Result, anyhow, ensure};
use penstock_conformance::servers::{libsql::Libsql, mariadb::Mariadb, postgres::Postgres, skip};
use penstock_tests::gateway::{Builder, Gateway};
use penstock_tests::http::{Call, PATIENCE, post};
use penstock_tests::upstream::ScriptedUpstream;

const BODY: &str = r#"{"model":"openai/scripted","messages":[]}"#;

/// Runs a command on the store that the gateway uses.
fn ran(gateway: &Gateway, dsn: &str, arguments: &[&str]) -> Result<String> {
    let setting = format!("--set=dsn={dsn}");
    let output = gateway.command(&[&[setting.as_str()], arguments].concat())?;
    ensure!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

fn call(gateway: &Gateway, key: &str) -> Call {
    post(gateway.at("/v1/chat/completions"), BODY).key(key)
}

/// Calls until the answer has that status.
async fn until(gateway: &Gateway, key: &str, status: u16) -> Result<()> {
    let start = Instant::now();
    while call(gateway, key).send().await?.status != status {
        ensure!(start.elapsed() < PATIENCE, "no {status} within {PATIENCE:?}: {}", gateway.log()?);
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    Ok(())
}

/// `secret` is the part of the DSN that is nobody's business.
async fn two_gateways_share(dsn: &str, secret: &str) -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = async || Builder::new()?.upstream(&upstream.url()).set("dsn", dsn).start().await;
    // at once, on a database that is empty: both want to make the schema, and the first organisation
    let nodes: [_; 2] = tokio::try_join!(gateway(), gateway())?.into();
    ran(&nodes[0], dsn, &["user", "add", "ada", "--allow", "openai/*"])?;
    let key = ran(&nodes[0], dsn, &["key", "create", "--user", "ada"])?;
    for node in &nodes {
        until(node, &key, 200).await?;
    }
    for number in 0..40 {
        let answer = call(&nodes[number % 2], &key).send().await?;
        ensure!(answer.status == 200, "{}", answer.text());
    }
    let sent = upstream.requests().len();
    let rows = nodes[1].usage_of(sent).await?;
    ensure!(rows.len() == sent, "{} rows for {sent} requests", rows.len());
    ensure!(rows.iter().all(|row| row["key_id"].is_i64()), "{rows:?}");
    let report = ran(&nodes[0], dsn, &["usage", "report", "--by", "user"])?;
    ensure!(report.contains("ada") && report.contains(&sent.to_string()), "{report}");

    ran(&nodes[0], dsn, &["key", "revoke", &key])?;
    for node in &nodes {
        until(node, &key, 401).await?;
    }
    let checked = ran(&nodes[0], dsn, &["doctor"])?;
    ensure!(checked.contains("(1 users, 1 keys)") && !checked.contains(secret), "{checked}");
    for node in &nodes {
        ensure!(!node.log()?.contains(secret), "{}", node.log()?);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_gateways_share_a_postgres() -> Result<()> {
    let Some(server) = Postgres::start().await.map_err(|error| anyhow!("{error}"))? else {
        skip("postgres", "it is not installed");
        return Ok(());
    };
    let dsn = server.database().await.map_err(|error| anyhow!("{error}"))?;
    two_gateways_share(&dsn.replace("postgres@", "postgres:geheim@"), "geheim").await
}

#[tokio::test(flavor = "multi_thread")]
async fn two_gateways_share_a_mariadb() -> Result<()> {
    let Some(server) = Mariadb::start().await.map_err(|error| anyhow!("{error}"))? else {
        skip("mysql", "it is not installed");
        return Ok(());
    };
    two_gateways_share(&server.database().await.map_err(|error| anyhow!("{error}"))?, "geheim").await
}

#[tokio::test(flavor = "multi_thread")]
async fn two_gateways_share_a_libsql() -> Result<()> {
    let Some((server, token)) = Libsql::guarded().await.map_err(|error| anyhow!("{error}"))? else {
        skip("libsql", "it is not installed");
        return Ok(());
    };
    let dsn = format!("libsql://{}?tls=0&authToken={token}", server.address());
    two_gateways_share(&dsn, &token).await
}

#[tokio::test]
async fn what_libsql_keeps_of_secrets_is_said_where_they_are_sealed() -> Result<()> {
    let Some(server) = Libsql::start().await.map_err(|error| anyhow!("{error}"))? else {
        skip("libsql", "it is not installed");
        return Ok(());
    };
    let master_key = format!("{}=", "A".repeat(43));
    let with_key = || -> Result<Builder> {
        Ok(Builder::new()?.set("dsn", &server.url).variable("PENSTOCK_MASTER_KEY", &master_key))
    };
    ensure!(with_key()?.run(&["user", "add", "ada"])?.status.success(), "there is a store to seal");
    let sealed = with_key()?.run(&["keys", "seal", "--json"])?;
    let warning = String::from_utf8(sealed.stderr)?;
    ensure!(sealed.status.success(), "{warning}");
    ensure!(warning.contains("what the secrets were before may still be in the files"), "{warning}");
    let answer: serde_json::Value = serde_json::from_slice(&sealed.stdout)?;
    ensure!(answer["sealed"] == 0 && answer["scrubbed"] == false, "{answer}");
    Ok(())
}

#[tokio::test]
async fn a_token_is_shown_nowhere() -> Result<()> {
    let with_token = || -> Result<Builder> {
        let away = Builder::new()?.set("dsn", "libsql://127.0.0.1:1?tls=0");
        Ok(away.variable("PENSTOCK_DSN_TOKEN", "geheim"))
    };
    let said = |output: &std::process::Output| {
        [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned()).concat()
    };
    let shown = said(&with_token()?.run(&["config", "show"])?);
    ensure!(shown.contains("dsn_token") && shown.contains("PENSTOCK_DSN_TOKEN"), "{shown}");
    ensure!(!shown.contains("geheim"), "{shown}");
    let commands: [&[&str]; 3] = [&["user", "add", "ada"], &["doctor"], &["serve"]];
    for command in commands {
        let output = with_token()?.run(command)?;
        let said = said(&output);
        ensure!(!output.status.success(), "{command:?}: {said}");
        ensure!(said.contains("http://127.0.0.1:1: it cannot be connected to"), "{command:?}: {said}");
        ensure!(!said.contains("geheim"), "{command:?}: {said}");
    }
    Ok(())
}

#[tokio::test]
async fn a_database_that_is_not_ours_is_refused_by_name() -> Result<()> {
    let Some(server) = Postgres::start().await.map_err(|error| anyhow!("{error}"))? else {
        skip("postgres", "it is not installed");
        return Ok(());
    };
    let dsn = server.database().await.map_err(|error| anyhow!("{error}"))?;
    // modules' tables are no control store
    let made = Builder::new()?.set("storage_dsn", &dsn).run(&["storage", "check"])?;
    ensure!(made.status.success(), "{}", String::from_utf8_lossy(&made.stdout));
    let cases = [
        ("postgres://nobody:geheim@127.0.0.1:1/none", "postgres://127.0.0.1:1/none"),
        ("oracle://u:geheim@h/x", "dsn: expected sqlite://PATH, postgres://"),
    ];
    for (dsn, expected) in cases {
        let refused = Builder::new()?.set("dsn", dsn).run(&["user", "add", "ada"])?;
        let said = String::from_utf8(refused.stderr)?;
        ensure!(!refused.status.success() && said.contains(expected), "{dsn}: {said}");
        ensure!(!said.contains("geheim"), "{said}");
    }
    let shared = Builder::new()?.set("dsn", &dsn).set("storage_dsn", &dsn).run(&["config", "check"])?;
    let said = String::from_utf8(shared.stderr).context("text")?;
    ensure!(said.contains("which is the control store"), "{said}");
    Ok(())
}
