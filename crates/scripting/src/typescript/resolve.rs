//! What an import means: a file as TypeScript's users expect it, or something that is built in.

use std::path::{Component, Path, PathBuf};

/// What is imported.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Resolved {
    /// Something that is built in, by the engine's name of it.
    BuiltIn(&'static str),
    /// A file.
    File(PathBuf),
}

/// What can be imported without a file: the names that authors write, and the engine's.
const BUILT_IN: &[(&str, &str)] = &[
    ("@penstock/module-sdk", "penstock:sdk"),
    ("@prxy/module-sdk", "penstock:sdk"),
    ("@prxy/shared-types", "penstock:sdk"),
    ("node:buffer", "penstock:node-buffer"),
    ("buffer", "penstock:node-buffer"),
    ("node:crypto", "penstock:node-crypto"),
    ("crypto", "penstock:node-crypto"),
    ("node:url", "penstock:node-url"),
    ("url", "penstock:node-url"),
];

/// Whether the engine's name is one of what is built in.
pub(crate) fn is_built_in(name: &str) -> bool {
    name.starts_with("penstock:")
}

/// What `specifier` in the file `importer` is; files are to be in `root`.
pub(super) fn resolve(importer: &Path, specifier: &str, root: &Path) -> Result<Resolved, String> {
    if let Some((_, name)) = BUILT_IN.iter().find(|(written, _)| *written == specifier) {
        return Ok(Resolved::BuiltIn(name));
    }
    if !specifier.starts_with("./") && !specifier.starts_with("../") && !matches!(specifier, "." | "..") {
        return Err(foreign(specifier));
    }
    let folder = importer.parent().unwrap_or(Path::new(""));
    let wanted = clean(&folder.join(specifier));
    if !wanted.starts_with(clean(root)) {
        return Err(format!(
            "`{specifier}` is outside the folder of modules {}: imports do not leave it",
            root.display()
        ));
    }
    let found = candidates(&wanted).into_iter().find(|candidate| candidate.is_file());
    let found = found
        .ok_or_else(|| format!("there is no file for `{specifier}`: looked for {}", wanted.display()))?;
    // a link may lead where a path may not
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    if real(&found).starts_with(real(root)) {
        return Ok(Resolved::File(found));
    }
    Err(format!(
        "`{specifier}` leads outside the folder of modules {}: imports do not leave it",
        root.display()
    ))
}

/// The files that a path may mean, the likeliest first.
fn candidates(wanted: &Path) -> Vec<PathBuf> {
    let with = |extension: &str| {
        let mut path = wanted.as_os_str().to_owned();
        path.push(format!(".{extension}"));
        PathBuf::from(path)
    };
    let mut found = Vec::new();
    match wanted.extension().and_then(|extension| extension.to_str()) {
        // what the compiler would make of the file that there is
        Some("js") => found.extend([wanted.with_extension("ts"), wanted.to_owned()]),
        Some("mjs") => found.extend([wanted.with_extension("mts"), wanted.to_owned()]),
        Some("ts" | "mts" | "json") => found.push(wanted.to_owned()),
        _ => {}
    }
    let extensions = ["ts", "mts", "js", "mjs"];
    found.extend(extensions.map(with));
    found.extend(extensions.map(|extension| wanted.join(format!("index.{extension}"))));
    found
}

/// The sentence for what is neither a file nor built in.
fn foreign(specifier: &str) -> String {
    let names: Vec<_> =
        BUILT_IN.iter().map(|(name, _)| *name).filter(|name| name.contains([':', '@'])).collect();
    let names = names.join(", ");
    if specifier.starts_with("node:") {
        return format!("there is no `{specifier}`, since this is not Node: there are {names}");
    }
    format!(
        "`{specifier}` is a package, and there are none: expected a file such as `./lib/cost.js`, or one of {names}"
    )
}

/// The path without `.` and `..`.
pub(super) fn clean(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut cleaned = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                cleaned.pop();
            }
            other => cleaned.push(other),
        }
    }
    cleaned
}
