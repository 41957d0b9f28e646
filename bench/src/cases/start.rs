//! From the start of the process to its first answer, and what it holds while nobody asks.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::{Value, json};

use super::{Found, Pace, progress};
use crate::bodies::{Dialect, GPT, chat, request};
use crate::load::{Closed, Until};
use crate::process::Process;
use crate::report::{Measure, Target};
use crate::rig::{self, Rig};
use crate::statistics::number;

const STARTS: u32 = 9;
const IDLE: Duration = Duration::from_secs(4);
const ROUNDS: u32 = 3;
const CONNECTIONS: u32 = 32;
const SECONDS: u64 = 4;

pub(super) fn run(pace: Pace) -> Result<Found> {
    let mut raw = Vec::new();
    let dir = tempfile::tempdir()?;
    let upstream = rig::upstream(dir.path())?;
    let (mut fresh, mut existing) = (Vec::new(), Vec::new());
    let kept = tempfile::tempdir()?;
    let key = rig::make_key(kept.path())?;
    // the first of each brings the program into the page cache, and does not count
    for number in 0..=pace.rounds(STARTS) {
        let empty = tempfile::tempdir()?;
        // a folder that is fresh has no key yet
        let on_fresh = start(empty.path(), &upstream, "none")?;
        let on_existing = start(kept.path(), &upstream, &key)?;
        progress(&format!(
            "start: {on_fresh:.1} ms on a fresh folder, {on_existing:.1} ms on one with a key"
        ))?;
        if number > 0 {
            fresh.push(on_fresh);
            existing.push(on_existing);
            raw.push(json!({"what": "start", "fresh_ms": on_fresh, "existing_ms": on_existing}));
        }
    }
    let mut held = Held::default();
    for _ in 0..pace.rounds(ROUNDS) {
        held.round(pace, &mut raw)?;
    }
    Ok(Found {
        how: "start: from the creation of the process to its first whole answer of a model, on a fresh data folder \
              (open mode, the database is made) and on one with a user and a key. Memory: resident size 4 s after \
              the first request, and 4 s after a load of 32 connections for 4 s.",
        measures: vec![
            Measure::new("start to first answer, fresh folder", "ms", fresh, Target::at_most(300.0, 80.0)),
            Measure::new("start to first answer, with a key", "ms", existing, Target::at_most(300.0, 80.0)),
            Measure::new("idle memory", "MB", held.idle, Target::at_most(60.0, 25.0)),
            Measure::context("idle memory that is no file", "MB", held.idle_anonymous),
            Measure::context("idle memory after load", "MB", held.loaded),
            Measure::context("idle memory after load that is no file", "MB", held.loaded_anonymous),
            Measure::context("idle memory, floor", "MB", held.floor),
            Measure::context("idle memory after load, floor", "MB", held.floor_loaded),
        ],
        rounds: raw,
    })
}

/// Milliseconds to the first answer.
fn start(dir: &Path, upstream: &Process, key: &str) -> Result<f64> {
    let request = request(Dialect::OpenaiChat, key, &chat(Dialect::OpenaiChat, GPT));
    let start = Instant::now();
    let gateway = rig::gateway(dir, upstream.address)?;
    Closed::new(gateway.address, request, 1, Until::Once).run()?;
    let elapsed = start.elapsed();
    gateway.stop()?;
    Ok(elapsed.as_secs_f64() * 1e3)
}

/// Memory held in each round, in megabytes.
#[derive(Default)]
struct Held {
    idle: Vec<f64>,
    idle_anonymous: Vec<f64>,
    loaded: Vec<f64>,
    loaded_anonymous: Vec<f64>,
    floor: Vec<f64>,
    floor_loaded: Vec<f64>,
}

impl Held {
    fn round(&mut self, pace: Pace, raw: &mut Vec<Value>) -> Result<()> {
        let mut rig = Rig::start()?;
        let request = request(Dialect::OpenaiChat, &rig.key, &chat(Dialect::OpenaiChat, GPT));
        let megabytes = |bytes: u64| number(bytes) / 1e6;
        for loaded in [false, true] {
            let (connections, until) =
                if loaded { (CONNECTIONS, Until::Time(pace.time(SECONDS))) } else { (1, Until::Once) };
            Closed::new(rig.floor.address, request.clone(), connections, until).run()?;
            let done = Closed::new(rig.gateway.address, request.clone(), connections, until).run()?;
            rig.asked += done.answers;
            rig.settled()?;
            std::thread::sleep(if pace.quick { IDLE / 4 } else { IDLE });
            let (floor, gateway) = (rig.floor.memory()?, rig.gateway.memory()?);
            rig.check()?;
            progress(&format!(
                "memory, {}: gateway {:.1} MB, {:.1} MB of it no file; floor {:.1} MB",
                if loaded { "after load" } else { "idle" },
                megabytes(gateway.resident),
                megabytes(gateway.anonymous),
                megabytes(floor.resident),
            ))?;
            raw.push(json!({"what": "memory", "loaded": loaded, "gateway": gateway, "floor": floor}));
            let (gateway_to, anonymous_to, floor_to) = if loaded {
                (&mut self.loaded, &mut self.loaded_anonymous, &mut self.floor_loaded)
            } else {
                (&mut self.idle, &mut self.idle_anonymous, &mut self.floor)
            };
            gateway_to.push(megabytes(gateway.resident));
            anonymous_to.push(megabytes(gateway.anonymous));
            floor_to.push(megabytes(floor.resident));
        }
        rig.finish()
    }
}
