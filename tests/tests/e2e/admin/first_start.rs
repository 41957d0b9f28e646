//! The first start, and the way back in.

use std::os::unix::fs::PermissionsExt as _;

use anyhow::Result;
use penstock_tests::gateway::Builder;
use penstock_tests::http::{get, post};
use penstock_tests::upstream::ScriptedUpstream;
use serde_json::json;

const BODY: &str = r#"{"model":"openai/scripted","messages":[]}"#;

#[tokio::test]
async fn the_first_start_leaves_a_key_in_a_file_and_open_mode_open() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let first = || Builder::new().map(|builder| builder.variable("PENSTOCK_ADMIN_KEY", ""));
    let gateway = first()?.upstream(&upstream.url()).start().await?;
    let path = gateway.data_dir().join("admin-key");
    assert_eq!(std::fs::metadata(&path)?.permissions().mode() & 0o777, 0o600);
    let key = std::fs::read_to_string(&path)?.trim().to_owned();
    assert!(key.starts_with("sk-pen-"), "a key");
    let log = gateway.log()?;
    assert!(log.contains("admin-key") && !log.contains(&key) && !gateway.greeting().contains(&key), "{log}");
    assert!(gateway.greeting().contains("open mode"), "{}", gateway.greeting());

    let users = gateway.at("/admin/v1/users");
    let listed = get(&users).key(&key).send().await?;
    assert_eq!((listed.status.as_u16(), &listed.json()?["data"][0]["name"]), (200, &"admin".into()));
    let call = || post(gateway.at("/v1/chat/completions"), BODY);
    assert_eq!(call().send().await?.status, 200, "requests need no key");
    assert_eq!(call().key(&key).send().await?.status, 403, "this one opens the admin API alone");

    let made = post(gateway.at("/admin/v1/users"), json!({"name": "ada", "permissions": ["*"]}).to_string());
    assert_eq!(made.key(&key).send().await?.status, 201);
    assert_eq!(call().send().await?.status, 200, "a user without a key changes nothing");
    let made = post(gateway.at("/admin/v1/users/ada/keys"), "{}").key(&key).send().await?.json()?;
    assert_eq!(call().send().await?.status, 401, "the first key for calls ends open mode");
    assert_eq!(call().key(made["key"].as_str().unwrap()).send().await?.status, 200);

    std::fs::remove_file(&path)?;
    let data = gateway.stop().await?;
    let again = Builder::on(data).variable("PENSTOCK_ADMIN_KEY", "").start().await?;
    assert!(!again.data_dir().join("admin-key").exists(), "only the first start makes one");
    Ok(())
}

#[tokio::test]
async fn no_key_is_made_where_an_admin_key_is_set() -> Result<()> {
    let gateway = Builder::new()?.start().await?;
    assert!(!gateway.data_dir().join("admin-key").exists());
    assert_eq!(super::seen(&gateway, "/users").await?["data"], json!([]));
    Ok(())
}

#[tokio::test]
async fn a_password_that_is_set_lets_the_administrator_in_again() -> Result<()> {
    let login = |name: &str, password: &str| json!({"name": name, "password": password}).to_string();
    let gateway = Builder::new()?.variable("PENSTOCK_ADMIN_PASSWORD", "first password").start().await?;
    let url = gateway.at("/admin/v1/login");
    assert_eq!(post(&url, login("admin", "first password")).send().await?.status, 200, "it is made");
    let disabled =
        super::admin(&gateway, http::Method::PATCH, "/users/admin", r#"{"enabled":false,"is_admin":false}"#);
    assert_eq!(disabled.await?.status, 200);
    let data = gateway.stop().await?;

    let file = data.path().join("password");
    std::fs::write(&file, "second password\n")?;
    let file = file.display().to_string();
    let gateway = Builder::on(data).variable("PENSTOCK_ADMIN_PASSWORD_FILE", &file).start().await?;
    let url = gateway.at("/admin/v1/login");
    assert_eq!(post(&url, login("admin", "first password")).send().await?.status, 401);
    let answer = post(&url, login("admin", "second password")).send().await?;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let cookie = answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let version = super::all(&gateway, "/audit", 100).await?;
    assert!(version.iter().filter(|row| row["actor"] == "start").count() == 2, "{version:?}");
    assert!(!version.iter().any(|row| row.to_string().contains("second password")));

    let data = gateway.stop().await?;
    let gateway = Builder::on(data).variable("PENSTOCK_ADMIN_PASSWORD_FILE", &file).start().await?;
    let users = get(gateway.at("/admin/v1/users")).header("cookie", &cookie).send().await?;
    assert_eq!(users.status, 200, "a start with the same password ends no session");
    let refused = Builder::new()?.variable("PENSTOCK_ADMIN_PASSWORD", "short").run(&["config", "check"])?;
    let says = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        !refused.status.success() && says.contains("8 to 1024 characters") && !says.contains("short"),
        "{says}"
    );
    Ok(())
}

#[tokio::test]
async fn an_administrator_of_a_disabled_team_and_organisation_is_let_in_again() -> Result<()> {
    let gateway = Builder::new()?.variable("PENSTOCK_ADMIN_PASSWORD", "first password").start().await?;
    super::made(&gateway, "/orgs", &json!({"name": "acme"})).await?;
    super::made(&gateway, "/teams", &json!({"org": "acme", "name": "core"})).await?;
    for (path, change) in [
        ("/users/admin", r#"{"org":"acme","team":"core"}"#),
        ("/teams/core", r#"{"enabled":false}"#),
        ("/orgs/acme", r#"{"enabled":false}"#),
    ] {
        let changed = super::admin(&gateway, http::Method::PATCH, path, change).await?;
        assert_eq!(changed.status, 200, "{path}: {}", changed.text());
    }
    let login = json!({"name": "admin", "password": "first password"}).to_string();
    assert_eq!(post(gateway.at("/admin/v1/login"), login.clone()).send().await?.status, 403);
    let data = gateway.stop().await?;
    let gateway = Builder::on(data).variable("PENSTOCK_ADMIN_PASSWORD", "first password").start().await?;
    let answer = post(gateway.at("/admin/v1/login"), login).send().await?;
    assert_eq!(answer.status, 200, "{}", answer.text());
    for path in ["/orgs/acme", "/teams/core"] {
        assert_eq!(super::seen(&gateway, path).await?["enabled"], true, "{path}");
    }
    let trail = super::all(&gateway, "/audit", 100).await?;
    let entry = trail.iter().find(|row| row["actor"] == "start" && row["action"] == "user.update").unwrap();
    assert_eq!(
        (&entry["after"]["enabled_org"], &entry["after"]["enabled_team"]),
        (&"acme".into(), &"core".into())
    );
    Ok(())
}
