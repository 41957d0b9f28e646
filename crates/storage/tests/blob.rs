//! The cases of the kit, for every blob store.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops where it is")]

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use penstock_conformance::backends::{Backend, Part};
use penstock_conformance::blob::{CASES, Harness};
use penstock_conformance::{Capability, Case, Failure, run};
use penstock_storage::blob::BlobStore;
use penstock_storage::blob::fs::FsBlob;
use penstock_storage::blob::memory::MemoryBlob;
use penstock_storage::degrade::{BLOB_TIMEOUT, DegradingBlob, Pauses};
use tempfile::TempDir;

struct Memory(Arc<MemoryBlob>);

#[async_trait]
impl Harness for Memory {
    fn store(&self) -> Arc<dyn BlobStore> {
        Arc::<MemoryBlob>::clone(&self.0)
    }

    async fn reopen(&self) -> Result<Arc<dyn BlobStore>, Failure> {
        Ok(Arc::new(MemoryBlob::new()))
    }
}

#[tokio::test]
async fn memory_does_what_every_store_does() {
    let open = || async { Ok(Arc::new(Memory(Arc::default())) as Arc<dyn Harness>) };
    Backend::require(Part::Blob, "memory").passes(CASES, open).await;
}

struct Files {
    store: FsBlob,
    root: PathBuf,
    wrap: fn(FsBlob) -> Arc<dyn BlobStore>,
    _folder: TempDir,
}

#[async_trait]
impl Harness for Files {
    fn store(&self) -> Arc<dyn BlobStore> {
        (self.wrap)(self.store.clone())
    }

    async fn reopen(&self) -> Result<Arc<dyn BlobStore>, Failure> {
        Ok((self.wrap)(FsBlob::open(&self.root).await?))
    }
}

