//! PostgreSQL: one table with pgvector's type, asked by the adapter and without it.

use anyhow::Result;
use penstock_conformance::servers;
use penstock_storage::db::Database as _;
use penstock_storage::db::postgres::PostgresDriver;
use penstock_storage::db::sql::SqlDb;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use super::data::Vectors;
use super::{Contest, NEAREST, WIDTH, progress};

pub(super) struct Postgres {
    adapter: SqlDb,
    plain: PgConnection,
}

/// A private server; none if there is none to start.
pub(super) async fn start() -> Result<Option<servers::postgres::Postgres>> {
    servers::postgres::Postgres::start().await.map_err(|failure| anyhow::anyhow!("{failure}"))
}

impl Postgres {
    pub(super) async fn prepare(server: &servers::postgres::Postgres, rows: u32) -> Result<Self> {
        progress(&format!("vectors: {rows} rows go into PostgreSQL"))?;
        let url = server.database().await.map_err(|failure| anyhow::anyhow!("{failure}"))?;
        let adapter = PostgresDriver::connect(&url).await?;
        let sql = format!("CREATE TABLE points (id INTEGER PRIMARY KEY, title TEXT, v VECTOR({WIDTH}))");
        adapter.raw(&sql, &[]).await?;
        let mut plain = PgConnection::connect(&url).await?;
        let mut vectors = Vectors::rows();
        let mut copy = plain.copy_in_raw("COPY points (id, title, v) FROM STDIN (FORMAT binary)").await?;
        let mut batch = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0".to_vec();
        for id in 1..=rows {
            batch.extend(3_i16.to_be_bytes());
            field(&mut batch, &i64::from(id).to_be_bytes())?;
            field(&mut batch, format!("row {id}").as_bytes())?;
            field(&mut batch, &binary(&vectors.next(WIDTH))?)?;
            if batch.len() > 1 << 20 {
                copy.send(std::mem::take(&mut batch)).await?;
            }
        }
        batch.extend((-1_i16).to_be_bytes());
        copy.send(batch).await?;
        copy.finish().await?;
        sqlx::query("VACUUM ANALYZE points").execute(&mut plain).await?;
        Ok(Self { adapter, plain })
    }
}

impl Contest for Postgres {
    const NAME: &'static str = "PostgreSQL";
    const OTHER: &'static str = "pgvector";
    const TARGET: Option<(f64, f64)> = None;

    fn adapter(&self) -> &SqlDb {
        &self.adapter
    }

    async fn plain(&mut self, embedding: &[f32]) -> Result<Vec<f64>> {
        let parts: Vec<String> = embedding.iter().map(f32::to_string).collect();
        let sql = format!("SELECT v <=> $1::text::vector, id, title FROM points ORDER BY 1 LIMIT {NEAREST}");
        let query = sqlx::query_scalar(AssertSqlSafe(sql)).bind(format!("[{}]", parts.join(",")));
        // planned for this embedding, as the adapter's statement is
        Ok(query.persistent(false).fetch_all(&mut self.plain).await?)
    }
}

/// A value with its length, as `COPY` takes it.
fn field(batch: &mut Vec<u8>, value: &[u8]) -> Result<()> {
    batch.extend(i32::try_from(value.len())?.to_be_bytes());
    batch.extend(value);
    Ok(())
}

/// As pgvector sends and takes a vector: how many numbers, nothing, the numbers.
fn binary(vector: &[f32]) -> Result<Vec<u8>> {
    let mut bytes = i16::try_from(vector.len())?.to_be_bytes().to_vec();
    bytes.extend(0_i16.to_be_bytes());
    bytes.extend(vector.iter().flat_map(|number| number.to_be_bytes()));
    Ok(bytes)
}
