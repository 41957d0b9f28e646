//! What modules add: hooks in TypeScript, the guard of costs, answers out of the exact cache.

use anyhow::Result;
use bytes::Bytes;
use serde_json::{Value, json};

use super::latency::{One, one};
use super::{Again, Found, Pace, Round, round};
use crate::bodies::{Dialect, GPT, chat, coding_turn, stream, with_header};
use crate::load::{Closed, Open, Until};
use crate::report::{Measure, Target as Bound};
use crate::rig::{Rig, Target};
use crate::statistics::number;

const CONNECTIONS: u32 = 32;
const RATE: u32 = 1_000;
const REQUESTS: u32 = 4_000;
/// A body of 400 KB is sent less often.
const LARGE_RATE: u32 = 200;
const LARGE_REQUESTS: u32 = 800;
const SECONDS: u64 = 4;
const ROUNDS: u32 = 5;
/// What a hook adds is mostly that threads wake each other, which differs more from round to round than anything else.
const HOOK_ROUNDS: u32 = 9;
const STREAMS: u32 = 16;
/// How long the first answer may take to be in the cache, which it is written to behind its client.
const KEPT: std::time::Duration = std::time::Duration::from_millis(500);
const CHUNKS: &str = "chunks=200";

/// The modules in TypeScript, each a file of its own.
const SCRIPTS: [(&str, &str); 4] = [
    ("empty", "async pre() { return { continue: true }; }"),
    (
        "length",
        "async pre(ctx) { ctx.metadata.set('n', ctx.request.messages.length); return { continue: true }; }",
    ),
    ("kv", "async pre(ctx) { await ctx.storage.kv.get('bench'); return { continue: true }; }"),
    ("chunk", "async stream(chunk) { return chunk; }"),
];

/// Nothing runs unless a request asks for it.
const PIPELINE: &str = "pipeline: none\navailable:\n  - empty\n  - length\n  - kv\n  - chunk\n  - exact-cache\n  - cost-guard: { perDay: 1000000 }\n";

pub(super) fn run(pace: Pace) -> Result<Found> {
    let scripts = SCRIPTS.map(|(name, hook)| {
        (
            format!("modules/{name}.ts"),
            format!("export default {{ name: '{name}', version: '1.0.0', {hook} }};\n"),
        )
    });
    let mut files: Vec<_> = scripts.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    files.push(("pipeline.yaml", PIPELINE));
    let settings = ["pipe_file=pipeline.yaml", "modules_dir=modules", "pipe_header=true"];
    let mut rig = Rig::start_with(&files, &settings)?;
    let (mut measures, mut rounds) = (Vec::new(), Vec::new());
    hooks(&mut rig, pace, &mut measures, &mut rounds)?;
    throughput(&mut rig, pace, &mut measures, &mut rounds)?;
    chunks(&mut rig, pace, &mut measures, &mut rounds)?;
    rig.finish()?;
    Ok(Found {
        how: "one gateway, whose requests choose their modules by a header, in rounds that alternate between no module \
              and each of the others. Hooks: a chat request of 0.3 KB at a steady 1,000 a second over 32 connections \
              (400 KB: 200 a second). Exact cache: the same request again and again, 32 connections, as many as go, \
              in rounds of 4 s. Chunks: 16 streams at a time of 200 chunks without pauses.",
        measures,
        rounds,
    })
}

/// A request that asks for these modules.
fn asking(rig: &Rig, modules: &str, body: &str) -> Bytes {
    with_header(Dialect::OpenaiChat, &rig.key, ("x-penstock-pipe", modules), body)
}

