//! The database of the control store stands still for half a minute, is killed, or answers late.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use penstock_conformance::fault::{Fault, FaultProxy};
use penstock_conformance::servers::{libsql::Libsql, mariadb::Mariadb, postgres::Postgres, skip};
use penstock_tests::gateway::Builder;

use super::{Drill, Restarted, failed};

/// How long it stands still: longer than any call waits for it.
const STILL: Duration = Duration::from_secs(30);
/// How much later each piece comes from a database that is slow.
const LATE: Duration = Duration::from_millis(150);
/// Waves while it is away or slow.
const WAVES: usize = 5;

/// The address in a DSN of a server on this machine.
fn address(dsn: &str) -> Result<SocketAddr> {
    let start = dsn.find("127.0.0.1:").with_context(|| format!("no address in {dsn}"))?;
    let text: String =
        dsn[start..].chars().take_while(|each| each.is_ascii_digit() || ".:".contains(*each)).collect();
    Ok(text.parse()?)
}

/// A gateway whose database is behind something that can fail.
async fn behind_a_proxy(dsn: &str) -> Result<(Drill, FaultProxy)> {
    let server = address(dsn)?;
    let proxy = FaultProxy::start(server).await.map_err(failed)?;
    let dsn = dsn.replace(&server.to_string(), &proxy.address.to_string());
    Ok((Drill::start(Builder::new()?.set("dsn", &dsn)).await?, proxy))
}

async fn stands_still(name: &str, dsn: &str) -> Result<()> {
    let (mut drill, proxy) = behind_a_proxy(dsn).await?;
    drill.wave().await?;
    proxy.set(Fault::Stall);
    let start = Instant::now();
    while start.elapsed() < STILL {
        drill.wave().await?;
        // the database is away for as long, whatever the machine is worth
        tokio::time::sleep(STILL / 20).await;
    }
    // what it was asked meanwhile is gone, as after a server that was stopped
    proxy.set(Fault::Cut);
    drill.wave().await?;
    ensure!(drill.refusals().await? > 0, "the database was never missed");
    let over = Instant::now();
    proxy.set(Fault::None);
    drill.wave().await?;
    drill.finish(&format!("{name} stands still for 30 s"), over).await?.require_clean()
}

async fn answers_late(name: &str, dsn: &str) -> Result<()> {
    let (mut drill, proxy) = behind_a_proxy(dsn).await?;
    drill.wave().await?;
    proxy.set(Fault::Slow(LATE));
    for _ in 0..WAVES {
        drill.wave().await?;
    }
    let over = Instant::now();
    proxy.set(Fault::None);
    drill.wave().await?;
    drill.finish(&format!("{name} answers 150 ms later"), over).await?.require_clean()
}

async fn is_killed(name: &str, dsn: &str, server: &mut impl Restarted) -> Result<()> {
    let mut drill = Drill::start(Builder::new()?.set("dsn", dsn)).await?;
    drill.wave().await?;
    server.kill().await?;
    until_missed(&mut drill).await?;
    let over = Instant::now();
    server.start_again().await?;
    drill.wave().await?;
    drill.finish(&format!("{name} is killed and started again"), over).await?.require_clean()
}

/// Waves until the store has refused something, and at least some.
async fn until_missed(drill: &mut Drill) -> Result<()> {
    let start = Instant::now();
    for number in 0.. {
        drill.wave().await?;
        if number >= WAVES && drill.refusals().await? > 0 {
            break;
        }
        ensure!(start.elapsed() < STILL, "the database was never missed");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_that_stands_still() -> Result<()> {
    let Some(server) = Postgres::start().await.map_err(failed)? else {
        skip("postgres", "it is not installed");
        return Ok(());
    };
    stands_still("PostgreSQL", &server.database().await.map_err(failed)?).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mariadb_that_stands_still() -> Result<()> {
    let Some(server) = Mariadb::start().await.map_err(failed)? else {
        skip("mysql", "it is not installed");
        return Ok(());
    };
    stands_still("MariaDB", &server.database().await.map_err(failed)?).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_libsql_that_stands_still() -> Result<()> {
    let Some(server) = Libsql::start().await.map_err(failed)? else {
        skip("libsql", "it is not installed");
        return Ok(());
    };
    stands_still("libSQL", &format!("libsql://{}?tls=0", server.address())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_that_is_killed() -> Result<()> {
    let Some(mut server) = Postgres::start().await.map_err(failed)? else {
        skip("postgres", "it is not installed");
        return Ok(());
    };
    let dsn = server.database().await.map_err(failed)?;
    is_killed("PostgreSQL", &dsn, &mut server).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mariadb_that_is_killed() -> Result<()> {
    let Some(mut server) = Mariadb::start().await.map_err(failed)? else {
        skip("mysql", "it is not installed");
        return Ok(());
    };
    let dsn = server.database().await.map_err(failed)?;
    is_killed("MariaDB", &dsn, &mut server).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_libsql_that_is_killed() -> Result<()> {
    let Some(mut server) = Libsql::start().await.map_err(failed)? else {
        skip("libsql", "it is not installed");
        return Ok(());
    };
    let dsn = format!("libsql://{}?tls=0", server.address());
    is_killed("libSQL", &dsn, &mut server).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_that_answers_late() -> Result<()> {
    let Some(server) = Postgres::start().await.map_err(failed)? else {
        skip("postgres", "it is not installed");
        return Ok(());
    };
    answers_late("PostgreSQL", &server.database().await.map_err(failed)?).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mariadb_that_answers_late() -> Result<()> {
    let Some(server) = Mariadb::start().await.map_err(failed)? else {
        skip("mysql", "it is not installed");
        return Ok(());
    };
    answers_late("MariaDB", &server.database().await.map_err(failed)?).await
}
