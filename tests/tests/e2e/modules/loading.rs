//! Which modules run, and what is said of a pipeline that cannot.

use anyhow::{Result, ensure};
use penstock_tests::gateway::{Builder, DataDir, Gateway};
use penstock_tests::http::{get, post};
use penstock_tests::upstream::ScriptedUpstream;
use serde_json::Value;

use super::{CHAT, ask, chat, error, known_key, save, told};

/// The names of the modules that would run.
async fn pipeline(gateway: &Gateway, header: Option<&str>) -> Result<Vec<String>> {
    let call = get(gateway.at("/v1/pipeline"));
    let call = match header {
        Some(modules) => call.header("x-penstock-pipe", modules),
        None => call,
    };
    let answer = call.send().await?;
    ensure!(answer.status == 200, "{}", answer.text());
    let json = answer.json()?;
    let modules = json["modules"].as_array().into_iter().flatten();
    Ok(modules.map(|module| module["name"].as_str().unwrap_or_default().to_owned()).collect())
}

#[tokio::test]
async fn without_a_word_no_module_runs() -> Result<()> {
    let gateway = Builder::new()?.start().await?;
    assert!(pipeline(&gateway, None).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn the_pipeline_is_what_was_written_and_says_what_it_is() -> Result<()> {
    let gateway = Builder::new()?.set("pipe", "cost-guard,exact-cache").start().await?;
    assert_eq!(pipeline(&gateway, None).await?, ["cost-guard", "exact-cache"]);
    let shown = get(gateway.at("/v1/pipeline")).send().await?.json()?;
    let guard = &shown["modules"][0];
    assert_eq!(
        (&guard["source"], &guard["on_failure"], &guard["state"]),
        (&"built-in".into(), &"closed".into(), &"running".into())
    );
    assert!(guard["version"].as_str().is_some_and(|version| version.split('.').count() == 3), "{guard}");
    assert_eq!(guard["hooks"], serde_json::json!(["pre", "post"]));
    Ok(())
}

#[tokio::test]
async fn a_pipeline_that_cannot_run_is_refused_at_the_start_in_words() -> Result<()> {
    let cases = [
        ("cost-gard", "--set pipe, entry 1: there is no module `cost-gard`: did you mean `cost-guard`?"),
        ("cost-guard,,exact-cache", "--set pipe, entry 2: expected a module's name or path, found nothing"),
        (
            "./modules/mine.py",
            "--set pipe, entry 1: expected a file of modules (.ts, .mts, .js, .mjs), found `./modules/mine.py`",
        ),
    ];
    for (pipe, expected) in cases {
        let checked = Builder::new()?.set("pipe", pipe).run(&["config", "check"])?;
        let said = String::from_utf8_lossy(&checked.stderr);
        assert!(!checked.status.success() && said.contains(expected), "{pipe}: {said}");
        let output = Builder::new()?.set("pipe", pipe).run(&["--port=0", "serve"])?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(expected), "{pipe}: {said}");
    }
    Ok(())
}

fn with_file(data: DataDir, text: &str) -> Result<(Builder, std::path::PathBuf)> {
    let path = data.path().join("pipeline.yaml");
    std::fs::write(&path, text)?;
    Ok((Builder::on(data).set("pipe_file", &path.display().to_string()), path))
}

#[tokio::test]
async fn a_bad_configuration_names_file_line_and_entry() -> Result<()> {
    let text = "pipeline:\n  - exact-cache\n  - cost-guard:\n      perDay: free\n";
    let (builder, path) = with_file(DataDir::new()?, text)?;
    let output = builder.run(&["--port=0", "serve"])?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let expected = format!("{}:3, entry 2: perDay: ", path.display());
    assert!(!output.status.success() && said.contains(&expected), "{said}");
    Ok(())
}

#[tokio::test]
async fn a_file_that_is_saved_runs_and_a_broken_one_changes_nothing() -> Result<()> {
    let (builder, path) = with_file(DataDir::new()?, "[cost-guard]")?;
    let gateway = builder.start().await?;
    assert_eq!(pipeline(&gateway, None).await?, ["cost-guard"]);
    save(&path, "[cost-guard, exact-cache]\n")?;
    told(&gateway, "modules were loaded again").await?;
    assert_eq!(pipeline(&gateway, None).await?, ["cost-guard", "exact-cache"]);
    save(&path, "pipeline:\n  - cost-guard\n  - exakt-cache\n")?;
    told(&gateway, "pipeline.yaml:3, entry 2: there is no module `exakt-cache`").await?;
    assert_eq!(pipeline(&gateway, None).await?, ["cost-guard", "exact-cache"], "those that run go on");
    Ok(())
}

#[tokio::test]
async fn a_header_chooses_among_what_is_configured_where_that_is_allowed() -> Result<()> {
    let text =
        "pipeline:\n  - module: cost-guard\n    required: true\n  - request-log\navailable: [exact-cache]\n";
    let (builder, _) = with_file(DataDir::new()?, text)?;
    let gateway = builder.set("pipe_header", "true").start().await?;
    assert_eq!(pipeline(&gateway, None).await?, ["cost-guard", "request-log"]);
    assert_eq!(pipeline(&gateway, Some("exact-cache")).await?, ["cost-guard", "exact-cache"]);
    assert_eq!(pipeline(&gateway, Some("none")).await?, ["cost-guard"], "nobody leaves out what is required");
    let refused =
        post(gateway.at(CHAT), chat("openai/scripted", "hi")).header("x-prxy-pipe", "semantic-cache").send();
    let refused = refused.await?;
    assert_eq!(refused.status, 400);
    let message = error(&refused)?["message"].as_str().unwrap_or_default().to_owned();
    assert_eq!(
        message,
        "x-prxy-pipe: module `semantic-cache` is not configured here: `cost-guard`, `request-log`, `exact-cache` configured"
    );
    let with_config = get(gateway.at("/v1/pipeline"))
        .header("x-penstock-pipe", "[cost-guard: {perDay: 1000}]")
        .send()
        .await?;
    assert_eq!(with_config.status, 400, "{}", with_config.text());
    Ok(())
}

#[tokio::test]
async fn a_header_is_refused_where_it_is_not_allowed() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = Builder::new()?.upstream(&upstream.url()).set("pipe", "cost-guard").start().await?;
    let call = post(gateway.at(CHAT), chat("openai/scripted", "hi")).header("x-penstock-pipe", "none");
    let answer = call.send().await?;
    assert_eq!(answer.status, 403);
    assert!(answer.text().contains("`pipe_header`"), "{}", answer.text());
    assert!(upstream.requests().is_empty());
    let plain = ask(&gateway, CHAT, chat("openai/scripted", "hi")).await?;
    assert_eq!(plain.status, 200);
    assert!(upstream.requests()[0].header("x-penstock-pipe").is_none());
    Ok(())
}

#[tokio::test]
async fn an_administrator_sees_what_modules_did() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway =
        Builder::new()?.upstream(&upstream.url()).set("pipe", "cost-guard,exact-cache").start().await?;
    let traced =
        post(gateway.at(CHAT), chat("openai/scripted", "hi")).header("x-penstock-trace", "1").send().await?;
    let trace: Value = serde_json::from_str(traced.header("x-penstock-trace").unwrap_or_default())?;
    assert_eq!(trace["steps"][0]["module"], "cost-guard");
    assert_eq!(trace["steps"][1]["outcome"], "continued");
    assert_eq!(trace["metadata"]["cache.exact.hit"], false);
    let key = known_key(&gateway, "ada", "*").await?;
    let other =
        post(gateway.at(CHAT), chat("openai/scripted", "hi")).key(&key).header("x-penstock-trace", "1");
    let other = other.send().await?;
    assert_eq!(other.status, 200, "{}", other.text());
    assert_eq!(other.header("x-penstock-trace"), None, "which is nobody else's business");
    Ok(())
}
