//! The benchmark rig: the gateway against a bare proxy of the same parts, on one machine, in one run.
//!
//! It starts everything itself (a scripted upstream, the floor, the gateway on a fresh data folder),
//! loads it, reads processor time and memory from `/proc`, and writes what it found as data and as a
//! page. It asserts nothing about speed; it fails when an answer is missing or wrong.

pub mod floor;

mod answer;
mod bodies;
mod cases;
mod interrupt;
mod load;
mod process;
mod report;
mod rig;
mod statistics;
mod table;

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Parser;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use cases::{Name, Pace, progress};
use report::{Facts, Report};

/// Measures the gateway, and writes the results as data and as a page.
#[derive(Debug, Parser)]
#[command(
    name = "penstock-bench",
    after_help = "Example: penstock-bench --out docs/benchmarks --only latency"
)]
pub struct Arguments {
    /// Folder for `first.json` and `README.md`; a case that does not run keeps its earlier figures.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Run only this case; may be repeated.
    #[arg(long, value_enum, value_name = "CASE")]
    only: Vec<Name>,
    /// Short rounds, to see whether everything works.
    #[arg(long)]
    quick: bool,
}

/// Runs the cases and writes after each what is known by then.
pub fn run(arguments: &Arguments) -> Result<()> {
    raise_open_files()?;
    interrupt::watch()?;
    std::fs::create_dir_all(&arguments.out)?;
    let data = arguments.out.join("first.json");
    let mut report = Report::read(&data)?;
    report.machine = Facts::read()?;
    for name in Name::ALL {
        if !arguments.only.is_empty() && !arguments.only.contains(&name) {
            continue;
        }
        progress(&format!("== {}", name.text()))?;
        let case =
            name.run(Pace { quick: arguments.quick }).with_context(|| format!("case {}", name.text()))?;
        report.put(case, &Name::ALL.map(Name::text));
        report.write(&data)?;
        table::write(&report, &arguments.out.join("README.md"))?;
    }
    Ok(())
}

/// Thousands of streams need as many sockets, here and in the processes that inherit the limit.
fn raise_open_files() -> Result<()> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?;
    Ok(())
}
