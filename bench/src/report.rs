//! What a run found, as it is kept in `first.json`.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::statistics::median;

/// All cases, and the machine they ran on.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Report {
    /// Where it ran.
    pub(crate) machine: Facts,
    /// In the order in which the table has them.
    pub(crate) cases: Vec<Case>,
}

/// What matters of a machine.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Facts {
    /// The processor's model.
    pub(crate) cpu: String,
    /// Its cores, all of which the load, the upstream and what is measured share.
    pub(crate) cores: usize,
    /// The kernel's version.
    pub(crate) kernel: String,
    /// Memory in bytes.
    pub(crate) memory: u64,
}

/// One case.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Case {
    /// What `--only` calls it.
    pub(crate) name: String,
    /// What was done, in a sentence.
    pub(crate) how: String,
    /// Short rounds, for a smoke test: the figures say little.
    pub(crate) quick: bool,
    /// What came out.
    pub(crate) measures: Vec<Measure>,
    /// Every round as it was read.
    pub(crate) rounds: Vec<Value>,
}

/// One figure of a case.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Measure {
    /// What it is.
    pub(crate) name: String,
    /// Its unit; empty for a ratio.
    pub(crate) unit: String,
    /// The middle of `values`.
    pub(crate) median: f64,
    /// One for each round, in order.
    pub(crate) values: Vec<f64>,
    /// What it should be, in the first release and then; a figure without is there to explain.
    pub(crate) target: Option<Target>,
}

/// The targets of a figure.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Target {
    /// Whether it has to be at least this, not at most.
    pub(crate) at_least: bool,
    /// In the first release.
    pub(crate) first: f64,
    /// Later.
    pub(crate) then: f64,
}

impl Target {
    /// A figure that should be small.
    pub(crate) fn at_most(first: f64, then: f64) -> Self {
        Self { at_least: false, first, then }
    }

    /// A figure that should be large.
    pub(crate) fn at_least(first: f64, then: f64) -> Self {
        Self { at_least: true, first, then }
    }

    /// Whether `value` keeps within `bound`.
    pub(crate) fn is_met(self, value: f64, bound: f64) -> bool {
        if self.at_least { value >= bound } else { value <= bound }
    }
}

impl Measure {
    /// A figure that may have a target.
    pub(crate) fn new(name: &str, unit: &str, values: Vec<f64>, target: impl Into<Option<Target>>) -> Self {
        let (name, unit, target) = (name.to_owned(), unit.to_owned(), target.into());
        Self { name, unit, median: median(&values), values, target }
    }

    /// A figure that explains another.
    pub(crate) fn context(name: &str, unit: &str, values: Vec<f64>) -> Self {
        Self::new(name, unit, values, None)
    }
}

impl Report {
    /// The report in `path`, or an empty one if there is none yet.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        if !path.exists() {
            return Ok(Self::default());
        }
        let text = fs::read_to_string(path)?;
        serde_json::from_str(&text).with_context(|| format!("{} is no report", path.display()))
    }

    /// Puts a case in its place, or in that of an earlier run of it.
    pub(crate) fn put(&mut self, case: Case, order: &[&str]) {
        self.cases.retain(|other| other.name != case.name);
        self.cases.push(case);
        self.cases.sort_by_key(|case| order.iter().position(|name| *name == case.name));
    }

    /// Writes it to `path`.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))
    }
}

impl Facts {
    /// Of the machine this runs on.
    pub(crate) fn read() -> Result<Self> {
        let field = |path: &str, name: &str| {
            let text = fs::read_to_string(path).unwrap_or_default();
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            line.map(|line| line.trim_start_matches([':', ' ', '\t']).to_owned())
        };
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
        // what a distribution appends says nothing here
        let kernel = kernel.trim().split('-').next().unwrap_or_default().to_owned();
        let memory = field("/proc/meminfo", "MemTotal").context("no MemTotal in /proc/meminfo")?;
        let kib: u64 = memory.split_whitespace().next().unwrap_or_default().parse()?;
        Ok(Self {
            cpu: field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown".to_owned()),
            cores: std::thread::available_parallelism()?.get(),
            kernel,
            memory: kib * 1024,
        })
    }
}
