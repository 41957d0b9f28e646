//! How many settlements the control store applies in a second: usage rows, rollups and quota costs, in the
//! transactions and of the size in which the settler hands them over.
//!
//! SQLite is a file on the disk, opened as the gateway opens it; PostgreSQL is a server on this machine that
//! brings its commits to the disk. Afterwards the sums in the store are compared with what was handed over.

mod traffic;

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};
use penstock_conformance::servers::postgres::Postgres;
use penstock_control::{ControlStore as _, Dsn, Granularity, RollupQuery, Settled, Settler, Store};
use penstock_core::{Secret, Usd};
use serde_json::json;

use self::traffic::Traffic;
use super::{Again, Found, Pace, progress};
use crate::process::{Machine, family};
use crate::report::{Measure, Target};
use crate::statistics::{micros, number};

const ROUNDS: u32 = 7;
/// Batches of one round.
const BATCHES: u32 = 40;

pub(super) fn run(pace: Pace) -> Result<Found> {
    let mut found = Found {
        how: "settlements of 100 keys of 40 users in 4 organisations, of 6 models, each with the provider's own \
              usage object, in batches of 2,000 as the settler makes them: usage row, rollups by hour and day, and \
              the cost against a daily quota of each user and a monthly one of each organisation, in one \
              transaction. SQLite as a file on the disk with the gateway's settings; PostgreSQL on the same machine \
              with `fsync` on and otherwise as it comes. Rounds of 80,000 alternate; the sums in the store are \
              compared with what was handed over.",
        measures: Vec::new(),
        rounds: Vec::new(),
    };
    tokio::runtime::Runtime::new()?.block_on(measure(pace, &mut found))?;
    Ok(found)
}

async fn measure(pace: Pace, found: &mut Found) -> Result<()> {
    let failed = |failure| anyhow!("{failure}");
    let folder = tempfile::tempdir()?;
    let file = Dsn::Sqlite(folder.path().join("penstock.db"));
    let mut books = vec![Book::open("SQLite", &file, Target::at_least(5_000.0, 30_000.0)).await?];
    let server = Postgres::start_durable().await.map_err(failed)?;
    if let Some(server) = &server {
        let dsn = Dsn::parse(&Secret::new(server.database().await.map_err(failed)?))?;
        books.push(Book::open("PostgreSQL", &dsn, Target::at_least(5_000.0, 20_000.0)).await?);
    } else {
        progress("settlements: PostgreSQL is not installed, and so not measured")?;
    }
    let (rounds, batches) = (pace.rounds(ROUNDS), pace.count(BATCHES));
    let mut again = Again::new(rounds);
    let mut number = 0;
    // the first round fills the caches and the file, and does not count
    while number <= rounds {
        let mut taken = Vec::new();
        for book in &mut books {
            taken.push(book.round(batches).await?);
        }
        let others = taken.iter().map(|round| round.others).fold(0.0, f64::max);
        if again.is_needed(others)? {
            continue;
        }
        if number > 0 {
            for (book, round) in books.iter_mut().zip(taken) {
                found.rounds.push(round.raw(book.name));
                book.rounds.push(round);
            }
        }
        number += 1;
    }
    for book in books {
        found.measures.extend(book.finish().await?);
    }
    Ok(())
}

/// One store, and what it was handed.
struct Book {
    name: &'static str,
    target: Target,
    store: Store,
    traffic: Traffic,
    rounds: Vec<Round>,
}

/// What one round took.
struct Round {
    settlements: u32,
    elapsed: Duration,
    own: Duration,
    server: Duration,
    others: f64,
}

impl Round {
    fn rate(&self) -> f64 {
        f64::from(self.settlements) / self.elapsed.as_secs_f64()
    }

    fn each(&self, time: Duration) -> f64 {
        micros(time) / f64::from(self.settlements)
    }

    fn raw(&self, name: &str) -> serde_json::Value {
        json!({
            "what": name,
            "settlements": self.settlements,
            "seconds": self.elapsed.as_secs_f64(),
            "cpu_us": micros(self.own),
            "server_cpu_us": micros(self.server),
            "others": self.others,
        })
    }
}

impl Book {
    async fn open(name: &'static str, dsn: &Dsn, target: Target) -> Result<Self> {
        let store = Store::open(dsn).await?;
        let traffic = Traffic::prepare(&store).await?;
        Ok(Self { name, target, store, traffic, rounds: Vec::new() })
    }

    async fn round(&mut self, batches: u32) -> Result<Round> {
        let batches: Vec<_> =
            (0..batches).map(|_| self.traffic.batch(Settler::BATCH)).collect::<Result<_>>()?;
        let before = (family()?, Machine::read()?);
        let start = Instant::now();
        let mut settlements = 0;
        for batch in &batches {
            let settled = self.store.settle(batch).await?;
            ensure!(settled.iter().all(|one| *one == Settled::Applied), "a new settlement counts as known");
            settlements += u32::try_from(settled.len())?;
        }
        let elapsed = start.elapsed();
        let (own, server) = family()?;
        let ((own_before, server_before), machine) = before;
        let server = server.saturating_sub(server_before);
        let others = Machine::read()?.others_since(&machine, server);
        let round = Round { settlements, elapsed, own: own.saturating_sub(own_before), server, others };
        progress(&format!(
            "settlements on {}: {:.0}/s, {:.1} µs CPU each and {:.1} µs of the server, others {:.0} %",
            self.name,
            round.rate(),
            round.each(round.own),
            round.each(round.server),
            round.others * 100.0,
        ))?;
        Ok(round)
    }

    /// Makes sure that the store has every settlement, and returns the figures.
    async fn finish(self) -> Result<Vec<Measure>> {
        let Self { name, target, store, traffic, rounds } = self;
        let query = RollupQuery { granularity: Granularity::Day, since: None, until: None, user: None };
        let days = store.rollups(&query).await?;
        let requests: u64 = days.iter().map(|day| day.requests).sum();
        let cost: Usd = days.iter().map(|day| day.cost).sum();
        let spent: Usd = store.quota_costs().await?.iter().map(|quota| quota.cost_used).sum();
        // each settlement counts against the quota of its user and that of its organisation
        ensure!(
            requests == traffic.made() && cost == traffic.cost() && spent == cost + cost,
            "{name}: {} settlements of {} were handed over; the store has {requests} of {cost}, quotas {spent}",
            traffic.made(),
            traffic.cost(),
        );
        store.close().await?;
        let all = |figure: fn(&Round) -> f64| rounds.iter().map(figure).collect::<Vec<_>>();
        let mut measures = vec![
            Measure::new(&format!("settlements a second, {name}"), "", all(Round::rate), target),
            Measure::context(
                &format!("CPU per settlement, {name}"),
                "µs",
                all(|round| round.each(round.own)),
            ),
        ];
        if rounds.iter().any(|round| !round.server.is_zero()) {
            let server = all(|round| round.each(round.server));
            measures.push(Measure::context(&format!("CPU per settlement, {name}, its server"), "µs", server));
        }
        let rows = format!("rows in the store at the end, {name}");
        measures.push(Measure::context(&rows, "", vec![number(requests)]));
        Ok(measures)
    }
}
