//! The database of the control store stands still for half a minute under load, with streams and clients that hang
//! up: no client sees it, and afterwards there is one row for each request that the provider answered.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};
use penstock_conformance::fault::{Fault, FaultProxy};
use penstock_conformance::servers::{libsql::Libsql, mariadb::Mariadb, postgres::Postgres, skip};
use penstock_tests::gateway::Builder;
use penstock_tests::http::PATIENCE;
use penstock_tests::upstream::ScriptedUpstream;

use crate::metering::{by_number, check_row, ledger_by_number, send_all};

/// How long it stands still: longer than any call waits for it.
const STILL: Duration = Duration::from_secs(30);
/// Requests of one wave.
const WAVE: usize = 100;

fn failed(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("{error}")
}

/// The address in a DSN of a server on this machine.
fn address(dsn: &str) -> Result<SocketAddr> {
    let start = dsn.find("127.0.0.1:").with_context(|| format!("no address in {dsn}"))?;
    let text: String =
        dsn[start..].chars().take_while(|each| each.is_ascii_digit() || ".:".contains(*each)).collect();
    Ok(text.parse()?)
}

async fn stands_still(dsn: &str) -> Result<()> {
    let server = address(dsn)?;
    let proxy = FaultProxy::start(server).await.map_err(failed)?;
    let dsn = dsn.replace(&server.to_string(), &proxy.address.to_string());
    let upstream = ScriptedUpstream::start().await?;
    let gateway = Builder::new()?.upstream(&upstream.url()).set("dsn", &dsn).start().await?;
    let done = Arc::<AtomicUsize>::default();
    let mut sent = 0;
    let mut wave = async || -> Result<()> {
        let answered = send_all(gateway.url(), sent..sent + WAVE, &done).await?;
        ensure!(answered.len() == WAVE, "{} of {WAVE} requests were answered", answered.len());
        sent += WAVE;
        Ok(())
    };
    wave().await?;
    proxy.set(Fault::Stall);
    let start = Instant::now();
    while start.elapsed() < STILL {
        wave().await?;
        // the database is away for as long, whatever the machine is worth
        tokio::time::sleep(STILL / 20).await;
    }
    // what it was asked meanwhile is gone, as after a server that was stopped
    proxy.set(Fault::Cut);
    wave().await?;
    proxy.set(Fault::None);
    wave().await?;
    gateway.settled().await?;
    let entries = upstream.ledger().wait_settled(PATIENCE).await?;
    let (rows, ledger) = (gateway.usage().await?, ledger_by_number(&entries)?);
    let rows = by_number(&rows)?;
    ensure!(rows.keys().eq(ledger.keys()) && rows.len() == sent, "{} rows for {sent} requests", rows.len());
    for (n, row) in &rows {
        check_row(*n, row, ledger[n]);
    }
    ensure!(gateway.log()?.contains("settlements wait in the journal"), "the database was never missed");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_that_stands_still() -> Result<()> {
    let Some(server) = Postgres::start().await.map_err(failed)? else {
        skip("postgres", "it is not installed");
        return Ok(());
    };
    stands_still(&server.database().await.map_err(failed)?).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mariadb_that_stands_still() -> Result<()> {
    let Some(server) = Mariadb::start().await.map_err(failed)? else {
        skip("mysql", "it is not installed");
        return Ok(());
    };
    stands_still(&server.database().await.map_err(failed)?).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_libsql_that_stands_still() -> Result<()> {
    let Some(server) = Libsql::start().await.map_err(failed)? else {
        skip("libsql", "it is not installed");
        return Ok(());
    };
    stands_still(&format!("libsql://{}?tls=0", server.address())).await
}