impl Files {
    async fn open(wrap: fn(FsBlob) -> Arc<dyn BlobStore>) -> Result<Arc<dyn Harness>, Failure> {
        let folder = TempDir::new()?;
        let root = folder.path().join("data/blobs");
        let store = FsBlob::open(&root).await?;
        Ok(Arc::new(Self { store, root, wrap, _folder: folder }))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_do_what_every_store_does() {
    let open = || Files::open(|store| Arc::new(store));
    Backend::require(Part::Blob, "fs").passes(CASES, open).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_may_degrade_do_too() {
    let wrap = |store| Arc::new(DegradingBlob::new(Arc::new(store), Pauses::for_calls(BLOB_TIMEOUT))) as _;
    Backend::require(Part::Blob, "fs, degrading").passes(CASES, || Files::open(wrap)).await;
}

#[cfg(feature = "s3")]
mod s3 {
    use std::time::{Duration, Instant};

    use penstock_conformance::servers::free_address;
    use penstock_conformance::servers::roles::Roles;
    use penstock_conformance::servers::s3::S3Server;
    use penstock_core::Secret;
    use penstock_storage::ErrorKind;
    use penstock_storage::blob::s3::S3Blob;
    use penstock_storage::blob::settings::{Addressing, BlobSettings, Login, S3Settings};
    use penstock_storage::blob::{Key, Prefix};

    use super::*;

    struct Bucket {
        settings: S3Settings,
        store: Arc<S3Blob>,
    }

    #[async_trait]
    impl Harness for Bucket {
        fn store(&self) -> Arc<dyn BlobStore> {
            Arc::<S3Blob>::clone(&self.store)
        }

        async fn reopen(&self) -> Result<Arc<dyn BlobStore>, Failure> {
            Ok(Arc::new(S3Blob::open(&self.settings).await?))
        }
    }

    impl Bucket {
        async fn open(settings: S3Settings) -> Result<Arc<dyn Harness>, Failure> {
            let store = Arc::new(S3Blob::open(&settings).await?);
            Ok(Arc::new(Self { settings, store }))
        }
    }

    fn settings(server: &S3Server, bucket: String) -> S3Settings {
        S3Settings {
            backend: "s3",
            bucket,
            prefix: String::new(),
            region: "eu-west-1".to_owned(),
            endpoint: Some(server.endpoint()),
            addressing: Addressing::Path,
            login: Login::Keys {
                id: S3Server::KEY_ID.to_owned(),
                secret: Secret::from(S3Server::SECRET.to_owned()),
            },
        }
    }

    /// All cases, with settings of a new bucket for each.
    async fn passes(name: &str, server: &S3Server, make: impl Fn(String) -> S3Settings) {
        let open = || Bucket::open(make(server.bucket()));
        Backend::require(Part::Blob, name).passes(CASES, open).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_bucket_does_what_every_store_does() {
        let server = S3Server::start().await.unwrap();
        passes("s3, path style", &server, |bucket| settings(&server, bucket)).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_bucket_in_a_hosts_name_does_too() {
        let server = S3Server::start().await.unwrap();
        let make = |bucket| S3Settings {
            addressing: Addressing::Virtual,
            endpoint: Some(server.domain()),
            ..settings(&server, bucket)
        };
        passes("s3, virtual hosts", &server, make).await;
    }

    /// As R2 is addressed, but for the host: path style, keys of its own, and a region that is none.
    #[tokio::test(flavor = "multi_thread")]
    async fn r2_does_what_every_store_does() {
        let server = S3Server::start().await.unwrap();
        let environment = |name: &str| match name {
            "R2_ACCESS_KEY_ID" => Some(S3Server::KEY_ID.to_owned()),
            "R2_SECRET_ACCESS_KEY" => Some(S3Server::SECRET.to_owned()),
            _ => None,
        };
        let make = |bucket| {
            let url = Secret::from(format!("r2://{bucket}?endpoint={}", server.endpoint()));
            match BlobSettings::from_url(&url, &environment).unwrap() {
                BlobSettings::S3(settings) => settings,
                BlobSettings::Fs { root } => panic!("{}", root.display()),
            }
        };
        assert_eq!((make("b".into()).region, make("b".into()).backend), ("auto".to_owned(), "r2"));
        passes("r2", &server, make).await;
    }

    /// All cases but one: the prefix takes its part of the 1,024 bytes that a name may have.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_bucket_does_too_below_a_prefix() {
        let server = S3Server::start().await.unwrap();
        let open = || {
            let prefix = "gateway/Prod=1".to_owned();
            Bucket::open(S3Settings { prefix, ..settings(&server, server.bucket()) })
        };
        let fits = |case: &&Case<dyn Harness>| case.name != "blob/a_key_may_have_1024_bytes";
        let cases: Vec<_> = CASES.iter().filter(fits).collect();
        assert_eq!(cases.len(), CASES.len() - 1);
        run("s3, below a prefix", &[Capability::Durable], cases, open).await.assert();
    }

    async fn kind_of_each_call(store: &S3Blob) -> [ErrorKind; 5] {
        let key = Key::new("a/b").unwrap();
        [
            store.put(&key, "x".into()).await.unwrap_err().kind,
            store.get(&key).await.unwrap_err().kind,
            store.delete(&key).await.unwrap_err().kind,
            store.list(&Prefix::default()).await.unwrap_err().kind,
            store.health().await.unwrap_err().kind,
        ]
    }

    #[tokio::test]
    async fn a_wrong_secret_is_denied() {
        let server = S3Server::start().await.unwrap();
        let secret = "not-the-secret";
        let login = Login::Keys { id: S3Server::KEY_ID.to_owned(), secret: Secret::from(secret.to_owned()) };
        let settings = S3Settings { login, ..settings(&server, server.bucket()) };
        let store = S3Blob::open(&settings).await.unwrap();
        assert_eq!(kind_of_each_call(&store).await, [ErrorKind::Denied; 5]);
        let error = store.health().await.unwrap_err().to_string();
        assert!(error.contains("SignatureDoesNotMatch") && !error.contains(secret), "{error}");
    }

    #[tokio::test]
    async fn a_missing_bucket_is_named() {
        let server = S3Server::start().await.unwrap();
        let store = S3Blob::open(&settings(&server, "missing".to_owned())).await.unwrap();
        for error in [store.list(&Prefix::default()).await.unwrap_err(), store.health().await.unwrap_err()] {
            let text = error.to_string();
            assert!(text.contains(r#"expected the bucket "missing" to be there: create it"#), "{text}");
            assert_eq!(error.kind, ErrorKind::Unavailable, "{text}");
        }
    }

    #[tokio::test]
    async fn a_server_that_is_down_is_noticed_within_seconds() {
        let endpoint = Some(format!("http://{}", free_address().unwrap()));
        let server = S3Server::start().await.unwrap();
        let settings = S3Settings { endpoint, ..settings(&server, "bucket".to_owned()) };
        let store = S3Blob::open(&settings).await.unwrap();
        let start = Instant::now();
        assert_eq!(kind_of_each_call(&store).await, [ErrorKind::Unavailable; 5]);
        assert!(start.elapsed() < Duration::from_secs(15), "{:?} for five calls", start.elapsed());
    }

    #[tokio::test]
    async fn an_upload_that_is_given_up_leaves_no_parts() {
        let server = S3Server::start().await.unwrap();
        let store = Arc::new(S3Blob::open(&settings(&server, server.bucket())).await.unwrap());
        let (key, content) = (Key::new("large").unwrap(), vec![7; 64 << 20]);
        let putting = tokio::spawn({
            let (store, key) = (Arc::clone(&store), key.clone());
            async move { store.put(&key, content.into()).await }
        });
        let deadline = Instant::now() + Duration::from_secs(20);
        while server.unfinished_uploads().iter().all(|parts| *parts == 0) {
            assert!(Instant::now() < deadline && !putting.is_finished(), "no part was seen");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        putting.abort();
        assert!(putting.await.unwrap_err().is_cancelled());
        while !server.unfinished_uploads().is_empty() {
            assert!(Instant::now() < deadline, "parts are left: {:?}", server.unfinished_uploads());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(store.get(&key).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_prefix_takes_its_part_of_a_keys_length() {
        let server = S3Server::start().await.unwrap();
        let settings = S3Settings { prefix: "p".repeat(20), ..settings(&server, server.bucket()) };
        let store = S3Blob::open(&settings).await.unwrap();
        let error = store.put(&Key::new("k".repeat(1_004)).unwrap(), "x".into()).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Invalid, "{error}");
        assert!(error.to_string().contains("at most 1003 bytes"), "{error}");
    }

    /// Where the test below runs its other half: the chain reads the environment of its process.
    const CHAIN: &str = "PENSTOCK_TEST_S3_CHAIN";

    #[tokio::test]
    #[ignore = "the test below runs it, with an environment of its own"]
    async fn with_the_login_of_the_environment() {
        let url = Secret::from(std::env::var(CHAIN).unwrap());
        let BlobSettings::S3(settings) = BlobSettings::from_url(&url, &|_| None).unwrap() else {
            panic!("expected an s3 URL")
        };
        let store = S3Blob::open(&settings).await.unwrap();
        match store.health().await {
            Ok(()) => println!("healthy"),
            Err(error) => println!("{:?} {error}", error.kind),
        }
    }

    #[tokio::test]
    async fn the_login_is_found_where_the_tools_of_aws_find_it() {
        let server = S3Server::start().await.unwrap();
        let folder = TempDir::new().unwrap();
        let (id, secret) = (S3Server::KEY_ID, S3Server::SECRET);
        let profiles = folder.path().join("credentials");
        let keys = format!("aws_access_key_id = {id}\naws_secret_access_key = {secret}\n");
        std::fs::write(&profiles, format!("[default]\n{keys}[wrong]\n{}", keys.replace(secret, "wrong")))
            .unwrap();
        let answer = format!(r#"{{"Version": 1, "AccessKeyId": "{id}", "SecretAccessKey": "{secret}"}}"#);
        std::fs::write(folder.path().join("answer"), answer).unwrap();
        let config = folder.path().join("config");
        let process = format!("credential_process = cat {}/answer", folder.path().display());
        std::fs::write(&config, format!("[profile process]\n{process}\n[profile other]\n")).unwrap();
        let token = folder.path().join("identity");
        std::fs::write(&token, Roles::IDENTITY).unwrap();
        let [profiles, config, token] = [&profiles, &config, &token].map(|path| path.to_str().unwrap());
        let roles = Roles::start(id, secret).await.unwrap();
        let container = format!("{}/container", roles.url);

        let url = format!("s3://{}?endpoint={}", server.bucket(), server.endpoint());
        let identity = [
            ("AWS_WEB_IDENTITY_TOKEN_FILE", token),
            ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/the-role"),
            ("AWS_ENDPOINT_URL_STS", roles.url.as_str()),
        ];
        let instance = [
            ("AWS_EC2_METADATA_DISABLED", "false"),
            ("AWS_EC2_METADATA_SERVICE_ENDPOINT", roles.url.as_str()),
        ];
        let cases: [(&[(&str, &str)], &str); 9] = [
            (&[("AWS_ACCESS_KEY_ID", id), ("AWS_SECRET_ACCESS_KEY", secret)], "healthy"),
            (&[("AWS_ACCESS_KEY_ID", id), ("AWS_SECRET_ACCESS_KEY", "wrong")], "Denied"),
            (&[("AWS_SHARED_CREDENTIALS_FILE", profiles)], "healthy"),
            (&[("AWS_SHARED_CREDENTIALS_FILE", profiles), ("AWS_PROFILE", "wrong")], "Denied"),
            (&[("AWS_CONFIG_FILE", config), ("AWS_PROFILE", "process")], "healthy"),
            (&identity, "healthy"),
            (&[("AWS_CONTAINER_CREDENTIALS_FULL_URI", &container)], "healthy"),
            (&instance, "healthy"),
            (&[], "Denied blob.health on s3: expected a login in AWS_ACCESS_KEY_ID"),
        ];
        for (environment, expected) in cases {
            let output = tokio::process::Command::new(std::env::current_exe().unwrap())
                .args(["--ignored", "--exact", "s3::with_the_login_of_the_environment", "--nocapture"])
                .env_clear()
                .envs([("HOME", folder.path().to_str().unwrap()), ("PATH", "/usr/bin:/bin"), (CHAIN, &url)])
                .env("AWS_EC2_METADATA_DISABLED", "true")
                .envs(environment.iter().copied())
                .output()
                .await
                .unwrap();
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success() && said.contains(expected), "{environment:?}: {said}");
            assert!(!said.contains(secret), "{said}");
        }
    }
}
