//! `penstock modules new`

use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, ensure};
use serde_json::json;

use crate::config::Config;
use crate::output;

/// A module that does nothing yet, and a test of it.
const MODULE: &str = include_str!("new/module.ts");
const TEST: &str = include_str!("new/module.test.ts");
/// What stands for the name in them.
const NAME: &str = "NAME";

/// Makes a module and its test in the folder of modules. Nothing that is there is written over.
pub(in super::super) fn new(config: &Config, name: &str, json: bool) -> anyhow::Result<()> {
    let is_name = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    ensure!(
        name.starts_with(|letter: char| letter.is_ascii_lowercase()) && name.chars().all(is_name),
        "expected a name of small letters, digits and `-` that begins with a letter, such as my-module, found {name:?}"
    );
    let folder = &config.modules_dir;
    std::fs::create_dir_all(folder)
        .with_context(|| format!("modules_dir {} cannot be made", folder.display()))?;
    let (module, test) = (folder.join(format!("{name}.ts")), folder.join(format!("{name}.test.ts")));
    write(&module, &MODULE.replace(NAME, name))?;
    write(&test, &TEST.replace(NAME, name))?;
    if json {
        return output::json(&json!({ "module": module, "test": test }));
    }
    output::line(format!("made {} and {}", module.display(), test.display()));
    output::line(format!("  try it   penstock modules test {}", module.display()));
    output::line(format!("  run it   penstock --pipe {name}"));
    Ok(())
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let made = std::fs::OpenOptions::new().write(true).create_new(true).open(path);
    let mut file = made.with_context(|| format!("{} cannot be made", path.display()))?;
    file.write_all(text.as_bytes()).with_context(|| format!("{} cannot be written", path.display()))
}
