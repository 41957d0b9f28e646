//! The database of the control store goes away: callers notice nothing, and nothing that was used is lost.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};
use penstock_conformance::servers::{libsql::Libsql, mariadb::Mariadb, postgres::Postgres, skip};
use penstock_tests::gateway::{Builder, DataDir, Gateway};
use penstock_tests::http::{PATIENCE, post};
use penstock_tests::upstream::ScriptedUpstream;

fn failed(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("{error}")
}

/// Sends so many requests, each of which has to be answered.
async fn requests(gateway: &Gateway, key: &str, number: usize) -> Result<()> {
    for _ in 0..number {
        let body = r#"{"model":"openai/scripted","messages":[]}"#;
        let answer = post(gateway.at("/v1/chat/completions"), body).key(key).send().await?;
        ensure!(answer.status == 200, "{}: {}", answer.status, answer.text());
    }
    Ok(())
}

struct Drill {
    upstream: ScriptedUpstream,
    dsn: String,
}

impl Drill {
    fn on(&self, data: DataDir) -> Builder {
        Builder::on(data).upstream(&self.upstream.url()).set("dsn", &self.dsn)
    }

    /// With a database that is there: a user, a key, some requests.
    async fn begin(&self) -> Result<(Gateway, String)> {
        let setting = format!("--set=dsn={}", self.dsn);
        let gateway = self.on(DataDir::new()?).start().await?;
        let said = gateway.command(&[&setting, "user", "add", "ada"])?;
        ensure!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
        let made = gateway.command(&[&setting, "key", "create", "--user", "ada"])?;
        let key = String::from_utf8(made.stdout)?.trim().to_owned();
        // the key is in the snapshot on the disk when a start from there can use it
        let data = gateway.stop().await?;
        let gateway = self.on(data).start().await?;
        requests(&gateway, &key, 20).await?;
        gateway.settled().await?;
        Ok((gateway, key))
    }

    /// Without it: requests, `kill -9`, a restart, requests.
    async fn while_it_is_away(&self, gateway: Gateway, key: &str) -> Result<Gateway> {
        requests(&gateway, key, 20).await?;
        let gateway = self.on(gateway.kill()?).start().await?;
        // the log is written by a thread of its own
        for said in ["starting from the last snapshot", "what the last process left waits in the journal"] {
            let start = Instant::now();
            while gateway.log()?.matches(said).count() == 0 {
                ensure!(start.elapsed() < PATIENCE, "{said:?}: {}", gateway.log()?);
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            ensure!(gateway.log()?.matches(said).count() == 1, "{said:?}: {}", gateway.log()?);
        }
        requests(&gateway, key, 20).await?;
        Ok(gateway)
    }

    /// With it again: every request has its row, none twice.
    async fn end(&self, gateway: Gateway, key: &str) -> Result<()> {
        requests(&gateway, key, 20).await?;
        let sent = self.upstream.requests().len();
        let rows = gateway.usage_of(sent).await?;
        ensure!(sent == 80 && rows.len() == sent, "{} rows for {sent} requests", rows.len());
        let known = rows.iter().filter(|row| row["key_id"].is_i64() && row["source"] == "upstream").count();
        ensure!(known == sent, "{known} of {sent} rows have their key and their usage");
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_that_is_killed_costs_no_request_and_no_row() -> Result<()> {
    let Some(mut server) = Postgres::start().await.map_err(failed)? else {
        skip("postgres", "it is not installed");
        return Ok(());
    };
    let dsn = server.database().await.map_err(failed)?;
    let drill = Drill { upstream: ScriptedUpstream::start().await?, dsn };
    let (gateway, key) = drill.begin().await?;
    server.kill().await.map_err(failed)?;
    let gateway = drill.while_it_is_away(gateway, &key).await?;
    server.start_again().await.map_err(failed)?;
    drill.end(gateway, &key).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mariadb_that_is_killed_costs_no_request_and_no_row() -> Result<()> {
    let Some(mut server) = Mariadb::start().await.map_err(failed)? else {
        skip("mysql", "it is not installed");
        return Ok(());
    };
    let dsn = server.database().await.map_err(failed)?;
    let drill = Drill { upstream: ScriptedUpstream::start().await?, dsn };
    let (gateway, key) = drill.begin().await?;
    server.kill().await.map_err(failed)?;
    let gateway = drill.while_it_is_away(gateway, &key).await?;
    server.start_again().await.map_err(failed)?;
    drill.end(gateway, &key).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_libsql_that_is_killed_costs_no_request_and_no_row() -> Result<()> {
    let Some(mut server) = Libsql::start().await.map_err(failed)? else {
        skip("libsql", "it is not installed");
        return Ok(());
    };
    let dsn = format!("libsql://{}?tls=0", server.address());
    let drill = Drill { upstream: ScriptedUpstream::start().await?, dsn };
    let (gateway, key) = drill.begin().await?;
    server.kill().await.map_err(failed)?;
    let gateway = drill.while_it_is_away(gateway, &key).await?;
    server.start_again().await.map_err(failed)?;
    drill.end(gateway, &key).await
}

#[tokio::test]
async fn without_a_snapshot_a_gateway_does_not_start() -> Result<()> {
    let dsn = "postgres://me:geheim@127.0.0.1:1/penstock";
    let refused = Builder::new()?.set("dsn", dsn).run(&["serve"])?;
    let said = String::from_utf8(refused.stderr)?;
    ensure!(!refused.status.success() && said.contains("there is no last snapshot to start from"), "{said}");
    ensure!(said.contains("postgres://127.0.0.1:1/penstock") && !said.contains("geheim"), "{said}");
    Ok(())
}
