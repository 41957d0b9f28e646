//! The nearest of many vectors: the storage adapter beside what it is built on.
//!
//! On SQLite beside sqlite-vec's own table of vectors, in the same file; on PostgreSQL beside the plain query of
//! pgvector, on the same table. Everyone gets the same vectors and the same questions, and all of them have to
//! agree about the scores.

mod data;
mod postgres;
mod sqlite;

use std::time::Instant;

use anyhow::{Result, ensure};
use penstock_storage::db::sql::SqlDb;
use penstock_storage::db::{NearestOptions, TableQuery};
use serde_json::json;

use super::{Found, Pace, progress};
use crate::report::{Measure, Target};
use crate::statistics::number;
use data::Vectors;

/// Numbers in a vector, as an embedding of a well-known provider has them.
const WIDTH: usize = 1536;
/// Rows asked for.
const NEAREST: usize = 10;
const ROUNDS: u32 = 7;
/// Rows, and questions in a round: few where each takes long.
const SIZES: [(u32, u32); 3] = [(1_000, 64), (10_000, 16), (100_000, 4)];
/// By how much scores may differ: the others compute in 32 bits.
const ROUNDING: f64 = 1e-4;

/// Two ways to the same answer.
trait Contest {
    /// What stands in the results.
    const NAME: &'static str;
    /// What it is compared with.
    const OTHER: &'static str;
    /// The ratio that is aimed at with most rows.
    const TARGET: Option<(f64, f64)>;

    /// The adapter's database.
    fn adapter(&self) -> &SqlDb;

    /// The distances of the nearest rows, nearest first, without the adapter.
    async fn plain(&mut self, embedding: &[f32]) -> Result<Vec<f64>>;
}

pub(super) fn run(pace: Pace) -> Result<Found> {
    let mut found = Found {
        how: "the 10 nearest of so many rows to an embedding of 1,536 numbers, by the storage adapter, exactly; on \
              SQLite beside the same through sqlite-vec's `vec0` (cosine) in the same file, on PostgreSQL beside \
              `ORDER BY … <=> … LIMIT 10` of pgvector, without an index, on the same table. One question at a time, \
              rounds alternate, every answer is compared. Vectors are uniformly random. PostgreSQL runs with \
              `fsync` off and is otherwise as it comes.",
        measures: Vec::new(),
        rounds: Vec::new(),
    };
    tokio::runtime::Runtime::new()?.block_on(async {
        // the smoke test leaves out what takes minutes to prepare
        let sizes = if pace.quick { &SIZES[..2] } else { &SIZES[..] };
        for (rows, questions) in sizes {
            let contest = sqlite::Sqlite::prepare(*rows).await?;
            compare(contest, *rows, *questions, pace, &mut found).await?;
        }
        if let Some(server) = postgres::start().await? {
            for (rows, questions) in sizes {
                let contest = postgres::Postgres::prepare(&server, *rows).await?;
                compare(contest, *rows, *questions, pace, &mut found).await?;
            }
        } else {
            progress("vectors: PostgreSQL with pgvector is not installed, and so not measured")?;
        }
        anyhow::Ok(())
    })?;
    Ok(found)
}

/// Asks both in turn, and adds what came of it.
async fn compare<C: Contest>(
    mut contest: C,
    rows: u32,
    questions: u32,
    pace: Pace,
    found: &mut Found,
) -> Result<()> {
    let mut vectors = Vectors::questions();
    let (mut ratios, mut adapters, mut others) = (Vec::new(), Vec::new(), Vec::new());
    // the first round brings the rows into the caches, and does not count
    for round in 0..=pace.rounds(ROUNDS) {
        let (mut adapter, mut other) = (0.0, 0.0);
        for _ in 0..questions {
            let embedding = vectors.next(WIDTH);
            let start = Instant::now();
            let scores = ask(contest.adapter(), &embedding).await?;
            adapter += start.elapsed().as_secs_f64() * 1e3;
            let start = Instant::now();
            let distances = contest.plain(&embedding).await?;
            other += start.elapsed().as_secs_f64() * 1e3;
            agree(&scores, &distances)?;
        }
        let each = |milliseconds: f64| milliseconds / number(questions.into());
        let (adapter, other) = (each(adapter), each(other));
        progress(&format!(
            "vectors, {rows} rows on {}: {adapter:.2} ms, {}: {other:.2} ms",
            C::NAME,
            C::OTHER
        ))?;
        if round > 0 {
            ratios.push(adapter / other);
            adapters.push(adapter);
            others.push(other);
            let raw = json!({"what": C::NAME, "rows": rows, "adapter_ms": adapter, "other_ms": other});
            found.rounds.push(raw);
        }
    }
    let (name, thousands) = (C::NAME, rows / 1000);
    let target = if rows == 100_000 { C::TARGET } else { None };
    let target = target.map(|(first, then)| Target::at_most(first, then));
    let ratio = format!("top 10 of {thousands}k on {name} ÷ {}", C::OTHER);
    found.measures.push(Measure::new(&ratio, "", ratios, target));
    found.measures.push(Measure::context(&format!("top 10 of {thousands}k on {name}"), "ms", adapters));
    found.measures.push(Measure::context(&format!("top 10 of {thousands}k, {}", C::OTHER), "ms", others));
    Ok(())
}

/// What a module's `vectorSearch` does.
async fn ask(db: &SqlDb, embedding: &[f32]) -> Result<Vec<f64>> {
    let embedding = embedding.iter().copied().map(f64::from).collect();
    let options = NearestOptions::at_most(NEAREST);
    let hits =
        TableQuery::on(db, "points").select("id, title").vector_search("v", embedding, options).await?;
    Ok(hits.into_iter().map(|hit| hit.score).collect())
}

fn agree(scores: &[f64], distances: &[f64]) -> Result<()> {
    ensure!(scores.len() == NEAREST && distances.len() == NEAREST, "expected {NEAREST} rows of both");
    for (score, distance) in scores.iter().zip(distances) {
        ensure!(
            (score - (1.0 - distance)).abs() < ROUNDING,
            "a score of {score} beside a distance of {distance}"
        );
    }
    Ok(())
}
