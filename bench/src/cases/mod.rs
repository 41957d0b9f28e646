//! The cases, one file each, and what they have in common.

mod keys;
mod large_body;
mod latency;
mod modules;
mod passthrough;
mod settlements;
mod slow_streams;
mod sse;
mod start;
mod translation;
mod vectors;

use std::io::Write as _;
use std::time::Duration;

use anyhow::Result;
use clap::ValueEnum;
use serde::Serialize;

use crate::load::{Closed, Done};
use crate::process::{DISTURBED, Machine};
use crate::report::Case;
use crate::rig::{Rig, Target};
use crate::statistics::{micros, number};

/// What `--only` may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Name {
    /// A short chat request, as many as go.
    Passthrough,
    /// The same at 1,000 a second.
    Latency,
    /// A coding agent's turn of 400 KB.
    LargeBody,
    /// Requests and answers in another dialect than the provider's.
    Translation,
    /// Streams: time to the first token, CPU per chunk.
    Sse,
    /// 2,000 slow streams at once.
    SlowStreams,
    /// Modules: hooks in TypeScript, the built-ins.
    Modules,
    /// From the start of the process to its first answer, and idle memory.
    Start,
    /// Settlements applied by the control store, on SQLite and PostgreSQL.
    Settlements,
    /// 100,000 keys in the control store beside 10.
    Keys,
    /// The nearest of 1,000, 10,000 and 100,000 vectors, on SQLite and PostgreSQL.
    Vectors,
}

impl Name {
    /// All of them, in the order of the table.
    pub(crate) const ALL: [Self; 11] = [
        Self::Passthrough,
        Self::Latency,
        Self::LargeBody,
        Self::Translation,
        Self::Sse,
        Self::SlowStreams,
        Self::Modules,
        Self::Start,
        Self::Settlements,
        Self::Keys,
        Self::Vectors,
    ];

    /// As it is written.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Passthrough => "passthrough",
            Self::Latency => "latency",
            Self::LargeBody => "large-body",
            Self::Translation => "translation",
            Self::Sse => "sse",
            Self::SlowStreams => "slow-streams",
            Self::Modules => "modules",
            Self::Start => "start",
            Self::Settlements => "settlements",
            Self::Keys => "keys",
            Self::Vectors => "vectors",
        }
    }

    /// Runs it.
    pub(crate) fn run(self, pace: Pace) -> Result<Case> {
        let found = match self {
            Self::Passthrough => passthrough::run(pace),
            Self::Latency => latency::run(pace),
            Self::LargeBody => large_body::run(pace),
            Self::Translation => translation::run(pace),
            Self::Sse => sse::run(pace),
            Self::SlowStreams => slow_streams::run(pace),
            Self::Modules => modules::run(pace),
            Self::Start => start::run(pace),
            Self::Settlements => settlements::run(pace),
            Self::Keys => keys::run(pace),
            Self::Vectors => vectors::run(pace),
        }?;
        let Found { how, measures, rounds } = found;
        Ok(Case { name: self.text().to_owned(), how: how.to_owned(), quick: pace.quick, measures, rounds })
    }
}

/// What a case found.
pub(crate) struct Found {
    how: &'static str,
    measures: Vec<crate::report::Measure>,
    rounds: Vec<serde_json::Value>,
}

/// How long and how often.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Short rounds, and few.
    pub(crate) quick: bool,
}

impl Pace {
    fn rounds(self, full: u32) -> u32 {
        if self.quick { 2 } else { full }
    }

    fn time(self, seconds: u64) -> Duration {
        if self.quick { Duration::from_millis(700) } else { Duration::from_secs(seconds) }
    }

    fn count(self, full: u32) -> u32 {
        if self.quick { full / 8 } else { full }
    }
}

/// One run of a closed load.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Round {
    what: &'static str,
    target: &'static str,
    answers: u64,
    events: u64,
    bytes: u64,
    seconds: f64,
    cpu_us: f64,
    /// After the load, until all was settled.
    settle_ms: f64,
    /// The part of the machine that processes outside the rig took.
    others: f64,
}

