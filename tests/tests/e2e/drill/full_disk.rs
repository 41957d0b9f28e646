//! The disk is full for a while: that of the gateway's data folder with its SQLite, and that of a PostgreSQL.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use penstock_conformance::servers::{libsql::Libsql, mariadb::Mariadb, postgres::Postgres, skip};
use penstock_tests::gateway::{Builder, DataDir, Gateway};
use penstock_tests::http::post;
use penstock_tests::upstream::ScriptedUpstream;
use tokio::task::JoinSet;

use super::disk::{Ballast, mounted, with_a_disk};
use super::{Drill, Restarted, failed};

/// How long the disk stays full once the store has refused something.
const FULL: Duration = Duration::from_secs(5);
/// A store that has room after so long never notices that the disk is full.
const NOTICED: Duration = Duration::from_mins(2);

/// Requests at the same time.
const AT_ONCE: usize = 32;

/// Waves while the disk is full.
async fn while_it_is_full(drill: &mut Drill) -> Result<()> {
    let start = Instant::now();
    while drill.refusals().await? == 0 {
        ensure!(start.elapsed() < NOTICED, "the disk is full, and the store takes everything");
        drill.wave().await?;
    }
    let missed = Instant::now();
    while missed.elapsed() < FULL {
        drill.wave().await?;
    }
    Ok(())
}

#[test]
fn a_full_disk_under_the_data_folder() -> Result<()> {
    with_a_disk("drill::full_disk::sqlite_on_a_full_disk", 64)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "the test above runs it, on a small disk"]
async fn sqlite_on_a_full_disk() -> Result<()> {
    of_the_data_folder("SQLite", "db").await
}

#[test]
fn a_full_disk_under_files() -> Result<()> {
    with_a_disk("drill::full_disk::files_on_a_full_disk", 64)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "the test above runs it, on a small disk"]
async fn files_on_a_full_disk() -> Result<()> {
    of_the_data_folder("files", "file").await
}

async fn of_the_data_folder(name: &str, persistence: &str) -> Result<()> {
    let disk = mounted()?;
    let builder = Builder::on(DataDir::within(&disk)?).set("persistence", persistence);
    let mut drill = Drill::start(builder).await?;
    drill.wave().await?;
    drill.gateway.settled().await?;
    let ballast = Ballast::fill(&disk)?;
    while_it_is_full(&mut drill).await?;
    let over = Instant::now();
    ballast.remove()?;
    drill.wave().await?;
    drill.finish(&format!("the disk of the data folder ({name}) is full"), over).await?.require_clean()
}

#[test]
fn a_full_disk_under_the_journal() -> Result<()> {
    with_a_disk("drill::full_disk::the_journal_on_a_full_disk", 64)
}

