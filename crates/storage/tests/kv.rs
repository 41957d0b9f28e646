//! Every key-value backend passes every case, and what only one of them has to do.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use penstock_conformance::Failure;
use penstock_conformance::backends::{Backend, Part};
use penstock_conformance::fault::{Fault, FaultProxy};
use penstock_conformance::kv::{CASES, Harness};
use penstock_conformance::servers::redis::{Redis, RedisCluster};
use penstock_conformance::servers::upstash::Upstash;
use penstock_conformance::servers::{free_address, skip};
use penstock_core::Secret;
use penstock_storage::degrade::{DegradingKv, Pauses};
use penstock_storage::kv::memory::MemoryKvOptions;
use penstock_storage::kv::{Keep, Key, KvStore, MemoryKv, RedisKv, Ttl, UpstashKv};
use penstock_storage::{ErrorKind, Retry};
use tempfile::TempDir;

/// A condition that does not hold in this time never will.
const PATIENCE: Duration = Duration::from_secs(30);

async fn check<F>(backend: &str, open: impl Fn() -> F)
where
    F: Future<Output = Result<Arc<dyn Harness>, Failure>>,
{
    Backend::require(Part::Kv, backend).passes(CASES, open).await;
}

fn key(name: &str) -> Key {
    Key::new(name).expect("the names in the tests are keys")
}

struct Memory {
    folder: Option<TempDir>,
    store: Mutex<Arc<MemoryKv>>,
    wrap: Wrap,
}

/// What the cases see of a store.
type Wrap = fn(Arc<MemoryKv>) -> Arc<dyn KvStore>;

fn degrading(store: Arc<MemoryKv>) -> Arc<dyn KvStore> {
    // timeouts have tests of their own, and must not end a case on a machine that is busy
    Arc::new(DegradingKv::new(store, Pauses::for_calls(PATIENCE)))
}

impl Memory {
    async fn open(folder: Option<TempDir>, wrap: Wrap) -> Result<Arc<dyn Harness>, Failure> {
        let store = Mutex::new(open_memory(folder.as_ref().map(TempDir::path), 64 << 20).await?);
        Ok(Arc::new(Self { folder, store, wrap }))
    }

    fn current(&self) -> Arc<MemoryKv> {
        Arc::clone(&self.store.lock().expect("nothing panics while it is held"))
    }
}

async fn open_memory(folder: Option<&Path>, limit: u64) -> penstock_storage::Result<Arc<MemoryKv>> {
    let file = folder.map(|folder| folder.join("kv"));
    Ok(Arc::new(MemoryKv::open(MemoryKvOptions { file, limit, ..MemoryKvOptions::default() }).await?))
}

#[async_trait]
impl Harness for Memory {
    fn store(&self) -> Arc<dyn KvStore> {
        (self.wrap)(self.current())
    }

    async fn reopen(&self) -> Result<Arc<dyn KvStore>, Failure> {
        self.current().close().await?;
        let store = open_memory(self.folder.as_ref().map(TempDir::path), 64 << 20).await?;
        *self.store.lock().expect("nothing panics while it is held") = Arc::clone(&store);
        Ok((self.wrap)(store))
    }

