//! Spans for whoever collects traces: what they say, whom they belong to, and what happens without a collector.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use penstock_tests::collector::{Collector, Span};
use penstock_tests::gateway::{Builder, DataDir};
use penstock_tests::http::{PATIENCE, post};
use penstock_tests::upstream::ScriptedUpstream;

use crate::modules::known_key;

const CHAT: &str = "/v1/chat/completions";
const SERVER: i32 = 2;
const CLIENT: i32 = 3;
/// What a client says of its own trace, which somebody keeps.
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

/// A gateway that sends spans, at once.
fn builder(upstream: &ScriptedUpstream, collector: &Collector) -> Result<Builder> {
    let builder = Builder::new()?.upstream(&upstream.url());
    let builder = builder.variable("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url());
    Ok(builder.variable("OTEL_BSP_SCHEDULE_DELAY", "20"))
}

fn body(model: &str, stream: bool) -> String {
    format!(
        r#"{{"model":"openai/{model}","stream":{stream},"messages":[{{"role":"user","content":"a private word"}}]}}"#
    )
}

fn named<'a>(spans: &'a [Span], name: &str) -> Result<&'a Span> {
    spans.iter().find(|span| span.name == name).with_context(|| format!("no span {name:?}: {spans:#?}"))
}

fn attribute<'a>(span: &'a Span, name: &str) -> &'a str {
    span.attributes.get(name).map_or("", String::as_str)
}

const LOOKS: &str = "export default { name: 'looks', version: '1.0.0',
    async pre() { return { continue: true } },
    async stream(chunk) { return chunk },
    async post() {} }";
const THROWS: &str =
    "export default { name: 'throws', version: '1.0.0', async pre() { throw new Error('not today') } }";

