//! A coding agent's turn of 400 KB.

use anyhow::Result;

use super::{Found, Pace, Pairs, passthrough};
use crate::bodies::{Dialect, GPT, coding_turn, request};
use crate::load::{Closed, Until};
use crate::report::Target;
use crate::rig::Rig;

const CONNECTIONS: u32 = 16;
const SECONDS: u64 = 4;
const ROUNDS: u32 = 7;

pub(super) fn run(pace: Pace) -> Result<Found> {
    let mut rig = Rig::start()?;
    let request = request(Dialect::OpenaiChat, &rig.key, &coding_turn(GPT));
    let pairs = Pairs::run(&mut rig, "large body", pace.rounds(ROUNDS), |address| {
        Closed::new(address, request.clone(), CONNECTIONS, Until::Time(pace.time(SECONDS)))
    })?;
    rig.finish()?;
    Ok(Found {
        how: "a late turn of a coding agent, 400 KB of messages with code, escapes and quotes, the model at \
              the end, 16 connections, as many as go, in rounds of 4 s.",
        measures: passthrough::measures(&pairs, Target::at_most(2.0, 1.3), None),
        rounds: pairs.raw()?,
    })
}
