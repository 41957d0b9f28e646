//! The package under the compiler and in Node, as its authors and users have them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use penstock_tests::snippets::{self, Snippet};
use serde_json::Value;

use crate::package::{Compiled, passes, root, tsc};

/// Runs these test files in Node, each of which has at least one test.
fn node_test(names: &Path, files: &[PathBuf]) -> Result<()> {
    ensure!(!files.is_empty(), "there are no tests");
    let output = Command::new("node")
        .arg("--import")
        .arg(names)
        .arg("--test")
        .args(files)
        .current_dir(root())
        .output()
        .context("node is needed")?;
    passes(&output)?;
    let said = String::from_utf8_lossy(&output.stdout);
    let count = |word: &str| {
        let line = said.lines().find_map(|line| line.split_once(&format!(" {word} ")));
        line.and_then(|(_, number)| number.trim().parse::<usize>().ok())
    };
    ensure!(count("pass") >= Some(files.len()) && count("skipped") == Some(0), "{said}");
    Ok(())
}

fn files_in(folder: &Path, ends: &str) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(files_in(&path, ends)?);
        } else if path.to_string_lossy().ends_with(ends) {
            files.push(path);
        }
    }
    Ok(files)
}

/// The gateway carries the main entry for an engine that is not Node.
#[test]
fn the_main_entry_needs_nothing_of_node() -> Result<()> {
    passes(&tsc(&["-p", "tsconfig.main.json"])?)?;
    let sources: Vec<PathBuf> = files_in(&root().join("src"), ".ts")?
        .into_iter()
        .filter(|path| path.parent() == Some(&root().join("src")))
        .collect();
    ensure!(sources.len() >= 7, "{sources:?}");
    for path in sources {
        let text = std::fs::read_to_string(&path)?;
        let imports = text.lines().filter_map(|line| line.split(" from '").nth(1));
        for import in imports {
            ensure!(import.starts_with("./") && import.contains(".js'"), "{}: {import}", path.display());
        }
    }
    Ok(())
}

#[test]
fn types_fixtures_and_tests_of_the_package_hold() -> Result<()> {
    let compiled = Compiled::new("tsconfig.json")?;
    let tests = files_in(&compiled.file("test"), ".test.js")?;
    ensure!(tests.len() == files_in(&root().join("test"), ".test.ts")?.len(), "{tests:?}");
    node_test(&compiled.file("test/names.js"), &tests)
}

/// What is published has what `package.json` names, and a user's strict compiler takes it.
#[test]
fn the_package_is_whole() -> Result<()> {
    let user = tempfile::Builder::new().prefix("user-").tempdir_in(builds()?)?;
    let package = user.path().join("node_modules/@penstock/module-sdk");
    std::fs::create_dir_all(&package)?;
    std::fs::copy(root().join("package.json"), package.join("package.json"))?;
    let out = package.join("dist");
    passes(&tsc(&["-p", "tsconfig.build.json", "--outDir", out.to_str().context("it is text")?])?)?;
    let manifest: Value = serde_json::from_str(&std::fs::read_to_string(package.join("package.json"))?)?;
    for entry in [".", "./testing"] {
        for kind in ["types", "default"] {
            let file = manifest["exports"][entry][kind].as_str().context("an entry has both")?;
            ensure!(package.join(file).exists(), "{entry} names {file}, which is not there");
        }
    }
    std::fs::write(user.path().join("package.json"), r#"{"type":"module"}"#)?;
    std::fs::write(
        user.path().join("tsconfig.json"),
        r#"{"compilerOptions":{"strict":true,"target":"ES2022","module":"NodeNext","types":["node"],"lib":["ES2023"]}}"#,
    )?;
    std::fs::write(
        user.path().join("use.ts"),
        "import { textResponse, type Module } from '@penstock/module-sdk';
         import { run } from '@penstock/module-sdk/testing';
         const module: Module = { name: 'a', version: '1.0.0',
           async pre() { return { continue: false, response: textResponse('used') }; } };
         const { response } = await run(module);
         process.stdout.write(JSON.stringify(response.content));",
    )?;
    let project = user.path().to_str().context("it is text")?;
    passes(&tsc(&["-p", project])?)?;
    let output = Command::new("node").arg(user.path().join("use.js")).output()?;
    passes(&output)?;
    ensure!(output.stdout == br#"[{"type":"text","text":"used"}]"#, "{output:?}");
    Ok(())
}

fn builds() -> Result<PathBuf> {
    let builds = root().join("build");
    std::fs::create_dir_all(&builds)?;
    Ok(builds)
}

/// Pages whose snippets are modules and their tests.
const PAGES: &[(&str, usize)] = &[("docs/guides/write-a-module.md", 11), ("sdk/typescript/README.md", 2)];

fn is_code(file: &str) -> bool {
    Path::new(file).extension().is_some_and(|extension| extension == "ts")
}

fn page_snippets(page: &str, least: usize) -> Result<Vec<Snippet>> {
    let path = root().join("../..").join(page);
    let found = snippets::of(&std::fs::read_to_string(path)?)?;
    ensure!(found.len() >= least, "{page} has {} files, and had {least}", found.len());
    Ok(found)
}

#[test]
fn the_snippets_of_the_pages_are_checked_and_run() -> Result<()> {
    let folder = tempfile::Builder::new().prefix("guide-").tempdir_in(builds()?)?;
    let mut files = BTreeSet::new();
    for (page, least) in PAGES {
        let found = page_snippets(page, *least)?;
        for snippet in &found {
            ensure!(files.insert(snippet.file.clone()), "{page}: {} is there twice", snippet.file);
        }
        snippets::write(&found, folder.path())?;
    }
    let config =
        r#"{"extends":"../../tsconfig.json","include":["modules","../../src","../../test/names.ts"]}"#;
    std::fs::write(folder.path().join("tsconfig.json"), config)?;
    let out = folder.path().join("out");
    let arguments = [
        "-p",
        folder.path().to_str().context("it is text")?,
        "--outDir",
        out.to_str().context("it is text")?,
    ];
    passes(&tsc(&arguments)?)?;
    let modules = out.join("build").join(folder.path().file_name().context("it has a name")?);
    // what is no code is not compiled, and has to be beside it
    for file in files.iter().filter(|file| !is_code(file)) {
        let to = modules.join(file);
        std::fs::create_dir_all(to.parent().context("it is in a folder")?)?;
        std::fs::copy(folder.path().join(file), to)?;
    }
    node_test(&out.join("test/names.js"), &files_in(&modules, ".test.js")?)
}

#[test]
fn every_module_of_the_guide_has_a_test_there() -> Result<()> {
    let found = page_snippets(PAGES[0].0, PAGES[0].1)?;
    let is_there = |name: &str| found.iter().any(|snippet| snippet.file == name);
    for Snippet { file, .. } in found.iter().filter(|snippet| is_code(&snippet.file)) {
        let of = file.strip_suffix(".test.ts").or_else(|| file.strip_suffix(".ts")).unwrap_or(file);
        ensure!(is_there(&format!("{of}.ts")) && is_there(&format!("{of}.test.ts")), "{file} is alone");
    }
    Ok(())
}
