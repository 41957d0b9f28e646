//! What was committed is answered as such, whatever becomes of the store behind the commit.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use penstock_tests::gateway::{ADMIN_KEY, Builder, Gateway};
use penstock_tests::http::{Answer, PATIENCE, get, post};
use serde_json::json;

use super::{admin, made};

/// Runs statements in the gateway's database, beside it.
fn sql(gateway: &Gateway, statements: &str) -> Result<()> {
    const RUN: &str = "import sqlite3, sys\n\
        connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=10)\n\
        connection.executescript(sys.argv[2])";
    let python = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../.tools/python/bin/python");
    let output = std::process::Command::new(python)
        .args(["-c", RUN])
        .arg(gateway.data_dir().join("penstock.db"))
        .arg(statements)
        .output()
        .context("python is missing: run scripts/test-tools.sh (`make test` does)")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// With the next row of that table the version of the records, which everyone asks for, becomes unreadable.
fn lose_with(gateway: &Gateway, table: &str) -> Result<()> {
    sql(
        gateway,
        &format!(
            "CREATE TABLE kept_apart AS SELECT 0 AS version; \
             CREATE TRIGGER lost AFTER INSERT ON {table} BEGIN \
             UPDATE kept_apart SET version = (SELECT value FROM penstock_meta WHERE name = 'version'); \
             UPDATE penstock_meta SET value = 'lost' WHERE name = 'version'; END"
        ),
    )
}

/// The store is lost at the moment, and then readable again.
async fn find_again(gateway: &Gateway) -> Result<()> {
    let refused = admin(gateway, http::Method::GET, "/orgs", "").await?;
    ensure!(!refused.status.is_success(), "the store was not lost: {}", refused.text());
    sql(
        gateway,
        "DROP TRIGGER lost; \
         UPDATE penstock_meta SET value = (SELECT version FROM kept_apart) WHERE name = 'version'; \
         DROP TABLE kept_apart",
    )
}

/// Waits until it is answered.
async fn works(answer: impl AsyncFn() -> Result<Answer>) -> Result<()> {
    let start = Instant::now();
    loop {
        let answer = answer().await?;
        if answer.status == 200 {
            return Ok(());
        }
        ensure!(start.elapsed() < PATIENCE, "{}", answer.text());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_key_that_is_made_is_shown_though_the_store_goes_away_behind_it() -> Result<()> {
    let gateway = Builder::new()?.start().await?;
    made(&gateway, "/users", &json!({"name": "ada", "is_admin": true, "permissions": ["*"]})).await?;
    lose_with(&gateway, "user_keys")?;
    let body = json!({"label": "laptop"});
    let key = made(&gateway, "/users/ada/keys", &body).await?;
    assert_eq!((&key["user"], &key["label"]), (&"ada".into(), &"laptop".into()), "{key}");
    find_again(&gateway).await?;
    let key_text = key["key"].as_str().context("it is not shown")?;
    let start = Instant::now();
    while !gateway.log()?.contains("a change was committed and is not published yet") {
        ensure!(start.elapsed() < PATIENCE, "the log does not say so: {}", gateway.log()?);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // who follows the store publishes it
    works(async || get(gateway.at("/v1/models")).key(key_text).send().await).await?;
    assert_eq!(super::seen(&gateway, "/users/ada/keys").await?["data"][0]["id"], key["id"]);
    Ok(())
}

#[tokio::test]
async fn what_is_changed_along_is_in_the_answer() -> Result<()> {
    let gateway = Builder::new()?.start().await?;
    lose_with(&gateway, "users")?;
    let user = made(&gateway, "/users", &json!({"name": "ada", "permissions": ["a", "b/*"]})).await?;
    find_again(&gateway).await?;
    assert_eq!(user["permissions"], json!(["a", "b/*"]));
    assert_eq!(super::seen(&gateway, "/users/ada").await?, user);
    Ok(())
}

#[tokio::test]
async fn a_bundle_that_is_applied_shows_the_keys_it_made() -> Result<()> {
    let gateway = Builder::new()?.start().await?;
    lose_with(&gateway, "user_keys")?;
    let bundle = json!({"penstock": 1, "users": [{"name": "ada", "keys": [{"label": "laptop"}]}]});
    let applied = post(gateway.at("/admin/v1/apply"), bundle.to_string()).key(ADMIN_KEY).send().await?;
    assert_eq!(applied.status, 200, "{}", applied.text());
    assert!(applied.json()?["keys"][0]["key"].as_str().is_some_and(|key| key.starts_with("sk-pen-")));
    find_again(&gateway).await
}

#[tokio::test]
async fn a_session_that_is_opened_comes_with_its_cookie() -> Result<()> {
    let gateway = Builder::new()?.variable("PENSTOCK_ADMIN_PASSWORD", "a long password").start().await?;
    lose_with(&gateway, "sessions")?;
    let login = json!({"name": "admin", "password": "a long password"}).to_string();
    let answer = post(gateway.at("/admin/v1/login"), login).send().await?;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let cookie =
        answer.header("set-cookie").and_then(|cookie| cookie.split(';').next()).context("no cookie")?;
    find_again(&gateway).await?;
    works(async || get(gateway.at("/admin/v1/orgs")).header("cookie", cookie).send().await).await
}
