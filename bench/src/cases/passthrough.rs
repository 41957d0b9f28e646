//! A short chat request, as many as go.

use anyhow::Result;

use super::{Found, Pace, Pairs, Round};
use crate::bodies::{Dialect, GPT, chat, request};
use crate::load::{Closed, Until};
use crate::report::{Measure, Target};
use crate::rig::Rig;

const CONNECTIONS: u32 = 32;
const SECONDS: u64 = 4;
const ROUNDS: u32 = 7;

pub(super) fn run(pace: Pace) -> Result<Found> {
    let mut rig = Rig::start()?;
    let request = request(Dialect::OpenaiChat, &rig.key, &chat(Dialect::OpenaiChat, GPT));
    let pairs = Pairs::run(&mut rig, "passthrough", pace.rounds(ROUNDS), |address| {
        Closed::new(address, request.clone(), CONNECTIONS, Until::Time(pace.time(SECONDS)))
    })?;
    rig.finish()?;
    Ok(Found {
        how: "a chat request of 0.3 KB and its answer of 1 KB, 32 connections, as many as go, in rounds of 4 s.",
        measures: measures(&pairs, Target::at_most(1.6, 1.25), Target::at_least(0.65, 0.85)),
        rounds: pairs.raw()?,
    })
}

/// The figures of a comparison by requests.
pub(super) fn measures(pairs: &Pairs, cpu: Target, throughput: impl Into<Option<Target>>) -> Vec<Measure> {
    let ratio = |figure: fn(&Round) -> f64| pairs.each(|floor, gateway| figure(gateway) / figure(floor));
    let floor = |figure: fn(&Round) -> f64| pairs.each(|floor, _| figure(floor));
    let gateway = |figure: fn(&Round) -> f64| pairs.each(|_, gateway| figure(gateway));
    vec![
        Measure::new("CPU per request ÷ floor's", "", ratio(Round::cpu_per_answer), cpu),
        Measure::new("throughput ÷ floor's", "", ratio(Round::rate), throughput),
        Measure::context("CPU per request, floor", "µs", floor(Round::cpu_per_answer)),
        Measure::context("CPU per request, gateway", "µs", gateway(Round::cpu_per_answer)),
        Measure::context("requests a second, floor", "", floor(Round::rate)),
        Measure::context("requests a second, gateway", "", gateway(Round::rate)),
        Measure::context("settlements behind at the end of a round", "ms", gateway(|round| round.settle_ms)),
    ]
}