/// Asks for the n-th time by a name that is as long as names may be, so that some thousand requests fill what is
/// reserved. Whether it was answered; false if it was refused as it should be.
async fn ask(url: String, number: usize) -> Result<bool> {
    let long = "x".repeat(900);
    let model =
        format!("openai/scripted@tag=t{number}:tokens={}:{},cut-key={long}", 1_000 + number, 10 + number);
    let answer = post(url, format!(r#"{{"model":"{model}","messages":[]}}"#)).send().await?;
    match answer.status.as_u16() {
        200 => Ok(true),
        503 if answer.text().contains("cannot note down this request") => Ok(false),
        _ => bail!("{}: {}", answer.status, answer.text()),
    }
}

/// What the journal has reserved is used up: requests are refused before any provider sees them, what was begun
/// ends, and all of it is in the books.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "the test above runs it, on a small disk"]
async fn the_journal_on_a_full_disk() -> Result<()> {
    let disk = mounted()?;
    let mut drill = Drill::start(Builder::on(DataDir::within(&disk)?)).await?;
    drill.wave().await?;
    drill.gateway.settled().await?;
    let ballast = Ballast::fill(&disk)?;
    let start = Instant::now();
    while drill.client_errors < AT_ONCE {
        ensure!(start.elapsed() < NOTICED, "the journal takes everything: {} requests", drill.requests);
        let mut asked = JoinSet::new();
        for _ in 0..AT_ONCE {
            asked.spawn(ask(drill.gateway.at("/v1/chat/completions"), drill.requests));
            drill.requests += 1;
        }
        while let Some(answered) = asked.join_next().await {
            drill.client_errors += usize::from(!answered??);
        }
    }
    let seen = drill.upstream.requests().len();
    ensure!(seen + drill.client_errors == drill.requests, "{seen} of {} were forwarded", drill.requests);
    ensure!(seen > 10 * AT_ONCE, "what is reserved takes {seen} requests");
    let over = Instant::now();
    ballast.remove()?;
    let before = drill.client_errors;
    drill.wave().await?;
    ensure!(drill.client_errors == before, "there is room, and requests are refused");
    drill.finish("the disk is full, and so is the journal", over).await?.require_right_books()
}

/// A database server whose folder is on that disk; the gateway's own is not.
async fn of_a_server(name: &str, data: DataDir, dsn: &str, server: &mut impl Restarted) -> Result<()> {
    let disk = mounted()?;
    let mut drill = Drill::start(Builder::on(data).set("dsn", dsn)).await?;
    drill.wave().await?;
    drill.gateway.settled().await?;
    let ballast = Ballast::fill(&disk)?;
    while_it_is_full(&mut drill).await?;
    let over = Instant::now();
    ballast.remove()?;
    // one that could not write its log has ended: whoever makes room starts it again
    server.start_if_ended().await?;
    drill.wave().await?;
    drill.finish(&format!("the disk of {name} is full"), over).await?.require_clean()
}

/// A folder that is not on the disk; what is made after this is: the server's own.
fn data_elsewhere() -> Result<DataDir> {
    let data = DataDir::new()?;
    tempfile::env::override_temp_dir(&mounted()?).ok().context("the folder for temporary files")?;
    Ok(data)
}

#[test]
fn a_full_disk_under_a_postgres() -> Result<()> {
    with_a_disk("drill::full_disk::a_postgres_on_a_full_disk", 256)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "the test above runs it, on a small disk"]
async fn a_postgres_on_a_full_disk() -> Result<()> {
    let data = data_elsewhere()?;
    let Some(mut server) = Postgres::start().await.map_err(failed)? else {
        skip("postgres", "it is not installed");
        return Ok(());
    };
    let dsn = server.database().await.map_err(failed)?;
    of_a_server("a PostgreSQL", data, &dsn, &mut server).await
}

#[test]
fn a_full_disk_under_a_mariadb() -> Result<()> {
    with_a_disk("drill::full_disk::a_mariadb_on_a_full_disk", 512)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "the test above runs it, on a small disk"]
async fn a_mariadb_on_a_full_disk() -> Result<()> {
    let data = data_elsewhere()?;
    let Some(mut server) = Mariadb::start().await.map_err(failed)? else {
        skip("mysql", "it is not installed");
        return Ok(());
    };
    let dsn = server.database().await.map_err(failed)?;
    of_a_server("a MariaDB", data, &dsn, &mut server).await
}

#[test]
fn a_full_disk_under_a_libsql() -> Result<()> {
    with_a_disk("drill::full_disk::a_libsql_on_a_full_disk", 64)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "the test above runs it, on a small disk"]
async fn a_libsql_on_a_full_disk() -> Result<()> {
    let data = data_elsewhere()?;
    let Some(mut server) = Libsql::start().await.map_err(failed)? else {
        skip("libsql", "it is not installed");
        return Ok(());
    };
    let dsn = format!("libsql://{}?tls=0", server.address());
    of_a_server("a libSQL", data, &dsn, &mut server).await
}

#[test]
fn a_change_while_the_disk_is_full() -> Result<()> {
    with_a_disk("drill::full_disk::a_change_on_a_full_disk", 64)
}

/// Waits until that holds.
async fn until(what: &str, holds: impl AsyncFn() -> Result<bool>) -> Result<()> {
    let start = Instant::now();
    while !holds().await? {
        ensure!(start.elapsed() < NOTICED, "{what} never came");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// The snapshot for a start without the store cannot be kept when a key is made. It is once there is room, without
/// another change.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "the test above runs it, on a small disk"]
async fn a_change_on_a_full_disk() -> Result<()> {
    let disk = mounted()?;
    let Some(mut server) = Postgres::start().await.map_err(failed)? else {
        skip("postgres", "it is not installed");
        return Ok(());
    };
    let dsn = server.database().await.map_err(failed)?;
    let upstream = ScriptedUpstream::start().await?;
    let start = async |data| Builder::on(data).upstream(&upstream.url()).set("dsn", &dsn).start().await;
    let works = async |gateway: &Gateway, key: &str| {
        let body = r#"{"model":"openai/scripted","messages":[]}"#;
        Ok(post(gateway.at("/v1/chat/completions"), body).key(key).send().await?.status == 200)
    };
    let gateway = start(DataDir::within(&disk)?).await?;
    let kept = gateway.data_dir().join("snapshot.sealed");
    until("the first snapshot", async || Ok(kept.exists())).await?;
    let ballast = Ballast::fill(&disk)?;
    let setting = format!("--set=dsn={dsn}");
    let run = |command: &[&str]| gateway.command(&[&[setting.as_str()], command].concat());
    ensure!(run(&["user", "add", "ada"])?.status.success(), "no user");
    let key = String::from_utf8(run(&["key", "create", "--user", "ada"])?.stdout)?.trim().to_owned();
    until("the key", async || works(&gateway, &key).await).await?;
    // what could not be written is left in its place
    let unfinished = kept.with_extension("sealed.new");
    until("a snapshot that finds no room", async || Ok(unfinished.exists())).await?;
    ballast.remove()?;
    until("a snapshot that finds room", async || Ok(!unfinished.exists())).await?;
    server.kill().await.map_err(failed)?;
    let gateway = start(gateway.kill()?).await?;
    ensure!(gateway.log()?.contains("starting from the last snapshot"), "{}", gateway.log()?);
    ensure!(works(&gateway, &key).await?, "the key is not in the snapshot");
    Ok(())
}
