//! A program of one's own with a module in Rust: the example, compiled against this build, and run.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use cargo_metadata::MetadataCommand;
use penstock_tests::gateway::{Builder, binary};
use penstock_tests::http::post;
use penstock_tests::upstream::ScriptedUpstream;
use serde_json::{Value, json};

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/rust-module");

/// The library that the binary is made of, as it was built last.
fn library(folder: &Path) -> Result<PathBuf> {
    let mut built = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.starts_with("libpenstock-") && path.extension().is_some_and(|end| end == "rlib") {
            built.push((path.metadata()?.modified()?, path));
        }
    }
    let (_, newest) = built.into_iter().max().context("the library is missing: build the binaries first")?;
    Ok(newest)
}

/// Compiles the example. By the compiler itself: what a package manager would build of it is there, but for the example.
fn compile(into: &Path) -> Result<PathBuf> {
    let target = binary()?.parent().context("the binary is in a folder")?.join("deps");
    let program = into.join("my-gateway");
    let compiled = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
        .args(["--edition=2024", "--crate-name=my_gateway", "-Dwarnings"])
        .arg(format!("{EXAMPLE}/src/main.rs"))
        .arg("--extern")
        .arg(format!("penstock={}", library(&target)?.display()))
        .arg("-L")
        .arg(format!("dependency={}", target.display()))
        .arg("-o")
        .arg(&program)
        .env("CARGO_PKG_VERSION", "0.1.0")
        .output()?;
    ensure!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    Ok(program)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_of_ones_own_has_its_module_and_all_the_others() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let program = compile(folder.path())?;
    let upstream = ScriptedUpstream::start().await?;
    let gateway = Builder::new()?
        .program(program)
        .upstream(&upstream.url())
        .variable("PENSTOCK_PIPE", "cost-guard,house-rules")
        .start()
        .await?;
    let body = json!({
        "model": "anthropic/scripted", "max_tokens": 64, "messages": [{ "role": "user", "content": "hello" }],
    });
    let answer = post(gateway.at("/v1/messages"), body.to_string()).send().await?;
    ensure!(answer.status == 200, "{answer:?}");
    let received = upstream.requests().pop().context("the provider was not asked")?;
    let sent: Value = serde_json::from_slice(received.body.as_deref().unwrap_or_default())?;
    ensure!(sent["system"] == "Answer briefly.", "{sent}");
    Ok(())
}

/// Its manifest is what a reader copies: one dependency, and a workspace of its own.
#[test]
fn the_example_stands_by_itself() -> Result<()> {
    let metadata = MetadataCommand::new().manifest_path(format!("{EXAMPLE}/Cargo.toml")).no_deps().exec()?;
    let [package] = &metadata.packages[..] else { anyhow::bail!("expected one package") };
    let dependencies: Vec<_> =
        package.dependencies.iter().map(|dependency| dependency.name.as_str()).collect();
    ensure!(dependencies == ["penstock"], "{dependencies:?}");
    ensure!(metadata.workspace_root.ends_with("examples/rust-module"), "{}", metadata.workspace_root);
    Ok(())
}
