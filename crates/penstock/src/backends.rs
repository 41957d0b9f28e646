//! Where modules keep their state: the one place that knows which backends there are.

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
use penstock_storage::{Kind, Result, StorageAdapter};

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
        let (kv, embedded) = kv(&settings.kv).await.context("kv")?;
        let database = Arc::new(database(&settings.database).await.context("storage_dsn")?);
        let blob = blob(&settings.blob).await?;
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

/// The key-value store, also as what it is if it is embedded.
pub(crate) async fn kv(settings: &KvSettings) -> Result<(Arc<dyn KvStore>, Option<Arc<MemoryKv>>)> {
    let file = match settings {
        KvSettings::Redis(url) => return Ok((Arc::new(RedisKv::open(url.expose(), "")?), None)),
        KvSettings::Upstash { url, token } => return Ok((Arc::new(UpstashKv::open(url, token, "")?), None)),
        KvSettings::Memory => None,
        KvSettings::File(path) => Some(path.clone()),
    };
    let embedded = Arc::new(MemoryKv::open(MemoryKvOptions { file, ..MemoryKvOptions::default() }).await?);
    Ok((Arc::clone(&embedded) as _, Some(embedded)))
}

/// The files.
pub(crate) async fn blob(settings: &BlobSettings) -> anyhow::Result<Arc<dyn BlobStore>> {
    Ok(match settings {
        BlobSettings::Fs { root } => {
            let opened = FsBlob::open(root).await;
            Arc::new(opened.with_context(|| format!("blob: {}", root.display()))?)
        }
        BlobSettings::S3(settings) => Arc::new(S3Blob::open(settings).await.context("blob")?),
    })
}

/// The database, which may not be there yet.
pub(crate) async fn database(settings: &DatabaseSettings) -> Result<LazyDb, DbError> {
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
