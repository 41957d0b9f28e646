//! Logins with a password, and the sessions that they open.

use anyhow::{Context as _, Result};
use http::Method;
use penstock_tests::gateway::{Builder, Gateway};
use penstock_tests::http::{Answer, Call, get, post};
use serde_json::json;

use super::{admin, all, made};

const PASSWORD: &str = "correct horse battery";

async fn prepared() -> Result<Gateway> {
    let gateway = Builder::new()?.start().await?;
    made(&gateway, "/users", &json!({"name": "grace", "password": PASSWORD, "is_admin": true})).await?;
    Ok(gateway)
}

fn login(gateway: &Gateway, name: &str, password: &str) -> Call {
    post(gateway.at("/admin/v1/login"), json!({"name": name, "password": password}).to_string())
}

fn cookie(answer: &Answer) -> Result<String> {
    let set = answer.header("set-cookie").context("no cookie")?;
    Ok(set.split(';').next().context("no cookie")?.to_owned())
}

async fn logged_in(gateway: &Gateway) -> Result<String> {
    let answer = login(gateway, "grace", PASSWORD).send().await?;
    assert_eq!(answer.status, 200, "{}", answer.text());
    cookie(&answer)
}

fn users(gateway: &Gateway, cookie: &str) -> Call {
    get(gateway.at("/admin/v1/users")).header("cookie", cookie)
}

fn new_org(gateway: &Gateway, cookie: &str, name: &str) -> Call {
    post(gateway.at("/admin/v1/orgs"), json!({"name": name}).to_string()).header("cookie", cookie)
}

async fn status(call: Call) -> Result<u16> {
    Ok(call.send().await?.status.as_u16())
}

async fn code(call: Call) -> Result<(u16, String)> {
    let answer = call.send().await?;
    Ok((answer.status.as_u16(), answer.json()?["code"].as_str().unwrap_or_default().to_owned()))
}

#[tokio::test]
async fn a_session_from_login_to_logout() -> Result<()> {
    let gateway = prepared().await?;
    let answer = login(&gateway, "grace", PASSWORD).send().await?;
    let set = answer.header("set-cookie").context("no cookie")?.to_owned();
    for part in ["; Path=/admin", "; HttpOnly", "; SameSite=Strict", "; Secure", "; Max-Age=43200"] {
        assert!(set.contains(part), "{set}");
    }
    assert_eq!(answer.json()?["user"], "grace");
    let cookie = cookie(&answer)?;
    assert_eq!(status(users(&gateway, &cookie)).await?, 200);
    assert_eq!(status(users(&gateway, &format!("{cookie}x"))).await?, 401);
    let token = cookie.split_once('=').context("no token")?.1;
    let stored = std::fs::read(gateway.data_dir().join("penstock.db"))?;
    let wal = std::fs::read(gateway.data_dir().join("penstock.db-wal")).unwrap_or_default();
    let found = |bytes: &[u8]| bytes.windows(token.len()).any(|window| window == token.as_bytes());
    assert!(!found(&stored) && !found(&wal), "the token is kept as a digest alone");

    let own = format!("http://{}", gateway.url().trim_start_matches("http://"));
    assert_eq!(code(new_org(&gateway, &cookie, "a")).await?, (403, "cross_origin".to_owned()));
    let cases = [
        ("origin", "https://evil.example", 403),
        ("origin", "null", 403),
        ("sec-fetch-site", "cross-site", 403),
        ("sec-fetch-site", "same-site", 403),
        ("origin", own.as_str(), 201),
    ];
    for (name, value, expected) in cases {
        assert_eq!(
            status(new_org(&gateway, &cookie, "b").header(name, value)).await?,
            expected,
            "{name}: {value}"
        );
    }
    assert_eq!(status(new_org(&gateway, &cookie, "c").header("sec-fetch-site", "same-origin")).await?, 201);

    let logout = post(gateway.at("/admin/v1/logout"), "").header("cookie", &cookie);
    assert_eq!(status(logout.clone()).await?, 403, "nobody is logged out by another site");
    let out = logout.clone().header("sec-fetch-site", "same-origin").send().await?;
    assert_eq!(
        (out.status.as_u16(), out.header("set-cookie").is_some_and(|set| set.contains("Max-Age=0"))),
        (204, true)
    );
    assert_eq!(status(users(&gateway, &cookie)).await?, 401, "the token opens nothing any more");
    let trail = all(&gateway, "/audit?actor=grace", 100).await?;
    let said: Vec<_> = trail.iter().map(|row| row["action"].as_str().unwrap()).collect();
    assert_eq!(said, ["session.logout", "org.create", "org.create", "session.login"]);
    Ok(())
}

