//! The page `docs/reference/translation.md` says what the codecs do: it is made by asking them.
//!
//! The test fails if the page that is there says something else. With `PENSTOCK_WRITE_REFERENCE=1` in the
//! environment it writes the page.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on stops where it is")]

#[path = "reference/anthropic_messages.rs"]
mod anthropic_messages;
#[path = "reference/openai_chat.rs"]
mod openai_chat;
#[path = "reference/probe.rs"]
mod probe;
#[path = "reference/table.rs"]
mod table;

use std::fmt::Write as _;
use std::path::Path;

use penstock_core::Dialect;
use penstock_dialects::codec::codec;

use crate::probe::{Probe, answers, errors, requests};
use crate::table::Table;

const OPENING: &str = include_str!("reference/opening.md");

/// What is tried in one dialect.
struct Probes {
    dialect: Dialect,
    /// A request and an answer with nothing but what must be there; a probe changes members of them.
    request: &'static str,
    answer: &'static str,
    requests: Vec<Probe>,
    answers: Vec<Probe>,
    errors: Vec<(&'static str, u16, &'static str)>,
}

fn probes() -> Vec<Probes> {
    vec![openai_chat::probes(), anthropic_messages::probes()]
}

fn page() -> String {
    let mut page = OPENING.to_owned();
    for from in probes() {
        for to in probes().iter().map(|probes| probes.dialect).filter(|to| *to != from.dialect) {
            let own = from.dialect;
            let mut section = |title: String, table: &Table| {
                write!(page, "\n## {title}\n\n{table}").expect("a text takes everything");
            };
            section(format!("Requests: `{own}` to `{to}`"), &requests(&from, to));
            section(format!("Answers: `{own}` to `{to}`"), &answers(&from, to));
            section(format!("Errors: `{own}` to `{to}`"), &errors(&from, to));
        }
    }
    page
}

#[test]
fn the_page_says_what_the_codecs_do() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/translation.md");
    let page = page();
    if std::env::var_os("PENSTOCK_WRITE_REFERENCE").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = page.lines().zip(there.lines()).find(|(is, was)| is != was);
    assert!(
        there == page,
        "docs/reference/translation.md is not what the codecs do: look at the change, then write it with \
         PENSTOCK_WRITE_REFERENCE=1 cargo test -p penstock-dialects --test reference\n{differs:#?}"
    );
}

#[test]
fn every_dialect_that_takes_part_is_probed() {
    let probed: Vec<_> = probes().iter().map(|probes| probes.dialect).collect();
    let taking_part = Dialect::ALL.iter().copied().filter(|dialect| codec(*dialect).is_some());
    assert_eq!(probed, taking_part.collect::<Vec<_>>());
    for probes in probes() {
        assert!(probes.requests.len() >= 40 && probes.answers.len() >= 15, "{}", probes.dialect);
    }
}
