//! The cases of the adapter: real servers, each behind a proxy that cuts, stalls and slows.

use std::net::SocketAddr;
use std::sync::Arc;

use penstock_conformance::Failure;
use penstock_conformance::adapter::{CASES, Harness};
use penstock_conformance::backends::{Backend, Part};
use penstock_conformance::fault::{Fault, FaultProxy};
use penstock_conformance::servers::libsql::Libsql;
use penstock_conformance::servers::mariadb::Mariadb;
use penstock_conformance::servers::postgres::Postgres;
use penstock_conformance::servers::redis::Redis;
use penstock_conformance::servers::s3::S3Server;
use penstock_conformance::servers::upstash::Upstash;
use penstock_conformance::servers::{free_address, skip};
use penstock_core::Secret;
use penstock_storage::blob::BlobStore;
use penstock_storage::blob::s3::S3Blob;
use penstock_storage::blob::settings::{Addressing, Login, S3Settings};
use penstock_storage::db::Database;
use penstock_storage::db::libsql::LibsqlDriver;
use penstock_storage::db::mysql::MysqlDriver;
use penstock_storage::db::postgres::PostgresDriver;
use penstock_storage::kv::{KvStore, RedisKv, UpstashKv};
use penstock_storage::{Kind, StorageAdapter};

struct Faulty {
    adapter: StorageAdapter,
    proxies: [FaultProxy; 3],
    _server: Option<Libsql>,
}

impl Harness for Faulty {
    fn adapter(&self) -> &StorageAdapter {
        &self.adapter
    }

    fn set(&self, fault: Fault) {
        self.proxies.iter().for_each(|proxy| proxy.set(fault));
    }
}

impl Faulty {
    fn over(
        (kv, kv_proxy): (Arc<dyn KvStore>, FaultProxy),
        (database, database_proxy): (Arc<dyn Database>, FaultProxy),
        (blob, blob_proxy): (Arc<dyn BlobStore>, FaultProxy),
        server: Option<Libsql>,
    ) -> Arc<dyn Harness> {
        let adapter = StorageAdapter::new(Kind::Cloud, kv, database, blob);
        Arc::new(Self { adapter, proxies: [kv_proxy, database_proxy, blob_proxy], _server: server })
    }
}

/// A proxy before the server in `url`, and the URL of the proxy.
async fn behind_proxy(url: &str) -> Result<(String, FaultProxy), Failure> {
    let authority = url.split("://").nth(1).unwrap_or(url).split('/').next().unwrap_or_default();
    let address = authority.rsplit('@').next().unwrap_or_default();
    let proxy = FaultProxy::start(address.parse::<SocketAddr>()?).await?;
    Ok((url.replacen(address, &proxy.address.to_string(), 1), proxy))
}

async fn redis(server: &Redis, prefix: &str) -> Result<(Arc<dyn KvStore>, FaultProxy), Failure> {
    let (url, proxy) = behind_proxy(&server.url).await?;
    Ok((Arc::new(RedisKv::open(&url, prefix)?), proxy))
}

async fn bucket(
    server: &S3Server,
    backend: &'static str,
) -> Result<(Arc<dyn BlobStore>, FaultProxy), Failure> {
    let (endpoint, proxy) = behind_proxy(&server.endpoint()).await?;
    let secret = Secret::from(S3Server::SECRET.to_owned());
    let settings = S3Settings {
        backend,
        bucket: server.bucket(),
        prefix: String::new(),
        region: "auto".to_owned(),
        endpoint: Some(endpoint),
        addressing: Addressing::Path,
        login: Login::Keys { id: S3Server::KEY_ID.to_owned(), secret },
    };
    Ok((Arc::new(S3Blob::open(&settings).await?), proxy))
}

async fn passes<F>(name: &str, open: impl Fn() -> F)
where
    F: Future<Output = Result<Arc<dyn Harness>, Failure>>,
{
    Backend::require(Part::Adapter, name).passes(CASES, open).await;
}

/// A namespace of its own in a Redis that the cases share.
fn prefix(database: &str) -> String {
    format!("{}:", database.rsplit('/').next().unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_postgres_and_s3_degrade_by_the_table() {
    let s3 = S3Server::start().await.unwrap();
    let Some(kv) = Redis::start_at(free_address().unwrap()).await.unwrap() else {
        return skip("redis", "no redis-server is installed");
    };
    let Some(postgres) = Postgres::start().await.unwrap() else {
        return skip("postgres", "it is not installed");
    };
    let open = async || {
        let (url, proxy) = behind_proxy(&postgres.database().await?).await?;
        let database = Arc::new(PostgresDriver::connect(&url).await?);
        let kv = redis(&kv, &prefix(&url)).await?;
        Ok(Faulty::over(kv, (database, proxy), bucket(&s3, "s3").await?, None))
    };
    passes("redis, postgres, s3", open).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn upstash_mariadb_and_s3_degrade_by_the_table() {
    let s3 = S3Server::start().await.unwrap();
    let Some(kv) = Redis::start_at(free_address().unwrap()).await.unwrap() else {
        return skip("redis", "no redis-server is installed");
    };
    let front = Upstash::start(&kv.url).await.unwrap();
    let Some(mariadb) = Mariadb::start().await.unwrap() else {
        return skip("mysql", "it is not installed");
    };
    let open = async || {
        let (url, proxy) = behind_proxy(&mariadb.database().await?).await?;
        let database = Arc::new(MysqlDriver::connect(&url).await?);
        let (front, kv_proxy) = behind_proxy(&front.url).await?;
        let kv = UpstashKv::open(&front, &Secret::new(Upstash::TOKEN.to_owned()), &prefix(&url))?;
        Ok(Faulty::over((Arc::new(kv), kv_proxy), (database, proxy), bucket(&s3, "s3").await?, None))
    };
    passes("upstash, mariadb, s3", open).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_libsql_and_r2_degrade_by_the_table() {
    let s3 = S3Server::start().await.unwrap();
    let Some(kv) = Redis::start_at(free_address().unwrap()).await.unwrap() else {
        return skip("redis", "no redis-server is installed");
    };
    if Libsql::start().await.unwrap().is_none() {
        return skip("libsql", "it is not installed");
    }
    let open = async || {
        let server = Libsql::start().await?.ok_or_else(|| Failure::new("it was there before"))?;
        let (url, proxy) = behind_proxy(&server.url).await?;
        let database = Arc::new(LibsqlDriver::connect(&url, None).await?);
        let kv = redis(&kv, &format!("{}:", proxy.address.port())).await?;
        Ok(Faulty::over(kv, (database, proxy), bucket(&s3, "r2").await?, Some(server)))
    };
    passes("redis, libsql, r2", open).await;
}
