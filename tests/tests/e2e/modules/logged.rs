//! `request-log` on every database: its migration, its rows, and what another module reads of them.

use std::time::Instant;

use anyhow::{Result, anyhow, ensure};
use penstock_conformance::servers::{libsql::Libsql, mariadb::Mariadb, postgres::Postgres, skip};
use penstock_tests::gateway::{Builder, DataDir};
use penstock_tests::http::{PATIENCE, post};
use penstock_tests::upstream::ScriptedUpstream;
use serde_json::Value;

use super::{CHAT, chat};

/// Answers with the rows that there are.
const ROWS: &str = "import { textResponse } from '@penstock/module-sdk';
export default { name: 'rows', version: '1.0.0', async pre(ctx) {
    const { data, error } = await ctx.storage.db.from('request_log').select('*');
    return { continue: false, response: textResponse(JSON.stringify(error ?? data)) };
} };
";

/// A request is logged there, in a row that says what it was.
async fn is_logged(dsn: Option<String>) -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let data = DataDir::new()?;
    let at = |name: &str| data.path().join(name);
    let (folder, file) = (at("modules"), at("pipeline.yaml"));
    std::fs::create_dir(&folder)?;
    std::fs::write(folder.join("rows.ts"), ROWS)?;
    std::fs::write(&file, "pipeline: [request-log]\navailable: [rows]\n")?;
    let settings = [("modules_dir", folder.display()), ("pipe_file", file.display())]
        .map(|(name, path)| (name, path.to_string()));
    let mut builder = Builder::on(data).upstream(&upstream.url()).set("pipe_header", "true");
    let dsn = dsn.map(|dsn| ("storage_dsn", dsn));
    for (name, value) in settings.into_iter().chain(dsn) {
        builder = builder.set(name, &value);
    }
    let gateway = builder.start().await?;
    let answer = post(gateway.at(CHAT), chat("openai/scripted", "hi")).send().await?;
    ensure!(answer.status == 200, "{}", answer.text());
    let start = Instant::now();
    let row = loop {
        let rows = post(gateway.at(CHAT), chat("openai/scripted", "hi")).header("x-penstock-pipe", "rows");
        let rows: Value = rows.send().await?.json()?;
        let rows = rows["choices"][0]["message"]["content"].as_str().unwrap_or_default().to_owned();
        let rows: Value = serde_json::from_str(&rows)?;
        // `post` hooks run behind the answer
        if let Some(row) = rows.get(0) {
            break row.clone();
        }
        ensure!(start.elapsed() < PATIENCE, "{rows}: {}", gateway.log()?);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    };
    let said = |name: &str| row[name].clone();
    ensure!(said("id").as_str() == answer.header("x-request-id"), "{row}");
    ensure!((said("status"), said("model")) == (200.into(), "openai/scripted".into()), "{row}");
    ensure!((said("stream"), said("cached")) == (false.into(), false.into()), "{row}");
    ensure!((said("input_tokens"), said("error")) == (42.into(), Value::Null), "{row}");
    Ok(())
}

fn failed(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("{error}")
}

#[tokio::test]
async fn on_sqlite() -> Result<()> {
    is_logged(None).await
}

#[tokio::test]
async fn on_postgres() -> Result<()> {
    let Some(server) = Postgres::start().await.map_err(failed)? else {
        skip("postgres", "it is not installed");
        return Ok(());
    };
    is_logged(Some(server.database().await.map_err(failed)?)).await
}

#[tokio::test]
async fn on_mariadb() -> Result<()> {
    let Some(server) = Mariadb::start().await.map_err(failed)? else {
        skip("mysql", "MariaDB is not installed");
        return Ok(());
    };
    is_logged(Some(server.database().await.map_err(failed)?)).await
}

#[tokio::test]
async fn on_libsql() -> Result<()> {
    let Some(server) = Libsql::start().await.map_err(failed)? else {
        skip("libsql", "sqld is not installed");
        return Ok(());
    };
    is_logged(Some(format!("http://{}", server.address()))).await
}
