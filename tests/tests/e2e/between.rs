//! What stands between clients and the gateway: proxies that say for whom they ask, and browsers.

use anyhow::{Context as _, Result, ensure};
use http::Method;
use penstock_tests::gateway::{ADMIN_KEY, Builder, Gateway};
use penstock_tests::http::{Answer, Call, get, post};
use penstock_tests::upstream::ScriptedUpstream;
use serde_json::json;

const CHAT: &str = "/v1/chat/completions";
const BODY: &str = r#"{"model":"openai/scripted","messages":[]}"#;

fn login(gateway: &Gateway, name: &str, from: &str) -> Call {
    let body = json!({"name": name, "password": "a wrong password"}).to_string();
    post(gateway.at("/admin/v1/login"), body).header("x-forwarded-for", from)
}

async fn status(call: Call) -> Result<u16> {
    Ok(call.send().await?.status.as_u16())
}

/// Fails to log in, each time as somebody else, until it is refused to try: the number of tries. A slow machine has
/// more of them, since one is forgotten every few seconds.
async fn until_refused(gateway: &Gateway, from: impl Fn(usize) -> String) -> Result<usize> {
    for number in 0..200 {
        match status(login(gateway, &format!("user{number}"), &from(number))).await? {
            401 => {}
            429 => return Ok(number + 1),
            other => anyhow::bail!("try {number}: {other}"),
        }
    }
    anyhow::bail!("never refused")
}

#[tokio::test]
async fn a_trusted_proxy_says_whose_logins_fail() -> Result<()> {
    let gateway = Builder::new()?.variable("GPROXY_TRUSTED_PROXIES", "10.0.0.0/8, 127.0.0.1").start().await?;
    // what the client adds to the left says nothing, and a proxy behind a proxy is one
    let mut tries = until_refused(&gateway, |number| format!("10.9.9.{number}, 192.0.2.1, 10.1.1.1")).await?;
    ensure!(tries > 20, "that address has its tries: {tries}");
    ensure!(status(login(&gateway, "another", "192.0.2.2")).await? == 401, "another one has not had them");
    // it is the same client, whichever way the proxy says it
    loop {
        tries += 1;
        // another name each time, or it would be the name that is refused
        let body = json!({"name": format!("other{tries}"), "password": "another wrong one"});
        let call = post(gateway.at("/admin/v1/login"), body.to_string());
        if status(call.header("forwarded", "for=\"192.0.2.1:4711\";proto=https")).await? == 429 {
            break;
        }
        ensure!(tries < 300, "never refused");
    }
    let trail = get(gateway.at("/admin/v1/audit?limit=1000")).key(ADMIN_KEY).send().await?.json()?;
    let rows = trail["data"].as_array().context("no rows")?;
    let of = |address: &str| rows.iter().filter(|row| row["source_ip"] == address).count();
    // of refusals in a row only the first is noted
    ensure!((20..=tries).contains(&of("192.0.2.1")), "{tries} tries: {rows:?}");
    ensure!((of("192.0.2.2"), of("127.0.0.1")) == (1, 0), "{rows:?}");
    Ok(())
}

#[tokio::test]
async fn nobody_else_is_believed() -> Result<()> {
    let gateway = Builder::new()?.variable("PENSTOCK_TRUSTED_PROXIES", "10.0.0.0/8").start().await?;
    let tries = until_refused(&gateway, |number| format!("192.0.2.{number}")).await?;
    ensure!(tries > 20, "they all come from one address, which has its tries: {tries}");
    Ok(())
}

#[tokio::test]
async fn the_access_log_names_the_client_and_open_mode_looks_at_it() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let file = "trusted_proxies = [\"127.0.0.1\", \"::1\"]\n";
    let gateway = Builder::new()?.file(file).upstream(&upstream.url()).start().await?;
    let call = |from: &str| post(gateway.at(CHAT), BODY).header("x-forwarded-for", from);
    ensure!(status(post(gateway.at(CHAT), BODY)).await? == 200);
    ensure!(status(call("127.0.0.1")).await? == 200, "a program on this machine, behind a proxy on it");
    let refused = call("198.51.100.7").send().await?;
    ensure!(
        refused.status == 403 && refused.text().contains("this one is 198.51.100.7"),
        "{}",
        refused.text()
    );
    let listed = get(gateway.at("/v1/models")).header("x-forwarded-for", "unknown").send().await?;
    ensure!(listed.status == 403 && listed.text().contains("does not say for whom"), "{}", listed.text());
    let data = gateway.stop().await?;
    let log = std::fs::read_to_string(data.path().join("log"))?;
    let clients = |address: &str| {
        log.lines().filter(|line| line.contains("penstock::access") && line.contains(address)).count()
    };
    ensure!((clients("\"127.0.0.1\""), clients("\"198.51.100.7\"")) == (2, 1), "{log}");
    Ok(())
}

fn preflight(gateway: &Gateway, path: &str, origin: &str) -> Call {
    let call = post(gateway.at(path), "").method(Method::OPTIONS).header("origin", origin);
    call.header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization,content-type,x-stainless-os")
}

