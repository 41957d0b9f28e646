//! Where modules keep their state, as an operator sees it.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use penstock_tests::gateway::Builder;
use penstock_tests::http::{get, post};
use penstock_tests::upstream::ScriptedUpstream;
use serde_json::Value;

/// Nobody listens on port 1.
const DOWN: [(&str, &str); 6] = [
    ("kv", "redis://127.0.0.1:1"),
    ("storage_dsn", "postgres://nobody@127.0.0.1:1/none"),
    ("storage_dsn", "mysql://nobody@127.0.0.1:1/none"),
    ("storage_dsn", "http://127.0.0.1:1"),
    ("blob", "r2://bucket?endpoint=http://127.0.0.1:1"),
    ("blob", "s3://bucket?endpoint=http://127.0.0.1:1"),
];

fn builder() -> Result<Builder> {
    let logins = ["R2_ACCESS_KEY_ID", "R2_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
    Ok(logins.iter().fold(Builder::new()?, |builder, name| builder.variable(name, "not-a-real-login")))
}

#[tokio::test]
async fn the_gateway_starts_and_answers_while_a_backend_is_down() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    for (name, url) in DOWN {
        let mut gateway = builder()?.upstream(&upstream.url()).set(name, url).start().await?;
        let body = r#"{"model":"openai/scripted","messages":[]}"#;
        let answer = post(gateway.at("/v1/chat/completions"), body).send().await?;
        ensure!(answer.status == 200, "{url}: {}", answer.status);
        let part = if name == "storage_dsn" { "db" } else { name };
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let answer = get(gateway.at("/readyz")).send().await?;
            ensure!(answer.status == 200, "an outage of storage does not make the gateway unready");
            let ready: Value = answer.json()?;
            let storage = &ready["storage"];
            if storage[part]["ok"] == false {
                ensure!(storage["ok"] == false && storage["kind"] == "cloud", "{storage}");
                ensure!(storage[part]["error"].is_string() && storage[part]["since"].is_i64(), "{storage}");
                break;
            }
            ensure!(Instant::now() < deadline, "{url} is down and nobody says so: {storage}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        // lines are written by a thread of its own; at the end all of them are there
        gateway.terminate()?;
        ensure!(gateway.wait().await?.success(), "{url}: {}", gateway.log()?);
        let log = gateway.log()?;
        ensure!(log.matches("storage is down").count() == 1, "{url}: one line for one incident: {log}");
    }
    Ok(())
}

#[test]
fn doctor_says_how_storage_is() -> Result<()> {
    let storage = |builder: Builder| -> Result<Vec<Value>> {
        let ran = builder.run(&["doctor", "--json"])?;
        ensure!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stdout));
        let findings: Vec<Value> = serde_json::from_slice(&ran.stdout)?;
        let is_storage = |one: &Value| one["check"].as_str().is_some_and(|name| name.starts_with("storage "));
        Ok(findings.into_iter().filter(is_storage).collect())
    };
    let embedded = storage(builder()?)?;
    ensure!(embedded.len() == 3 && embedded.iter().all(|part| part["state"] == "ok"), "{embedded:?}");
    for (name, url) in DOWN {
        let found = storage(builder()?.set(name, url))?;
        let down: Vec<&Value> = found.iter().filter(|part| part["state"] == "warning").collect();
        let [down] = down.as_slice() else { anyhow::bail!("{url}: {found:?}") };
        let says = down["says"].as_str().unwrap_or_default();
        ensure!(says.contains("is down, and modules would go on without it: "), "{url}: {says}");
    }
    Ok(())
}

#[tokio::test]
async fn storage_check_says_what_works_and_what_does_not() -> Result<()> {
    let embedded = builder()?.run(&["storage", "check", "--json"])?;
    let findings: Value = serde_json::from_slice(&embedded.stdout)?;
    ensure!(embedded.status.success(), "{findings}");
    for (at, (part, backend)) in [("kv", "memory"), ("db", "sqlite"), ("blob", "fs")].iter().enumerate() {
        let finding = &findings[at];
        ensure!(finding["part"] == *part && finding["backend"] == *backend, "{finding}");
        ensure!(finding["ok"] == true, "{finding}");
    }
    for (name, url) in DOWN {
        let checked = builder()?.set(name, url).run(&["storage", "check"])?;
        let (out, err) = (String::from_utf8(checked.stdout)?, String::from_utf8(checked.stderr)?);
        ensure!(checked.status.code() == Some(1), "{url}: {out}{err}");
        ensure!(out.matches("failed").count() == 1 && out.matches("ok").count() == 2, "{url}: {out}{err}");
        ensure!(!out.contains("not-a-real-login"), "{out}");
    }
    Ok(())
}

#[tokio::test]
async fn storage_check_beside_a_running_gateway_tries_what_it_may() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = builder()?.upstream(&upstream.url()).start().await?;
    let checked = gateway.command(&["storage", "check"])?;
    let (out, err) = (String::from_utf8(checked.stdout)?, String::from_utf8(checked.stderr)?);
    ensure!(checked.status.success(), "{out}{err}");
    ensure!(out.contains("in use  kv (memory): ") && out.contains("in use by a running gateway"), "{out}");
    ensure!(out.matches("     ok  ").count() == 2, "{out}");
    let findings: Value = serde_json::from_slice(&gateway.command(&["storage", "check", "--json"])?.stdout)?;
    ensure!(findings[0]["in_use"] == true && findings[1]["in_use"] == false, "{findings}");
    // without the gateway the file is free again
    let data = gateway.stop().await?;
    let checked = Builder::on(data).run(&["storage", "check", "--json"])?;
    let findings: Value = serde_json::from_slice(&checked.stdout)?;
    ensure!(findings[0]["ok"] == true && findings[0]["in_use"] == false, "{findings}");
    Ok(())
}

#[tokio::test]
async fn settings_that_cannot_be_used_are_refused_by_name() -> Result<()> {
    let cases = [
        ("PENSTOCK_KV", "memcached://:geheim@host", "redis://"),
        ("PENSTOCK_STORAGE_DSN", "oracle://user:geheim@host/x", "postgres://"),
        ("PENSTOCK_BLOB", "ftp://host", "s3://"),
        ("LOCAL_MODE", "perhaps", "true or false"),
        ("LOCAL_MODE", "false", "UPSTASH_REDIS_REST_URL"),
    ];
    for (name, value, helps) in cases {
        let refused = Builder::new()?.variable(name, value).run(&["config", "check"])?;
        let said = String::from_utf8(refused.stderr)?;
        ensure!(refused.status.code() == Some(2), "{name}={value}: {said}");
        ensure!(said.contains(helps) && !said.contains("geheim"), "{name}={value}: {said}");
    }
    Ok(())
}
