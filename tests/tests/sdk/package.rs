//! The package, compiled for one test.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

/// Where the package is.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../sdk/typescript")
}

/// What the compiler made of the package and its tests; removed when this is dropped.
pub(crate) struct Compiled(TempDir);

impl Compiled {
    /// Compiles what `project` has, strictly. The folder is within the package, so that Node finds what it depends on.
    pub(crate) fn new(project: &str) -> Result<Self> {
        let builds = root().join("build");
        std::fs::create_dir_all(&builds)?;
        let folder = tempfile::Builder::new().prefix("test-").tempdir_in(builds)?;
        let out = folder.path().to_str().context("the path of the package is text")?;
        passes(&tsc(&["-p", project, "--outDir", out])?)?;
        Ok(Self(folder))
    }

    /// A file that the compiler made, such as `test/cost.test.js`.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

/// Runs the compiler of the package in its folder.
pub(crate) fn tsc(arguments: &[&str]) -> Result<Output> {
    let tool = root().join("node_modules/typescript/bin/tsc");
    ensure!(
        tool.exists(),
        "the tools of sdk/typescript are missing: run scripts/test-tools.sh (`make test` does)"
    );
    Command::new("node").arg(tool).args(arguments).current_dir(root()).output().context("node is needed")
}

/// Fails with what a tool said, unless it was content.
pub(crate) fn passes(output: &Output) -> Result<()> {
    let said = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    ensure!(output.status.success(), "{}{}", said[0], said[1]);
    Ok(())
}
