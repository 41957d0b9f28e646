use std::collections::HashMap;

use super::*;

fn load(file: Option<&str>, variables: &[(&str, &str)], flags: SettingFlags) -> Result<Config, ConfigError> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("penstock.toml");
    std::fs::write(&path, file.unwrap_or_default()).unwrap();
    let variables: HashMap<String, String> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let flags = SettingFlags { config: Some(path), ..flags };
    Config::load(&flags, &|name| variables.get(name).cloned())
}

fn refused(file: &str, variables: &[(&str, &str)]) -> String {
    let error = load(Some(file), variables, SettingFlags::default()).unwrap_err().to_string();
    // the file is in a temporary folder
    error.rsplit_once("penstock.toml").map_or(error.clone(), |(_, rest)| rest.to_owned())
}

fn value(config: &Config, name: &str) -> (String, String) {
    let row = config.resolved.iter().find(|row| row.name == name).unwrap();
    (row.value.clone().unwrap_or_default(), row.origin.rsplit('/').next().unwrap_or_default().to_owned())
}

#[test]
fn flags_win_over_variables_over_the_file_over_defaults() {
    let file = "port = 1\nmax_body = \"1MiB\"\ndrain = \"1s\"\n[timeouts]\nidle = \"7s\"\n";
    let flags = SettingFlags {
        port: Some("3".to_owned()),
        set: vec!["timeouts.total=5s".to_owned()],
        ..SettingFlags::default()
    };
    let variables =
        [("PENSTOCK_PORT", "2"), ("PENSTOCK_MAX_BODY", "2MiB"), ("PENSTOCK_TIMEOUTS_TOTAL", "9s")];
    let config = load(Some(file), &variables, flags).unwrap();
    let expected = [
        ("port", "3", "--port"),
        ("max_body", "2MiB", "PENSTOCK_MAX_BODY"),
        ("drain", "1s", "penstock.toml"),
        ("timeouts.idle", "7s", "penstock.toml"),
        ("timeouts.total", "5s", "--set timeouts.total"),
        ("host", "127.0.0.1", "default"),
    ];
    for (name, text, origin) in expected {
        assert_eq!(value(&config, name), (text.to_owned(), origin.to_owned()), "{name}");
    }
    assert_eq!(config.limits.max_body, 2 << 20);
    assert_eq!(config.routing.timeouts.total, Duration::from_secs(5));
}

#[test]
fn the_variables_of_gproxy_count_where_ours_are_not_set() {
    let variables = [
        ("GPROXY_PORT", "4"),
        ("GPROXY_DSN", "postgres://me@db/penstock"),
        ("GPROXY_REDIS_URL", "redis://cache:6379"),
        ("GPROXY_MAX_ATTEMPTS", "7"),
        ("PENSTOCK_MAX_ATTEMPTS", "5"),
    ];
    let config = load(Some("port = 1\n"), &variables, SettingFlags::default()).unwrap();
    let expected = [
        ("port", "4", "GPROXY_PORT"),
        ("max_attempts", "5", "PENSTOCK_MAX_ATTEMPTS"),
        ("dsn", "[hidden]", "GPROXY_DSN"),
        ("kv", "[hidden]", "GPROXY_REDIS_URL"),
    ];
    for (name, text, origin) in expected {
        assert_eq!(value(&config, name), (text.to_owned(), origin.to_owned()), "{name}");
    }
    assert_eq!(config.control.to_string(), "postgres://db/penstock");
}

#[test]
fn what_is_wrong_is_said_with_what_was_expected() {
    let cases = [
        ("prot = 1", ": unknown key `prot`: did you mean `port`?"),
        ("[timeouts]\nidel = \"1s\"", ": unknown key `timeouts.idel`: did you mean `timeouts.idle`?"),
        ("[server]\nport = 1", ": unknown key `server.port`: did you mean `port`?"),
        ("quux = 1", ": unknown key `quux`: `penstock config show` lists what there is"),
        ("port = \"x\"", "): expected a number from 0 to 65535, found \"x\""),
        ("max_body = \"big\"", "): expected a size such as 512KiB, 100MiB or 1GiB, found \"big\""),
        ("drain = \"soon\"", "): expected a duration such as 250ms, 30s, 5m or 1h, found \"soon\""),
        ("on_client_gone = \"panic\"", "): expected one of cancel, drain, found \"panic\""),
        ("max_attempts = 0", "): expected at least 1, found \"0\""),
        ("admin_key = \"short\"", "): expected a secret of at least 16 characters, found \"[hidden]\""),
        ("port = [1]", ": `port`: expected a single value, found array"),
        (
            "[providers.openai]\napi_key = \"x\"",
            ", line 1, column 2: found a table, expected a list: each entry has a heading of its own in double brackets, \
             as `[[providers]]`",
        ),
    ];
    for (file, message) in cases {
        let found = refused(file, &[]);
        assert!(found.ends_with(message), "{file}: {found}");
    }
    assert!(refused("port = ", &[]).contains(", line 1, column "));
    for file in [
        "[[providers]]\nname = \"openai\"\nkey = \"sk-VERYSECRET\"\n",
        "admin_key = \"sk-VERYSECRET\nport = 1\n",
        "providers = \"sk-VERYSECRET\"\n",
    ] {
        let error = refused(file, &[]);
        assert!(!error.contains("VERYSECRET"), "{error}");
    }
    assert!(refused("[[providers]]\nname = \"openai\"\nkey = \"x\"\n", &[]).contains("unknown field `key`"));
}

