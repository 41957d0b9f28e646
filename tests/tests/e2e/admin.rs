//! The admin API: users, keys, usage, and how it refuses.

use anyhow::Result;
use http::Method;
use penstock_tests::gateway::{ADMIN_KEY, Builder, Gateway};
use penstock_tests::http::{Answer, get, post};
use penstock_tests::upstream::ScriptedUpstream;
use serde_json::json;

async fn admin(gateway: &Gateway, method: Method, path: &str, body: &str) -> Result<Answer> {
    post(gateway.at(&format!("/admin/v1{path}")), body.to_owned()).method(method).key(ADMIN_KEY).send().await
}

#[tokio::test]
async fn a_user_and_its_keys_from_birth_to_death() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = Builder::new()?.upstream(&upstream.url()).start().await?;
    let made =
        admin(&gateway, Method::POST, "/users", r#"{"name":"ada","permissions":["openai/*"]}"#).await?;
    assert_eq!(made.status, 201, "{}", made.text());
    let user = made.json()?;
    assert_eq!((&user["org"], &user["permissions"]), (&"default".into(), &json!(["openai/*"])));

    let key = admin(&gateway, Method::POST, "/users/ada/keys", r#"{"label":"laptop"}"#).await?;
    assert_eq!(key.status, 201, "{}", key.text());
    let key = key.json()?;
    let (secret, id) = (key["key"].as_str().unwrap().to_owned(), key["id"].as_i64().unwrap());
    let listed = admin(&gateway, Method::GET, "/users/ada/keys", "").await?.json()?;
    assert_eq!(
        (&listed["data"][0]["label"], listed["data"][0].get("key")),
        (&"laptop".into(), None),
        "shown once"
    );

    let call = async |model: &str| {
        let body = format!(r#"{{"model":"{model}","messages":[]}}"#);
        anyhow::Ok(post(gateway.at("/v1/chat/completions"), body).key(&secret).send().await?.status.as_u16())
    };
    assert_eq!(call("openai/scripted").await?, 200, "a change made here is seen at once");
    assert_eq!(
        admin(&gateway, Method::PATCH, "/users/ada", r#"{"permissions":["groq/*"]}"#).await?.status,
        200
    );
    assert_eq!(call("openai/scripted").await?, 403);
    assert_eq!(
        admin(&gateway, Method::PATCH, "/users/ada", r#"{"permissions":["*"],"enabled":false}"#)
            .await?
            .status,
        200
    );
    assert_eq!(call("openai/scripted").await?, 401);
    assert_eq!(admin(&gateway, Method::PATCH, "/users/ada", r#"{"enabled":true}"#).await?.status, 200);
    assert_eq!(call("openai/scripted").await?, 200);
    assert_eq!(
        admin(&gateway, Method::PATCH, &format!("/users/ada/keys/{id}"), r#"{"enabled":false}"#)
            .await?
            .status,
        200
    );
    assert_eq!(call("openai/scripted").await?, 401);
    assert_eq!(admin(&gateway, Method::DELETE, &format!("/users/ada/keys/{id}"), "").await?.status, 204);
    assert_eq!(admin(&gateway, Method::DELETE, "/users/ada", "").await?.status, 204);
    assert_eq!(call("openai/scripted").await?, 401);
    assert_eq!(admin(&gateway, Method::GET, "/users", "").await?.json()?["data"], json!([]));
    Ok(())
}

#[tokio::test]
async fn each_refusal_is_a_problem_document() -> Result<()> {
    let gateway = Builder::new()?.start().await?;
    assert_eq!(admin(&gateway, Method::POST, "/users", r#"{"name":"ada"}"#).await?.status, 201);
    let cases = [
        (Method::POST, "/users", r#"{"name":"ada"}"#, 409, "conflict", "user \"ada\" exists already"),
        (Method::POST, "/users", r#"{"name":"  "}"#, 422, "invalid", "name: expected 1 to 128 characters"),
        (Method::POST, "/users", r#"{"name":"17"}"#, 422, "invalid", "not only digits"),
        (Method::POST, "/users", r#"{"nam":"bob"}"#, 422, "invalid", "unknown field `nam`"),
        (Method::POST, "/users", r#"{"name":"#, 400, "invalid", "the body is not what was expected"),
        (
            Method::POST,
            "/users",
            r#"{"name":"bob","permissions":[""]}"#,
            422,
            "invalid",
            "permissions: expected a glob",
        ),
        (Method::GET, "/users/bob", "", 404, "not_found", "no user \"bob\""),
        (
            Method::POST,
            "/users/ada/keys",
            r#"{"expires_at":5}"#,
            422,
            "invalid",
            "expected a time in the future",
        ),
        (Method::DELETE, "/users/ada/keys/99", "", 404, "not_found", "no key"),
        (Method::GET, "/usage?limit=0", "", 422, "invalid", "limit: expected 1 to 1000"),
        (Method::GET, "/usage?lmit=1", "", 400, "invalid", "lmit"),
        (Method::GET, "/usage?after=x", "", 422, "invalid", "not a request id"),
        (Method::GET, "/nothing", "", 404, "not_found", "no path"),
        (Method::PUT, "/users", "", 405, "method_not_allowed", "does not take PUT"),
    ];
    for (method, path, body, status, code, detail) in cases {
        let answer = admin(&gateway, method.clone(), path, body).await?;
        assert_eq!(answer.status.as_u16(), status, "{method} {path} {body}: {}", answer.text());
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{path}");
        let problem = answer.json()?;
        assert_eq!((&problem["status"], &problem["code"]), (&status.into(), &code.into()), "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains(detail), "{problem}");
    }
    Ok(())
}

#[tokio::test]
async fn only_the_admin_key_opens_it() -> Result<()> {
    let gateway = Builder::new()?.start().await?;
    let users = gateway.at("/admin/v1/users");
    assert_eq!(get(&users).send().await?.status, 401);
    assert_eq!(get(&users).key("wrong").send().await?.status, 401);
    let key = gateway.make_key("ada", "*")?;
    assert_eq!(get(&users).key(&key).send().await?.status, 401);
    let closed = Builder::new()?.variable("PENSTOCK_ADMIN_KEY", "").start().await?;
    let answer = get(closed.at("/admin/v1/users")).key("").send().await?;
    assert_eq!(answer.status, 401);
    let administrator = get(&users).key(&gateway.make_admin_key("grace")?);
    while administrator.clone().send().await?.status != 200 {
        tokio::task::yield_now().await;
    }
    Ok(())
}

#[tokio::test]
async fn usage_is_paged_and_filtered() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = Builder::new()?.upstream(&upstream.url()).start().await?;
    for n in 0..5 {
        let body = format!(r#"{{"model":"openai/scripted@tag=t{}","messages":[]}}"#, n % 2);
        post(gateway.at("/v1/chat/completions"), body).send().await?;
    }
    gateway.usage_of(5).await?;
    let page = admin(&gateway, Method::GET, "/usage?limit=2", "").await?.json()?;
    assert_eq!(page["data"].as_array().unwrap().len(), 2);
    let next = page["next"].as_str().unwrap();
    let rest = admin(&gateway, Method::GET, &format!("/usage?limit=3&after={next}"), "").await?.json()?;
    assert_eq!((rest["data"].as_array().unwrap().len(), &rest["next"]), (3, &serde_json::Value::Null));
    let some = admin(&gateway, Method::GET, "/usage?model=scripted@tag=t1", "").await?.json()?;
    assert_eq!(some["data"].as_array().unwrap().len(), 2);
    let none = admin(&gateway, Method::GET, "/usage?until=1", "").await?.json()?;
    assert_eq!(none["data"], json!([]));
    Ok(())
}
