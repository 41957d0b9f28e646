//! The store in libSQL while its server, its token or the way to it fails.

use std::net::Ipv4Addr;

use futures_util::future::try_join_all;
use penstock_conformance::fault::{Fault, FaultProxy};
use penstock_conformance::servers::{free_address, libsql::Libsql, skip};
use penstock_control::{
    Change, ChangeSet, ControlError, ControlStore, Dsn, Granularity, Org, Record, RollupQuery, Settled,
    Settlement, Store, UsageQuery,
};
use penstock_core::{Dialect, Ended, Operation, OrgId, RequestId, Secret, Timestamp, Usage, UsageSource};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// What every write begins with, and no read.
const WRITE: Fault = Fault::LoseAnswerTo("BEGIN IMMEDIATE");

fn dsn(url: &str, token: Option<&str>) -> Dsn {
    let dsn = Dsn::parse(&Secret::from(url.to_owned())).expect("a DSN");
    match token {
        Some(token) => dsn.with_token(&Secret::from(token.to_owned())).expect("a token"),
        None => dsn,
    }
}

/// A server, a way to it that can fail, and a store at each.
async fn beside_a_proxy() -> Option<(Libsql, FaultProxy, [Store; 2])> {
    let Some(server) = Libsql::start().await.expect("a server starts") else {
        skip("libsql", "it is not installed");
        return None;
    };
    let proxy = FaultProxy::start(server.address()).await.expect("a proxy");
    let direct = Store::open(&dsn(&server.url, None)).await.expect("a store");
    let proxied = Store::open(&dsn(&format!("http://{}", proxy.address), None)).await.expect("a store");
    Some((server, proxy, [direct, proxied]))
}

fn settlement(at: i64) -> Settlement {
    Settlement {
        request_id: RequestId::new(Timestamp(at)),
        at: Timestamp(at),
        route: "fast".into(),
        provider: "openai".into(),
        credential: None,
        org_id: None,
        team_id: None,
        user_id: None,
        key_id: None,
        tenant: None,
        operation: Operation::Generate,
        dialect: Dialect::OpenaiChat,
        model: "gpt-4o-mini".into(),
        usage: Usage { input: 10, output: 5, ..Usage::default() },
        raw_usage: None,
        cost: "0.1".parse().ok(),
        price_version: None,
        latency_ms: 12,
        ttft_ms: None,
        source: UsageSource::Upstream,
        ended: Ended::Complete,
    }
}

fn org(name: &str) -> ChangeSet {
    let (at, name) = (Timestamp(1), name.to_owned());
    let org = Org { id: OrgId(-1), name, description: None, enabled: true, created_at: at, updated_at: at };
    ChangeSet::of(Change::Put(Record::Org(org)))
}

/// The number of usage rows, and the sum of requests in the rollups.
async fn counted(store: &Store) -> (usize, u64) {
    let rows = store.usage(&UsageQuery { limit: 1_000, ..UsageQuery::default() }).await.expect("usage").rows;
    let by_day = RollupQuery { granularity: Granularity::Day, since: None, until: None, user: None };
    let rollups = store.rollups(&by_day).await.expect("rollups");
    (rows.len(), rollups.iter().map(|rollup| rollup.requests).sum())
}

#[tokio::test]
async fn a_settlement_whose_acknowledgement_is_lost_is_one_row_when_it_is_repeated() {
    let Some((_server, proxy, [direct, proxied])) = beside_a_proxy().await else { return };
    let batch = [settlement(1), settlement(2)];
    proxy.set(WRITE);
    let lost = proxied.settle(&batch).await.expect_err("nobody said that it was done");
    assert!(matches!(lost, ControlError::Unavailable(_)), "{lost}");
    assert!(lost.to_string().contains("the connection was lost before it had answered"), "{lost}");
    assert_eq!(counted(&direct).await, (2, 2), "and yet it was done");
    proxy.set(Fault::None);
    let repeated =
        proxied.settle(&[settlement(3), batch[0].clone(), batch[1].clone()]).await.expect("settled");
    assert_eq!(repeated, [Settled::Applied, Settled::Duplicate, Settled::Duplicate]);
    assert_eq!(counted(&direct).await, (3, 3));
}