#[tokio::test]
async fn a_request_has_a_span_and_in_it_each_hook_and_each_call() -> Result<()> {
    let (upstream, collector) = (ScriptedUpstream::start().await?, Collector::start().await?);
    let data = DataDir::new()?;
    let folder = data.path().join("modules");
    std::fs::create_dir(&folder)?;
    std::fs::write(folder.join("looks.ts"), LOOKS)?;
    std::fs::write(folder.join("throws.ts"), THROWS)?;
    let gateway = Builder::on(data)
        .upstream(&upstream.url())
        .variable("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url())
        .variable("OTEL_EXPORTER_OTLP_HEADERS", "x-of-the-collector=a-token")
        .variable("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=tests")
        .variable("OTEL_BSP_SCHEDULE_DELAY", "20")
        .set("modules_dir", &folder.display().to_string())
        .set("pipe", "looks,throws")
        .start()
        .await?;
    let key = known_key(&gateway, "ada", "*").await?;
    let call = post(gateway.at(CHAT), body("scripted", true)).key(&key);
    let answer = call.header("traceparent", &format!("00-{TRACE}-{PARENT}-01")).send().await?;
    assert_eq!(answer.status, 200, "{}", answer.text());

    let spans = collector.spans(6).await?;
    let request = named(&spans, "POST /v1/chat/completions")?;
    assert_eq!((request.kind, request.parent.as_str()), (SERVER, PARENT));
    assert_eq!(attribute(request, "http.response.status_code"), "200");
    assert_eq!(attribute(request, "http.route"), CHAT);
    assert_eq!(Some(attribute(request, "penstock.request_id")), answer.header("x-request-id"));
    for span in &spans {
        assert_eq!(span.trace, TRACE, "{span:#?}");
        ensure!(span.id == request.id || span.parent == request.id, "{span:#?}");
        ensure!(request.time.0 <= span.time.0 && span.time.0 <= span.time.1, "{span:#?} of {request:#?}");
        let said = format!("{span:?}");
        ensure!(!said.contains("private") && !said.contains(&key), "{said}");
    }
    let call = named(&spans, "chat scripted")?;
    assert_eq!(call.kind, CLIENT);
    let about = ["gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model"];
    assert_eq!(about.map(|name| attribute(call, name)), ["chat", "openai", "scripted"]);
    let row = &gateway.usage_of(1).await?[0];
    let used: serde_json::Value = serde_json::from_str(row["raw_usage"].as_str().context("no usage")?)?;
    let tokens =
        ["gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"].map(|name| attribute(call, name));
    let expected = ["prompt_tokens", "completion_tokens"].map(|name| used[name].to_string());
    assert_eq!(tokens, expected.each_ref().map(String::as_str), "{used}");
    assert_eq!((attribute(call, "penstock.ended"), call.error.as_ref()), ("complete", None));

    for hook in ["pre looks", "stream looks", "post looks"] {
        assert_eq!(named(&spans, hook)?.error, None, "{hook}");
    }
    // one span for all pieces of a stream
    let pieces: u32 = attribute(named(&spans, "stream looks")?, "penstock.calls").parse()?;
    ensure!(pieces > 1, "{pieces}");
    let failed = named(&spans, "pre throws")?;
    ensure!(failed.error.as_ref().is_some_and(|error| error.contains("not today")), "{failed:#?}");
    assert_eq!(attribute(failed, "penstock.outcome"), "failed");

    let who = collector.resource();
    let of = |name: &str| who.get(name).map(String::as_str);
    assert_eq!(of("service.name"), Some("penstock"));
    assert_eq!(of("deployment.environment.name"), Some("tests"));
    assert_eq!(collector.header("x-of-the-collector").as_deref(), Some("a-token"));
    Ok(())
}

#[tokio::test]
async fn each_try_is_a_span_and_a_refusal_is_one() -> Result<()> {
    let (upstream, collector) = (ScriptedUpstream::start().await?, Collector::start().await?);
    let gateway = builder(&upstream, &collector)?.set("max_attempts", "2").start().await?;
    assert_eq!(post(gateway.at(CHAT), body("scripted@status=500", false)).send().await?.status, 500);
    let spans = collector.spans(3).await?;
    let tries: Vec<_> = spans.iter().filter(|span| span.kind == CLIENT).collect();
    let told = |name: &str| tries.iter().map(|span| attribute(span, name).to_owned()).collect::<Vec<_>>();
    assert_eq!(told("error.type"), ["server_error", "server_error"]);
    assert_eq!(told("http.request.resend_count"), ["", "1"]);
    let request = named(&spans, "POST /v1/chat/completions")?;
    assert_eq!((attribute(request, "error.type"), request.error.is_some()), ("500", true));

    assert_eq!(post(gateway.at(CHAT), body("scripted@status=400", false)).send().await?.status, 400);
    let spans = collector.spans(5).await?;
    let refused = spans.iter().find(|span| attribute(span, "error.type") == "400").context("no refusal")?;
    assert_eq!((refused.kind, attribute(refused, "http.response.status_code")), (CLIENT, "400"));
    // a client's mistake is none of the gateway's
    let request = spans
        .iter()
        .find(|span| span.kind == SERVER && attribute(span, "http.response.status_code") == "400");
    assert_eq!(request.context("no span")?.error, None);
    Ok(())
}

#[tokio::test]
async fn a_trace_that_nobody_keeps_is_not_sent_and_the_last_ones_are_sent_at_the_end() -> Result<()> {
    let (upstream, collector) = (ScriptedUpstream::start().await?, Collector::start().await?);
    // an hour: what comes comes because the gateway stops
    let builder = builder(&upstream, &collector)?.variable("OTEL_BSP_SCHEDULE_DELAY", "3600000");
    let gateway = builder.start().await?;
    for flag in ["00", "01"] {
        let parent = format!("00-{TRACE}-{PARENT}-{flag}");
        let call = post(gateway.at(CHAT), body("scripted", false)).header("traceparent", &parent);
        assert_eq!(call.send().await?.status, 200);
    }
    gateway.settled().await?;
    gateway.stop().await?;
    let mut names = BTreeMap::new();
    for span in collector.spans(2).await? {
        *names.entry(span.name).or_insert(0) += 1;
    }
    assert_eq!(names, [("POST /v1/chat/completions".to_owned(), 1), ("chat scripted".to_owned(), 1)].into());
    Ok(())
}

#[tokio::test]
async fn a_collector_that_is_away_is_told_once_and_holds_nobody_up() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gone = Collector::start().await?;
    let builder = builder(&upstream, &gone)?;
    drop(gone);
    let gateway = builder.start().await?;
    let start = std::time::Instant::now();
    while !gateway.log()?.contains("spans do not reach their collector") {
        assert_eq!(post(gateway.at(CHAT), body("scripted", false)).send().await?.status, 200);
        ensure!(start.elapsed() < PATIENCE, "{}", gateway.log()?);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    for _ in 0..10 {
        assert_eq!(post(gateway.at(CHAT), body("scripted", false)).send().await?.status, 200);
        tokio::time::sleep(std::time::Duration::from_millis(30)).await;
    }
    assert_eq!(gateway.log()?.matches("spans do not reach their collector").count(), 1);
    Ok(())
}

#[tokio::test]
async fn what_the_environment_asks_for_and_cannot_have_stops_the_start() -> Result<()> {
    for (variable, value, said) in [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "expected http/protobuf, found \"grpc\""),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon", "expected milliseconds, found \"soon\""),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "no url", "expected the URL of a collector"),
    ] {
        let builder = Builder::new()?.variable("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318");
        let output = builder.variable(variable, value).run(&["serve", "--port", "0"])?;
        let error = String::from_utf8_lossy(&output.stderr);
        ensure!(!output.status.success() && error.contains(said), "{variable}={value}: {error}");
    }
    Ok(())
}
