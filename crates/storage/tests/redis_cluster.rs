//! A cluster is followed by a client that was told one of its nodes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use penstock_conformance::fault::{Fault, FaultProxy};
use penstock_conformance::servers::redis::RedisCluster;
use penstock_conformance::servers::skip;
use penstock_storage::degrade::{DegradingKv, Pauses};
use penstock_storage::kv::{Keep, Key, KvStore as _, RedisKv, Ttl};
use penstock_storage::{ErrorKind, Retry};

/// A condition that does not hold in this time never will.
const PATIENCE: Duration = Duration::from_secs(30);

fn key(name: &str) -> Key {
    Key::new(name).expect("the names in the tests are keys")
}

async fn start() -> Option<RedisCluster> {
    let cluster = RedisCluster::start().await.expect("a cluster starts");
    if cluster.is_none() {
        skip("redis", "no redis-server is installed");
    }
    cluster
}

/// A key for each node.
async fn keys_of(cluster: &RedisCluster) -> Vec<String> {
    let mut keys = vec![String::new(); cluster.nodes.len()];
    for number in 0.. {
        let name = format!("key-{number}");
        let (_, owner) = cluster.owner(&name).await.expect("a node answers");
        keys[owner] = name;
        if keys.iter().all(|key| !key.is_empty()) {
            break;
        }
    }
    keys
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_all_nodes_are_found_from_one_of_them() {
    let Some(cluster) = start().await else { return };
    for node in &cluster.nodes {
        let store = RedisKv::open(&node.url, "test:").unwrap();
        for number in 0..200 {
            let name = key(&format!("key {number} of {}", node.url));
            assert!(store.set_nx(&name, "1", Ttl::seconds(60)).await.unwrap(), "{name}");
            assert_eq!(store.incr(&name, 1, Ttl::seconds(60)).await.unwrap(), 2, "{name}");
            assert!(store.cas(&name, Some("2"), "three", Ttl::Forever).await.unwrap(), "{name}");
            assert_eq!(store.get(&name).await.unwrap().as_deref(), Some("three"), "{name}");
        }
    }
    let mut found = 0;
    for node in &cluster.nodes {
        let size: u64 = node.ask(&["DBSIZE"]).await.unwrap();
        assert!(size > 100, "each node has about a third, and this one has {size}");
        found += size;
    }
    assert_eq!(found, 600);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_may_move_while_its_keys_are_counted() {
    let Some(cluster) = start().await else { return };
    let store = Arc::new(RedisKv::open(&cluster.nodes[0].url, "").unwrap());
    let (slot, from) = cluster.owner("{moving}").await.unwrap();
    let (slot, to) = (slot.to_string(), (from + 1) % cluster.nodes.len());
    let (counter, busy) = (key("{moving}counter"), Arc::new(AtomicBool::new(true)));
    assert_eq!(store.incr(&counter, 1, Ttl::Forever).await.unwrap(), 1);
    let counting = {
        let (store, counter, busy) = (Arc::clone(&store), counter.clone(), Arc::clone(&busy));
        tokio::spawn(async move {
            let mut count = 1;
            while busy.load(Ordering::Relaxed) {
                count += 1;
                // a script, and a command: each is done once, wherever it is sent
                let ttl = if count % 2 == 0 { Ttl::Forever } else { Ttl::seconds(1_000) };
                assert_eq!(store.incr(&counter, 1, ttl).await.unwrap(), count);
            }
            count
        })
    };
    let [source, target] = [&cluster.nodes[from], &cluster.nodes[to]];
    let set_slot = async |node: &penstock_conformance::servers::redis::Redis, words: &[&str]| {
        let words = [&["CLUSTER", "SETSLOT", &slot], words].concat();
        let () = node.ask(&words).await.unwrap();
    };
    let source_id: String = source.ask(&["CLUSTER", "MYID"]).await.unwrap();
    let target_id: String = target.ask(&["CLUSTER", "MYID"]).await.unwrap();
    set_slot(target, &["IMPORTING", &source_id]).await;
    set_slot(source, &["MIGRATING", &target_id]).await;

    // what is new in the slot is with the target already, for who was sent there
    let new = key("{moving}new");
    assert!(store.set_nx(&new, "1", Ttl::Forever).await.unwrap());
    assert!(store.cas(&new, Some("1"), "5", Ttl::seconds(60)).await.unwrap());
    assert_eq!(store.incr(&new, 1, Ttl::Forever).await.unwrap(), 6);
    let in_slot: u64 = target.ask(&["CLUSTER", "COUNTKEYSINSLOT", &slot]).await.unwrap();
    assert_eq!(in_slot, 1, "the new key");
    let error = store.incr(&new, i64::MAX, Ttl::Forever).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict, "{error}");
    // what is there stays until it is carried over
    assert!(store.get(&counter).await.unwrap().is_some());
    let address = target.url.trim_start_matches("redis://").trim_end_matches('/');
    let (host, port) = address.split_once(':').unwrap();
    let moved: String = source.ask(&["MIGRATE", host, port, counter.as_str(), "0", "5000"]).await.unwrap();
    assert_eq!(moved, "OK");
    let in_slot: u64 = target.ask(&["CLUSTER", "COUNTKEYSINSLOT", &slot]).await.unwrap();
    assert_eq!(in_slot, 2, "and the counter");

    for node in [target, source].into_iter().chain(&cluster.nodes) {
        set_slot(node, &["NODE", &target_id]).await;
    }
    let before: u64 = store.get(&counter).await.unwrap().unwrap().parse().unwrap();
    assert_eq!(store.get(&new).await.unwrap().as_deref(), Some("6"));
    busy.store(false, Ordering::Relaxed);
    let count = counting.await.unwrap();
    assert!(count > 1 && before <= u64::try_from(count).unwrap(), "{before}, {count}");
    assert_eq!(store.incr(&counter, 1, Ttl::Forever).await.unwrap(), count + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keys_of_a_node_that_died_wait_for_it_and_the_others_do_not() {
    let Some(mut cluster) = start().await else { return };
    let keys = keys_of(&cluster).await;
    // one client was told the node that will die, the other one was told another
    let stores = [1, 2].map(|node: usize| RedisKv::open(&cluster.nodes[node].url, "").unwrap());
    for store in &stores {
        for name in &keys {
            store.set(&key(name), "value", Ttl::Forever, Keep::Always).await.unwrap();
        }
    }
    cluster.nodes[1].server().kill().await.unwrap();
    for store in &stores {
        for round in 0..3 {
            for (owner, name) in keys.iter().enumerate() {
                let start = Instant::now();
                let found = store.get(&key(name)).await;
                assert!(start.elapsed() < Duration::from_secs(2), "it hung for {:?}", start.elapsed());
                if owner == 1 {
                    let error = found.unwrap_err();
                    assert_eq!((error.kind, error.retry), (ErrorKind::Unavailable, Retry::Later), "{error}");
                    let error = store.incr(&key(name), 1, Ttl::Forever).await.unwrap_err();
                    assert_eq!(error.kind, ErrorKind::Unavailable, "{error}");
                } else {
                    assert_eq!(found.unwrap().as_deref(), Some("value"), "{name}, {round}");
                    // a slot that is met for the first time is asked for at a node that lives
                    let other = key(&format!("{{{name}}}{round}"));
                    assert!(store.incr(&other, 1, Ttl::Forever).await.is_ok());
                    store.health().await.unwrap();
                }
            }
        }
    }
    cluster.nodes[1].server().start_again().await.unwrap();
    for store in &stores {
        let start = Instant::now();
        while let Err(error) = store.set(&key(&keys[1]), "again", Ttl::Forever, Keep::Always).await {
            assert_eq!(error.kind, ErrorKind::Unavailable, "{error}");
            assert!(start.elapsed() < PATIENCE, "{error}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(store.get(&key(&keys[1])).await.unwrap().as_deref(), Some("again"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_died_degrades_its_keys_alone() {
    let Some(mut cluster) = start().await else { return };
    let keys = keys_of(&cluster).await;
    let store = RedisKv::open(&cluster.nodes[0].url, "").unwrap();
    // timeouts have tests of their own, and must not open the breaker on a machine that is busy
    let store = DegradingKv::new(Arc::new(store), Pauses::for_calls(PATIENCE));
    for name in &keys {
        store.set(&key(name), "value", Ttl::Forever, Keep::Always).await.unwrap();
    }
    cluster.nodes[1].server().kill().await.unwrap();
    for round in 0..100 {
        assert_eq!(store.get(&key(&keys[1])).await.unwrap(), None, "{round}");
        assert!(store.incr(&key(&keys[1]), 1, Ttl::Forever).await.is_err(), "{round}");
        for name in [&keys[0], &keys[2]] {
            assert_eq!(store.get(&key(name)).await.unwrap().as_deref(), Some("value"), "{round}");
        }
        assert!(store.guard().health().trouble.is_some(), "{round}");
    }
    cluster.nodes[1].server().start_again().await.unwrap();
    let start = Instant::now();
    while store.incr(&key(&keys[1]), 1, Ttl::Forever).await.is_err()
        || store.guard().health().trouble.is_some()
    {
        assert!(start.elapsed() < PATIENCE, "{:?}", store.guard().health());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_node_that_hangs_is_asked_no_more() {
    let Some(cluster) = start().await else { return };
    let keys = keys_of(&cluster).await;
    let address = cluster.nodes[0].url.trim_start_matches("redis://").trim_end_matches('/');
    let proxy = FaultProxy::start(address.parse().unwrap()).await.unwrap();
    let store = RedisKv::open(&format!("redis://{}/", proxy.address), "").unwrap();
    // now it knows of others
    for name in &keys[1..] {
        store.set(&key(name), "value", Ttl::Forever, Keep::Always).await.unwrap();
    }
    proxy.set(Fault::Stall);
    // a caller with less patience than the client itself, as all are behind a breaker
    let hanging = tokio::time::timeout(Duration::from_millis(200), store.health()).await;
    assert!(hanging.is_err(), "{hanging:?}");
    store.health().await.unwrap();
    // the proxy hangs, not the node: at its own address, which the others name, it is at work
    assert_eq!(store.incr(&key(&keys[0]), 1, Ttl::Forever).await.unwrap(), 1);
    assert_eq!(store.get(&key(&keys[1])).await.unwrap().as_deref(), Some("value"));
}
