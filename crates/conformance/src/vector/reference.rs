//! Searches beside a full scan of the same rows, done here.

use std::sync::Arc;

use penstock_storage::db::{Database, Hit, NearestOptions, TableQuery};
use serde_json::{Value, json};

use crate::case::cases;
use crate::db::{Harness, data};
use crate::{Failure, Outcome, equal, holds};

cases! { "vector", dyn Harness:
    it_finds_what_a_full_scan_finds;
    it_finds_rows_that_are_close_together;
    an_index_does_not_make_it_inexact;
    an_approximate_search_finds_nearly_all;
    a_search_in_an_approximate_table_finds_nearly_all;
    a_search_in_an_approximate_table_may_be_exact;
}

const WIDE: u32 = 24;

/// The same numbers everywhere, none like the other, and all of them exact in 32 bits.
fn number(row: u32, at: u32) -> f64 {
    let mixed = (row * 131 + at * 31 + 7).wrapping_mul(2_654_435_761) >> 16;
    f64::from(mixed % 2049) / 1024.0 - 1.0
}

fn numbers(row: u32) -> Vec<f64> {
    (0..WIDE).map(|at| number(row, at)).collect()
}

fn cosine(a: &[f64], b: &[f64]) -> f64 {
    // what is too large to be squared has the same direction when it is small
    let a = &a.iter().map(|number| number / if a[0].abs() > 1e200 { 1e300 } else { 1.0 }).collect::<Vec<_>>();
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let lengths = product(a, a).sqrt() * product(b, b).sqrt();
    if lengths > 0.0 { product(a, b) / lengths } else { 0.0 }
}

/// A row as it is written, and as the scan here sees it.
struct Point {
    id: String,
    kind: u32,
    vector: Option<Vec<f64>>,
}

/// How the vectors of a table are made from their number.
type Shape = fn(u32) -> Option<Vec<f64>>;

fn scaled(row: u32, by: f64) -> Vec<f64> {
    numbers(row).into_iter().map(|number| number * by).collect()
}

/// Of every sort: none, without direction, short, of the same direction as another, very long and very short.
fn mixed(row: u32) -> Option<Vec<f64>> {
    match row % 23 {
        0 => None,
        1 => Some(vec![0.0; 24]),
        2 => Some(numbers(row).into_iter().take(9).collect()),
        3 | 4 => Some(scaled(row / 23 * 23 + 5, 4.0)),
        6 => Some(scaled(row, 2.0_f64.powi(83))),
        7 => Some(scaled(row, 2.0_f64.powi(-50))),
        _ => Some(numbers(row)),
    }
}

/// All but equal: 32 bits do not tell them apart.
fn close(row: u32) -> Vec<f64> {
    let far = scaled(1, 2.0_f64.powi(20));
    let near = far.iter().zip(numbers(row)).map(|(far, near)| far + near * 4.0);
    near.map(narrowed).collect()
}

#[expect(clippy::cast_possible_truncation, reason = "as it is stored")]
fn narrowed(number: f64) -> f64 {
    f64::from(number as f32)
}

async fn written(db: &dyn Database, table: &str, rows: u32, shape: Shape) -> Result<Vec<Point>, Failure> {
    let sql = format!(
        "CREATE TABLE IF NOT EXISTS {table} (id TEXT PRIMARY KEY, kind INTEGER, v VECTOR({WIDE}), t TEXT)"
    );
    db.raw(&sql, &[]).await?;
    let point = |row| Point { id: format!("{:03}", row * 7 % 1000), kind: row % 10, vector: shape(row) };
    let points: Vec<Point> = (1..=rows).map(point).collect();
    let rows = points.iter().map(|point| {
        let text = point.vector.as_ref().map(|vector| json!(vector).to_string());
        json!({"id": point.id, "kind": point.kind, "v": point.vector, "t": text})
    });
    data(TableQuery::on(db, table).insert(rows.collect::<Value>()).run().await)?;
    Ok(points)
}

/// How exact a search is to be: what is said when the table is named, and what by the call.
type Exactness = (for<'a> fn(TableQuery<'a>) -> TableQuery<'a>, Option<bool>);

/// What holds where nobody says anything.
const EXACT: Exactness = (|table| table, None);

/// What is wanted of a table.
struct Wanted<'a> {
    table: &'a str,
    column: &'a str,
    embedding: &'a [f64],
    least_kind: u32,
    limit: usize,
    minimum: Option<f64>,
}

impl Wanted<'_> {
    async fn found(&self, db: &dyn Database, exactness: Exactness) -> Result<Vec<Hit>, Failure> {
        let (table, exact) = exactness;
        let chain = table(TableQuery::on(db, self.table)).select("*").gte("kind", self.least_kind);
        let options = NearestOptions { limit: self.limit, min_score: self.minimum, exact };
        Ok(chain.vector_search(self.column, self.embedding.to_vec(), options).await?)
    }

    fn expected<'p>(&self, points: &'p [Point]) -> Vec<(f64, &'p str)> {
        let kept = points.iter().filter(|point| point.kind >= self.least_kind);
        let scored = kept
            .filter_map(|point| Some((cosine(self.embedding, point.vector.as_ref()?), point.id.as_str())));
        let mut best: Vec<_> =
            scored.filter(|(score, _)| self.minimum.is_none_or(|least| *score >= least)).collect();
        best.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
        best.truncate(self.limit);
        best
    }

    async fn compare(&self, db: &dyn Database, exactness: Exactness, points: &[Point]) -> Outcome {
        let (found, expected) = (self.found(db, exactness).await?, self.expected(points));
        let what = format!("{} of {:?} from {}", self.limit, self.column, self.least_kind);
        equal(&what, ids(&found), expected.iter().map(|(_, id)| *id).collect::<Vec<_>>())?;
        for (hit, (score, _)) in found.iter().zip(&expected) {
            holds(&format!("{what}: {} is {score}", hit.score), (hit.score - score).abs() < 1e-12)?;
        }
        Ok(())
    }
}