#[test]
fn providers_come_from_the_variables_people_have_set() {
    let variables = [
        ("OPENAI_API_KEY", "sk-1"),
        ("ANTHROPIC_API_KEY", "sk-ant-1"),
        ("ANTHROPIC_BASE_URL", "http://127.0.0.1:1"),
    ];
    let config = load(None, &variables, SettingFlags::default()).unwrap();
    let found: Vec<_> = config
        .routing
        .providers
        .iter()
        .map(|spec| (spec.name.as_str(), spec.base_url.as_deref(), spec.credentials.len()))
        .collect();
    assert_eq!(found, [("openai", None, 1), ("anthropic", Some("http://127.0.0.1:1"), 1)]);
    assert_eq!(config.provider_origins[1].1, "ANTHROPIC_API_KEY, ANTHROPIC_BASE_URL");
}

#[test]
fn a_secret_may_be_in_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key");
    std::fs::write(&path, "sk-from-file\n").unwrap();
    let path = path.to_str().unwrap();
    let config = load(None, &[("OPENAI_API_KEY_FILE", path)], SettingFlags::default()).unwrap();
    assert_eq!(config.routing.providers[0].credentials[0].secret.expose(), "sk-from-file");
    let file = format!(
        "[[providers]]\nname = \"groq\"\ncredentials = [{{ name = \"a\", api_key = \"file:{path}\" }}, {{ name = \"b\", api_key = \"env:B\" }}]\n"
    );
    let config = load(Some(&file), &[("B", "sk-b")], SettingFlags::default()).unwrap();
    let secrets: Vec<_> = config.routing.providers[0]
        .credentials
        .iter()
        .map(|credential| credential.secret.expose().as_str())
        .collect();
    assert_eq!(secrets, ["sk-from-file", "sk-b"]);
    assert!(refused(&file, &[]).contains("the variable B is not set"));
}

#[test]
fn a_database_of_libsql_is_named_with_its_token_apart() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("token");
    std::fs::write(&path, "geheim\n").unwrap();
    let file = path.to_str().unwrap();
    let (hidden, unset) = ("[hidden]".to_owned(), "unset".to_owned());
    let cases: [(&[(&str, &str)], _, _); 4] = [
        (
            &[("PENSTOCK_DSN", "libsql://a.example"), ("PENSTOCK_DSN_TOKEN", "geheim"), ("TURSO_TOKEN", "x")],
            "PENSTOCK_DSN",
            "PENSTOCK_DSN_TOKEN",
        ),
        (
            &[("TURSO_URL", "libsql://a.example"), ("PENSTOCK_DSN_TOKEN_FILE", file)],
            "TURSO_URL",
            "PENSTOCK_DSN_TOKEN_FILE",
        ),
        (&[("TURSO_URL", "libsql://a.example"), ("TURSO_TOKEN", "geheim")], "TURSO_URL", "TURSO_TOKEN"),
        (
            &[("PENSTOCK_DSN", "libsql://a.example?authToken=geheim"), ("TURSO_TOKEN", "x")],
            "PENSTOCK_DSN",
            "",
        ),
    ];
    for (variables, dsn, token) in cases {
        let config = load(None, variables, SettingFlags::default()).unwrap();
        let Dsn::Libsql { url, token: Some(secret) } = &config.control else { panic!("{variables:?}") };
        assert_eq!(
            (url.as_str(), secret.expose().as_str()),
            ("https://a.example", "geheim"),
            "{variables:?}"
        );
        assert_eq!(value(&config, "dsn"), (hidden.clone(), dsn.to_owned()));
        let shown =
            if token.is_empty() { (String::new(), unset.clone()) } else { (hidden.clone(), token.into()) };
        assert_eq!(value(&config, "dsn_token"), shown);
        assert!(!format!("{config:?}").contains("geheim"), "{variables:?}");
    }
}

#[test]
fn what_is_set_for_turso_is_in_nobodys_way() {
    let turso = [("TURSO_URL", "libsql://a.example"), ("TURSO_TOKEN", "geheim")];
    let elsewhere = [&turso[..], &[("PENSTOCK_DSN", "postgres://me@db/penstock")]].concat();
    let config = load(None, &elsewhere, SettingFlags::default()).unwrap();
    assert!(matches!(config.control, Dsn::Postgres(_)), "{:?}", config.control);
    let config = load(None, &turso[1..], SettingFlags::default()).unwrap();
    assert!(matches!(config.control, Dsn::Sqlite(_)), "{:?}", config.control);
}

