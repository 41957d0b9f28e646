//! Things fail under load, one at a time: streams and clients that hang up go on meanwhile. No client sees it, and
//! afterwards there is one row for each request that the provider answered.
//!
//! `make drill` runs these alone, and prints what each one found; see [`report`].

mod databases;
mod disk;
mod full_disk;
mod gateway;
mod report;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result, anyhow, ensure};
use penstock_conformance::servers::{libsql::Libsql, mariadb::Mariadb, postgres::Postgres};
use penstock_tests::gateway::{Builder, Gateway};
use penstock_tests::http::{PATIENCE, get};
use penstock_tests::upstream::ScriptedUpstream;

use self::report::Found;
use crate::metering::{check_row, ledger_by_number, number_of, send_all};

/// Requests of one wave.
const WAVE: usize = 100;

fn failed(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("{error}")
}

/// A database server that ends, and is started again where it was.
trait Restarted {
    /// Ends it in the middle of whatever it does.
    async fn kill(&mut self) -> Result<()>;
    async fn start_again(&mut self) -> Result<()>;
    /// Starts it again if it has given up by itself.
    async fn start_if_ended(&mut self) -> Result<()>;
}

macro_rules! restarted {
    ($($server:ty),+) => {
        $(impl Restarted for $server {
            async fn kill(&mut self) -> Result<()> {
                <$server>::kill(self).await.map_err(failed)
            }

            async fn start_again(&mut self) -> Result<()> {
                <$server>::start_again(self).await.map_err(failed)
            }

            async fn start_if_ended(&mut self) -> Result<()> {
                <$server>::start_if_ended(self).await.map_err(failed)
            }
        })+
    };
}
restarted!(Postgres, Mariadb, Libsql);

/// A gateway under load.
struct Drill {
    upstream: ScriptedUpstream,
    gateway: Gateway,
    requests: usize,
    client_errors: usize,
}

impl Drill {
    /// Starts a gateway with an upstream that keeps a ledger of its own.
    async fn start(builder: Builder) -> Result<Self> {
        let upstream = ScriptedUpstream::start().await?;
        let gateway = builder.upstream(&upstream.url()).start().await?;
        Ok(Self { upstream, gateway, requests: 0, client_errors: 0 })
    }

    /// Sends a mix of requests, 32 at a time, and counts those that were not answered as they should be.
    async fn wave(&mut self) -> Result<()> {
        let numbers = self.requests..self.requests + WAVE;
        let answered = send_all(self.gateway.url(), numbers, &Arc::default()).await?;
        self.requests += WAVE;
        self.client_errors += WAVE - answered.len();
        Ok(())
    }

    /// How often the store has refused settlements.
    async fn refusals(&self) -> Result<u64> {
        let metrics = get(self.gateway.at("/metrics")).send().await?.text();
        let line = metrics.lines().find_map(|line| line.strip_prefix("penstock_settle_failures_total "));
        Ok(line.unwrap_or("0").parse()?)
    }

    /// Waits until everything is settled, compares the books with those of the upstream, and reports. Since when
    /// the fault is over is where the recovery counts from.
    async fn finish(self, fault: &str, over: Instant) -> Result<Found> {
        self.gateway.settled().await?;
        let recovered = over.elapsed();
        let entries = self.upstream.ledger().wait_settled(PATIENCE).await?;
        let ledger = ledger_by_number(&entries)?;
        let mut rows = BTreeMap::<usize, Vec<_>>::new();
        let usage = self.gateway.usage().await?;
        for row in &usage {
            rows.entry(number_of(row)?).or_default().push(row);
        }
        for (number, rows) in &rows {
            for row in rows {
                match ledger.get(number) {
                    Some(entry) => check_row(*number, row, entry),
                    None => ensure!(row["source"] == "estimated", "request {number} was never seen: {row}"),
                }
            }
        }
        let found = Found {
            requests: self.requests,
            client_errors: self.client_errors,
            lost: ledger.keys().filter(|number| !rows.contains_key(number)).count(),
            doubled: rows.values().filter(|rows| rows.len() > 1).count(),
            recovered,
        };
        report::add(fault, &found).context("the report of the drill")?;
        ensure!(ledger.len() > WAVE, "the upstream saw {} requests", ledger.len());
        Ok(found)
    }
}
