//! Streams: the time to the first token, and the processor time that each chunk costs.

use anyhow::{Result, ensure};

use super::latency::{Spread, Spreads};
use super::{Found, Pace, Pairs, Round, progress};
use crate::bodies::{Dialect, request, stream};
use crate::load::{Closed, Open, Until};
use crate::report::{Measure, Target as Bound};
use crate::rig::{Rig, Target};
use crate::statistics::number;

/// Streams a second while the first token is timed, and how many.
const RATE: u32 = 200;
const STREAMS: u32 = 1_000;
const CONNECTIONS: u32 = 64;
const SHORT: &str = "chunks=20,delay-ms=5";

/// Streams at once while processor time is counted.
const PACED: u32 = 64;
const BURST: u32 = 16;
const SECONDS: u64 = 4;
const LONG: &str = "chunks=200,delay-ms=5";
const LONG_BURST: &str = "chunks=200";
const ROUNDS: u32 = 7;

pub(super) fn run(pace: Pace) -> Result<Found> {
    let mut measures = Vec::new();
    let mut rounds = Vec::new();
    for dialect in [Dialect::OpenaiChat, Dialect::AnthropicMessages] {
        progress(&format!("streams of {}", dialect.name()))?;
        let mut rig = Rig::start()?;
        first_token(&mut rig, dialect, pace, &mut measures, &mut rounds)?;
        chunks(&mut rig, dialect, pace, &mut measures, &mut rounds)?;
        rig.finish()?;
    }
    Ok(Found {
        how: "first token: 200 new streams a second of 20 chunks, one every 5 ms, timed to the first bytes of the \
              body. CPU per chunk: 64 streams at a time of 200 chunks each, one every 5 ms (burst: 16 streams, \
              without pauses).",
        measures,
        rounds,
    })
}

fn first_token(
    rig: &mut Rig,
    dialect: Dialect,
    pace: Pace,
    measures: &mut Vec<Measure>,
    rounds: &mut Vec<serde_json::Value>,
) -> Result<()> {
    let request = request(dialect, &rig.key, &stream(dialect, SHORT));
    let load = |address| Open {
        address,
        request: request.clone(),
        connections: CONNECTIONS,
        rate: RATE,
        requests: pace.count(STREAMS),
    };
    let what = format!("first token, {}", dialect.name());
    let spreads = Spreads::run(rig, &what, pace.rounds(ROUNDS), load, |latencies| &mut latencies.first)?;
    let p99 = |spread: &Spread| spread.p99;
    let p50 = |spread: &Spread| spread.p50;
    let name = |text: &str| format!("{}: {text}", dialect.name());
    measures.extend([
        Measure::new(
            &name("added time to first token, p99"),
            "µs",
            spreads.added(2, p99),
            Bound::at_most(500.0, 200.0),
        ),
        Measure::context(&name("added time to first token, p50"), "µs", spreads.added(2, p50)),
        Measure::context(&name("added time to first token, p99, floor"), "µs", spreads.added(1, p99)),
        Measure::context(&name("time to first token, p99, direct"), "µs", spreads.each(0, p99)),
    ]);
    rounds.extend(spreads.into_raw());
    Ok(())
}

fn chunks(
    rig: &mut Rig,
    dialect: Dialect,
    pace: Pace,
    measures: &mut Vec<Measure>,
    rounds: &mut Vec<serde_json::Value>,
) -> Result<()> {
    let name = |text: &str| format!("{}: {text}", dialect.name());
    for (what, directives, connections) in [("paced", LONG, PACED), ("burst", LONG_BURST, BURST)] {
        let request = request(dialect, &rig.key, &stream(dialect, directives));
        let load =
            |address| Closed::new(address, request.clone(), connections, Until::Time(pace.time(SECONDS)));
        let whole = Closed::new(rig.address(Target::Direct), request.clone(), 1, Until::Once).run()?;
        let pairs = Pairs::run(rig, what, pace.rounds(ROUNDS), load)?;
        for round in pairs.0.iter().flat_map(|(floor, gateway)| [floor, gateway]) {
            ensure!(
                round.events == round.answers * whole.events,
                "a stream has {} events, but {} streams through {} had {}",
                whole.events,
                round.answers,
                round.target,
                round.events
            );
        }
        let per_chunk = |round: &Round| round.cpu_us / number(round.events);
        let added = pairs.each(|floor, gateway| per_chunk(gateway) - per_chunk(floor));
        let target = (what == "paced").then(|| Bound::at_most(4.0, 1.5));
        measures.extend([
            Measure::new(&name(&format!("added CPU per chunk, {what}")), "µs", added, target),
            Measure::context(
                &name(&format!("CPU per chunk, {what}, floor")),
                "µs",
                pairs.each(|floor, _| per_chunk(floor)),
            ),
            Measure::context(
                &name(&format!("CPU per chunk, {what}, gateway")),
                "µs",
                pairs.each(|_, gateway| per_chunk(gateway)),
            ),
        ]);
        rounds.extend(pairs.raw()?);
    }
    Ok(())
}
