use super::*;

fn choose(urls: [Option<&str>; 3], variables: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    choose_beside(urls, variables, &Reserved::File("/data/penstock.db".into()))
}

fn choose_beside(
    urls: [Option<&str>; 3],
    variables: &[(&str, &str)],
    control: &Reserved,
) -> Result<Settings, SettingsError> {
    let [kv, database, blob] = urls.map(|url| url.map(|url| Secret::from(url.to_owned())));
    let environment = |name: &str| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    Settings::choose(&Urls { kv, database, blob }, &environment, Path::new("/data"), control)
}

#[test]
fn nothing_said_means_embedded() {
    let settings = choose([None; 3], &[]).unwrap();
    assert!(matches!(&settings.kv, KvSettings::File(path) if path == Path::new("/data/kv.redb")));
    assert!(
        matches!(&settings.database, DatabaseSettings::Sqlite(path) if path == Path::new("/data/modules.db"))
    );
    assert_eq!(settings.kind(), Kind::Local);
}

#[test]
fn a_url_wins_part_by_part() {
    let settings = choose([Some("redis://127.0.0.1:6379"), None, None], &[("LOCAL_MODE", "true")]).unwrap();
    assert!(matches!(settings.kv, KvSettings::Redis(_)));
    assert!(matches!(settings.database, DatabaseSettings::Sqlite(_)));
    assert_eq!(settings.kind(), Kind::Cloud);
}

#[test]
fn what_is_missing_is_listed_whole() {
    let error = choose([None; 3], &[("LOCAL_MODE", "false"), ("R2_BUCKET", "b")]).unwrap_err().to_string();
    for name in [
        "UPSTASH_REDIS_REST_URL",
        "UPSTASH_REDIS_REST_TOKEN",
        "PENSTOCK_STORAGE_DSN",
        "R2_ACCOUNT_ID",
        "R2_ACCESS_KEY_ID",
        "R2_SECRET_ACCESS_KEY",
    ] {
        assert!(error.contains(name), "{name} in {error}");
    }
    assert!(!error.contains("R2_BUCKET"), "{error}");
}

#[test]
fn an_unknown_scheme_is_named_and_a_password_is_not() {
    let error = choose([Some("memcached://:geheim@host"), None, None], &[]).unwrap_err().to_string();
    assert!(error.contains("memcached") && error.contains("redis://"), "{error}");
    assert!(!error.contains("geheim"), "{error}");
    let error = choose([None, Some("oracle://u:geheim@h/x"), None], &[]).unwrap_err().to_string();
    assert!(error.contains("PENSTOCK_STORAGE_DSN") && !error.contains("geheim"), "{error}");
    let error = choose([None; 3], &[("LOCAL_MODE", "perhaps")]).unwrap_err().to_string();
    assert!(error.contains("true or false"), "{error}");
}

#[test]
fn the_control_store_is_not_for_modules() {
    for name in ["sqlite:/data/penstock.db", "sqlite:///data/penstock.db"] {
        let error = choose([None, Some(name), None], &[]).unwrap_err();
        assert!(error.to_string().contains("control store"), "{name}: {error}");
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("penstock.db");
    std::fs::write(&file, "").unwrap();
    let link = folder.path().join("link.db");
    std::os::unix::fs::symlink(&file, &link).unwrap();
    let control = Reserved::File(file);
    let refuses = |name: &str| {
        let dsn = format!("sqlite:{}", folder.path().join(name).display());
        choose_beside([None, Some(&dsn), None], &[], &control).is_err()
    };
    assert!(refuses("link.db") && refuses("./penstock.db") && !refuses("modules.db"));
}

#[test]
fn neither_is_its_server_reached_with_its_login() {
    let control = Reserved::Server(Secret::from("postgres://penstock:geheim@db.example/penstock".to_owned()));
    let cases = [
        ("postgresql://modules:x@DB.example:5432/penstock?sslmode=require", "which is the control store"),
        ("postgres://penstock:x@db.example/modules", "\"penstock\", which is the control store's"),
    ];
    for (dsn, expected) in cases {
        let error = choose_beside([None, Some(dsn), None], &[], &control).unwrap_err().to_string();
        assert!(error.contains(expected) && !error.contains("geheim"), "{dsn}: {error}");
    }
    for dsn in [
        "postgres://modules:x@db.example/modules",
        "postgres://penstock:x@other.example/penstock",
        "postgres://penstock:x@db.example:5433/penstock",
        "mysql://penstock:x@db.example/penstock",
    ] {
        choose_beside([None, Some(dsn), None], &[], &control).expect(dsn);
    }
}

#[test]
fn nor_is_its_database_of_libsql() {
    let token = |text: &str| Some(Secret::from(text.to_owned()));
    let control = Reserved::Libsql { url: "https://penstock.example".to_owned(), token: token("geheim") };
    let cases = [
        ("libsql://Penstock.example?authToken=other", "which is the control store"),
        ("https://penstock.example:443/", "which is the control store"),
        ("libsql://modules.example?authToken=geheim", "\"the token\", which is the control store's"),
    ];
    for (dsn, expected) in cases {
        let error = choose_beside([None, Some(dsn), None], &[], &control).unwrap_err().to_string();
        assert!(error.contains(expected) && !error.contains("geheim"), "{dsn}: {error}");
    }
    for dsn in
        ["libsql://modules.example?authToken=other", "libsql://penstock.example:8443", "sqlite:/data/a.db"]
    {
        choose_beside([None, Some(dsn), None], &[], &control).expect(dsn);
    }
}