/// One round of each pipeline, again if others disturbed it.
fn spreads(
    rig: &mut Rig,
    pace: Pace,
    (rate, requests): (u32, u32),
    each: &[(&'static str, Bytes)],
) -> Result<Vec<Vec<One>>> {
    let count = pace.rounds(HOOK_ROUNDS);
    let (mut again, mut found, mut warm) = (Again::new(count), Vec::new(), false);
    let address = rig.address(Target::Gateway);
    while found.len() < usize::try_from(count)? {
        let (mut ones, mut most) = (Vec::new(), 0.0_f64);
        for (what, request) in each {
            let requests = pace.count(requests);
            let load = Open { address, request: request.clone(), connections: CONNECTIONS, rate, requests };
            let note = if warm { what } else { "warming up" };
            let (found, others) = one(rig, note, Target::Gateway, &load, |latencies| &mut latencies.whole)?;
            ones.push(found);
            most = most.max(others);
        }
        if std::mem::replace(&mut warm, true) && !again.is_needed(most)? {
            found.push(ones);
        }
    }
    Ok(found)
}

fn hooks(rig: &mut Rig, pace: Pace, measures: &mut Vec<Measure>, raw: &mut Vec<Value>) -> Result<()> {
    let body = chat(Dialect::OpenaiChat, GPT);
    let short = ["none", "empty", "length", "kv"].map(|modules| (modules, asking(rig, modules, &body)));
    let body = coding_turn(GPT);
    let long = ["none", "empty", "length"].map(|modules| (modules, asking(rig, modules, &body)));
    let short = note(spreads(rig, pace, (RATE, REQUESTS), &short)?, &short, raw);
    let long = note(spreads(rig, pace, (LARGE_RATE, LARGE_REQUESTS), &long)?, &long, raw);
    let added = |rounds: &[Vec<One>], at: usize| -> Vec<f64> {
        rounds.iter().map(|ones| ones[at].spread.p50 - ones[0].spread.p50).collect()
    };
    measures.extend([
        Measure::new("empty TypeScript `pre`, added p50", "µs", added(&short, 1), Bound::at_most(60.0, 20.0)),
        Measure::new(
            "the same with one `kv.get`, added p50",
            "µs",
            added(&short, 3),
            Bound::at_most(90.0, 35.0),
        ),
        Measure::context("a `pre` that reads `messages.length`, added p50", "µs", added(&short, 2)),
        Measure::context("empty `pre` at 400 KB, added p50", "µs", added(&long, 1)),
        Measure::context("`messages.length` at 400 KB, added p50", "µs", added(&long, 2)),
    ]);
    Ok(())
}

/// Keeps the rounds as they are.
fn note(rounds: Vec<Vec<One>>, each: &[(&'static str, Bytes)], raw: &mut Vec<Value>) -> Vec<Vec<One>> {
    for ones in &rounds {
        for (one, (what, _)) in ones.iter().zip(each) {
            raw.push(json!({
                "what": what, "requests": one.values, "p50_us": one.spread.p50, "p99_us": one.spread.p99,
            }));
        }
    }
    rounds
}

fn throughput(rig: &mut Rig, pace: Pace, measures: &mut Vec<Measure>, raw: &mut Vec<Value>) -> Result<()> {
    let body = chat(Dialect::OpenaiChat, GPT);
    let address = rig.address(Target::Gateway);
    let load = |request| Closed::new(address, request, CONNECTIONS, Until::Time(pace.time(SECONDS)));
    // the first of them is asked and kept, which a round of hits must not contain
    let first = Closed::new(address, asking(rig, "exact-cache", &body), 1, Until::Once);
    round(rig, "warming up", Target::Gateway, &first)?;
    std::thread::sleep(KEPT);
    let passing = load(asking(rig, "none", &body));
    let guarded = load(asking(rig, "cost-guard", &body));
    let hits = load(asking(rig, "exact-cache", &body));
    let guarded_hits = load(asking(rig, "cost-guard,exact-cache", &body));
    let found = alternate(rig, pace, |rig| {
        Ok(vec![
            round(rig, "no module", Target::Gateway, &passing)?,
            round(rig, "cost-guard", Target::Gateway, &guarded)?,
            rig.free(|rig| round(rig, "exact-cache, hits", Target::Gateway, &hits))?,
            rig.free(|rig| round(rig, "both, hits", Target::Gateway, &guarded_hits))?,
        ])
    })?;
    let ratio = |at: usize, figure: fn(&Round) -> f64| -> Vec<f64> {
        found.iter().map(|rounds| figure(&rounds[at]) / figure(&rounds[0])).collect()
    };
    measures.extend([
        Measure::new(
            "exact-cache hits, throughput ÷ passthrough's",
            "",
            ratio(2, Round::rate),
            Bound::at_least(1.0, 1.5),
        ),
        Measure::context("cost-guard, CPU per request ÷ passthrough's", "", ratio(1, Round::cpu_per_answer)),
        Measure::context(
            "cost-guard,exact-cache, hits, throughput ÷ passthrough's",
            "",
            ratio(3, Round::rate),
        ),
    ]);
    raw.extend(found.iter().flatten().map(serde_json::to_value).collect::<Result<Vec<_>, _>>()?);
    Ok(())
}

fn chunks(rig: &mut Rig, pace: Pace, measures: &mut Vec<Measure>, raw: &mut Vec<Value>) -> Result<()> {
    let body = stream(Dialect::OpenaiChat, CHUNKS);
    let address = rig.address(Target::Gateway);
    let load = |request| Closed::new(address, request, STREAMS, Until::Time(pace.time(SECONDS)));
    let (passing, hooked) = (load(asking(rig, "none", &body)), load(asking(rig, "chunk", &body)));
    let found = alternate(rig, pace, |rig| {
        Ok(vec![
            round(rig, "streams, no module", Target::Gateway, &passing)?,
            round(rig, "streams, a `stream` hook", Target::Gateway, &hooked)?,
        ])
    })?;
    let per_chunk = |round: &Round| round.cpu_us / number(round.events);
    let added = found.iter().map(|rounds| per_chunk(&rounds[1]) - per_chunk(&rounds[0])).collect();
    measures.push(Measure::context("a TypeScript `stream` hook, added CPU per chunk", "µs", added));
    raw.extend(found.iter().flatten().map(serde_json::to_value).collect::<Result<Vec<_>, _>>()?);
    Ok(())
}

/// Rounds of several loads, one after the other, the first of which does not count.
fn alternate(
    rig: &mut Rig,
    pace: Pace,
    mut rounds: impl FnMut(&mut Rig) -> Result<Vec<Round>>,
) -> Result<Vec<Vec<Round>>> {
    let count = pace.rounds(ROUNDS);
    let (mut again, mut found) = (Again::new(count), Vec::new());
    rounds(rig)?;
    while found.len() < usize::try_from(count)? {
        let next = rounds(rig)?;
        let others = next.iter().map(|round| round.others).fold(0.0, f64::max);
        if !again.is_needed(others)? {
            found.push(next);
        }
    }
    Ok(found)
}
