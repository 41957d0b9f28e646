//! The table as a page of Markdown.

use std::fmt::Write as _;

use super::{Cell, Group, Results, groups};
use crate::backends::BACKENDS;

const HEAD: &str = "\
# What each storage backend does

<!-- Written by `make conformance` from a run of all cases. A test compares it with the cases. -->

Every backend of the [storage adapter](../concepts/storage.md) runs every case of the kit in
[crates/conformance](../../crates/conformance/src/lib.rs), against the real server where there is one.

| | |
|---|---|
| ✓ | it holds |
| ✗ | it does not |
| refused | the backend cannot do this, and says so or starts afresh, as another case of the table shows |
| not claimed | the backend cannot do this, for the reason given below |
| – | the case is about backends that cannot do what this one can |
| not run | there was no result |
";

/// The page for these results.
pub fn page(results: &Results) -> String {
    let mut page = HEAD.to_owned();
    page.push_str(
        "\n## What a backend cannot do\n\n| part | backend | is not | because |\n|---|---|---|---|\n",
    );
    for backend in BACKENDS {
        for (lacking, why) in backend.lacks {
            let (part, name) = (backend.part.as_str(), backend.name);
            writeln(&mut page, format_args!("| {part} | {name} | {} | {why} |", lacking.as_str()));
        }
    }
    for group in groups() {
        table(&mut page, &group, results);
    }
    page
}

fn table(page: &mut String, group: &Group, results: &Results) {
    writeln(page, format_args!("\n## {}: {} cases\n", group.name, group.rows.len()));
    let names: Vec<&str> = group.backends.iter().map(|backend| backend.name).collect();
    writeln(page, format_args!("| case | {} |", names.join(" | ")));
    writeln(page, format_args!("|---|{}", ":-:|".repeat(names.len())));
    for row in &group.rows {
        let case = row.name.split('/').nth(1).unwrap_or(row.name).replace('_', " ");
        let cells = group.backends.iter().map(|backend| group.cell(row, backend, results).as_str());
        writeln(page, format_args!("| {case} | {} |", cells.collect::<Vec<_>>().join(" | ")));
    }
}

fn writeln(page: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(page, "{line}").expect("a text takes whatever is written to it");
}

impl Cell {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Held => "✓",
            Self::Failed => "✗",
            Self::NotRun => "not run",
            Self::Refused => "refused",
            Self::NotClaimed => "not claimed",
            Self::NotMeant => "–",
        }
    }
}
