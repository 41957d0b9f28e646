//! Users and their keys hold at once for requests, and what they used is told.

use anyhow::Result;
use http::Method;
use penstock_tests::gateway::Builder;
use penstock_tests::http::post;
use penstock_tests::upstream::ScriptedUpstream;
use serde_json::json;

use super::admin;

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
    let rest = admin(&gateway, Method::GET, &format!("/usage?limit=3&cursor={next}"), "").await?.json()?;
    assert_eq!((rest["data"].as_array().unwrap().len(), &rest["next"]), (3, &serde_json::Value::Null));
    let some = admin(&gateway, Method::GET, "/usage?model=scripted@tag=t1", "").await?.json()?;
    assert_eq!(some["data"].as_array().unwrap().len(), 2);
    let rollups = admin(&gateway, Method::GET, "/rollups", "").await?.json()?;
    let requests = rollups["data"].as_array().unwrap().iter().map(|row| row["requests"].as_u64().unwrap());
    assert_eq!(requests.sum::<u64>(), 5, "{rollups}");
    let none = admin(&gateway, Method::GET, "/usage?until=1", "").await?.json()?;
    assert_eq!(none["data"], json!([]));
    Ok(())
}
