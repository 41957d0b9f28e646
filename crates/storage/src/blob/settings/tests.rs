use super::*;

fn environment(set: &[(&str, &str)]) -> impl Fn(&str) -> Option<String> {
    let set: BTreeMap<String, String> =
        set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    move |name| set.get(name).cloned()
}

fn from_url(url: &str, set: &[(&str, &str)]) -> Result<BlobSettings, SettingsError> {
    BlobSettings::from_url(&Secret::from(url.to_owned()), &environment(set))
}

fn from_environment(set: &[(&str, &str)], local: bool) -> Result<BlobSettings, SettingsError> {
    BlobSettings::from_environment(&environment(set), Path::new("/data"), local)
}

fn s3(settings: Result<BlobSettings, SettingsError>) -> S3Settings {
    match settings.unwrap() {
        BlobSettings::S3(settings) => settings,
        other @ BlobSettings::Fs { .. } => panic!("{other:?}"),
    }
}

const R2: [(&str, &str); 4] = [
    ("R2_ACCOUNT_ID", "0123abc"),
    ("R2_ACCESS_KEY_ID", "id"),
    ("R2_SECRET_ACCESS_KEY", "s3cr3t"),
    ("R2_BUCKET", "files"),
];

#[test]
fn files_are_the_local_usual() {
    for set in [&[][..], &[("BLOB_BACKEND", "fs")], &[("BLOB_BACKEND", " ")]] {
        let settings = from_environment(set, true).unwrap();
        assert!(
            matches!(&settings, BlobSettings::Fs { root } if root == Path::new("/data/blobs")),
            "{set:?}"
        );
        assert!(settings.is_local());
    }
    let settings = from_environment(&[("BLOB_BACKEND", "fs")], false).unwrap();
    assert!(settings.is_local(), "also beside distributed parts");
}

#[test]
fn r2_is_the_distributed_usual() {
    let named = [&R2[..], &[("BLOB_BACKEND", "r2")]].concat();
    for settings in [from_environment(&R2, false), from_environment(&named, true)] {
        let settings = s3(settings);
        let endpoint = settings.endpoint.as_deref();
        assert_eq!(endpoint, Some("https://0123abc.r2.cloudflarestorage.com"));
        assert_eq!((settings.backend, &*settings.region, &*settings.bucket), ("r2", "auto", "files"));
        assert_eq!((settings.addressing, &*settings.prefix), (Addressing::Path, ""));
        assert!(!format!("{settings:?}").contains("s3cr3t"));
        assert!(
            matches!(settings.login, Login::Keys { id, secret } if id == "id" && secret.expose() == "s3cr3t")
        );
    }
}

#[test]
fn who_says_that_all_is_local_gets_that() {
    let set = [&R2[..], &[("BLOB_BACKEND", "r2"), ("LOCAL_MODE", "true")]].concat();
    assert!(from_environment(&set, true).unwrap().is_local());
}

#[test]
fn s3_takes_its_login_from_the_chain() {
    let set = [("BLOB_BACKEND", "s3"), ("AWS_REGION", "eu-west-1"), ("S3_BUCKET", "files")];
    let settings = s3(from_environment(&set, false));
    assert_eq!((settings.backend, settings.endpoint.as_deref()), ("s3", None));
    assert_eq!((&*settings.region, settings.addressing), ("eu-west-1", Addressing::Virtual));
    assert!(matches!(settings.login, Login::Chain));

    let set = [&set[..], &[("S3_ENDPOINT", "http://minio:9000/")]].concat();
    let settings = s3(from_environment(&set, false));
    assert_eq!(settings.endpoint.as_deref(), Some("http://minio:9000"));
    assert_eq!(settings.addressing, Addressing::Path, "compatible services know this for sure");
}