#[test]
fn a_token_that_can_open_nothing_is_refused() {
    for (dsn, helps) in [
        ("postgres://me@db/penstock", "dsn_token: expected a DSN of libSQL"),
        ("libsql://a.example?authToken=other", "dsn_token: expected one token"),
        ("libsql://me:geheim@a.example", "dsn: expected libsql://host with its token in dsn_token"),
    ] {
        let error = refused("", &[("PENSTOCK_DSN", dsn), ("PENSTOCK_DSN_TOKEN", "geheim")]);
        assert!(error.contains(helps) && !error.contains("geheim"), "{dsn}: {error}");
    }
    let error = refused("", &[("PENSTOCK_DSN_TOKEN", "geheim")]);
    assert!(
        error.contains("expected a DSN of libSQL (libsql://host) beside a token, found ./data"),
        "{error}"
    );
}

#[test]
fn a_token_that_others_can_read_on_its_way_is_warned_of() {
    let warnings = |dsn: &str| {
        let variables = [("PENSTOCK_DSN", dsn), ("PENSTOCK_DSN_TOKEN", "geheim")];
        load(None, &variables, SettingFlags::default()).unwrap().warnings.join(" ")
    };
    assert!(warnings("http://db.internal:8080").contains("unencrypted"));
    assert!(!warnings("http://127.0.0.1:8080").contains("unencrypted"));
}

#[test]
fn the_gateway_is_not_its_own_provider() {
    for url in ["http://127.0.0.1:8787/v1", "http://localhost:8787/v1"] {
        let error = refused("", &[("OPENAI_API_KEY", "sk-1"), ("OPENAI_BASE_URL", url)]);
        assert!(error.contains("is this gateway itself: unset OPENAI_BASE_URL"), "{error}");
    }
    assert!(load(None, &[("OPENAI_BASE_URL", "http://127.0.0.1:8788/v1")], SettingFlags::default()).is_ok());
}

#[test]
fn routes_keep_the_order_of_their_tiers() {
    let file = "[[providers]]\nname = \"openai\"\n[[providers]]\nname = \"groq\"\n\
        [[routes]]\nname = \"fast\"\nmembers = [\n  { provider = \"openai\", model = \"b\", tier = 1 },\n  \
        { provider = \"groq\", model = \"a\" },\n]\ntimeouts = { idle = \"3s\" }\n\
        [[aliases]]\nalias = \"gpt-4(.*)\"\ntarget = \"fast\"\n";
    let config = load(Some(file), &[], SettingFlags::default()).unwrap();
    let members: Vec<_> =
        config.routing.routes[0].members.iter().map(|member| member.model.as_str()).collect();
    assert_eq!(members, ["a", "b"]);
    assert_eq!(config.routing.routes[0].timeouts.idle, Some(Duration::from_secs(3)));
    let wrong = file.replace("provider = \"groq\"", "provider = \"gorq\"");
    assert!(refused(&wrong, &[]).contains("route \"fast\": unknown provider \"gorq\""));
    let wrong = file.replace("gpt-4(.*)", "gpt-4(");
    assert!(refused(&wrong, &[]).contains("alias \"gpt-4(\""));
    let wrong = file.replace("timeouts", "strategy = \"random\"\ntimeouts");
    assert!(refused(&wrong, &[]).contains("expected one of `failover`, `round_robin`"));
}

#[test]
fn files_keep_the_control_store_where_that_is_asked_for() {
    let config = load(None, &[("PENSTOCK_PERSISTENCE", "file")], SettingFlags::default()).unwrap();
    assert!(matches!(&config.control, Dsn::Folder(folder) if folder.ends_with("data/control")));
    assert!(
        config.warnings.iter().all(|warning| !warning.contains("several gateways")),
        "{:?}",
        config.warnings
    );
    let flags = SettingFlags { persistence: Some("file".to_owned()), ..SettingFlags::default() };
    let config = load(None, &[("PENSTOCK_KV", "redis://127.0.0.1:1")], flags).unwrap();
    assert_eq!(value(&config, "persistence"), ("file".to_owned(), "--persistence".to_owned()));
    let warned = config.warnings.iter().any(|warning| warning.contains("no safe set-up of several gateways"));
    assert!(warned, "{:?}", config.warnings);
    let config = load(None, &[("PENSTOCK_KV", "redis://127.0.0.1:1")], SettingFlags::default()).unwrap();
    assert!(matches!(config.control, Dsn::Sqlite(_)));
    assert!(
        config.warnings.iter().all(|warning| !warning.contains("several gateways")),
        "{:?}",
        config.warnings
    );
}

#[test]
fn files_and_a_dsn_are_refused_together() {
    let variables = [("PENSTOCK_DSN", "postgres://me:geheim@db/penstock")];
    let said = refused("persistence = \"file\"", &variables);
    assert!(said.contains("db where there is a dsn"), "{said}");
    assert!(!said.contains("geheim"), "{said}");
    let said = refused("persistence = \"files\"", &[]);
    assert!(said.contains("expected one of db, file, found \"files\""), "{said}");
}

#[test]
fn every_setting_in_the_file_is_known_to_the_docs() {
    let reference = include_str!("../../../../docs/reference/configuration.md");
    for name in settings::names() {
        assert!(
            reference.contains(&format!("`{name}`")),
            "docs/reference/configuration.md does not name `{name}`"
        );
    }
}
