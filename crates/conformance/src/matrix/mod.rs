//! The table of cases and backends, `docs/reference/conformance.md`.
//!
//! It is written from what came out of a run, and from nothing else. If every case holds it can be told
//! beforehand, by the cases and by what each backend claims: so a test sees that the page in the repository
//! is the page of a run in which all held.

mod page;
pub mod results;

use crate::backends::{BACKENDS, Backend, Part};
use crate::case::is_for;
use crate::{Capability, Case, adapter, blob, control, db, kv};

pub use page::page;
pub use results::Results;

/// A case, without what it runs.
#[derive(Clone, Copy, Debug)]
struct Row {
    name: &'static str,
    requires: &'static [Capability],
    unless: Option<Capability>,
}

impl<H: ?Sized> From<&Case<H>> for Row {
    fn from(case: &Case<H>) -> Self {
        Self { name: case.name, requires: case.requires, unless: case.unless }
    }
}

/// A table of the page.
struct Group {
    /// What the names of its cases begin with.
    name: &'static str,
    rows: Vec<Row>,
    backends: Vec<&'static Backend>,
}

/// What is to be said of a case and a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cell {
    Held,
    Failed,
    /// It was not run, or was added since.
    NotRun,
    /// The backend cannot do it, and a case shows what it does instead.
    Refused,
    /// The backend cannot do it.
    NotClaimed,
    /// It is about backends that cannot do what this one can.
    NotMeant,
}

fn groups() -> Vec<Group> {
    let group = |name: &'static str, part: Part, rows: &[Row]| Group {
        name,
        rows: rows.iter().copied().filter(|row| row.name.split('/').next() == Some(name)).collect(),
        backends: BACKENDS.iter().filter(|backend| backend.part == part).collect(),
    };
    let db: Vec<Row> = db::GROUPS.iter().flat_map(|cases| cases.iter().map(Row::from)).collect();
    let kv: Vec<Row> = kv::CASES.iter().map(Row::from).collect();
    let blob: Vec<Row> = blob::CASES.iter().map(Row::from).collect();
    let control: Vec<Row> = control::GROUPS.iter().flat_map(|cases| cases.iter().map(Row::from)).collect();
    let adapter: Vec<Row> = adapter::CASES.iter().map(Row::from).collect();
    vec![
        group("kv", Part::Kv, &kv),
        group("db", Part::Db, &db),
        group("vector", Part::Db, &db),
        group("blob", Part::Blob, &blob),
        group("adapter", Part::Adapter, &adapter),
        group("control", Part::Control, &control),
    ]
}

impl Group {
    fn cell(&self, row: &Row, backend: &Backend, results: &Results) -> Cell {
        let claims = backend.claims();
        if is_for(row.requires, row.unless, &claims) {
            return match results.held(backend, row.name) {
                Some(true) => Cell::Held,
                Some(false) => Cell::Failed,
                None => Cell::NotRun,
            };
        }
        let Some(lacking) = row.requires.iter().find(|one| !claims.contains(one)) else {
            return Cell::NotMeant;
        };
        let instead = |row: &&Row| row.unless == Some(*lacking);
        match self.rows.iter().find(instead).and_then(|row| results.held(backend, row.name)) {
            Some(true) => Cell::Refused,
            _ => Cell::NotClaimed,
        }
    }
}

impl Results {
    /// Those of a run in which every case held.
    pub fn all_held() -> Self {
        let mut results = Self::default();
        for group in groups() {
            for backend in &group.backends {
                let claims = backend.claims();
                let run = group.rows.iter().filter(|row| is_for(row.requires, row.unless, &claims));
                results.add(backend.part, backend.name, run.map(|row| (row.name.to_owned(), true)));
            }
        }
        results
    }
}

/// What each backend claims, in a line: the snapshot.
pub fn claims() -> String {
    let line = |backend: &Backend| {
        let claimed = backend.part.capabilities().iter().filter(|one| backend.lack(**one).is_none());
        let claimed: Vec<&str> = claimed.map(|one| one.as_str()).collect();
        format!("{:8}{:27}{}", backend.part.as_str(), backend.name, claimed.join(" ")).trim_end().to_owned()
            + "\n"
    };
    BACKENDS.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// To be changed by hand, and on purpose.
    const SNAPSHOT: &str = include_str!("../../snapshots/claims.txt");
    const PAGE: &str = include_str!("../../../../docs/reference/conformance.md");

    #[test]
    fn no_backend_claims_less_than_before_without_notice() {
        assert_eq!(claims(), SNAPSHOT, "what a backend can do has changed: see snapshots/claims.txt");
    }

    #[test]
    fn the_page_in_the_repository_is_that_of_a_run_in_which_all_held() {
        let expected = page(&Results::all_held());
        for (number, (found, expected)) in PAGE.lines().zip(expected.lines()).enumerate() {
            let line = number + 1;
            assert_eq!(
                found, expected,
                "docs/reference/conformance.md:{line} is old: run `make conformance`"
            );
        }
        assert!(
            PAGE == expected,
            "docs/reference/conformance.md is too short or too long: run `make conformance`"
        );
    }

    #[test]
    fn a_failure_and_a_gap_are_shown() {
        let mut results = Results::all_held();
        let all = page(&results);
        let cells = |page: &str, sign: &str| page.split('|').filter(|cell| cell.trim() == sign).count();
        let (held, failed) = (cells(&all, "✓"), cells(&all, "✗"));
        results.add(Part::Kv, "redis", [("kv/an_empty_value_is_a_value".to_owned(), false)]);
        let page_with_failure = page(&results);
        assert_eq!(cells(&page_with_failure, "✗"), failed + 1, "{page_with_failure}");
        assert_eq!(cells(&page_with_failure, "✓"), held - 1, "{page_with_failure}");
        let legend = 1;
        assert_eq!(cells(&page(&Results::default()), "✓"), legend, "nothing was run");
    }

    #[test]
    fn every_case_is_in_a_table_and_every_part_in_the_list() {
        let groups = groups();
        let rows: usize = groups.iter().map(|group| group.rows.len()).sum();
        let db: usize = db::GROUPS.iter().map(|cases| cases.len()).sum();
        let control: usize = control::GROUPS.iter().map(|cases| cases.len()).sum();
        assert_eq!(rows, kv::CASES.len() + db + blob::CASES.len() + adapter::CASES.len() + control);
        for Group { name, rows, backends } in groups {
            assert!(rows.len() >= 10 && backends.len() >= 3, "{name}");
            for row in &rows {
                let is_for = |backend: &&&Backend| is_for(row.requires, row.unless, &backend.claims());
                assert!(backends.iter().any(|backend| is_for(&backend)), "nobody runs {}", row.name);
            }
        }
    }
}
