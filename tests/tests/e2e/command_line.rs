//! The commands beside `serve`.

use anyhow::Result;
use penstock_tests::gateway::{Builder, DataDir};
use penstock_tests::http::post;
use penstock_tests::upstream::ScriptedUpstream;
use serde_json::Value;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test]
async fn users_keys_and_usage_from_the_shell() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = Builder::new()?.upstream(&upstream.url()).start().await?;
    let added = gateway.command(&["user", "add", "ada"])?;
    assert!(text(&added.stdout).contains("it may use every model (`*`"), "{}", text(&added.stdout));
    let made =
        gateway.command(&["key", "create", "--user", "ada", "--label", "laptop", "--expires", "90d"])?;
    let key = text(&made.stdout).trim().to_owned();
    assert!(key.starts_with("sk-pen-") && !key.contains(' '), "only the key is on standard output: {key}");
    let listed = text(&gateway.command(&["key", "list"])?.stdout);
    assert!(listed.contains("laptop") && listed.contains("active") && !listed.contains(&key), "{listed}");
    let call =
        || post(gateway.at("/v1/chat/completions"), r#"{"model":"gpt-4o-mini","messages":[]}"#).key(&key);
    while call().send().await?.status == 401 {
        tokio::task::yield_now().await;
    }
    gateway.usage_of(1).await?;
    let report = text(&gateway.command(&["usage", "report", "--by", "user"])?.stdout);
    assert!(report.contains("USER") && report.contains("ada"), "{report}");
    let report = gateway.command(&["usage", "report", "--by", "key", "--since", "1h", "--json"])?;
    let report: Value = serde_json::from_slice(&report.stdout)?;
    assert!(report["totals"][0]["group"].as_str().unwrap().ends_with("(laptop)"), "{report}");
    assert_ne!(report["totals"][0]["cost"], "0");
    Ok(())
}

#[test]
fn what_is_wrong_is_said_and_the_exit_status_tells() -> Result<()> {
    let cases: [(&[&str], i32, &str); 10] = [
        (&["frobnicate"], 2, "unrecognized subcommand"),
        (&["config", "check", "--set", "prot=1"], 2, "--set: unknown key `prot`: did you mean `port`?"),
        (&["config", "check", "--set", "port"], 2, "--set: expected NAME=VALUE, found \"port\""),
        (
            &["config", "check", "--port", "70000"],
            2,
            "port (--port): expected a number from 0 to 65535, found \"70000\"",
        ),
        (
            &["config", "check", "--config", "/nowhere/penstock.toml"],
            2,
            "/nowhere/penstock.toml cannot be read",
        ),
        (&["key", "create", "--user", "nobody"], 1, "no user \"nobody\""),
        (&["key", "revoke", "sk-pen-nothing-like-it"], 1, "name the folder of your gateway"),
        (
            &["key", "create", "--user", "x", "--expires", "soon"],
            1,
            "--expires: expected a duration from now",
        ),
        (&["usage", "report", "--since", "whenever"], 1, "--since: expected a duration before now"),
        (&["usage", "report"], 1, "name the folder of your gateway with --data-dir"),
    ];
    for (arguments, status, message) in cases {
        let builder = Builder::new()?;
        let output = builder.run(arguments)?;
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {}", text(&output.stderr));
        assert!(text(&output.stderr).contains(message), "{arguments:?}: {}", text(&output.stderr));
    }
    Ok(())
}

#[test]
fn the_configuration_is_shown_with_its_origins_and_without_secrets() -> Result<()> {
    let output = Builder::new()?
        .file("[timeouts]\nidle = \"9s\"\n")
        .variable("OPENAI_API_KEY", "sk-secret-of-mine")
        .variable("PENSTOCK_PORT", "9000")
        .run(&["config", "show", "--json"])?;
    let shown = text(&output.stdout);
    assert!(!shown.contains("sk-secret-of-mine") && !shown.contains("an-admin-key"), "{shown}");
    let shown: Value = serde_json::from_str(&shown)?;
    let row = |name: &str| {
        shown["settings"].as_array().unwrap().iter().find(|row| row["name"] == name).unwrap().clone()
    };
    assert_eq!((&row("port")["value"], &row("port")["origin"]), (&"9000".into(), &"PENSTOCK_PORT".into()));
    assert!(row("timeouts.idle")["origin"].as_str().unwrap().ends_with("penstock.toml"));
    assert_eq!(row("admin_key")["value"], "[hidden]");
    assert_eq!(shown["providers"][0]["origin"], "OPENAI_API_KEY");
    Ok(())
}

#[test]
fn doctor_names_what_does_not_work() -> Result<()> {
    let sound = Builder::new()?.variable("OPENAI_API_KEY", "sk-1").run(&["doctor"])?;
    assert!(sound.status.success(), "{}", text(&sound.stdout));
    let open = Builder::new()?.set("port", "x").run(&["doctor", "--json"])?;
    assert_eq!(open.status.code(), Some(1));
    let findings: Value = serde_json::from_slice(&open.stdout)?;
    assert_eq!((&findings[0]["check"], &findings[0]["state"]), (&"configuration".into(), &"failed".into()));
    Ok(())
}

#[test]
fn doctor_says_whether_the_secrets_open() -> Result<()> {
    const KEYS: [&str; 2] =
        ["AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="];
    let data = DataDir::new()?;
    let bundle = data.path().join("bundle.toml");
    std::fs::write(
        &bundle,
        "penstock = 1\n[[providers]]\nname = \"openai\"\ncredentials = [{ name = \"a\", api_key = \"sk-1\" }]\n",
    )?;
    let sealed = Builder::on(data).variable("PENSTOCK_MASTER_KEY", KEYS[0]);
    let imported = sealed.run(&["import", bundle.to_str().unwrap()])?;
    assert!(imported.status.success(), "{}", text(&imported.stderr));
    let sound = sealed.run(&["doctor"])?;
    assert!(
        sound.status.success() && text(&sound.stdout).contains("secrets: all 1 open"),
        "{}",
        text(&sound.stdout)
    );
    // of two values for a variable the later one holds
    let other = sealed.variable("PENSTOCK_MASTER_KEY", KEYS[1]).run(&["doctor"])?;
    assert!(!other.status.success(), "{}", text(&other.stdout));
    assert!(text(&other.stdout).contains("secrets: 1 of 1 do not open"), "{}", text(&other.stdout));
    Ok(())
}

#[test]
fn doctor_changes_nothing() -> Result<()> {
    let builder = Builder::new()?;
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    builder.run(&["doctor", "--data-dir", data.to_str().unwrap()])?;
    assert!(!data.exists());
    Ok(())
}

#[test]
fn every_command_has_help_with_an_example_and_shells_complete() -> Result<()> {
    let builder = Builder::new()?;
    let commands: [&[&str]; 8] = [
        &[],
        &["serve"],
        &["config", "check"],
        &["config", "show"],
        &["user", "add"],
        &["key", "create"],
        &["key", "revoke"],
        &["usage", "report"],
    ];
    for command in commands {
        let help = builder.run(&[command, &["--help"]].concat())?;
        assert!(text(&help.stdout).contains("Example:"), "{command:?}");
    }
    for shell in ["bash", "zsh", "fish"] {
        let script = builder.run(&["completions", shell])?;
        assert!(text(&script.stdout).contains("penstock") && script.status.success(), "{shell}");
    }
    let version: Value = serde_json::from_slice(&builder.run(&["version", "--json"])?.stdout)?;
    assert_eq!(version["version"], env!("CARGO_PKG_VERSION"));
    Ok(())
}
