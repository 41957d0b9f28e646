//! Servers whose certificates come from an authority that this machine does not know.

use penstock_conformance::servers::authority::Authority;
use penstock_conformance::servers::postgres::Postgres;
use penstock_conformance::servers::redis::Redis;
use penstock_conformance::servers::skip;
use penstock_conformance::servers::tls::TlsFront;
use penstock_storage::ErrorKind;
use penstock_storage::db::Database as _;
use penstock_storage::db::postgres::PostgresDriver;
use penstock_storage::kv::{KvStore as _, RedisKv};

const HERE: &[&str] = &["localhost", "127.0.0.1"];
const ELSEWHERE: &[&str] = &["redis.example"];

#[tokio::test(flavor = "multi_thread")]
async fn postgres_is_asked_who_it_is() {
    let Some(server) = Postgres::start().await.unwrap() else {
        return skip("postgres", "it is not installed");
    };
    let url = server.database().await.unwrap();
    let (_, address) = url.rsplit_once('@').unwrap();
    let (address, database) = address.split_once('/').unwrap();
    let address = address.parse().unwrap();
    let (ours, other) = (Authority::new().unwrap(), Authority::new().unwrap());
    let here = TlsFront::start(address, &ours, HERE).await.unwrap();
    let elsewhere = TlsFront::start(address, &ours, ELSEWHERE).await.unwrap();
    let cases = [
        (&here, "verify-full", &ours, None),
        (&here, "verify-ca", &ours, None),
        (&here, "verify-full", &other, Some("certificate")),
        (&here, "verify-ca", &other, Some("certificate")),
        (&elsewhere, "verify-full", &ours, Some("certificate")),
        (&elsewhere, "verify-ca", &ours, None),
        // the front lets nobody through without TLS
        (&here, "disable", &ours, Some("")),
    ];
    for (front, mode, authority, refused) in cases {
        let root = authority.root();
        let dsn = format!(
            "postgres://postgres@localhost:{}/{database}?sslmode={mode}&sslrootcert={}",
            front.address.port(),
            root.display()
        );
        let said = match PostgresDriver::connect(&dsn).await {
            Ok(database) => database.raw("SELECT 1", &[]).await.err(),
            Err(error) => Some(error),
        };
        let said = said.map(|error| error.to_string());
        assert_eq!(said.is_some(), refused.is_some(), "{dsn}: {said:?}");
        assert!(said.unwrap_or_default().contains(refused.unwrap_or_default()), "{dsn}");
    }
}

/// Names the server to the other half of the test below.
const SERVER: &str = "PENSTOCK_TEST_TLS_REDIS";

#[tokio::test]
#[ignore = "the test below runs it, with an environment of its own"]
async fn with_the_authorities_of_the_environment() {
    let store = RedisKv::open(&std::env::var(SERVER).unwrap(), "").unwrap();
    match store.health().await {
        Ok(()) => println!("healthy"),
        Err(error) => {
            assert_eq!(error.kind, ErrorKind::Unavailable, "{error}");
            println!("{error}");
        }
    }
}

/// Who is trusted beside the machine's own authorities, `SSL_CERT_FILE` says, as for other programs.
#[tokio::test(flavor = "multi_thread")]
async fn redis_is_asked_who_it_is() {
    let (ours, other) = (Authority::new().unwrap(), Authority::new().unwrap());
    let Some(here) = Redis::with_tls(&ours, HERE).await.unwrap() else {
        return skip("redis", "no redis-server is installed");
    };
    let elsewhere = Redis::with_tls(&ours, ELSEWHERE).await.unwrap().unwrap();
    let cases =
        [(&here, &ours, "healthy"), (&here, &other, "certificate"), (&elsewhere, &ours, "certificate")];
    for (server, authority, expected) in cases {
        let output = tokio::process::Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "with_the_authorities_of_the_environment", "--nocapture"])
            .env(SERVER, &server.url)
            .env("SSL_CERT_FILE", authority.root())
            .output()
            .await
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains(expected), "{expected}: {said}");
    }
}
