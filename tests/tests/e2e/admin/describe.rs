//! The OpenAPI document: it is the one that is checked in, an outside validator takes it, and an outside fuzzer
//! finds nothing in a running gateway that it does not say.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context as _, Result, ensure};
use penstock_tests::gateway::{ADMIN_KEY, Builder, Gateway};
use penstock_tests::http::get;
use serde_json::{Value, json};

use super::made;

/// Seconds that the fuzzer may take.
const FUZZ: &str = "45";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

async fn document(gateway: &Gateway) -> Result<Value> {
    let answer = get(gateway.at("/admin/v1/openapi.json")).send().await?;
    ensure!(answer.status == 200, "{}", answer.text());
    answer.json()
}

/// Runs one of the tools that scripts/test-tools.sh installs.
async fn tool(name: &str, arguments: &[&str], folder: &Path) -> Result<Output> {
    let program = root().join(".tools/openapi/bin").join(name);
    ensure!(program.exists(), "{name} is missing: run scripts/test-tools.sh (`make test` does)");
    let mut command = Command::new(program.canonicalize()?);
    command.args(arguments).current_dir(folder).env("NO_COLOR", "1");
    let name = name.to_owned();
    tokio::task::spawn_blocking(move || command.output()).await?.context(name)
}

#[tokio::test]
async fn the_document_is_the_one_that_is_checked_in() -> Result<()> {
    let gateway = Builder::new()?.start().await?;
    let found = document(&gateway).await?;
    let path = root().join("docs/reference/openapi.json");
    if std::env::var_os("PENSTOCK_WRITE_OPENAPI").is_some() {
        std::fs::write(&path, format!("{}\n", serde_json::to_string_pretty(&found)?))?;
    }
    let kept: Value = serde_json::from_str(&std::fs::read_to_string(&path)?)?;
    assert!(kept == found, "{} is old: run this test with PENSTOCK_WRITE_OPENAPI=1", path.display());
    Ok(())
}

#[tokio::test]
async fn every_operation_says_what_it_takes_and_answers() -> Result<()> {
    let gateway = Builder::new()?.start().await?;
    let document = document(&gateway).await?;
    assert!(document["openapi"].as_str().is_some_and(|version| version.starts_with("3.1")), "{document}");
    let mut ids = std::collections::BTreeSet::new();
    for (path, item) in document["paths"].as_object().context("no paths")? {
        for (method, operation) in item.as_object().context("no operations")? {
            let id = operation["operationId"].as_str().context("no id")?;
            ensure!(ids.insert(id.to_owned()), "{id} twice");
            ensure!(operation["summary"].is_string(), "{method} {path} says nothing");
            let answers = operation["responses"].as_object().context("no answers")?;
            ensure!(answers.keys().any(|status| status.starts_with('2')), "{method} {path}");
            let is_open = operation["security"] == json!([]);
            ensure!(
                is_open == ["/admin/v1/login", "/admin/v1/openapi.json"].contains(&path.as_str()),
                "{path}"
            );
            ensure!(is_open || answers.contains_key("401"), "{method} {path}");
            ensure!(
                ["get", "delete"].contains(&method.as_str())
                    || ["/logout", "/reset"].iter().any(|bare| path.ends_with(bare))
                    || operation["requestBody"].is_object(),
                "{method} {path}"
            );
        }
    }
    // 18 resources with five operations; what reads only, logs in and describes; bundles in and out; one reset
    assert_eq!(ids.len(), 18 * 5 + 8 + 2 + 1, "{ids:?}");
    Ok(())
}

#[tokio::test]
async fn an_outside_validator_takes_the_document() -> Result<()> {
    let gateway = Builder::new()?.start().await?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("openapi.json");
    std::fs::write(&file, document(&gateway).await?.to_string())?;
    let file = file.to_str().context("a path")?;
    let output = tool("openapi-spec-validator", &[file], folder.path()).await?;
    ensure!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

#[tokio::test]
async fn an_outside_fuzzer_finds_what_the_document_says() -> Result<()> {
    let gateway = Builder::new()?.start().await?;
    made(&gateway, "/users", &json!({"name": "ada", "permissions": ["*"]})).await?;
    made(&gateway, "/providers", &json!({"name": "base", "channel": "openai"})).await?;
    let folder = tempfile::tempdir()?;
    let (schema, authorization) =
        (gateway.at("/admin/v1/openapi.json"), format!("Authorization: Bearer {ADMIN_KEY}"));
    let arguments = [
        "run",
        &schema,
        "--url",
        gateway.url(),
        "--header",
        &authorization,
        "--max-time",
        FUZZ,
        "--seed",
        "1",
        "--phases",
        "coverage,fuzzing",
        "--generation-database",
        "none",
        "--warnings",
        "off",
        "--no-shrink",
        "--suppress-health-check",
        "all",
        "--continue-on-failure",
        "--checks",
        "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
         response_schema_conformance,negative_data_rejection,ignored_auth",
    ];
    let output = tool("schemathesis", &arguments, folder.path()).await?;
    let said = String::from_utf8_lossy(&output.stdout);
    let tail: String = said.chars().rev().take(12_000).collect::<Vec<_>>().into_iter().rev().collect();
    ensure!(output.status.success(), "{tail}{}", String::from_utf8_lossy(&output.stderr));
    ensure!(said.contains("generated"), "nothing was tried: {tail}");
    Ok(())
}