#[tokio::test]
async fn a_commit_whose_acknowledgement_is_lost_is_seen_when_it_is_repeated() {
    let Some((_server, proxy, [direct, proxied])) = beside_a_proxy().await else { return };
    let version = proxied.version().await.expect("a version");
    proxy.set(WRITE);
    let lost = proxied.commit(&org("acme")).await.expect_err("nobody said that it was done");
    assert!(matches!(lost, ControlError::Unavailable(_)), "{lost}");
    proxy.set(Fault::None);
    let repeated = proxied.commit(&org("acme")).await.expect_err("it is there");
    assert!(matches!(repeated, ControlError::Conflict { .. }), "{repeated}");
    assert_eq!(direct.version().await.expect("a version"), version + 1);
    assert_eq!(direct.load().await.expect("records"), proxied.load().await.expect("records"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_write_at_the_same_time_lose_nothing() {
    let Some((server, _proxy, _)) = beside_a_proxy().await else { return };
    let mut nodes = Vec::new();
    for _ in 0..3 {
        nodes.push(Store::open(&dsn(&server.url, None)).await.expect("a store"));
    }
    let work = nodes.iter().enumerate().map(|(node, store)| async move {
        for round in 0..10 {
            let new = settlement(100 + round * 10 + i64::try_from(node).expect("a small number"));
            store.settle(&[new]).await?;
            store.commit(&org(&format!("org-{node}-{round}"))).await?;
        }
        Ok::<_, ControlError>(())
    });
    try_join_all(work).await.expect("all of it is written");
    assert_eq!(counted(&nodes[0]).await, (30, 30));
    let loaded = nodes[1].load().await.expect("records");
    assert_eq!(loaded.records.orgs.len(), 31, "with the one that everyone starts in");
    assert_eq!(loaded, nodes[2].load().await.expect("records"));
}

#[tokio::test]
async fn a_server_lets_in_whom_its_token_lets_in() {
    let Some((server, token)) = Libsql::guarded().await.expect("a server starts") else {
        return skip("libsql", "it is not installed");
    };
    let store = Store::open(&dsn(&server.url, Some(&token))).await.expect("the right token");
    store.settle(&[settlement(1)]).await.expect("settled");
    let claims = token.rsplit_once('.').expect("a signed token").0;
    let wrong = format!("{claims}.{}", "A".repeat(86));
    for (shown, helps) in [(Some(wrong.as_str()), "it refuses the token"), (None, "it wants a token")] {
        let place = dsn(&server.url, shown);
        for refused in [Store::open(&place).await.map(drop), Store::find(&place).await.map(drop)] {
            let refused = refused.expect_err("refused");
            assert!(matches!(refused, ControlError::Unavailable(_)), "{refused}");
            let said = refused.to_string();
            assert!(said.contains(helps) && said.contains("dsn_token"), "{said}");
            assert!(said.contains(server.url.trim_end_matches('/')) && !said.contains(claims), "{said}");
        }
    }
}

#[tokio::test]
async fn a_server_that_is_away_is_said_to_be() {
    let place = dsn(&format!("http://{}", free_address().expect("an address")), Some("geheim"));
    for refused in [Store::open(&place).await.map(drop), Store::find(&place).await.map(drop)] {
        let said = refused.expect_err("it is away").to_string();
        assert!(said.contains("it cannot be connected to: Connection refused"), "{said}");
        assert!(said.contains(&place.to_string()) && !said.contains("geheim"), "{said}");
    }
    let unknown = dsn("http://nowhere.invalid", None);
    let said = Store::open(&unknown).await.expect_err("there is no such host").to_string();
    assert!(said.contains("http://nowhere.invalid: it cannot be connected to"), "{said}");
}

/// A server that answers everything with this, and never as libSQL would.
async fn answering(answer: String) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("an address");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut asked = vec![0; 64 * 1024];
                // one piece is enough: a look at the tables is small
                if client.read(&mut asked).await.is_ok_and(|length| length > 0) {
                    drop(client.write_all(answer.as_bytes()).await);
                }
            });
        }
    });
    format!("http://{address}")
}

fn with_status(status: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
}

#[tokio::test]
async fn a_server_that_answers_something_else_is_said_to() {
    let ok = |body: &str| with_status("200 OK", body);
    let batch = |result: &str| {
        ok(&format!(r#"{{"results":[{{"type":"ok","response":{{"type":"batch","result":{result}}}}}]}}"#))
    };
    let elsewhere = answering(batch("{}")).await;
    let odd = "expected an answer of libSQL";
    let cases = [
        (ok("<html>geheim</html>"), odd),
        (ok(""), odd),
        (ok("[]"), odd),
        (ok("{}"), odd),
        (ok(r#"{"results":[]}"#), odd),
        (ok(r#"{"results":[{"type":"ok","response":{"type":"close"}}]}"#), odd),
        (batch(r#"{"step_results":[],"step_errors":[]}"#), odd),
        (batch(r#"{"step_results":[null],"step_errors":[null]}"#), odd),
        (batch(r#"{"step_results":[{"rows":[[1]],"affected_row_count":0}],"step_errors":[null]}"#), odd),
        (
            batch(
                r#"{"step_results":[{"rows":[[{"type":"integer","value":"1"}]],"affected_row_count":0}],"step_errors":[null]}"#,
            ),
            odd,
        ),
        (
            batch(r#"{"step_results":[null],"step_errors":[{"message":"no geheim","code":"SQLITE_IOERR"}]}"#),
            "it refused: no [hidden] (SQLITE_IOERR)",
        ),
        (
            ok(r#"{"results":[{"type":"error","error":{"message":"geheim"}}]}"#),
            "it refused: [hidden] (no code)",
        ),
        (with_status("500 Oops", "geheim"), "it answered with status 500"),
        (with_status("404 Not Found", ""), "there is no database of libSQL at this address"),
        (with_status("413 Too Large", ""), "it takes no request of"),
        (with_status(&format!("302 Found\r\nlocation: {elsewhere}"), ""), "it answered with status 302"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"results\"".to_owned(), "the connection was lost"),
        ("SSH-2.0-OpenSSH_9.9\r\n".to_owned(), "the connection was lost"),
    ];
    for (answer, expected) in cases {
        let place = dsn(&answering(answer.clone()).await, Some("geheim"));
        for refused in [Store::open(&place).await.map(drop), Store::find(&place).await.map(drop)] {
            let refused = refused.expect_err(&answer);
            assert!(matches!(refused, ControlError::Unavailable(_)), "{answer}: {refused}");
            let said = refused.to_string();
            assert!(said.contains(expected) && said.contains(&place.to_string()), "{answer}: {said}");
            assert!(!said.contains("geheim"), "{answer}: {said}");
        }
    }
}
