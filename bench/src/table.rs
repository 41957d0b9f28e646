//! The report as a page to read.

use std::fmt::{self, Write as _};
use std::path::Path;

use anyhow::{Context, Result};

use crate::report::{Case, Measure, Report, Target};

const INTRODUCTION: &str = include_str!("table/introduction.md");
const NOTES: &str = include_str!("table/notes.md");

/// Writes the page to `path`.
pub(crate) fn write(report: &Report, path: &Path) -> Result<()> {
    std::fs::write(path, page(report)?).with_context(|| format!("{} cannot be written", path.display()))
}

fn page(report: &Report) -> Result<String, fmt::Error> {
    let mut page = String::from(INTRODUCTION);
    let machine = &report.machine;
    let gigabytes = machine.memory / 1_000_000_000;
    writeln!(
        page,
        "\nMeasured on {} cores of {} with {gigabytes} GB of memory, Linux {}. The rounds behind every \
         figure are in `first.json`. Other processes took at most {} % of the machine during a round.\n",
        machine.cores,
        machine.cpu,
        machine.kernel,
        figure(100.0 * others(report))
    )?;
    if report.cases.iter().any(|case| case.quick) {
        writeln!(page, "**Some cases ran with `--quick`: their figures are from a smoke test.**\n")?;
    }
    table(&mut page, report)?;
    writeln!(page, "\n## What each case does\n")?;
    for case in &report.cases {
        writeln!(page, "- **{}**: {}", case.name, case.how)?;
    }
    writeln!(page, "\n## Figures that explain\n")?;
    explanations(&mut page, report)?;
    write!(page, "\n{NOTES}")?;
    Ok(page)
}

fn table(page: &mut String, report: &Report) -> fmt::Result {
    writeln!(page, "| case | what | median | min–max | target \"first\" | target \"then\" | met |")?;
    writeln!(page, "|---|---|---:|---:|---:|---:|---|")?;
    for (case, measure) in measures(report) {
        let Some(target) = measure.target else { continue };
        let unit = unit(measure);
        let sign = if target.at_least { "≥" } else { "≤" };
        writeln!(
            page,
            "| {} | {} | **{}{unit}** | {} | {sign} {}{unit} | {sign} {}{unit} | {} |",
            case.name,
            measure.name,
            figure(measure.median),
            span(measure),
            figure(target.first),
            figure(target.then),
            verdict(target, measure.median),
        )?;
    }
    Ok(())
}

fn explanations(page: &mut String, report: &Report) -> fmt::Result {
    writeln!(page, "| case | what | median | min–max |\n|---|---|---:|---:|")?;
    for (case, measure) in measures(report).filter(|(_, measure)| measure.target.is_none()) {
        let (median, unit) = (figure(measure.median), unit(measure));
        writeln!(page, "| {} | {} | {median}{unit} | {} |", case.name, measure.name, span(measure))?;
    }
    Ok(())
}

/// The largest part of the machine that others took in any round.
fn others(report: &Report) -> f64 {
    let rounds = report.cases.iter().flat_map(|case| &case.rounds);
    rounds.filter_map(|round| round["others"].as_f64()).fold(0.0, f64::max)
}

fn measures(report: &Report) -> impl Iterator<Item = (&Case, &Measure)> {
    report.cases.iter().flat_map(|case| case.measures.iter().map(move |measure| (case, measure)))
}

fn verdict(target: Target, value: f64) -> &'static str {
    match (target.is_met(value, target.first), target.is_met(value, target.then)) {
        (true, true) => "first and then",
        (true, false) => "first",
        (false, _) => "**no**",
    }
}

fn unit(measure: &Measure) -> String {
    if measure.unit.is_empty() { String::new() } else { format!(" {}", measure.unit) }
}

fn span(measure: &Measure) -> String {
    let least = measure.values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = measure.values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    format!("{}–{}", figure(least), figure(most))
}

/// Three digits that count.
fn figure(value: f64) -> String {
    match value.abs() {
        size if size < 0.000_5 => "0".to_owned(),
        size if size < 10.0 => trimmed(format!("{value:.2}")),
        size if size < 100.0 => trimmed(format!("{value:.1}")),
        _ => format!("{value:.0}"),
    }
}

fn trimmed(text: String) -> String {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        let shown = [0.0, 1.6, 1.256, 80.0, 41.27, 21_345.6, -3.5].map(figure);
        assert_eq!(shown, ["0", "1.6", "1.26", "80", "41.3", "21346", "-3.5"]);
    }

    #[test]
    fn a_missed_target_is_said() {
        let target = Target { at_least: false, first: 2.0, then: 1.0 };
        let verdicts = [3.0, 1.5, 1.0].map(|value| verdict(target, value));
        assert_eq!(verdicts, ["**no**", "first", "first and then"]);
        let target = Target { at_least: true, ..target };
        assert_eq!(verdict(target, 2.0), "first and then");
    }
}
