//! The official client libraries for Python and Node, over a real socket.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use penstock_tests::gateway::{Builder, Gateway};
use penstock_tests::upstream::ScriptedUpstream;
use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Runs one script; every case in it must pass, and there must be some.
async fn run(script: &str, gateway: &Gateway, key: &str, keyed: bool) -> Result<()> {
    let mut command = if Path::new(script).extension().is_some_and(|extension| extension == "py") {
        let python = root().join(".tools/python/bin/python");
        ensure!(
            python.exists(),
            "the Python clients are missing: run scripts/test-tools.sh (`make test` does)"
        );
        let mut command = Command::new(python);
        command.arg(root().join("tests/clients/python").join(script));
        command
    } else {
        let folder = root().join("tests/clients/node");
        ensure!(
            folder.join("node_modules").exists(),
            "the Node clients are missing: run scripts/test-tools.sh (`make test` does)"
        );
        let mut command = Command::new("node");
        command.arg(folder.join(script)).current_dir(folder);
        command
    };
    command
        .env("PENSTOCK_URL", gateway.url())
        .env("PENSTOCK_KEY", key)
        .env_remove("OPENAI_API_KEY")
        .env_remove("ANTHROPIC_API_KEY");
    if keyed {
        command.env("PENSTOCK_AUTH", "1");
    }
    let output =
        tokio::task::spawn_blocking(move || command.output()).await?.with_context(|| script.to_owned())?;
    let text = String::from_utf8_lossy(&output.stdout);
    let cases = text.lines().map(serde_json::from_str::<Value>).collect::<Result<Vec<_>, _>>()?;
    let failed: Vec<_> = cases.iter().filter(|case| case["ok"] != true).collect();
    ensure!(failed.is_empty(), "{script}: {failed:#?}");
    ensure!(
        output.status.success() && cases.len() >= 15,
        "{script}: {} cases, {}",
        cases.len(),
        String::from_utf8_lossy(&output.stderr)
    );
    if keyed {
        ensure!(!text.contains("\"skipped\""), "{script}: a case was skipped: {text}");
    }
    Ok(())
}

async fn open(script: &str) -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = Builder::new()?.upstream(&upstream.url()).start().await?;
    run(script, &gateway, "penstock", false).await?;
    check_rows(&gateway, &upstream).await
}

async fn keyed(script: &str) -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let builder = Builder::new()?.upstream(&upstream.url());
    builder.run(&["user", "add", "ada"])?;
    let key = String::from_utf8(builder.run(&["key", "create", "--user", "ada"])?.stdout)?;
    let gateway = builder.start().await?;
    run(script, &gateway, key.trim(), true).await?;
    check_rows(&gateway, &upstream).await
}

/// Each answered request is metered.
async fn check_rows(gateway: &Gateway, upstream: &ScriptedUpstream) -> Result<()> {
    gateway.settled().await?;
    let entries = upstream.ledger().wait_settled(penstock_tests::http::PATIENCE).await?;
    let answered = entries.iter().filter(|entry| {
        use penstock_tests::upstream::Outcome;
        entry.method == "POST" && !matches!(entry.outcome, Outcome::Answered { status } if status >= 300)
    });
    ensure!(gateway.usage().await?.len() == answered.count(), "usage rows and ledger differ");
    Ok(())
}

#[tokio::test]
async fn openai_for_python() -> Result<()> {
    open("openai_cases.py").await
}

#[tokio::test]
async fn openai_for_python_with_a_key() -> Result<()> {
    keyed("openai_cases.py").await
}

#[tokio::test]
async fn openai_for_node() -> Result<()> {
    open("openai_cases.mjs").await
}

#[tokio::test]
async fn openai_for_node_with_a_key() -> Result<()> {
    keyed("openai_cases.mjs").await
}

#[tokio::test]
async fn anthropic_for_python() -> Result<()> {
    open("anthropic_cases.py").await
}

#[tokio::test]
async fn anthropic_for_python_with_a_key() -> Result<()> {
    keyed("anthropic_cases.py").await
}

#[tokio::test]
async fn anthropic_for_node() -> Result<()> {
    open("anthropic_cases.mjs").await
}

#[tokio::test]
async fn anthropic_for_node_with_a_key() -> Result<()> {
    keyed("anthropic_cases.mjs").await
}
