//! Many streams at once: none may lose an event, and none may cost much memory.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Result, anyhow};
use serde_json::json;

use super::{Found, Pace, progress};
use crate::bodies::{Dialect, GPT, chat, request, stream};
use crate::load::{Closed, Done, Reading, Until};
use crate::process::Process;
use crate::report::{Measure, Target as Bound};
use crate::rig::{Rig, Target};
use crate::statistics::number;

const STREAMS: u32 = 2_000;
/// With the events that begin and end a stream, 20 of them: 9.5 s.
const SLOW: &str = "chunks=17,delay-ms=500";
const SLOW_QUICK: &str = "chunks=3,delay-ms=500";
/// Streams whose clients read slowly, 1 MB each.
const READERS: u32 = 200;
const LARGE: &str = "chunks=4000";
const SLOW_READING: Reading = Reading::Slow { bytes: 16 * 1024, pause: Duration::from_millis(50) };
const RAMP: Duration = Duration::from_secs(1);
const ROUNDS: u32 = 3;
const LOOK: Duration = Duration::from_millis(100);

/// What one run of many streams came to.
struct Streams {
    lost: u64,
    bytes_per_stream: f64,
}

pub(super) fn run(pace: Pace) -> Result<Found> {
    let slow = if pace.quick { SLOW_QUICK } else { SLOW };
    let kinds =
        [("slow streams", slow, STREAMS, Reading::Eager), ("slow readers", LARGE, READERS, SLOW_READING)];
    let mut found = Vec::new();
    let mut raw = Vec::new();
    for _ in 0..pace.rounds(ROUNDS) {
        for (what, directives, connections, reading) in kinds {
            // new processes each time: memory that one run has freed would hide what the next one takes
            let mut rig = Rig::start()?;
            for target in [Target::Floor, Target::Gateway] {
                let body = stream(Dialect::OpenaiChat, directives);
                let load = Closed {
                    ramp: RAMP,
                    reading,
                    ..Closed::new(
                        rig.address(target),
                        request(Dialect::OpenaiChat, &rig.key, &body),
                        pace.count(connections),
                        Until::Once,
                    )
                };
                let streams = one(&mut rig, what, target, &load, &mut raw)?;
                found.push((what, target, streams));
            }
            rig.finish()?;
        }
    }
    let each = |what: &str, target: Target, figure: fn(&Streams) -> f64| -> Vec<f64> {
        let wanted = found.iter().filter(|(kind, of, _)| *kind == what && *of == target);
        wanted.map(|(_, _, streams)| figure(streams)).collect()
    };
    let lost = |streams: &Streams| number(streams.lost);
    let kilobytes = |streams: &Streams| streams.bytes_per_stream / 1e3;
    let memory = |what, target| each(what, target, kilobytes);
    Ok(Found {
        how: "2,000 streams at once, an event every 500 ms each, for 10 s. Slow readers: 200 streams of 1 MB that \
              the upstream sends at once, to clients that take 16 KB every 50 ms.",
        measures: vec![
            Measure::new(
                "frames lost",
                "",
                each("slow streams", Target::Gateway, lost),
                Bound::at_most(0.0, 0.0),
            ),
            Measure::new(
                "memory per stream",
                "KB",
                memory("slow streams", Target::Gateway),
                Bound::at_most(80.0, 32.0),
            ),
            Measure::context("memory per stream, floor", "KB", memory("slow streams", Target::Floor)),
            Measure::context("frames lost, slow readers", "", each("slow readers", Target::Gateway, lost)),
            Measure::context(
                "memory per stream, slow readers",
                "KB",
                memory("slow readers", Target::Gateway),
            ),
            Measure::context(
                "memory per stream, slow readers, floor",
                "KB",
                memory("slow readers", Target::Floor),
            ),
        ],
        rounds: raw,
    })
}

fn one(
    rig: &mut Rig,
    what: &str,
    target: Target,
    load: &Closed,
    raw: &mut Vec<serde_json::Value>,
) -> Result<Streams> {
    let whole = Closed { address: rig.address(Target::Direct), ..load.clone() };
    let whole = Closed { connections: 1, reading: Reading::Eager, ..whole }.run()?;
    // a few requests first, so that what is made once is there; a heavy load would leave memory behind that
    // streams then take
    let warm = request(Dialect::OpenaiChat, &rig.key, &chat(Dialect::OpenaiChat, GPT));
    let warm = Closed::new(load.address, warm, 8, Until::Once).run()?;
    let before = rig.process(target).memory()?.resident;
    let (done, peak) = watched(rig.process(target), load)?;
    if target == Target::Gateway {
        rig.asked += warm.answers + done.answers;
        rig.settled()?;
    }
    rig.check()?;
    let connections = u64::from(load.connections);
    let lost = (whole.events * connections).saturating_sub(done.events);
    let grown = peak.saturating_sub(before);
    let streams = Streams { lost, bytes_per_stream: number(grown) / number(connections) };
    progress(&format!(
        "{what}, {:>7}: {} streams, {} events, {lost} lost, {:.1} s, {:.1} MB before, {:.1} MB at the peak, {:.1} KB each",
        target.name(),
        done.answers,
        done.events,
        done.elapsed.as_secs_f64(),
        number(before) / 1e6,
        number(peak) / 1e6,
        streams.bytes_per_stream / 1e3,
    ))?;
    raw.push(json!({
        "what": what, "target": target.name(), "streams": done.answers, "events": done.events, "lost": lost,
        "resident_before": before, "resident_peak": peak, "seconds": done.elapsed.as_secs_f64(),
    }));
    Ok(streams)
}

/// Runs `load`, and returns with it the most memory that `process` held meanwhile.
fn watched(process: &Process, load: &Closed) -> Result<(Done, u64)> {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watch = scope.spawn(|| -> Result<u64> {
            let mut peak = 0;
            while !over.load(Ordering::Relaxed) {
                peak = process.memory()?.resident.max(peak);
                std::thread::sleep(LOOK);
            }
            Ok(peak)
        });
        let done = load.run();
        over.store(true, Ordering::Relaxed);
        let peak = watch.join().map_err(|_| anyhow!("the watch over memory panicked"))??;
        Ok((done?, peak))
    })
}
