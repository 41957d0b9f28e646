//! Who may call, which key goes where, and what is never seen.

use anyhow::Result;
use penstock_tests::gateway::Builder;
use penstock_tests::http::{Answer, Call, get, post};
use penstock_tests::upstream::ScriptedUpstream;

const CHAT: &str = "/v1/chat/completions";
const BODY: &str =
    r#"{"model":"openai/scripted","messages":[{"role":"user","content":"a private question"}]}"#;

fn message(answer: &Answer) -> String {
    answer.json().unwrap()["error"]["message"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn open_mode_serves_programs_on_this_machine_only() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = Builder::new()?.upstream(&upstream.url()).start().await?;
    let call = || post(gateway.at(CHAT), BODY);
    assert!(gateway.greeting().contains("open mode"), "{}", gateway.greeting());
    let cases = [
        (call(), 200),
        (call().key("penstock"), 200),
        (call().header("origin", "http://localhost:3000"), 200),
        (call().header("origin", "https://evil.example"), 403),
        (call().header("origin", "null"), 403),
        (call().header("host", "evil.example:8787"), 403),
        (call().header("host", "localhost:1"), 200),
    ];
    for (call, status) in cases {
        let shown = format!("{call:?}");
        let answer = call.send().await?;
        assert_eq!(answer.status.as_u16(), status, "{shown}: {}", answer.text());
    }
    assert!(
        upstream
            .requests()
            .iter()
            .all(|request| request.header("authorization") == Some("Bearer sk-upstream-openai"))
    );
    Ok(())
}

#[tokio::test]
async fn a_key_closes_open_mode_for_good() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = Builder::new()?.upstream(&upstream.url()).start().await?;
    let key = gateway.make_key("ada", "openai/*")?;
    let status = async |call: Call| anyhow::Ok(call.send().await?.status.as_u16());
    let call = || post(gateway.at(CHAT), BODY);
    while status(call()).await? == 200 {
        tokio::task::yield_now().await;
    }
    for keyed in [
        call().key(&key),
        call().header("x-api-key", &key),
        call().header("x-goog-api-key", &key),
        post(gateway.at(&format!("{CHAT}?key={key}")), BODY),
    ] {
        assert_eq!(status(keyed).await?, 200);
    }
    assert_eq!(upstream.requests().last().unwrap().path, CHAT, "the key is taken out of the query");
    for wrong in ["sk-pen-wrong", "penstock", "sk-proj-somebodys", ""] {
        let answer = call().key(wrong).send().await?;
        assert_eq!(answer.status, 401, "{wrong}");
        assert!(!message(&answer).contains("somebodys"));
    }
    gateway.settled().await?;
    let rows = gateway.usage().await?;
    assert!(rows.iter().any(|row| row["user_id"].is_i64() && row["key_id"].is_i64()), "{rows:?}");
    let revoked = gateway.command(&["key", "revoke", &key])?;
    assert!(revoked.status.success(), "{}", String::from_utf8_lossy(&revoked.stderr));
    while status(call().key(&key)).await? == 200 {
        tokio::task::yield_now().await;
    }
    let answer = call().key(&key).send().await?;
    assert_eq!((answer.status.as_u16(), message(&answer).contains("revoked")), (401, true));
    assert_eq!(status(call()).await?, 401, "without a key that works it is not open again");
    Ok(())
}

#[tokio::test]
async fn an_own_key_goes_to_its_provider_and_ours_never_does() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = Builder::new()?.upstream(&upstream.url()).set("byok", "true").start().await?;
    let call = || post(gateway.at(CHAT), BODY);
    let answer = call().key("sk-proj-my-own").send().await?;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(upstream.requests()[0].header("authorization"), Some("Bearer sk-proj-my-own"));
    let rows = gateway.usage_of(1).await?;
    let tenant = rows[0]["tenant"].as_str().unwrap();
    assert!(
        tenant.starts_with("byok:") && !tenant.contains("my-own") && rows[0]["credential"].is_null(),
        "{}",
        rows[0]
    );

    let anthropic = r#"{"model":"anthropic/scripted","messages":[]}"#;
    let bearer = post(gateway.at("/v1/messages"), anthropic).key("sk-ant-oat-token").send().await?;
    assert_eq!(bearer.status, 200, "{}", bearer.text());
    let last = upstream.requests().pop().unwrap();
    assert_eq!(
        (last.header("authorization"), last.header("x-api-key")),
        (Some("Bearer sk-ant-oat-token"), None)
    );

    let key = gateway.make_key("ada", "*")?;
    while post(gateway.at(CHAT), BODY).send().await?.status == 200 {
        tokio::task::yield_now().await;
    }
    gateway.command(&["key", "revoke", &key])?;
    while call().key(&key).send().await?.status == 200 {
        tokio::task::yield_now().await;
    }
    let before = upstream.requests().len();
    let mistyped = format!("{key}x");
    for ours in [key.as_str(), &mistyped, "SK-PEN-SHOUTED", "bearer sk-pen-twice"] {
        let answer = call().key(ours).send().await?;
        assert_eq!(answer.status, 401, "{ours}");
    }
    let answer = call().key("sk-ant-for-somebody-else").send().await?;
    assert_eq!(answer.status, 401);
    assert!(message(&answer).contains("not forwarded"), "{}", message(&answer));
    assert_eq!(upstream.requests().len(), before, "none of them left the gateway");
    assert_eq!(call().key("sk-proj-my-own").send().await?.status, 200, "own keys still work beside ours");
    Ok(())
}