fn allowed(answer: &Answer) -> Option<&str> {
    answer.header("access-control-allow-origin")
}

#[tokio::test]
async fn pages_of_named_origins_may_call_models_and_nothing_else() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let origins = "https://app.example, http://localhost:3000";
    let gateway =
        Builder::new()?.upstream(&upstream.url()).variable("PENSTOCK_CORS_ORIGINS", origins).start().await?;
    let key = gateway.make_key("ada", "openai/*")?;
    let own = "https://app.example";
    for path in [
        CHAT,
        "/v1/messages",
        "/openai/v1/embeddings",
        "/v1/models",
        "/v1beta/models/gemini/x:generateContent",
    ] {
        let answer = preflight(&gateway, path, own).send().await?;
        ensure!(answer.status == 200 && allowed(&answer) == Some(own), "{path}: {answer:?}");
        let headers = answer.header("access-control-allow-headers").unwrap_or_default();
        ensure!(headers == "authorization,content-type,x-stainless-os", "{headers}");
        let methods = answer.header("access-control-allow-methods").unwrap_or_default();
        ensure!(methods.contains("POST") && methods.contains("GET"), "{methods}");
        ensure!(answer.header("access-control-allow-credentials").is_none(), "no cookie opens anything here");
    }
    let start = std::time::Instant::now();
    let answer = loop {
        let answer = post(gateway.at(CHAT), BODY).key(&key).header("origin", own).send().await?;
        if answer.status == 200 {
            break answer;
        }
        ensure!(start.elapsed() < penstock_tests::http::PATIENCE, "{}", answer.text());
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    };
    ensure!(
        allowed(&answer) == Some(own) && answer.header("access-control-expose-headers") == Some("*"),
        "{answer:?}"
    );
    let refused = post(gateway.at(CHAT), BODY).key("sk-pen-wrong").header("origin", own).send().await?;
    ensure!(
        refused.status == 401 && allowed(&refused) == Some(own),
        "a page has to see what went wrong: {refused:?}"
    );
    for foreign in ["https://evil.example", "https://app.example.evil.example", "http://app.example", "null"]
    {
        let answer = preflight(&gateway, CHAT, foreign).send().await?;
        ensure!(allowed(&answer).is_none(), "{foreign}: {answer:?}");
    }
    for path in ["/admin/v1/providers", "/admin/v1/login", "/metrics"] {
        let answer = preflight(&gateway, path, own).send().await?;
        ensure!(answer.status != 200 && allowed(&answer).is_none(), "{path}: {answer:?}");
    }
    Ok(())
}

#[tokio::test]
async fn without_the_setting_no_page_is_answered_and_with_a_star_all_are() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let closed = Builder::new()?.upstream(&upstream.url()).start().await?;
    let answer = preflight(&closed, CHAT, "http://localhost:3000").send().await?;
    ensure!(answer.status == 405 && allowed(&answer).is_none(), "{answer:?}");
    let answer = post(closed.at(CHAT), BODY).header("origin", "http://localhost:3000").send().await?;
    ensure!(answer.status == 200 && allowed(&answer).is_none(), "{answer:?}");

    let open = Builder::new()?.upstream(&upstream.url()).variable("GPROXY_CORS_ORIGINS", "*").start().await?;
    let answer = preflight(&open, CHAT, "https://any.example").send().await?;
    ensure!(answer.status == 200 && allowed(&answer) == Some("*"), "{answer:?}");
    // it may read the answer; open mode still wants a key of it
    let answer = post(open.at(CHAT), BODY).header("origin", "https://any.example").send().await?;
    ensure!(answer.status == 403 && allowed(&answer) == Some("*"), "{answer:?}");
    Ok(())
}

#[test]
fn what_is_no_network_and_no_origin_is_refused_by_name() -> Result<()> {
    let cases = [
        (
            "PENSTOCK_TRUSTED_PROXIES",
            "10.0.0.0/8,proxy.example",
            "trusted_proxies (PENSTOCK_TRUSTED_PROXIES): expected addresses",
            "proxy.example",
        ),
        (
            "GPROXY_TRUSTED_PROXIES",
            "10.0.0.0/99",
            "trusted_proxies (GPROXY_TRUSTED_PROXIES): expected addresses",
            "10.0.0.0/99",
        ),
        (
            "PENSTOCK_CORS_ORIGINS",
            "https://a,app.example",
            "cors_origins (PENSTOCK_CORS_ORIGINS): expected origins",
            "app.example",
        ),
        (
            "GPROXY_CORS_ORIGINS",
            "https://a/",
            "cors_origins (GPROXY_CORS_ORIGINS): expected origins",
            "https://a/",
        ),
    ];
    for (name, value, expected, entry) in cases {
        let refused = Builder::new()?.variable(name, value).run(&["config", "check"])?;
        let said = String::from_utf8(refused.stderr)?;
        ensure!(refused.status.code() == Some(2) && said.contains(expected), "{said}");
        ensure!(said.contains(&format!("{entry:?} is none")), "{said}");
    }
    Ok(())
}
