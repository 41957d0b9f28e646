//! Bundles through the real binary: out, in, and onto a gateway that runs.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use http::Method;
use penstock_tests::gateway::{ADMIN_KEY, Builder, DataDir, Gateway, binary};
use penstock_tests::http::{Answer, PATIENCE, get, post};
use penstock_tests::upstream::ScriptedUpstream;
use serde_json::{Value, json};

const TEAM: &str = "penstock: 1
providers:
  - name: openai
    credentials: [{ name: main, api_key: env:MAIN_KEY }]
    models: [{ id: gpt-4o-mini, price: { input: \"0.15\", output: 0.60 } }]
routes: [{ name: fast, members: [{ provider: openai, model: gpt-4o-mini }] }]
orgs: [{ name: acme, teams: [core], quotas: [{ window: month, limit: 500 }] }]
users:
  - { name: root, is_admin: true, password: correct horse battery }
  - name: ada
    org: acme
    team: core
    keys: [{ label: laptop, key: env:ADA_KEY }]
    permissions: [fast, \"openai/*\"]
";

/// The same, with its provider at the scripted upstream.
fn team_at(upstream: &ScriptedUpstream) -> String {
    TEAM.replace("  - name: openai\n", &format!("  - name: openai\n    base_url: {}/v1\n", upstream.url()))
}

/// What was applied is seen by a running gateway after that time.
const SOON: Duration = Duration::from_secs(1);

fn command(data: &Path, arguments: &[&str]) -> Result<Command> {
    let mut command = Command::new(binary()?);
    command.env_clear().env("MAIN_KEY", "sk-live-main").env("ADA_KEY", "sk-pen-adas-own-key-of-the-tests");
    command.current_dir(data).arg("--data-dir").arg(data).args(arguments).stdin(Stdio::null());
    Ok(command)
}

fn run(data: &Path, arguments: &[&str]) -> Result<Output> {
    Ok(command(data, arguments)?.output()?)
}

fn fed(data: &Path, arguments: &[&str], text: &str) -> Result<Output> {
    let mut child = command(data, arguments)?
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    child.stdin.take().context("no standard input")?.write_all(text.as_bytes())?;
    Ok(child.wait_with_output()?)
}

fn succeeded(output: &Output) -> Result<String> {
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout.clone())?)
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn an_export_through_a_pipe_makes_the_same_store() -> Result<()> {
    let (old, new) = (DataDir::new()?, DataDir::new()?);
    succeeded(&fed(old.path(), &["import", "-"], TEAM)?)?;
    let mut export =
        command(old.path(), &["export"])?.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let pipe = export.stdout.take().context("no standard output")?;
    let imported = command(new.path(), &["import", "-"])?.stdin(pipe).output()?;
    succeeded(&imported)?;
    let exported = export.wait_with_output()?;
    ensure!(
        exported.status.success() && said(&exported).contains("1 secrets in the open"),
        "{}",
        said(&exported)
    );
    let texts = [succeeded(&run(old.path(), &["export"])?)?, succeeded(&run(new.path(), &["export"])?)?];
    assert_eq!(texts[0], texts[1]);
    assert!(texts[0].contains("sk-live-main") && texts[0].contains("$argon2id$"), "{}", texts[0]);
    assert!(!texts[0].contains("adas-own-key"), "of a key, the digest is known");

    // under a master key it is the same text, and the store holds none of it in the open
    let sealed = DataDir::new()?;
    let key = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    let file = sealed.path().join("old.json");
    std::fs::write(&file, &texts[0])?;
    let imported =
        command(sealed.path(), &["import", "old.json"])?.env("PENSTOCK_MASTER_KEY", key).output()?;
    succeeded(&imported)?;
    std::fs::remove_file(&file)?;
    let exported = command(sealed.path(), &["export"])?.env("PENSTOCK_MASTER_KEY", key).output()?;
    assert_eq!(succeeded(&exported)?, texts[0]);
    for found in std::fs::read_dir(sealed.path())? {
        let bytes = std::fs::read(found?.path())?;
        ensure!(!bytes.windows(12).any(|window| window == b"sk-live-main"), "a secret is stored open");
    }
    Ok(())
}

#[test]
fn an_export_is_a_file_for_its_owner() -> Result<()> {
    let data = DataDir::new()?;
    succeeded(&fed(data.path(), &["import", "-"], TEAM)?)?;
    std::fs::write(data.path().join("out.json"), "what was there")?;
    succeeded(&run(data.path(), &["export", "--out", "out.json"])?)?;
    let path = data.path().join("out.json");
    assert_eq!(std::fs::metadata(&path)?.permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::read_to_string(&path)?, succeeded(&run(data.path(), &["export", "--out", "-"])?)?);
    let left = std::fs::read_dir(data.path())?.filter_map(Result::ok);
    ensure!(
        !left.into_iter().any(|file| file.file_name().to_string_lossy().contains(".part")),
        "a part is left"
    );

    let without = succeeded(&run(data.path(), &["export", "--no-secrets"])?)?;
    assert!(
        without.contains("env:OPENAI_API_KEY_MAIN")
            && !without.contains("sk-live")
            && !without.contains("argon2")
    );
    let same = fed(data.path(), &["apply", "-", "--plan"], &without)?;
    assert!(said(&same).contains("the variable OPENAI_API_KEY_MAIN is not set"), "{}", said(&same));
    let refused = run(data.path(), &["export", "--out", "no/such/folder/out.json"])?;
    assert!(
        !refused.status.success()
            && said(&refused).contains("--out: no/such/folder/out.json cannot be written")
    );
    let none = DataDir::new()?;
    let refused = run(none.path(), &["export"])?;
    assert!(said(&refused).contains("there is no control store"), "{}", said(&refused));
    Ok(())
}

#[test]
fn a_plan_says_what_would_change_and_with_which_status() -> Result<()> {
    let data = DataDir::new()?;
    let plan =
        |text: &str, more: &[&str]| fed(data.path(), &[&["apply", "-", "--plan"], more].concat(), text);
    let first = plan(TEAM, &[])?;
    assert_eq!(first.status.code(), Some(2), "{}", said(&first));
    assert!(!data.path().join("penstock.db").exists(), "a plan makes nothing");
    let lines = String::from_utf8(first.stdout.clone())?;
    assert!(
        lines.contains("+ credential    openai / main\n") && lines.contains("+ user          ada\n"),
        "{lines}"
    );
    assert!(!lines.contains('\u{1b}'), "colours are for terminals");

    succeeded(&fed(data.path(), &["apply", "-"], TEAM)?)?;
    let same = plan(TEAM, &[])?;
    assert_eq!((same.status.code(), same.stdout.len()), (Some(0), 0), "{}", said(&same));
    assert!(said(&same).contains("nothing to change"));

    let changed =
        TEAM.replace("sk-live", "x").replace("name: main, api_key", "name: main, weight: 7, api_key");
    assert_ne!(changed, TEAM);
    let changed = plan(&changed.replace("\"openai/*\"", "groq/*"), &["--prune"])?;
    assert_eq!(changed.status.code(), Some(2));
    let lines = String::from_utf8(changed.stdout)?;
    assert!(lines.contains("~ credential  openai / main  weight: 100 -> 7\n"), "{lines}");
    assert!(
        lines.contains("+ permission  user ada / groq/*\n")
            && lines.contains("- permission  user ada / openai/*\n"),
        "{lines}"
    );
    let json = plan(&TEAM.replace("env:MAIN_KEY", "sk-other-secret"), &["--json"])?;
    let value: Value = serde_json::from_slice(&json.stdout)?;
    assert_eq!(
        value["changes"],
        json!([{"action": "change", "kind": "credential", "name": "openai / main",
        "fields": [{"field": "secret", "from": "[hidden]", "to": "[hidden]"}]}])
    );
    Ok(())
}

#[test]
fn pruning_removes_what_is_not_named_and_never_the_last_administrator() -> Result<()> {
    let data = DataDir::new()?;
    succeeded(&fed(data.path(), &["apply", "-"], TEAM)?)?;
    let kept = fed(data.path(), &["apply", "-"], "penstock: 1\nusers: []\n")?;
    assert!(said(&kept).contains("nothing to change"), "{}", said(&kept));
    let needed = fed(data.path(), &["apply", "-", "--prune"], "penstock: 1\nproviders: []\n")?;
    assert!(
        !needed.status.success() && said(&needed).contains("but the route \"fast\" needs it"),
        "{}",
        said(&needed)
    );
    let pruned = fed(data.path(), &["apply", "-", "--prune"], "penstock: 1\nusers: []\nroutes: []\n")?;
    assert_eq!(
        succeeded(&pruned)?,
        "- route  fast
- user   ada
"
    );
    assert!(
        said(&pruned).contains("kept the user \"root\": it is the last administrator"),
        "{}",
        said(&pruned)
    );
    let export: Value = serde_json::from_str(&succeeded(&run(data.path(), &["export"])?)?)?;
    assert_eq!(export["users"].as_array().map(Vec::len), Some(1));
    assert_eq!(export["deleted_keys"].as_array().map(Vec::len), Some(1), "a deleted key stays known");
    Ok(())
}

#[test]
fn a_bad_bundle_is_refused_with_every_fault_and_changes_nothing() -> Result<()> {
    let data = DataDir::new()?;
    std::fs::write(
        data.path().join("bad.yaml"),
        "penstock: 1\nproviders:\n  - name: openai\n    bas_url: x\n    enabled: 1\nusers: [ada, ada]\n",
    )?;
    std::fs::write(
        data.path().join("bad.toml"),
        "penstock = 1\n[[users]]\nname = \"ada\"\nkeys = [{ label = \"x\", kye = \"sk-hidden\" }]\n",
    )?;
    let cases: [(&[&str], &[&str]); 4] = [
        (
            &["apply", "bad.yaml"],
            &[
                "bad.yaml cannot be applied:\nline 4: providers \"openai\": unknown field `bas_url`: did you mean `base_url`?\n",
                "line 5: providers \"openai\", enabled: expected true or false, found the number 1\n",
                "line 6: users \"ada\": expected it once, found it twice\n",
            ],
        ),
        (
            &["import", "bad.toml"],
            &["line 4: users \"ada\", keys \"x\": unknown field `kye`: did you mean `key`?"],
        ),
        (&["apply", "none.json", "--plan"], &["none.json cannot be read: No such file"]),
        (&["apply", "-"], &["standard input cannot be applied:\npenstock: expected 1"]),
    ];
    for (arguments, expected) in cases {
        let refused = run(data.path(), arguments)?;
        let says = said(&refused);
        assert_eq!(refused.status.code(), Some(1), "{says}");
        for words in expected {
            assert!(says.contains(words), "{says}\nexpected {words}");
        }
        assert!(!says.contains("hidden"), "{says}");
    }
    assert!(!data.path().join("penstock.db").exists(), "nothing was made");
    Ok(())
}

#[test]
fn a_key_that_is_made_is_printed_once() -> Result<()> {
    let data = DataDir::new()?;
    let text = "penstock = 1\n[[users]]\nname = \"ci\"\nkeys = [{ label = \"runner\" }]\n";
    let made = fed(data.path(), &["apply", "-"], text)?;
    let lines = succeeded(&made)?;
    let key = lines.lines().last().context("no key")?;
    assert!(
        key.starts_with("sk-pen-") && said(&made).contains("made key \"runner\" for user \"ci\""),
        "{lines}"
    );
    assert!(!succeeded(&fed(data.path(), &["apply", "-"], text)?)?.contains("sk-pen-"));
    assert!(!succeeded(&run(data.path(), &["export"])?)?.contains(key));
    Ok(())
}

async fn until(gateway: &Gateway, key: &str, status: u16) -> Result<Duration> {
    let start = Instant::now();
    loop {
        let call = post(gateway.at("/v1/chat/completions"), r#"{"model":"openai/scripted","messages":[]}"#);
        if call.key(key).send().await?.status == status {
            return Ok(start.elapsed());
        }
        ensure!(start.elapsed() < PATIENCE, "no {status}: {}", gateway.log()?);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_running_gateway_sees_what_was_applied() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = Builder::new()?.upstream(&upstream.url()).start().await?;
    let key = "sk-pen-adas-own-key-of-the-tests";
    let team = team_at(&upstream);
    succeeded(&fed(gateway.data_dir(), &["apply", "-"], &team)?)?;
    let took = until(&gateway, key, 200).await?;
    assert!(took < SOON, "it is seen after {took:?}");
    let gone = team.replace("    keys: [{ label: laptop, key: env:ADA_KEY }]\n", "    keys: []\n");
    assert_ne!(gone, team);
    succeeded(&fed(gateway.data_dir(), &["apply", "-", "--prune"], &gone)?)?;
    let took = until(&gateway, key, 401).await?;
    assert!(took < SOON, "it is seen after {took:?}");
    Ok(())
}

#[tokio::test]
async fn a_first_start_imports_and_a_second_does_not() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let data = DataDir::new()?;
    let file = data.path().join("first.yaml");
    std::fs::write(
        &file,
        format!("{}    quotas: []\n  - {{ name: ci, keys: [{{ label: runner }}] }}\n", team_at(&upstream)),
    )?;
    let start = |data: DataDir| {
        Builder::on(data)
            .upstream(&upstream.url())
            .variable("MAIN_KEY", "sk-live-main")
            .variable("ADA_KEY", "sk-pen-adas-own-key-of-the-tests")
            .variable("PENSTOCK_IMPORT_FILE", &file.display().to_string())
    };
    let gateway = start(data).start().await?;
    until(&gateway, "sk-pen-adas-own-key-of-the-tests", 200).await?;
    let keys = gateway.data_dir().join("imported-keys.txt");
    let made = std::fs::read_to_string(&keys)?;
    assert!(made.starts_with("ci\trunner\tsk-pen-"), "{made}");
    assert_eq!(std::fs::metadata(&keys)?.permissions().mode() & 0o777, 0o600);
    assert!(!gateway.log()?.contains("sk-"), "{}", gateway.log()?);
    let before = succeeded(&run(gateway.data_dir(), &["export"])?)?;
    let data = gateway.stop().await?;
    std::fs::write(&file, "penstock: 1\nusers: [late]\n")?;
    let gateway = start(data).start().await?;
    assert_eq!(succeeded(&run(gateway.data_dir(), &["export"])?)?, before);
    drop(gateway);

    let bad = Builder::new()?
        .variable("PENSTOCK_IMPORT_FILE", "/no/such/bundle.yaml")
        .run(&["--port=0", "serve"])?;
    assert!(
        !bad.status.success() && said(&bad).contains("import_file: /no/such/bundle.yaml cannot be imported"),
        "{}",
        said(&bad)
    );
    Ok(())
}

async fn admin(gateway: &Gateway, method: Method, path: &str, kind: &str, body: &str) -> Result<Answer> {
    let call = post(gateway.at(&format!("/admin/v1{path}")), body.to_owned()).method(method).key(ADMIN_KEY);
    call.content_type(kind).send().await
}

#[tokio::test]
async fn the_admin_api_applies_and_exports() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = Builder::new()?.upstream(&upstream.url()).start().await?;
    let text = team_at(&upstream)
        .replace("env:MAIN_KEY", "sk-live-main")
        .replace("env:ADA_KEY", "sk-pen-adas-own-key-of-the-tests");
    let apply =
        async |path: &str, kind: &str, body: &str| admin(&gateway, Method::POST, path, kind, body).await;
    let plan = apply("/apply?plan=true", "application/yaml", &text).await?;
    assert_eq!(plan.status, 200, "{}", plan.text());
    assert!(plan.json()?["changes"].as_array().is_some_and(|changes| changes.len() > 8), "{}", plan.text());
    let done = apply("/apply", "application/yaml; charset=utf-8", &text).await?;
    assert_eq!(done.status, 200, "{}", done.text());
    assert_eq!(done.json()?["changes"], plan.json()?["changes"]);
    let key = "sk-pen-adas-own-key-of-the-tests";
    let call =
        post(gateway.at("/v1/chat/completions"), r#"{"model":"openai/scripted","messages":[]}"#).key(key);
    assert_eq!(call.send().await?.status, 200, "a change made here is seen at once");

    let export = get(gateway.at("/admin/v1/export")).key(ADMIN_KEY).send().await?;
    assert!(export.status == 200 && export.text().contains("sk-live-main"), "{}", export.text());
    let same = apply("/apply?prune=true", "application/json", &export.text()).await?.json()?;
    assert_eq!(same["changes"], json!([]));
    let without = get(gateway.at("/admin/v1/export?secrets=false")).key(ADMIN_KEY).send().await?.text();
    assert!(without.contains("env:OPENAI_API_KEY_MAIN") && !without.contains("sk-live"), "{without}");

    let cases = [
        (
            "/apply",
            "application/yaml",
            TEAM,
            422,
            "line 4: providers \\\"openai\\\", credentials \\\"main\\\", secret: expected the secret itself, found a reference",
        ),
        (
            "/apply",
            "application/toml",
            "penstock = 1\nuser = []\n",
            422,
            "unknown section `user`: did you mean `users`?",
        ),
        (
            "/apply",
            "text/html",
            "x",
            415,
            "expected application/json, application/yaml or application/toml, found \\\"text/html\\\"",
        ),
        ("/apply", "application/json", "{", 422, "not JSON"),
        ("/apply?force=true", "application/json", "{}", 422, "force"),
    ];
    for (path, kind, body, status, words) in cases {
        let refused = apply(path, kind, body).await?;
        assert!(
            refused.status == status && refused.text().contains(words),
            "{} {}",
            refused.status,
            refused.text()
        );
    }
    let nobody = post(gateway.at("/admin/v1/apply"), "{}").send().await?;
    assert_eq!(nobody.status, 401);
    assert_eq!(get(gateway.at("/admin/v1/export")).send().await?.status, 401);
    Ok(())
}

#[test]
fn a_provider_that_a_bundle_makes_starts_with_the_routing_rules_of_its_channel() -> Result<()> {
    let data = DataDir::new()?;
    let text = "penstock: 1\nproviders:\n- {name: eu, channel: openai}\n- {name: bare, channel: openai, routing_rules: []}\n\
                - {name: own, channel: openai, routing_rules: [{operation: generate, kind: gemini, implementation: unsupported}]}\n";
    let planned = fed(data.path(), &["apply", "-", "--plan"], text)?;
    let note = "note: the new provider \"eu\" starts with the 11 routing rules of the channel \"openai\"";
    assert!(said(&planned).contains(note), "{}", said(&planned));
    let applied = fed(data.path(), &["apply", "-"], text)?;
    assert!(said(&applied).contains(note), "{}", said(&applied));
    let same = fed(data.path(), &["apply", "-", "--prune"], text)?;
    assert!(said(&same).contains("nothing to change"), "{}", said(&same));
    let export = succeeded(&run(data.path(), &["export"])?)?;
    let value: Value = serde_json::from_str(&export)?;
    let rules = |name: &str| {
        let providers = value["providers"].as_array()?;
        let found = providers.iter().find(|provider| provider["name"] == name)?;
        found["routing_rules"].as_array().map(Vec::len)
    };
    assert_eq!((rules("eu"), rules("bare"), rules("own")), (Some(11), Some(0), Some(1)), "{export}");
    // what was taken away on purpose stays away in a copy
    let copy = DataDir::new()?;
    succeeded(&fed(copy.path(), &["import", "-"], &export)?)?;
    assert_eq!(succeeded(&run(copy.path(), &["export"])?)?, export);
    Ok(())
}
