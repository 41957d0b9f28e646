//! SQLite: the adapter's table, and one of sqlite-vec in the same file.

use anyhow::Result;
use penstock_sqlite_native::add_vectors;
use penstock_storage::db::Database as _;
use penstock_storage::db::sql::SqlDb;
use penstock_storage::db::sqlite::SqliteDriver;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};
use tempfile::TempDir;

use super::data::Vectors;
use super::{Contest, NEAREST, WIDTH, progress};

pub(super) struct Sqlite {
    adapter: SqlDb,
    plain: SqliteConnection,
    _folder: TempDir,
}

impl Sqlite {
    pub(super) async fn prepare(rows: u32) -> Result<Self> {
        progress(&format!("vectors: {rows} rows go into SQLite"))?;
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("modules.db");
        let adapter = SqliteDriver::open(&path).await?;
        let sql = format!("CREATE TABLE points (id INTEGER PRIMARY KEY, title TEXT, v VECTOR({WIDTH}))");
        adapter.raw(&sql, &[]).await?;
        let mut plain = SqliteConnectOptions::new().filename(&path).connect().await?;
        add_vectors(&mut plain.lock_handle().await?)?;
        let sql = format!("CREATE VIRTUAL TABLE near USING vec0(v float[{WIDTH}] distance_metric=cosine)");
        sqlx::query(AssertSqlSafe(sql)).execute(&mut plain).await?;
        let mut vectors = Vectors::rows();
        let mut transaction = plain.begin().await?;
        for id in 1..=rows {
            let insert = sqlx::query("INSERT INTO points (id, title, v) VALUES (?, ?, ?)");
            let insert = insert.bind(id).bind(format!("row {id}")).bind(bytes(&vectors.next(WIDTH)));
            insert.execute(&mut *transaction).await?;
        }
        let copy = sqlx::query("INSERT INTO near (rowid, v) SELECT id, v FROM points");
        copy.execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(Self { adapter, plain, _folder: folder })
    }
}

impl Contest for Sqlite {
    const NAME: &'static str = "SQLite";
    const OTHER: &'static str = "vec0";
    const TARGET: Option<(f64, f64)> = Some((0.2, 0.03));

    fn adapter(&self) -> &SqlDb {
        &self.adapter
    }

    async fn plain(&mut self, embedding: &[f32]) -> Result<Vec<f64>> {
        let sql = format!("SELECT distance, rowid FROM near WHERE v MATCH ? AND k = {NEAREST}");
        let query = sqlx::query_scalar(AssertSqlSafe(sql)).bind(bytes(embedding));
        Ok(query.fetch_all(&mut self.plain).await?)
    }
}

fn bytes(vector: &[f32]) -> Vec<u8> {
    vector.iter().flat_map(|number| number.to_le_bytes()).collect()
}
