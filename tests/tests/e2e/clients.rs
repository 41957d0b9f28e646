//! The official client libraries for Python and Node, over a real socket: against providers of their own
//! dialect, and against those of the other one through a translation.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use penstock_tests::gateway::{Builder, Gateway};
use penstock_tests::http::get;
use penstock_tests::upstream::{Outcome, Received, ScriptedUpstream};
use serde_json::Value;

/// Tells the cases that keys are checked.
const KEYED: (&str, &str) = ("PENSTOCK_AUTH", "1");

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Runs one script; every case in it must pass, and there must be some. Where keys are checked none may be
/// skipped.
async fn run(script: &str, gateway: &Gateway, key: &str, variables: &[(&str, &str)]) -> Result<()> {
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
        .env_remove("ANTHROPIC_API_KEY")
        .envs(variables.iter().copied());
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
    if variables.contains(&KEYED) {
        ensure!(!text.contains("\"skipped\""), "{script}: a case was skipped: {text}");
    }
    Ok(())
}

async fn open(script: &str) -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = Builder::new()?.upstream(&upstream.url()).start().await?;
    run(script, &gateway, "penstock", &[]).await?;
    check_rows(&gateway, &upstream).await
}

/// A gateway where keys are checked, and a key.
async fn with_a_key(upstream: &ScriptedUpstream) -> Result<(Gateway, String)> {
    let builder = Builder::new()?.upstream(&upstream.url());
    builder.run(&["user", "add", "ada"])?;
    let key = String::from_utf8(builder.run(&["key", "create", "--user", "ada"])?.stdout)?;
    Ok((builder.start().await?, key.trim().to_owned()))
}

async fn keyed(script: &str) -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let (gateway, key) = with_a_key(&upstream).await?;
    run(script, &gateway, &key, &[KEYED]).await?;
    check_rows(&gateway, &upstream).await
}

/// The cases of a translation, which hold for a provider of the client's own dialect as well.
async fn translated(script: &str, client: &str, provider: &str) -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let (gateway, key) = with_a_key(&upstream).await?;
    let other = if provider == "openai" { "anthropic" } else { "openai" };
    let variables = [
        KEYED,
        ("PENSTOCK_CLIENT", client),
        ("PENSTOCK_MODEL_PREFIX", &format!("{provider}/scripted")),
        ("PENSTOCK_OTHER_PREFIX", &format!("{other}/scripted")),
        ("PENSTOCK_UPSTREAM", &upstream.url()),
    ];
    run(script, &gateway, &key, &variables).await?;
    check_rows(&gateway, &upstream).await?;
    for entry in upstream.requests() {
        let body = entry.body.as_deref().unwrap_or_default();
        ensure!(
            !String::from_utf8_lossy(body).contains("penstock:"),
            "a carrier reached a provider: {entry:?}"
        );
        let (own, key) = if entry.path.ends_with("/messages") {
            ("x-api-key", "sk-ant-upstream")
        } else {
            ("authorization", "Bearer sk-upstream-openai")
        };
        ensure!(entry.header(own) == Some(key), "not the key of this provider: {entry:?}");
    }
    let metrics = get(gateway.at("/metrics")).send().await?.text();
    let violations = metrics.lines().find(|line| line.starts_with("penstock_stream_violations_total"));
    ensure!(violations.is_none_or(|line| line.ends_with(" 0")), "{violations:?}");
    Ok(())
}

fn is_success(entry: &Received) -> bool {
    entry.method == "POST" && matches!(entry.outcome, Outcome::Answered { status } if status < 300)
}

/// Each request that a provider began to answer is metered, and each one that was answered whole is metered
/// with the figures of its provider.
async fn check_rows(gateway: &Gateway, upstream: &ScriptedUpstream) -> Result<()> {
    gateway.settled().await?;
    let entries = upstream.ledger().wait_settled(penstock_tests::http::PATIENCE).await?;
    let refused = |entry: &Received| matches!(entry.outcome, Outcome::Answered { status } if status >= 300);
    let answered = entries.iter().filter(|entry| entry.method == "POST" && !refused(entry));
    let rows = gateway.usage().await?;
    ensure!(
        rows.len() == answered.count(),
        "{} usage rows for {} entries in the ledger",
        rows.len(),
        entries.len()
    );
    let mut metered: Vec<_> = rows.iter().filter_map(generated).collect();
    let mut reported: Vec<_> =
        entries.iter().filter(|entry| is_success(entry)).filter_map(reported).collect();
    metered.sort_unstable();
    reported.sort_unstable();
    ensure!(!reported.is_empty() && metered == reported, "metered {metered:?}, reported {reported:?}");
    Ok(())
}

/// Model, input of any kind, and output of a row for an answer that was generated and came whole.
fn generated(row: &Value) -> Option<(String, u64, u64)> {
    let whole = row["ended"] == "complete" && row["source"] == "upstream" && row["operation"] == "generate";
    let count = |name: &str| row["usage"][name].as_u64().unwrap_or_default();
    let input = ["input", "cache_read", "cache_write_5m", "cache_write_1h"].map(count).iter().sum();
    whole.then(|| (row["model"].as_str().unwrap_or_default().to_owned(), input, count("output")))
}

/// The same of what the upstream reported: OpenAI counts what was cached among the input.
fn reported(entry: &Received) -> Option<(String, u64, u64)> {
    let used = entry.usage.filter(|_| !entry.path.ends_with("/embeddings"))?;
    let beside = if entry.path.contains("/messages") {
        used.cached + used.cache_write_5m + used.cache_write_1h
    } else {
        0
    };
    Some((entry.model.clone(), used.input + beside, used.output))
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

#[tokio::test]
async fn openai_for_python_with_an_openai_model() -> Result<()> {
    translated("translation_cases.py", "openai", "openai").await
}

#[tokio::test]
async fn openai_for_python_with_an_anthropic_model() -> Result<()> {
    translated("translation_cases.py", "openai", "anthropic").await
}

#[tokio::test]
async fn anthropic_for_python_with_an_openai_model() -> Result<()> {
    translated("translation_cases.py", "anthropic", "openai").await
}

#[tokio::test]
async fn anthropic_for_python_with_an_anthropic_model() -> Result<()> {
    translated("translation_cases.py", "anthropic", "anthropic").await
}

#[tokio::test]
async fn openai_for_node_with_an_openai_model() -> Result<()> {
    translated("translation_cases.mjs", "openai", "openai").await
}

#[tokio::test]
async fn openai_for_node_with_an_anthropic_model() -> Result<()> {
    translated("translation_cases.mjs", "openai", "anthropic").await
}

#[tokio::test]
async fn anthropic_for_node_with_an_openai_model() -> Result<()> {
    translated("translation_cases.mjs", "anthropic", "openai").await
}

#[tokio::test]
async fn anthropic_for_node_with_an_anthropic_model() -> Result<()> {
    translated("translation_cases.mjs", "anthropic", "anthropic").await
}