fn ids(hits: &[Hit]) -> Vec<&str> {
    hits.iter().filter_map(|hit| hit.data.get("id")?.as_str()).collect()
}

async fn it_finds_what_a_full_scan_finds(harness: Arc<dyn Harness>) -> Outcome {
    let db = harness.database();
    let points = written(&*db, "mixed", 600, mixed).await?;
    let embeddings = [numbers(1000), scaled(2000, 1e300), numbers(5).split_off(12)];
    for (embedding, columns) in embeddings.iter().zip([&["v", "t"][..], &["v"], &["v"]]) {
        let cuts = [(1, 0, None), (10, 7, None), (100, 0, Some(0.2)), (1000, 0, None)];
        for (limit, least_kind, minimum) in cuts {
            for column in columns {
                let wanted = Wanted { table: "mixed", column, embedding, least_kind, limit, minimum };
                wanted.compare(&*db, EXACT, &points).await?;
            }
        }
    }
    Ok(())
}

async fn it_finds_rows_that_are_close_together(harness: Arc<dyn Harness>) -> Outcome {
    let db = harness.database();
    let points = written(&*db, "close", 300, |row| Some(close(row))).await?;
    let embedding = &numbers(1);
    let wanted = Wanted { table: "close", column: "v", embedding, least_kind: 0, limit: 5, minimum: None };
    let scores: Vec<f64> = wanted.found(&*db, EXACT).await?.iter().map(|hit| hit.score).collect();
    let expected: Vec<f64> = wanted.expected(&points).iter().map(|(score, _)| *score).collect();
    equal("the number", scores.len(), expected.len())?;
    for (score, expected) in scores.iter().zip(expected) {
        holds(&format!("{score} is {expected}"), (score - expected).abs() < 1e-15)?;
    }
    Ok(())
}

/// The indexes of pgvector.
const INDEXES: [&str; 2] = ["hnsw (v vector_cosine_ops)", "ivfflat (v vector_cosine_ops) WITH (lists = 10)"];

/// Where there are none of pgvector, every search is exact anyway.
async fn indexed(db: &dyn Database, table: &str, index: &str) {
    let _ = db.raw(&format!("DROP INDEX {table}_v"), &[]).await;
    let _ = db.raw(&format!("CREATE INDEX {table}_v ON {table} USING {index}"), &[]).await;
}

async fn with_indexes_it_is_exact(db: &dyn Database, exactness: Exactness) -> Outcome {
    let points = written(db, "indexed", 600, mixed).await?;
    let embedding = &numbers(3000);
    for index in INDEXES {
        indexed(db, "indexed", index).await;
        for (limit, least_kind) in [(10, 9), (500, 0)] {
            let wanted =
                Wanted { table: "indexed", column: "v", embedding, least_kind, limit, minimum: None };
            wanted.compare(db, exactness, &points).await?;
        }
    }
    Ok(())
}

async fn an_index_does_not_make_it_inexact(harness: Arc<dyn Harness>) -> Outcome {
    with_indexes_it_is_exact(&*harness.database(), EXACT).await
}

async fn a_search_in_an_approximate_table_may_be_exact(harness: Arc<dyn Harness>) -> Outcome {
    with_indexes_it_is_exact(&*harness.database(), (|table| table.approximate(), Some(true))).await
}

async fn it_finds_nearly_all(db: &dyn Database, exactness: Exactness) -> Outcome {
    let points = written(db, "near", 900, |row| Some(numbers(row))).await?;
    for index in INDEXES {
        indexed(db, "near", index).await;
        let (mut found, mut wanted) = (0, 0);
        for row in 1000..1010 {
            let embedding = &numbers(row);
            let least_kind = row % 10;
            let search =
                Wanted { table: "near", column: "v", embedding, least_kind, limit: 10, minimum: None };
            let hits = search.found(db, exactness).await?;
            equal("the number", hits.len(), 10)?;
            let expected = search.expected(&points);
            wanted += expected.len();
            found += expected.iter().filter(|(_, id)| ids(&hits).contains(id)).count();
        }
        holds(&format!("{found} of {wanted} are 99 % with {index}"), found * 100 >= wanted * 99)?;
    }
    Ok(())
}

async fn an_approximate_search_finds_nearly_all(harness: Arc<dyn Harness>) -> Outcome {
    it_finds_nearly_all(&*harness.database(), (|table| table, Some(false))).await
}

async fn a_search_in_an_approximate_table_finds_nearly_all(harness: Arc<dyn Harness>) -> Outcome {
    it_finds_nearly_all(&*harness.database(), (|table| table.approximate(), None)).await
}
