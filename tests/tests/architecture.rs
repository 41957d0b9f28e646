//! Who may import whom. A wrong import fails here, not in a review.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops where it is")]

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, MetadataCommand};

/// The edges of ARCHITECTURE.md: what a crate may import directly, of ours. What it may import it may
/// import through others as well.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("penstock-core", &[]),
    ("penstock-dialects", &["penstock-core"]),
    ("penstock-providers", &["penstock-dialects"]),
    ("penstock-control", &["penstock-core"]),
    ("penstock-sqlite-native", &[]),
    ("penstock-storage", &["penstock-core", "penstock-sqlite-native"]),
    ("penstock-conformance", &["penstock-storage", "penstock-control", "penstock-core"]),
    ("penstock-pipeline", &["penstock-storage", "penstock-core"]),
    ("penstock-quickjs-native", &[]),
    (
        "penstock-scripting",
        &["penstock-pipeline", "penstock-storage", "penstock-core", "penstock-quickjs-native"],
    ),
    (
        "penstock-gateway",
        &["penstock-pipeline", "penstock-providers", "penstock-control", "penstock-storage"],
    ),
    ("penstock-server", &["penstock-gateway"]),
    ("penstock", &["penstock-server", "penstock-scripting"]),
    ("penstock-tests", &[]),
    ("penstock-bench", &["penstock-tests", "penstock-conformance"]),
];

/// Crates from elsewhere that only some of ours may know.
const ONLY_IN: &[(&str, &[&str])] = &[
    ("axum", &["penstock-server"]),
    ("sea-orm", &["penstock-control"]),
    ("chacha20poly1305", &["penstock-control"]),
    ("argon2", &["penstock-control"]),
    ("sqlx", &["penstock-control", "penstock-storage", "penstock-sqlite-native", "penstock-bench"]),
    ("libsqlite3-sys", &["penstock-sqlite-native"]),
    ("sqlite-vec", &["penstock-sqlite-native"]),
    ("redis", &["penstock-storage", "penstock-conformance"]),
    ("redb", &["penstock-storage"]),
    ("object_store", &["penstock-storage"]),
    ("aws-config", &["penstock-storage"]),
    ("s3s", &["penstock-conformance"]),
    ("opentelemetry", &["penstock-gateway", "penstock-server", "penstock"]),
    ("opentelemetry_sdk", &["penstock"]),
    ("opentelemetry-otlp", &["penstock"]),
    ("rquickjs", &["penstock-scripting", "penstock-quickjs-native"]),
    ("oxc", &["penstock-scripting"]),
    ("hyper-rustls", &["penstock-gateway"]),
    ("clap", &["penstock", "penstock-tests", "penstock-bench"]),
    ("anyhow", &["penstock", "penstock-tests", "penstock-bench"]),
];

/// What only the crates without IO must never have.
const NO_IO: &[&str] = &["penstock-core", "penstock-dialects", "penstock-providers"];
const IO: &[&str] = &["tokio", "hyper", "sea-orm", "reqwest", "axum"];

fn imports() -> BTreeMap<String, BTreeSet<String>> {
    let metadata = MetadataCommand::new().no_deps().exec().unwrap();
    let normal = |package: &cargo_metadata::Package| {
        let dependencies = package.dependencies.iter().filter(|found| found.kind == DependencyKind::Normal);
        dependencies.map(|found| found.name.clone()).collect()
    };
    metadata.packages.iter().map(|package| (package.name.to_string(), normal(package))).collect()
}

fn edges(name: &str) -> &'static [&'static str] {
    MAY_IMPORT.iter().find(|(known, _)| *known == name).map_or(&[], |(_, edges)| edges)
}

fn reachable(from: &str) -> BTreeSet<&'static str> {
    let mut found = BTreeSet::new();
    let mut next: Vec<&'static str> = edges(from).to_vec();
    while let Some(name) = next.pop() {
        if found.insert(name) {
            next.extend(edges(name));
        }
    }
    found
}

#[test]
fn crates_import_only_what_stands_below_them() {
    let imports = imports();
    let known: BTreeSet<_> = MAY_IMPORT.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(
        imports.keys().cloned().collect::<BTreeSet<_>>(),
        known,
        "every crate has its place in the list"
    );
    for (name, found) in &imports {
        let allowed = reachable(name);
        for import in found.iter().filter(|import| known.contains(*import)) {
            assert!(allowed.contains(import.as_str()), "{name} must not import {import}");
        }
    }
}

#[test]
fn some_libraries_are_known_to_few() {
    for (name, found) in imports() {
        for (library, owners) in ONLY_IN {
            assert!(
                !found.contains(*library) || owners.contains(&name.as_str()),
                "{name} must not import {library}"
            );
        }
        for library in IO.iter().filter(|_| NO_IO.contains(&name.as_str())) {
            assert!(!found.contains(*library), "{name} performs no IO and must not import {library}");
        }
    }
}

#[test]
fn unsafe_code_has_two_places() {
    let metadata = MetadataCommand::new().no_deps().exec().unwrap();
    assert!(metadata.packages.len() >= MAY_IMPORT.len(), "{}", metadata.packages.len());
    for package in metadata.packages {
        let manifest = std::fs::read_to_string(&package.manifest_path).unwrap();
        let takes_ours = manifest.contains("\n[lints]\nworkspace = true\n");
        let is_native =
            ["penstock-sqlite-native", "penstock-quickjs-native"].contains(&package.name.as_str());
        assert_ne!(takes_ours, is_native, "{}", package.name);
    }
}
