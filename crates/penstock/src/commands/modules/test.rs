//! `penstock modules test`: a module against recorded requests, with a storage that is gone afterwards.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use penstock_core::canonical::{CanonicalRequest, CanonicalResponse, FromJson as _};
use penstock_core::{Clock as _, Ended, Json, RequestId, SystemClock, Usage, Usd};
use penstock_pipeline::grammar::ModuleName;
use penstock_pipeline::{
    Answer, ApiKeyInfo, Call, Finished, Modules, Pipeline, PipelineSpec, Request, RequestSource, Response,
    Run, Step, Tenant, Upstreams, replay,
};
use penstock_storage::blob::memory::MemoryBlob;
use penstock_storage::db::sqlite::SqliteDriver;
use penstock_storage::kv::memory::{MemoryKv, MemoryKvOptions};
use penstock_storage::{Kind, StorageAdapter};
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

use super::sources;
use crate::config::Config;
use crate::output;

/// Requests to try a module with, where nobody has recorded any.
const SAMPLES: &str = include_str!("test/samples.jsonl");

/// A recorded request, and what was answered.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Recorded<'a> {
    #[serde(borrow)]
    request: &'a RawValue,
    #[serde(borrow, default)]
    response: Option<&'a RawValue>,
}

/// What a module did with one request.
struct Tried {
    steps: Vec<Step>,
    outcome: String,
    metadata: Value,
}

/// Runs the module in `file` against the requests in `recorded`, a line of JSON each.
pub(in super::super) async fn test(
    config: &Config,
    file: &Path,
    recorded: Option<&Path>,
    json: bool,
) -> anyhow::Result<()> {
    let text = match recorded {
        Some(path) => {
            std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?
        }
        None => SAMPLES.to_owned(),
    };
    let name = recorded.map_or_else(|| "the samples".to_owned(), |path| path.display().to_string());
    let pipeline = pipeline(config, file).await?;
    let (mut shown, mut failed) = (Vec::new(), 0);
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let tried = try_one(&pipeline, line).await.with_context(|| format!("{name}:{}", number + 1))?;
        failed += tried.steps.iter().filter(|step| step.error.is_some()).count();
        shown.push((number + 1, tried));
    }
    ensure!(!shown.is_empty(), "{name}: expected a request in a line of JSON, found none");
    show(&shown, json)?;
    ensure!(failed == 0, "{failed} hooks failed");
    Ok(())
}

/// A pipeline of that module alone, which has started.
async fn pipeline(config: &Config, file: &Path) -> anyhow::Result<Arc<Pipeline>> {
    let kv = MemoryKv::open(MemoryKvOptions::default()).await?;
    let database = SqliteDriver::memory().await?;
    let storage =
        StorageAdapter::new(Kind::Local, Arc::new(kv), Arc::new(database), Arc::new(MemoryBlob::new()));
    let modules = Modules::new(sources(config), storage);
    let path = file.display().to_string();
    // a bare name is a file here, and not a module's name
    let path = if path.starts_with(['.', '/']) { path } else { format!("./{path}") };
    let spec = PipelineSpec::names("the module", &path)?;
    ensure!(
        matches!(spec.entries.as_slice(), [entry] if matches!(entry.module, ModuleName::Path { .. })),
        "expected the path of one module, found {path:?}"
    );
    let discovered = modules.sources().discover().await?;
    let pipeline = modules.build(&discovered, &spec).await?;
    if let Some(trouble) = pipeline.entries().first().and_then(|entry| entry.trouble()) {
        bail!("its `init` failed: {trouble}");
    }
    Ok(Arc::new(pipeline))
}

async fn try_one(pipeline: &Arc<Pipeline>, line: &str) -> anyhow::Result<Tried> {
    let recorded: Recorded<'_> =
        serde_json::from_str(line).context("expected {\"request\": …, \"response\"?: …}")?;
    let request = CanonicalRequest::read(&Json::from(recorded.request)).context("request")?;
    let response = recorded.response.map(|raw| CanonicalResponse::read(&Json::from(raw)));
    let response = response.transpose().context("response")?.unwrap_or_default();
    let (model, is_stream) = (request.model.clone(), request.stream == Some(true));
    let now = SystemClock.now();
    let call = Call {
        id: RequestId::new(now),
        at: now,
        key: ApiKeyInfo {
            id: "local".to_owned(),
            user_id: "local-user".to_owned(),
            tier: "local".to_owned(),
            pipeline_config: None,
            revoked: false,
            provider_key: None,
        },
        tenant: Tenant::new("local"),
        upstreams: Arc::new(Nobody),
    };
    let request = Request::new(model, is_stream, Arc::new(Whole(request)));
    let mut run = Run::new(Arc::clone(pipeline), Arc::new(call), request, Instant::now());
    let (outcome, response) = match run.pre().await {
        Some(Answer::Response { response, .. }) => ("answered".to_owned(), Response::new(*response)),
        Some(Answer::Refused(refusal)) => (
            format!("refused with {} {}", refusal.status, refusal.kind),
            Response::failed(refusal.status, refusal.message),
        ),
        None => {
            let edited = if run.request().edited().is_some() { ", edited" } else { "" };
            let outcome = format!("passed on as {}{edited}", run.request().model());
            if is_stream {
                for chunk in replay(&response) {
                    run.stream(chunk).await;
                }
                (outcome, run.streamed())
            } else {
                (outcome, Response::new(response))
            }
        }
    };
    let metadata = run.metadata().iter().map(|(key, value)| (key.to_owned(), value.clone())).collect();
    let response = response.with_end(Ended::Complete, None);
    let trace = run.post(Finished { response, duration: Duration::from_millis(1) }).await;
    Ok(Tried { steps: trace.steps().to_vec(), outcome, metadata: Value::Object(metadata) })
}

fn show(tried: &[(usize, Tried)], json: bool) -> anyhow::Result<()> {
    if json {
        let each = tried.iter().map(|(line, tried)| {
            json!({ "line": line, "outcome": tried.outcome, "steps": tried.steps, "metadata": tried.metadata })
        });
        return output::json(&each.collect::<Vec<_>>());
    }
    let rows = tried.iter().flat_map(|(line, tried)| {
        let first = vec![line.to_string(), "-".to_owned(), String::new(), tried.outcome.clone()];
        let steps = tried.steps.iter().map(|step| {
            let what = step.error.clone().unwrap_or_else(|| step.outcome.to_owned());
            vec![String::new(), step.hook.to_string(), format!("{:.1}", step.took.as_secs_f64() * 1e3), what]
        });
        std::iter::once(first).chain(steps).collect::<Vec<_>>()
    });
    output::table(&["request", "hook", "ms", "what came of it"], &[2], rows);
    for (line, tried) in tried {
        output::line(format!("metadata of {line}: {}", tried.metadata));
    }
    Ok(())
}

/// A request that is there as a whole.
#[derive(Debug)]
struct Whole(CanonicalRequest);

impl RequestSource for Whole {
    fn decode(&self) -> Result<CanonicalRequest, String> {
        Ok(self.0.clone())
    }

    fn estimated_input(&self) -> u64 {
        serde_json::to_vec(&self.0).map_or(0, |text| text.len() as u64 / 4)
    }
}

/// No provider is configured here: nothing has a price, or an answer of its own.
#[derive(Debug)]
struct Nobody;

impl Upstreams for Nobody {
    fn identity(&self, model: &str) -> Option<Arc<str>> {
        Some(model.into())
    }

    fn cost(&self, _: &str, _: &Usage) -> Option<Usd> {
        None
    }

    fn max_output(&self, _: &str) -> Option<u64> {
        None
    }
}
