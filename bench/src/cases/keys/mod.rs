//! What 100,000 keys in the control store cost beside 10: at the start, in memory, for a change, for a request.
//!
//! Both stores are SQLite files with a user for every ten keys and a permission for every user; both gateways are
//! started anew in each round, and do everything in turn.

mod side;

use anyhow::Result;

use self::side::{Figures, Side};
use super::{Again, Found, Pace, progress};
use crate::report::{Measure, Target};
use crate::rig;
use crate::statistics::number;

const FEW: u32 = 10;
const MANY: u32 = 100_000;
const ROUNDS: u32 = 5;

pub(super) fn run(pace: Pace) -> Result<Found> {
    let upstream = tempfile::tempdir()?;
    let server = rig::upstream(upstream.path())?;
    let many = if pace.quick { MANY / 10 } else { MANY };
    progress(&format!("keys: {many} of them go into SQLite"))?;
    let mut sides = [Side::prepare(FEW)?, Side::prepare(many)?];
    let mut rounds = Vec::new();
    let mut again = Again::new(pace.rounds(ROUNDS));
    let mut raw = Vec::new();
    while rounds.len() < usize::try_from(pace.rounds(ROUNDS))? {
        let [few, many] = &mut sides;
        let round = (few.round(pace, &server)?, many.round(pace, &server)?);
        if !again.is_needed(round.0.others.max(round.1.others))? {
            raw.extend([&round.0, &round.1].map(serde_json::to_value));
            rounds.push(round);
        }
    }
    let keys = number(u64::from(many - FEW));
    let each = |figure: &dyn Fn(&Figures, &Figures) -> f64| -> Vec<f64> {
        rounds.iter().map(|(few, many)| figure(few, many)).collect()
    };
    let pair = |what: &str, unit: &str, figure: fn(&Figures) -> f64| {
        [
            Measure::context(&format!("{what}, {many} keys"), unit, each(&|_, many| figure(many))),
            Measure::context(&format!("{what}, {FEW} keys"), unit, each(&|few, _| figure(few))),
        ]
    };
    let kilobytes = |bytes: u64| number(bytes) / 1e3;
    let memory = each(&|few, many| (kilobytes(many.resident) - kilobytes(few.resident)) / keys);
    let request = each(&|few, many| many.request_cpu_us / few.request_cpu_us);
    let mut measures = vec![
        Measure::new("resident memory per key", "KB", memory, Target::at_most(3.0, 1.0)),
        Measure::new("CPU per request ÷ that with 10 keys", "", request, Target::at_most(1.05, 1.05)),
    ];
    measures.extend(pair("start to first answer", "ms", |side| side.start_ms));
    measures.extend(pair("CPU of a start", "ms", |side| side.start_cpu_ms));
    measures.extend(pair("resident memory", "MB", |side| number(side.resident) / 1e6));
    measures.extend(pair("a key is made and used", "ms", |side| side.change_ms));
    measures.extend(pair("CPU of making and using a key", "ms", |side| side.change_cpu_ms));
    measures.extend(pair("CPU per request", "µs", |side| side.request_cpu_us));
    let spread = each(&|_, many| many.spread_cpu_us.unwrap_or(many.request_cpu_us));
    measures.push(Measure::context("CPU per request, each of another user", "µs", spread));
    Ok(Found {
        how: "100,000 keys of 10,000 users, each user with a permission, beside 10 keys of one user, in SQLite. Start: \
              from the creation of the process to its first whole answer. Memory: resident size 4 s later. A \
              change: a key is made by the admin API, and a request with it answered, one after the other; its CPU is \
              that of the process until it rests, with the snapshot that is kept on the disk. Requests: those of \
              `passthrough` with the ten keys of one user, so that both sides do the same and only the store differs, in \
              rounds of 4 s. Then, with many keys, each of 3,200 users asks in turn, and each has rollups of their own to \
              be added to. Both sides take turns.",
        measures,
        rounds: raw.into_iter().collect::<Result<_, _>>()?,
    })
}