#[test]
fn all_that_is_missing_is_named() {
    for (set, backend, expected) in [
        (&[][..], "r2", &["R2_ACCOUNT_ID", "R2_ACCESS_KEY_ID", "R2_SECRET_ACCESS_KEY", "R2_BUCKET"][..]),
        (&R2[..3], "r2", &["R2_BUCKET"]),
        (&[("R2_BUCKET", ""), R2[0], R2[1], R2[2]], "r2", &["R2_BUCKET"]),
        (&[], "s3", &["AWS_REGION", "S3_BUCKET"]),
        (&[("S3_ENDPOINT", "http://minio:9000")], "s3", &["AWS_REGION", "S3_BUCKET"]),
    ] {
        let set = [set, &[("BLOB_BACKEND", backend)]].concat();
        let error = from_environment(&set, false).unwrap_err();
        let SettingsError::Missing(lines) = error else { panic!("{error}") };
        let names: Vec<_> = lines.iter().filter_map(|line| line.split(' ').next()).collect();
        assert_eq!(names, expected, "{set:?}");
    }
}

#[test]
fn urls_say_it_all() {
    let files = |url| match from_url(url, &[]).unwrap() {
        BlobSettings::Fs { root } => root,
        BlobSettings::S3(other) => panic!("{other:?}"),
    };
    assert_eq!(files("file:///var/lib/blobs"), Path::new("/var/lib/blobs"));
    assert_eq!(files("file:///with%20space"), Path::new("/with space"));
    assert_eq!(files("file:blobs"), Path::new("blobs"));

    let url = "s3://files/team/a/?region=eu-west-1&endpoint=https%3A%2F%2Fs3.example.org&addressing=virtual";
    let settings = s3(from_url(url, &[("AWS_REGION", "other"), ("S3_BUCKET", "other")]));
    assert_eq!((&*settings.bucket, &*settings.prefix), ("files", "team/a"));
    assert_eq!(settings.endpoint.as_deref(), Some("https://s3.example.org"));
    assert_eq!((&*settings.region, settings.addressing), ("eu-west-1", Addressing::Virtual));

    let settings = s3(from_url("s3://my.files", &[("AWS_REGION", "eu-west-1")]));
    assert_eq!((settings.addressing, &*settings.region), (Addressing::Path, "eu-west-1"));
    let settings = s3(from_url("s3://files?endpoint=http://[::1]:9000", &[]));
    assert_eq!(settings.region, "us-east-1", "most services have none");

    let settings = s3(from_url("r2://mine/p?account=fff", &R2));
    assert_eq!(settings.endpoint.as_deref(), Some("https://fff.r2.cloudflarestorage.com"));
    assert_eq!((&*settings.bucket, &*settings.prefix), ("mine", "p"));
}

#[test]
fn urls_that_make_no_sense_are_refused_without_being_shown() {
    for url in [
        "",
        "files",
        "s3:",
        "s3://",
        "s3:///prefix",
        "ftp://files",
        "file://",
        "file:",
        "file://host/path",
        "s3://key:hush@files",
        "s3://files/../x",
        "s3://files/a b",
        "s3://files//x",
        "s3://files?region",
        "s3://files?region=",
        "s3://files?region=a&region=b",
        "s3://files?region=a&regoin=hush",
        "s3://files?region=a&endpoint=minio:9000",
        "s3://files?region=a&endpoint=http://me:hush@minio",
        "s3://files?region=a&addressing=hush-host",
        "r2://files?region=x",
    ] {
        let error = from_url(url, &R2).unwrap_err().to_string();
        assert!(error.starts_with("PENSTOCK_BLOB: expected "), "{url}: {error}");
        assert!(!error.contains("hush@"), "{url}: {error}");
    }
    let error = from_environment(&[("BLOB_BACKEND", "gcs")], false).unwrap_err().to_string();
    assert_eq!(error, r#"BLOB_BACKEND: expected r2, s3 or fs, found "gcs""#);
    let error = from_url("s3://files", &[]).unwrap_err().to_string();
    assert!(error.contains("AWS_REGION is not set"), "{error}");
}