#[tokio::test]
async fn cookies_go_over_plain_http_where_that_is_said() -> Result<()> {
    let gateway = Builder::new()?
        .variable("PENSTOCK_INSECURE_COOKIES", "true")
        .variable("PENSTOCK_ADMIN_USER", "grace")
        .variable("PENSTOCK_ADMIN_PASSWORD", PASSWORD)
        .start()
        .await?;
    let answer = login(&gateway, "grace", PASSWORD).send().await?;
    assert!(!answer.header("set-cookie").context("no cookie")?.contains("Secure"));
    Ok(())
}

#[tokio::test]
async fn a_session_ends_with_what_it_was_opened_with() -> Result<()> {
    let gateway = prepared().await?;
    for (change, back) in
        [(r#"{"enabled":false}"#, r#"{"enabled":true}"#), (r#"{"is_admin":false}"#, r#"{"is_admin":true}"#)]
    {
        let cookie = logged_in(&gateway).await?;
        admin(&gateway, Method::PATCH, "/users/grace", change).await?;
        assert_eq!(status(users(&gateway, &cookie)).await?, 401, "{change}");
        let refused = code(login(&gateway, "grace", PASSWORD)).await?;
        assert_eq!(refused, (403, "forbidden".to_owned()), "{change}");
        admin(&gateway, Method::PATCH, "/users/grace", back).await?;
    }
    let cookie = logged_in(&gateway).await?;
    let patch = format!(r#"{{"password":"{PASSWORD} staple"}}"#);
    assert_eq!(admin(&gateway, Method::PATCH, "/users/grace", &patch).await?.status, 200);
    assert_eq!(status(users(&gateway, &cookie)).await?, 401, "a changed password ends it");
    assert_eq!(status(login(&gateway, "grace", PASSWORD)).await?, 401);
    Ok(())
}

#[tokio::test]
async fn failed_logins_look_alike_are_throttled_and_stand_in_the_trail() -> Result<()> {
    let gateway = prepared().await?;
    made(&gateway, "/users", &json!({"name": "mute"})).await?;
    let mut said = Vec::new();
    for (name, password) in [("grace", "wrong"), ("nobody", "wrong"), ("mute", "wrong")] {
        let answer = login(&gateway, name, password).send().await?;
        assert_eq!(answer.status, 401);
        said.push(answer.json()?);
    }
    assert!(said.windows(2).all(|pair| pair[0] == pair[1]), "who is there is not told: {said:?}");
    let foreign = login(&gateway, "grace", PASSWORD).header("origin", "https://evil.example");
    assert_eq!(code(foreign).await?, (403, "cross_origin".to_owned()));
    for _ in 0..4 {
        assert_eq!(status(login(&gateway, "grace", "wrong")).await?, 401);
    }
    let refused = login(&gateway, "grace", PASSWORD).send().await?;
    assert_eq!((refused.status.as_u16(), &refused.json()?["code"]), (429, &"too_many_attempts".into()));
    let seconds: u64 = refused.header("retry-after").context("no retry-after")?.parse()?;
    assert!((1..=30).contains(&seconds), "{seconds}");
    assert_eq!(status(login(&gateway, "nobody", "wrong")).await?, 401, "others may still try");
    let trail = all(&gateway, "/audit", 100).await?;
    let logins: Vec<_> = trail.iter().filter(|row| row["action"] == "session.login").collect();
    let of = |status: i64| logins.iter().filter(|row| row["status"] == status).count();
    assert_eq!((of(401), of(429), of(200)), (8, 1, 0), "{logins:?}");
    assert!(logins.iter().all(|row| row["source_ip"] == "127.0.0.1"));
    assert!(!trail.iter().any(|row| row.to_string().contains("wrong")));
    Ok(())
}
