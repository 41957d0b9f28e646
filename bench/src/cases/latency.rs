//! What the gateway adds to a request's time at a moderate load.

use std::time::Duration;

use anyhow::Result;
use serde_json::json;

use super::{Again, Found, Pace, progress};
use crate::bodies::{Dialect, GPT, chat, request};
use crate::load::{Latencies, Open};
use crate::process::Machine;
use crate::report::{Measure, Target as Bound};
use crate::rig::{Rig, Target};
use crate::statistics::{micros, number, percentile};

const CONNECTIONS: u32 = 32;
const RATE: u32 = 1_000;
const REQUESTS: u32 = 5_000;
const ROUNDS: u32 = 7;

/// Percentiles of one target in one round, and its processor time for each request, in microseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spread {
    pub(super) p50: f64,
    pub(super) p99: f64,
    cpu: f64,
}

impl Spread {
    fn of(values: &mut [Duration], cpu: Duration) -> Self {
        let (p50, p99) = (micros(percentile(values, 500)), micros(percentile(values, 990)));
        Self { p50, p99, cpu: micros(cpu) / number(values.len() as u64) }
    }
}

/// Which of the times that were measured.
pub(super) type Figures = fn(&mut Latencies) -> &mut Vec<Duration>;

/// The spreads of each round: direct, floor, gateway.
pub(super) struct Spreads {
    rounds: Vec<[Spread; 3]>,
    raw: Vec<serde_json::Value>,
}

pub(super) fn run(pace: Pace) -> Result<Found> {
    let mut rig = Rig::start()?;
    let request = request(Dialect::OpenaiChat, &rig.key, &chat(Dialect::OpenaiChat, GPT));
    let load = |target| Open {
        address: target,
        request: request.clone(),
        connections: CONNECTIONS,
        rate: RATE,
        requests: pace.count(REQUESTS),
    };
    let spreads =
        Spreads::run(&mut rig, "latency", pace.rounds(ROUNDS), load, |latencies| &mut latencies.whole)?;
    rig.finish()?;
    Ok(Found {
        how: "the same request at a steady 1,000 a second over 32 connections, straight to the upstream, through \
              the floor and through the gateway, in rounds of 5 s.",
        measures: vec![
            Measure::new(
                "added p99",
                "µs",
                spreads.added(2, |spread| spread.p99),
                Bound::at_most(400.0, 120.0),
            ),
            Measure::context("added p50", "µs", spreads.added(2, |spread| spread.p50)),
            Measure::context("added p99, floor", "µs", spreads.added(1, |spread| spread.p99)),
            Measure::context("added p50, floor", "µs", spreads.added(1, |spread| spread.p50)),
            Measure::context("p99, direct", "µs", spreads.each(0, |spread| spread.p99)),
            Measure::context("p99, gateway", "µs", spreads.each(2, |spread| spread.p99)),
            Measure::context("CPU per request, floor", "µs", spreads.each(1, |spread| spread.cpu)),
            Measure::context("CPU per request, gateway", "µs", spreads.each(2, |spread| spread.cpu)),
        ],
        rounds: spreads.raw,
    })
}

impl Spreads {
    /// Alternates between the three after one of each that does not count; `figures` says which times.
    pub(super) fn run(
        rig: &mut Rig,
        what: &str,
        rounds: u32,
        load: impl Fn(std::net::SocketAddr) -> Open,
        figures: Figures,
    ) -> Result<Self> {
        let mut found = Self { rounds: Vec::new(), raw: Vec::new() };
        let mut again = Again::new(rounds);
        let mut warm = false;
        while found.rounds.len() < usize::try_from(rounds)? {
            let (mut raw, mut most) = (Vec::new(), 0.0_f64);
            let mut spreads = [Spread::default(); 3];
            for (target, spread) in [Target::Direct, Target::Floor, Target::Gateway].iter().zip(&mut spreads)
            {
                let note = if warm { what } else { "warming up" };
                let (found, others) = one(rig, note, *target, &load(rig.address(*target)), figures)?;
                raw.push(json!({
                    "what": what, "target": target.name(), "requests": found.values, "events": found.events,
                    "p50_us": found.spread.p50, "p99_us": found.spread.p99, "cpu_us": found.spread.cpu,
                    "others": others,
                }));
                *spread = found.spread;
                most = most.max(others);
            }
            if std::mem::replace(&mut warm, true) && !again.is_needed(most)? {
                found.rounds.push(spreads);
                found.raw.extend(raw);
            }
        }
        Ok(found)
    }

    /// A figure of one target in each round.
    pub(super) fn each(&self, target: usize, figure: fn(&Spread) -> f64) -> Vec<f64> {
        self.rounds.iter().map(|round| figure(&round[target])).collect()
    }

    /// How much more than direct it is, in each round.
    pub(super) fn added(&self, target: usize, figure: fn(&Spread) -> f64) -> Vec<f64> {
        self.rounds.iter().map(|round| figure(&round[target]) - figure(&round[0])).collect()
    }

    /// All rounds as they are kept.
    pub(super) fn into_raw(self) -> Vec<serde_json::Value> {
        self.raw
    }
}

/// What one target did in one round.
pub(super) struct One {
    pub(super) spread: Spread,
    pub(super) values: usize,
    events: u64,
}

/// Runs one load, and returns with what it found the part of the machine that others took.
pub(super) fn one(
    rig: &mut Rig,
    what: &str,
    target: Target,
    load: &Open,
    figures: Figures,
) -> Result<(One, f64)> {
    let before = (rig.upstream.cpu()?, rig.process(target).cpu()?, Machine::read()?);
    let mut latencies = load.run()?;
    if target == Target::Gateway {
        rig.asked += latencies.whole.len() as u64;
        rig.settled()?;
    }
    let (upstream, cpu) = (rig.upstream.cpu()?.since(&before.0), rig.process(target).cpu()?.since(&before.1));
    let known = if target == Target::Direct { cpu } else { cpu + upstream };
    let others = Machine::read()?.others_since(&before.2, known);
    rig.check()?;
    let (events, values) = (latencies.events, figures(&mut latencies));
    let (spread, values) = (Spread::of(values, cpu), values.len());
    progress(&format!(
        "{what}, {:>7}: {values} requests, {events} events, p50 {:.0} µs, p99 {:.0} µs, {:.1} µs CPU each, others {:.0} %",
        target.name(),
        spread.p50,
        spread.p99,
        spread.cpu,
        others * 100.0,
    ))?;
    Ok((One { spread, values, events }, others))
}
