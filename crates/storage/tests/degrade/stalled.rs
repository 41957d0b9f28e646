//! Redis behind a proxy that stalls: what that costs, in figures.

use std::sync::Arc;
use std::time::{Duration, Instant};

use penstock_conformance::fault::{Fault, FaultProxy};
use penstock_conformance::servers::redis::Redis;
use penstock_conformance::servers::{free_address, skip};
use penstock_storage::degrade::{DegradingKv, KV_TIMEOUT, Pauses};
use penstock_storage::kv::{Keep, Key, KvStore, RedisKv, Ttl};

/// Callers at once.
const CALLERS: usize = 8;

struct Rig {
    store: Arc<DegradingKv>,
    proxy: FaultProxy,
    _server: Redis,
}

async fn rig() -> Option<Rig> {
    let address = free_address().unwrap();
    let Some(server) = Redis::start_at(address).await.unwrap() else {
        skip("redis", "no redis-server is installed");
        return None;
    };
    let proxy = FaultProxy::start(address).await.unwrap();
    let redis = RedisKv::open(&format!("redis://{}", proxy.address), "degrade:").unwrap();
    let store = Arc::new(DegradingKv::new(Arc::new(redis), Pauses::for_calls(KV_TIMEOUT)));
    Some(Rig { store, proxy, _server: server })
}

impl Rig {
    /// Gets under load for that long; the 99th percentile and the longest.
    async fn load(&self, duration: Duration) -> (Duration, Duration) {
        let callers = (0..CALLERS).map(|_| {
            let store = Arc::clone(&self.store);
            tokio::spawn(async move {
                let (start, key, mut took) = (Instant::now(), Key::new("loaded").unwrap(), Vec::new());
                while start.elapsed() < duration {
                    let call = Instant::now();
                    store.get(&key).await.unwrap();
                    took.push(call.elapsed());
                    // a module does something else between two calls
                    tokio::time::sleep(Duration::from_micros(200)).await;
                }
                took
            })
        });
        let mut all = Vec::new();
        for caller in callers.collect::<Vec<_>>() {
            all.extend(caller.await.unwrap());
        }
        all.sort_unstable();
        (all[all.len() * 99 / 100], all[all.len() - 1])
    }

    async fn is_back(&self) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.store.guard().health().trouble.is_some() {
            assert!(Instant::now() < deadline, "recovery was not noticed");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stalled_redis_costs_one_timeout_and_is_noticed_when_it_is_back() {
    let Some(rig) = rig().await else { return };
    let key = Key::new("loaded").unwrap();
    rig.store.set(&key, "there", Ttl::Forever, Keep::Always).await.unwrap();
    let before = rig.load(Duration::from_secs(1)).await;

    rig.proxy.set(Fault::Stall);
    let during = rig.load(Duration::from_secs(3)).await;
    assert_eq!(rig.store.get(&key).await.unwrap(), None);
    // each caller waited once at most, and not longer than it was to
    assert!(during.1 < KV_TIMEOUT * 2, "{during:?}");
    assert!(during.0 < Duration::from_millis(50), "{during:?}");
    let trouble = rig.store.guard().health().trouble.unwrap();
    assert!(trouble.why.contains("no answer within 250ms"), "{}", trouble.why);

    rig.proxy.set(Fault::None);
    rig.is_back().await;
    assert_eq!(rig.store.get(&key).await.unwrap().as_deref(), Some("there"));
    let after = rig.load(Duration::from_secs(1)).await;
    eprintln!("kv.get p99 and longest: before {before:?}, during {during:?}, after {after:?}");
}
