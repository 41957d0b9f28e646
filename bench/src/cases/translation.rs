//! Requests and answers in another dialect than the provider's, compared with those that pass as they are.

use std::net::SocketAddr;

use anyhow::Result;
use bytes::Bytes;

use super::{Again, Found, Pace, Round, round};
use crate::bodies::{CLAUDE, Dialect, GPT, chat, coding_turn, request};
use crate::load::{Closed, Until};
use crate::report::{Measure, Target};
use crate::rig::{Rig, Target as Process};

const SECONDS: u64 = 3;
const ROUNDS: u32 = 5;

/// A request that is translated, and the same one to a provider of its own dialect.
struct Comparison {
    name: &'static str,
    own: (&'static str, Bytes),
    other: (&'static str, Bytes),
    connections: u32,
}

fn comparisons(key: &str) -> [Comparison; 3] {
    let short = |dialect, model| request(dialect, key, &chat(dialect, model));
    let long = |model| request(Dialect::OpenaiChat, key, &coding_turn(model));
    [
        Comparison {
            name: "chat to messages",
            own: ("chat to chat", short(Dialect::OpenaiChat, GPT)),
            other: ("chat to messages", short(Dialect::OpenaiChat, CLAUDE)),
            connections: 32,
        },
        Comparison {
            name: "messages to chat",
            own: ("messages to messages", short(Dialect::AnthropicMessages, CLAUDE)),
            other: ("messages to chat", short(Dialect::AnthropicMessages, GPT)),
            connections: 32,
        },
        Comparison {
            name: "400 KB of chat to messages",
            own: ("400 KB of chat to chat", long(GPT)),
            other: ("400 KB of chat to messages", long(CLAUDE)),
            connections: 16,
        },
    ]
}

pub(super) fn run(pace: Pace) -> Result<Found> {
    let mut rig = Rig::start()?;
    let address = rig.address(Process::Gateway);
    let (mut measures, mut rounds) = (Vec::new(), Vec::new());
    for comparison in comparisons(&rig.key) {
        let pairs = compare(&mut rig, pace, address, &comparison)?;
        measures.extend(figures(comparison.name, &pairs));
        for (own, other) in &pairs {
            rounds.extend([serde_json::to_value(own)?, serde_json::to_value(other)?]);
        }
    }
    rig.finish()?;
    Ok(Found {
        how: "a chat request of 0.3 KB in each dialect, and the 400 KB of `large-body`, to a provider of the other \
              dialect, compared with the same to a provider of its own, in rounds of 3 s that alternate; answers \
              of 1 KB are translated back.",
        measures,
        rounds,
    })
}

fn compare(rig: &mut Rig, pace: Pace, address: SocketAddr, case: &Comparison) -> Result<Vec<(Round, Round)>> {
    let load =
        |body: &Bytes| Closed::new(address, body.clone(), case.connections, Until::Time(pace.time(SECONDS)));
    let (own, other) = (load(&case.own.1), load(&case.other.1));
    round(rig, "warming up", Process::Gateway, &own)?;
    round(rig, "warming up", Process::Gateway, &other)?;
    let count = pace.rounds(ROUNDS);
    let mut again = Again::new(count);
    let mut pairs = Vec::new();
    while pairs.len() < usize::try_from(count)? {
        let pair = (
            round(rig, case.own.0, Process::Gateway, &own)?,
            round(rig, case.other.0, Process::Gateway, &other)?,
        );
        if !again.is_needed(pair.0.others.max(pair.1.others))? {
            pairs.push(pair);
        }
    }
    Ok(pairs)
}

fn figures(name: &str, pairs: &[(Round, Round)]) -> Vec<Measure> {
    let each = |figure: fn(&Round, &Round) -> f64| -> Vec<f64> {
        pairs.iter().map(|(own, other)| figure(own, other)).collect()
    };
    let ratio = each(|own, other| other.cpu_per_answer() / own.cpu_per_answer());
    let what = |figure: &str| format!("{name}, {figure}");
    vec![
        Measure::new(&what("CPU per request ÷ passthrough's"), "", ratio, Target::at_most(2.5, 1.6)),
        Measure::context(&what("CPU per request"), "µs", each(|_, other| other.cpu_per_answer())),
        Measure::context(&what("CPU per request, passthrough"), "µs", each(|own, _| own.cpu_per_answer())),
    ]
}
