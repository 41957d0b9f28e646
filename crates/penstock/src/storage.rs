//! Where modules keep their state: the one place that knows which backends there are.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use penstock_storage::blob::BlobStore;
use penstock_storage::blob::fs::FsBlob;
use penstock_storage::blob::s3::S3Blob;
use penstock_storage::blob::settings::BlobSettings;
use penstock_storage::db::libsql::LibsqlDriver;
use penstock_storage::db::mysql::MysqlDriver;
use penstock_storage::db::postgres::PostgresDriver;
use penstock_storage::db::sqlite::SqliteDriver;
use penstock_storage::db::{DbError, LazyDb};
use penstock_storage::kv::KvStore;
use penstock_storage::kv::memory::{MemoryKv, MemoryKvOptions};
use penstock_storage::kv::redis::RedisKv;
use penstock_storage::kv::upstash::UpstashKv;
use penstock_storage::settings::{DatabaseSettings, KvSettings, Settings};
use penstock_storage::{Kind, StorageAdapter};

/// The backends, opened.
pub(crate) struct OpenStorage {
    kind: Kind,
    pub(crate) kv: Arc<dyn KvStore>,
    pub(crate) database: Arc<LazyDb>,
    pub(crate) blob: Arc<dyn BlobStore>,
    /// What has to be flushed at the end.
    embedded: Option<Arc<MemoryKv>>,
}

impl OpenStorage {
    /// Opens what is embedded, and gets ready to call what is not: a service that is down keeps nobody from
    /// starting.
    pub(crate) async fn open(settings: &Settings) -> anyhow::Result<Self> {
        let mut embedded = None;
        let kv: Arc<dyn KvStore> = match &settings.kv {
            KvSettings::Redis(url) => Arc::new(RedisKv::open(url.expose(), "").context("kv")?),
            KvSettings::Upstash { url, token } => Arc::new(UpstashKv::open(url, token, "").context("kv")?),
            KvSettings::Memory => memory(None, &mut embedded).await?,
            KvSettings::File(path) => memory(Some(path), &mut embedded).await?,
        };
        let database = Arc::new(database(&settings.database).await.context("storage_dsn")?);
        let blob: Arc<dyn BlobStore> = match &settings.blob {
            BlobSettings::Fs { root } => {
                let opened = FsBlob::open(root).await;
                Arc::new(opened.with_context(|| format!("blob: {}", root.display()))?)
            }
            BlobSettings::S3(settings) => Arc::new(S3Blob::open(settings).await.context("blob")?),
        };
        Ok(Self { kind: settings.kind(), kv, database, blob, embedded })
    }

    /// What modules are given.
    pub(crate) fn adapter(&self) -> StorageAdapter {
        let (kv, database, blob) = (self.kv.clone(), self.database.clone(), self.blob.clone());
        StorageAdapter::new(self.kind, kv, database, blob)
    }

    /// Brings everything to disk.
    pub(crate) async fn close(self) -> anyhow::Result<()> {
        if let Some(kv) = self.embedded {
            kv.close().await.context("kv")?;
        }
        self.database.close().await;
        Ok(())
    }
}

async fn database(settings: &DatabaseSettings) -> Result<LazyDb, DbError> {
    match settings.clone() {
        DatabaseSettings::Sqlite(path) => {
            LazyDb::open("sqlite", move || {
                let path = path.clone();
                async move { SqliteDriver::open(&path).await }
            })
            .await
        }
        DatabaseSettings::Postgres(dsn) => {
            LazyDb::open("postgres", move || {
                let dsn = dsn.clone();
                async move { PostgresDriver::connect(dsn.expose()).await }
            })
            .await
        }
        DatabaseSettings::Mysql(dsn) => {
            LazyDb::open("mysql", move || {
                let dsn = dsn.clone();
                async move { MysqlDriver::connect(dsn.expose()).await }
            })
            .await
        }
        DatabaseSettings::Libsql { url, token } => {
            LazyDb::open("libsql", move || {
                let (url, token) = (url.clone(), token.clone());
                async move {
                    let token = token.as_ref().map(|token| token.expose().as_str());
                    LibsqlDriver::connect(&url, token).await
                }
            })
            .await
        }
    }
}

async fn memory(file: Option<&Path>, embedded: &mut Option<Arc<MemoryKv>>) -> anyhow::Result<Arc<MemoryKv>> {
    let options = MemoryKvOptions { file: file.map(Path::to_path_buf), ..MemoryKvOptions::default() };
    let store = Arc::new(MemoryKv::open(options).await.context("kv")?);
    *embedded = Some(Arc::clone(&store));
    Ok(store)
}