impl Round {
    /// Microseconds of processor time for each answer.
    fn cpu_per_answer(&self) -> f64 {
        self.cpu_us / number(self.answers)
    }

    /// Answers a second.
    fn rate(&self) -> f64 {
        number(self.answers) / self.seconds
    }
}

/// Runs `load`, says on standard error what came of it, and returns it.
fn round(rig: &mut Rig, what: &'static str, target: Target, load: &Closed) -> Result<Round> {
    let before = (rig.upstream.cpu()?, rig.process(target).cpu()?, Machine::read()?);
    let Done { answers, events, bytes, elapsed } = load.run()?;
    let mut settle = Duration::ZERO;
    if target == Target::Gateway {
        rig.asked += answers;
        settle = rig.settled()?;
    }
    let cpu = rig.process(target).cpu()?.since(&before.1);
    let upstream = rig.upstream.cpu()?.since(&before.0);
    rig.check()?;
    let known = if target == Target::Direct { cpu } else { cpu + upstream };
    let round = Round {
        what,
        target: target.name(),
        answers,
        events,
        bytes,
        seconds: elapsed.as_secs_f64(),
        cpu_us: micros(cpu),
        settle_ms: settle.as_secs_f64() * 1e3,
        others: Machine::read()?.others_since(&before.2, known),
    };
    progress(&format!(
        "{what}, {:>7}: {answers} answers, {events} events, {:.0}/s, {:.1} µs CPU each, settled after {:.0} ms, others {:.0} %",
        round.target,
        round.rate(),
        round.cpu_per_answer(),
        round.settle_ms,
        round.others * 100.0,
    ))?;
    Ok(round)
}

/// How often rounds may be repeated that others disturbed.
struct Again(u32);

impl Again {
    /// As often as there are rounds.
    fn new(rounds: u32) -> Self {
        Self(rounds)
    }

    /// Whether a round has to be repeated in which others took so much of the machine. Past the limit
    /// it counts all the same; what others took is kept with it.
    fn is_needed(&mut self, others: f64) -> Result<bool> {
        if others < DISTURBED || self.0 == 0 {
            return Ok(false);
        }
        self.0 -= 1;
        progress("other processes disturbed this round: it is repeated once they rest")?;
        Machine::wait_until_quiet()?;
        Ok(true)
    }
}

/// The rounds of a comparison, in pairs.
struct Pairs(Vec<(Round, Round)>);

impl Pairs {
    /// Alternates between floor and gateway, after a round of each that does not count. `load` makes the
    /// load for an address.
    fn run(
        rig: &mut Rig,
        what: &'static str,
        rounds: u32,
        load: impl Fn(std::net::SocketAddr) -> Closed,
    ) -> Result<Self> {
        let (floor, gateway) = (load(rig.address(Target::Floor)), load(rig.address(Target::Gateway)));
        round(rig, "warming up", Target::Floor, &floor)?;
        round(rig, "warming up", Target::Gateway, &gateway)?;
        let mut again = Again::new(rounds);
        let mut pairs = Vec::new();
        while pairs.len() < usize::try_from(rounds)? {
            let pair =
                (round(rig, what, Target::Floor, &floor)?, round(rig, what, Target::Gateway, &gateway)?);
            if !again.is_needed(pair.0.others.max(pair.1.others))? {
                pairs.push(pair);
            }
        }
        Ok(Self(pairs))
    }

    /// A figure of each pair.
    fn each(&self, figure: impl Fn(&Round, &Round) -> f64) -> Vec<f64> {
        self.0.iter().map(|(floor, gateway)| figure(floor, gateway)).collect()
    }

    /// All rounds as they are kept.
    fn raw(&self) -> Result<Vec<serde_json::Value>> {
        let rounds = self.0.iter().flat_map(|(floor, gateway)| [floor, gateway]);
        Ok(rounds.map(serde_json::to_value).collect::<Result<_, _>>()?)
    }
}

/// A line for whoever waits.
pub(crate) fn progress(text: &str) -> Result<()> {
    Ok(writeln!(std::io::stderr(), "{text}")?)
}