#[tokio::test]
async fn an_own_keys_refusal_goes_back_and_cools_nobody() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = Builder::new()?.upstream(&upstream.url()).start().await?;
    for status in [401, 403] {
        let body = format!(r#"{{"model":"openai/scripted@refuse-key=sk-bad:{status}","messages":[]}}"#);
        let answer = post(gateway.at(CHAT), body.clone()).key("sk-bad").send().await?;
        assert_eq!(answer.status.as_u16(), status);
        assert!(answer.header("openai-version").is_some(), "the provider's own answer: {}", answer.text());
        assert_eq!(upstream.requests().len(), 1, "nobody else is asked");
        assert_eq!(
            post(gateway.at(CHAT), body).send().await?.status,
            200,
            "the shared credential still serves"
        );
        assert_eq!(upstream.requests().len(), 2);
        upstream.ledger().reset();
    }
    Ok(())
}

#[tokio::test]
async fn permissions_say_what_a_key_may_use() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = Builder::new()?.upstream(&upstream.url()).start().await?;
    let key = gateway.make_key("ada", "openai/scripted*")?;
    let call =
        |model: &str| post(gateway.at(CHAT), format!(r#"{{"model":"{model}","messages":[]}}"#)).key(&key);
    while call("openai/scripted").send().await?.status == 401 {
        tokio::task::yield_now().await;
    }
    assert_eq!(call("openai/scripted").send().await?.status, 200);
    for model in ["openai/gpt-4o", "gpt-4o", "anthropic/claude-sonnet-4-5"] {
        let answer = call(model).send().await?;
        assert_eq!(answer.status, 403, "{model}: {}", answer.text());
        assert!(message(&answer).contains("may not use the model"), "{}", message(&answer));
    }
    let scoped =
        post(gateway.at("/anthropic/v1/messages"), r#"{"model":"scripted","messages":[]}"#).key(&key);
    assert_eq!(scoped.send().await?.status, 403);
    let scoped =
        post(gateway.at("/openai/v1/chat/completions"), r#"{"model":"scripted","messages":[]}"#).key(&key);
    assert_eq!(scoped.send().await?.status, 200);
    let listed = get(gateway.at("/v1/models")).key(&key).send().await?.json()?;
    assert_eq!(listed["data"].as_array().map(Vec::len), Some(0), "a list shows what may be used: {listed}");
    Ok(())
}

#[tokio::test]
async fn nothing_listens_publicly_without_a_key() -> Result<()> {
    let refused = Builder::new()?.argument("--host=0.0.0.0").run(&["--port=0", "serve"])?;
    assert_eq!(refused.status.code(), Some(1));
    let says = String::from_utf8(refused.stderr)?;
    assert!(says.contains("without any key") && says.contains("penstock key create"), "{says}");
    Ok(())
}

#[tokio::test]
async fn logs_hold_no_key_and_no_prompt() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = Builder::new()?
        .upstream(&upstream.url())
        .variable("RUST_LOG", "trace")
        .set("byok", "true")
        .start()
        .await?;
    let key = gateway.make_key("ada", "*")?;
    while post(gateway.at(CHAT), BODY).key(&key).send().await?.status == 401 {
        tokio::task::yield_now().await;
    }
    let calls = [
        post(gateway.at(CHAT), BODY).key(&key),
        post(gateway.at(&format!("{CHAT}?key={key}")), BODY),
        post(gateway.at(CHAT), BODY).key("sk-proj-an-own-key"),
        post(gateway.at(CHAT), BODY).key("sk-pen-a-wrong-key"),
        post(gateway.at(CHAT), BODY.replace("scripted", "scripted@status=500")).key(&key),
        post(gateway.at(CHAT), BODY.replace("scripted", "scripted@status=401")).key(&key),
        post(gateway.at(CHAT), &BODY[..BODY.len() - 2]).key(&key),
    ];
    for call in calls {
        call.send().await?;
    }
    gateway.settled().await?;
    let log = gateway.log()?;
    assert!(log.contains("\"request\""), "there is a log to look at");
    for secret in [
        key.as_str(),
        "sk-proj-an-own-key",
        "sk-pen-a-wrong-key",
        "sk-upstream-openai",
        "a private question",
        "The scripted upstream",
    ] {
        assert!(!log.contains(secret), "the log holds {secret:?}");
    }
    for file in
        std::fs::read_dir(gateway.data_dir())?.chain(std::fs::read_dir(gateway.data_dir().join("journal"))?)
    {
        let path = file?.path();
        if path.is_file() && path.file_name().is_some_and(|name| name != "penstock.toml") {
            let bytes = std::fs::read(&path)?;
            for secret in [key.as_bytes(), b"sk-upstream-openai", b"a private question"] {
                assert!(
                    !bytes.windows(secret.len()).any(|window| window == secret),
                    "{} holds a secret",
                    path.display()
                );
            }
        }
    }
    Ok(())
}