    async fn bounded(&self, bytes: u64) -> Result<Arc<dyn KvStore>, Failure> {
        Ok((self.wrap)(match &self.folder {
            Some(folder) => open_memory(Some(tempfile::tempdir_in(folder)?.path()), bytes).await?,
            None => open_memory(None, bytes).await?,
        }))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_does_what_is_asked() {
    check("memory", || Memory::open(None, |store| store)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_with_a_file_does_what_is_asked() {
    let open = || async { Memory::open(Some(tempfile::tempdir()?), |store| store).await };
    check("file", open).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_degrading_store_that_works_does_what_is_asked() {
    let open = || async { Memory::open(Some(tempfile::tempdir()?), degrading).await };
    check("file, degrading", open).await;
}

/// A store with a prefix before its keys, and how to open it.
struct Remote {
    prefix: String,
    open: Opener,
    small: Small,
    store: Arc<dyn KvStore>,
    servers: Mutex<Vec<Box<dyn Send>>>,
}

type Opener = Arc<dyn Fn(&str) -> penstock_storage::Result<Arc<dyn KvStore>> + Send + Sync>;
/// Opens a store on a Redis, with what has to live as long.
type Small = fn(Redis) -> BoxFuture<'static, Result<(Arc<dyn KvStore>, Box<dyn Send>), Failure>>;

impl Remote {
    fn start(open: &Opener, small: Small) -> Result<Arc<dyn Harness>, Failure> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        // a server that others use too must not show what an earlier run has left
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_nanos();
        let prefix = format!("test:{now}:{}:{{", NEXT.fetch_add(1, Ordering::Relaxed));
        let store = open(&prefix)?;
        Ok(Arc::new(Self { prefix, open: Arc::clone(open), small, store, servers: Mutex::default() }))
    }
}

#[async_trait]
impl Harness for Remote {
    fn store(&self) -> Arc<dyn KvStore> {
        Arc::clone(&self.store)
    }

    async fn reopen(&self) -> Result<Arc<dyn KvStore>, Failure> {
        Ok((self.open)(&self.prefix)?)
    }

    async fn bounded(&self, bytes: u64) -> Result<Arc<dyn KvStore>, Failure> {
        let server = Redis::with_room(bytes).await?.ok_or_else(|| Failure::new("it was there before"))?;
        let (store, server) = (self.small)(server).await?;
        self.servers.lock().expect("nothing panics while it is held").push(server);
        Ok(store)
    }
}

async fn check_redis(backend: &str, server: &Redis) {
    let url = server.url.clone();
    let open: Opener = Arc::new(move |prefix| Ok(Arc::new(RedisKv::open(&url, prefix)?)));
    let small: Small = |server| {
        async move { Ok((Arc::new(RedisKv::open(&server.url, "")?) as _, Box::new(server) as _)) }.boxed()
    };
    check(backend, || async { Remote::start(&open, small) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_does_what_is_asked() {
    let Some(server) = Redis::start().await.unwrap() else {
        return skip("redis", "no redis-server is installed");
    };
    check_redis("redis", &server).await;
}

/// No operation needs keys of two slots, or one that it does not name.
#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_does_what_is_asked() {
    let Some(cluster) = RedisCluster::start().await.unwrap() else {
        return skip("redis", "no redis-server is installed");
    };
    check_redis("redis, cluster", &cluster.nodes[0]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn upstash_does_what_is_asked() {
    let Some(server) = Redis::start().await.unwrap() else {
        return skip("redis", "no redis-server is installed");
    };
    let front = Upstash::start(&server.url).await.unwrap();
    let (url, token) = (front.url.clone(), Secret::new(Upstash::TOKEN.to_owned()));
    let open: Opener = Arc::new(move |prefix| Ok(Arc::new(UpstashKv::open(&url, &token, prefix)?)));
    let small: Small = |server| {
        let token = Secret::new(Upstash::TOKEN.to_owned());
        async move {
            let front = Upstash::start(&server.url).await?;
            let store = UpstashKv::open(&front.url, &token, "")?;
            Ok((Arc::new(store) as _, Box::new((front, server)) as _))
        }
        .boxed()
    };
    check("upstash", || async { Remote::start(&open, small) }).await;
    let refused = UpstashKv::open(&front.url, &Secret::new("another".to_owned()), "").unwrap();
    assert_eq!(refused.get(&key("key")).await.unwrap_err().kind, ErrorKind::Denied);
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_may_be_down_at_the_start_and_may_go_and_come_back() {
    let address = free_address().unwrap();
    let store = RedisKv::open(&format!("redis://{address}/"), "").unwrap();
    for _ in 0..3 {
        let start = Instant::now();
        let error = store.incr(&key("key"), 1, Ttl::Forever).await.unwrap_err();
        assert_eq!((error.kind, error.retry), (ErrorKind::Unavailable, Retry::Later), "{error}");
        assert!(start.elapsed() < Duration::from_secs(2), "it hung for {:?}", start.elapsed());
    }
    for _ in 0..2 {
        let Some(server) = Redis::start_at(address).await.unwrap() else {
            return skip("redis", "no redis-server is installed");
        };
        until_it_answers(&store).await;
        store.set(&key("key"), "value", Ttl::Forever, Keep::Always).await.unwrap();
        assert_eq!(store.get(&key("key")).await.unwrap().as_deref(), Some("value"));
        drop(server);
        let start = Instant::now();
        while store.get(&key("key")).await.is_ok() {
            assert!(start.elapsed() < PATIENCE, "it still answers");
        }
    }
}

async fn until_it_answers(store: &RedisKv) {
    let start = Instant::now();
    while let Err(error) = store.health().await {
        assert_eq!(error.kind, ErrorKind::Unavailable, "{error}");
        assert!(start.elapsed() < PATIENCE, "{error}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_counts_over_a_connection_that_was_closed_while_idle() {
    let Some(server) = Redis::start_at(free_address().unwrap()).await.unwrap() else {
        return skip("redis", "no redis-server is installed");
    };
    let store = RedisKv::open(&server.url, "").unwrap();
    store.incr(&key("key"), 1, Ttl::Forever).await.unwrap();
    let client = redis::Client::open(server.url.as_str()).unwrap();
    let mut other = client.get_multiplexed_async_connection().await.unwrap();
    for round in 2..5 {
        let closed: i64 =
            redis::cmd("CLIENT").arg(&["KILL", "SKIPME", "yes"]).query_async(&mut other).await.unwrap();
        assert_eq!(closed, 1, "there is a connection to close");
        // an idle one is not trusted; nothing else shows how long it was idle
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        assert_eq!(store.incr(&key("key"), 1, Ttl::Forever).await.unwrap(), round);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_speaks_no_tls_is_unavailable() {
    let Some(server) = Redis::start_at(free_address().unwrap()).await.unwrap() else {
        return skip("redis", "no redis-server is installed");
    };
    let token = Secret::new(Upstash::TOKEN.to_owned());
    let stores: [Box<dyn KvStore>; 2] = [
        Box::new(RedisKv::open(&server.url.replace("redis:", "rediss:"), "").unwrap()),
        Box::new(UpstashKv::open(&server.url.replace("redis:", "https:"), &token, "").unwrap()),
    ];
    for store in stores {
        let error = store.get(&key("key")).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unavailable, "{error}");
        assert!(!error.to_string().contains("was ended"), "the attempt itself must not panic: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_costs_seconds_and_is_found_again() {
    let Some(server) = Redis::start_at(free_address().unwrap()).await.unwrap() else {
        return skip("redis", "no redis-server is installed");
    };
    let address = server.url.trim_start_matches("redis://").trim_end_matches('/').parse().unwrap();
    let proxy = FaultProxy::start(address).await.unwrap();
    let store = RedisKv::open(&format!("redis://{}/", proxy.address), "").unwrap();
    store.set(&key("key"), "value", Ttl::Forever, Keep::Always).await.unwrap();
    for fault in [Fault::Stall, Fault::Cut] {
        proxy.set(fault);
        let start = Instant::now();
        let error = store.get(&key("key")).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unavailable, "{error}");
        assert!(start.elapsed() < Duration::from_secs(8), "it hung for {:?}", start.elapsed());
        proxy.set(Fault::None);
        until_it_answers(&store).await;
        assert_eq!(store.get(&key("key")).await.unwrap().as_deref(), Some("value"));
    }
}

#[test]
fn a_bad_url_is_refused_and_not_shown() {
    for url in ["", "host:1", "http://user:hunter2@host", "redis://user:hunter2@host:port"] {
        let error = RedisKv::open(url, "").unwrap_err();
        assert_eq!(error.kind, ErrorKind::Invalid, "{url}");
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    }
    let store = RedisKv::open("redis://user:hunter2@host", "").unwrap();
    assert!(!format!("{store:?}").contains("hunter2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_open_once_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_memory(Some(folder.path()), 1 << 20).await.unwrap();
    let error = open_memory(Some(folder.path()), 1 << 20).await.unwrap_err().to_string();
    assert!(error.contains("is open already: stop the other process, or name another file"), "{error}");
    store.close().await.unwrap();
    assert_eq!(store.get(&key("key")).await.unwrap_err().kind, ErrorKind::Unavailable, "it is closed");
    open_memory(Some(folder.path()), 1 << 20).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flushed_store_needs_no_log() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_memory(Some(folder.path()), 1 << 20).await.unwrap();
    store.incr(&key("counter"), 41, Ttl::Forever).await.unwrap();
    store.flush().await.unwrap();
    store.close().await.unwrap();
    for log in ["kv.log1", "kv.log2"] {
        std::fs::remove_file(folder.path().join(log)).unwrap();
    }
    let store = open_memory(Some(folder.path()), 1 << 20).await.unwrap();
    assert_eq!(store.incr(&key("counter"), 1, Ttl::Forever).await.unwrap(), 42);
}

const CHILD: &str = "PENSTOCK_TEST_KV_CHILD";

/// Counts until it is killed, and prints each number once it is acknowledged. The other test starts it.
#[test]
#[ignore = "a process of another test"]
fn counts_until_it_is_killed() {
    let Some(folder) = std::env::var_os(CHILD) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = open_memory(Some(Path::new(&folder)), 64 << 20).await.unwrap();
        let mut output = std::io::stdout();
        // the name of the test stands on the first line
        writeln!(output).unwrap();
        loop {
            let number = store.incr(&key("counter"), 1, Ttl::Forever).await.unwrap();
            let name = key(&format!("entry-{}", number % 100));
            store.set(&name, &"x".repeat(1_000), Ttl::seconds(1_000), Keep::Volatile).await.unwrap();
            writeln!(output, "counted {number}").unwrap();
        }
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let mut before = 0;
    // each round is killed at another moment of the writing behind
    for round in 1_u64..=8 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "counts_until_it_is_killed", "--ignored", "--nocapture"])
            .env(CHILD, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut counted = Vec::new();
        let enough = before + 300 * round;
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            // a line may be cut short by the kill, and is then no number that was acknowledged
            let Some(number) = line.unwrap().strip_prefix("counted ").and_then(|number| number.parse().ok())
            else {
                continue;
            };
            counted.push(number);
            if number == enough {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        assert_eq!(counted.first(), Some(&(before + 1)), "it goes on where it was");
        let acknowledged = counted.iter().copied().max().unwrap_or_default();
        assert!(acknowledged >= enough, "it counted");
        let store = open_memory(Some(folder.path()), 64 << 20).await.unwrap();
        let found: u64 = store.get(&key("counter")).await.unwrap().unwrap().parse().unwrap();
        assert!(
            (acknowledged..=acknowledged + 1).contains(&found),
            "{acknowledged} were acknowledged, {found} are there"
        );
        before = found;
        store.close().await.unwrap();
    }
}
