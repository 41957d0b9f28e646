//! What the tests of the built-ins share: a pipeline over real storage, and a provider that is a function.

mod faulty;

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use penstock_core::canonical::{
    CanonicalRequest, CanonicalResponse, ContentBlock, FromJson as _, StopReason,
};
use penstock_core::{Ended, Json, RequestId, Timestamp, Usage, UsageSource, Usd};
use penstock_storage::blob::memory::MemoryBlob;
use penstock_storage::db::sqlite::SqliteDriver;
use penstock_storage::kv::memory::MemoryKvOptions;
use penstock_storage::kv::{Key, KvStore as _, MemoryKv};
use penstock_storage::{Kind, StorageAdapter};
use serde_json::{Value, json};

use self::faulty::Faulty;
use super::built_in;
use crate::{
    Answer, ApiKeyInfo, Call, Factory, Finished, Flow, Hook, HookError, Hooks, Metadata, Module,
    ModuleSources, Modules, Origin, Owed, Pipeline, PipelineSpec, Request, RequestContext, RequestSource,
    Response, ResponseContext, Run, Tenant, Upstreams,
};

/// How long a condition may take to come true.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// A pipeline with its storage. Behind its modules comes one that remembers what was told in metadata.
pub(crate) struct Rig {
    pub(super) pipeline: Arc<Pipeline>,
    pub(crate) storage: StorageAdapter,
    pub(super) kv: Arc<Faulty>,
    seen: Seen,
}

/// A request and who makes it.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(super) user: String,
    pub(super) tenant: String,
    pub(super) model: String,
    pub(super) upstream: String,
    pub(super) at: i64,
    /// Input tokens, as estimated.
    pub(super) input: u64,
    /// The request, as modules see it.
    pub(super) body: Value,
    pub(super) stream: bool,
}

impl Default for Ask {
    fn default() -> Self {
        Self {
            user: "7".to_owned(),
            tenant: "user 7".to_owned(),
            model: "model".to_owned(),
            upstream: "there".to_owned(),
            // 2026-01-31T12:00:00Z
            at: 1_769_860_800_000,
            input: 10,
            body: json!({ "model": "model", "maxTokens": 100, "messages": [{ "role": "user", "content": "hi" }] }),
            stream: false,
        }
    }
}

impl Ask {
    /// The same with another field, or without it.
    pub(super) fn with(mut self, field: &str, value: Value) -> Self {
        match self.body.as_object_mut().unwrap() {
            fields if value.is_null() => drop(fields.remove(field)),
            fields => drop(fields.insert(field.to_owned(), value)),
        }
        self
    }
}

impl Rig {
    /// The pipeline that `text` is, over a store that is gone afterwards.
    pub(crate) async fn new(text: &str) -> Self {
        Self::over(text, None).await.unwrap()
    }

    /// The same over a file, or what is wrong with `text`.
    pub(super) async fn over(text: &str, file: Option<&Path>) -> Result<Self, String> {
        let options = MemoryKvOptions { file: file.map(Path::to_owned), ..MemoryKvOptions::default() };
        let kv = Arc::new(Faulty::over(MemoryKv::open(options).await.unwrap()));
        let database = Arc::new(SqliteDriver::memory().await.unwrap());
        let storage =
            StorageAdapter::new(Kind::Local, Arc::clone(&kv) as _, database, Arc::new(MemoryBlob::new()));
        let seen = Seen::default();
        let pipeline = build(&seen, &storage, text).await?;
        Ok(Self { pipeline: Arc::new(pipeline), storage, kv, seen })
    }

    /// Another pipeline over the same storage.
    pub(super) async fn beside(&self, text: &str) -> Arc<Self> {
        let pipeline = Arc::new(build(&self.seen, &self.storage, text).await.unwrap());
        let (storage, kv, seen) = (self.storage.clone(), Arc::clone(&self.kv), Arc::clone(&self.seen));
        Arc::new(Self { pipeline, storage, kv, seen })
    }

    /// The way of a request, which has not begun.
    pub(super) fn run(&self, ask: &Ask) -> Run {
        Self::run_through(Arc::clone(&self.pipeline), ask)
    }

    /// The same through another pipeline.
    pub(crate) fn run_through(pipeline: Arc<Pipeline>, ask: &Ask) -> Run {
        let at = Timestamp(ask.at);
        let call = Call {
            id: RequestId::new(at),
            at,
            key: ApiKeyInfo {
                id: "3".to_owned(),
                user_id: ask.user.clone(),
                tier: "local".to_owned(),
                pipeline_config: None,
                revoked: false,
                provider_key: None,
            },
            tenant: Tenant::new(ask.tenant.as_str()),
            upstreams: Arc::new(Known { upstream: ask.upstream.clone() }),
        };
        let source = Arc::new(Source { body: ask.body.clone(), input: ask.input });
        let request = Request::new(ask.model.as_str(), ask.stream, source);
        Run::new(pipeline, Arc::new(call), request, Instant::now())
    }

    /// The whole way of a request, which `provider` answers if no module does.
    pub(super) async fn ask(&self, ask: &Ask, provider: impl AsyncFnOnce() -> Response) -> Response {
        let mut run = self.run(ask);
        let response = match run.pre().await {
            None => provider().await,
            Some(answer) => of_module(answer),
        };
        let finished = Finished { response: response.clone(), duration: Duration::from_millis(5) };
        run.post(finished).await;
        response
    }

    /// What the modules of the last request had told each other at its end.
    pub(super) fn told(&self) -> Metadata {
        self.seen.lock().unwrap().last().cloned().unwrap_or_default()
    }

    /// What is in the store.
    pub(super) async fn value(&self, key: &str) -> Option<String> {
        self.kv.inner.get(&Key::new(key).unwrap()).await.unwrap()
    }

    /// Waits until that is in the store.
    pub(super) async fn until(&self, key: &str, value: Option<&str>) {
        let deadline = Instant::now() + PATIENCE;
        while self.value(key).await.as_deref() != value {
            assert!(
                Instant::now() < deadline,
                "{key}: expected {value:?}, found {:?}",
                self.value(key).await
            );
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

type Seen = Arc<Mutex<Vec<Metadata>>>;

async fn build(seen: &Seen, storage: &StorageAdapter, text: &str) -> Result<Pipeline, String> {
    let mut registry = built_in();
    registry.add(Arc::new(Witness(Arc::clone(seen)))).unwrap();
    registry.add(Arc::new(Chooser)).unwrap();
    let mut spec = PipelineSpec::parse("pipeline.yaml", text).map_err(|error| error.to_string())?;
    spec.entries.extend(PipelineSpec::parse("", "witness").unwrap().entries);
    let sources = ModuleSources { built_in: registry, loaders: Vec::new(), folder: "no such folder".into() };
    let modules = Modules::new(sources, storage.clone());
    let discovered = modules.sources().discover().await.unwrap();
    modules.build(&discovered, &spec).await.map_err(|error| error.to_string())
}

/// What the gateway makes of an answer.
pub(super) fn of_module(answer: Answer) -> Response {
    match answer {
        Answer::Response { response, .. } => ended(Response::new(*response), Ended::Complete),
        Answer::Refused(refusal) => {
            let more = Value::from(refusal.more).to_string();
            Response::failed(refusal.status, format!("{}: {} {more}", refusal.kind, refusal.message))
        }
    }
}

/// A provider's whole answer, which cost that much.
pub(crate) fn answered(text: &str, cost: Option<&str>) -> Response {
    let content = CanonicalResponse {
        id: "msg_1".to_owned(),
        model: "model".to_owned(),
        content: vec![ContentBlock::text(text)],
        stop_reason: Some(StopReason::EndTurn),
        ..CanonicalResponse::default()
    };
    let owed = Owed {
        provider: "there".into(),
        model: "their-model".into(),
        usage: Usage { input: 10, output: 3, ..Usage::default() },
        source: UsageSource::Upstream,
        cost: cost.map(|cost| cost.parse().unwrap()),
    };
    let mut response = ended(Response::new(content), Ended::Complete);
    response.owed = Some(owed);
    response
}

/// The same, with another end.
pub(super) fn ended(mut response: Response, how: Ended) -> Response {
    response.ended = Some(how);
    response
}

/// The text of an answer.
pub(crate) fn text_of(response: &Response) -> String {
    match &response.canonical().unwrap().content[..] {
        [ContentBlock::Text(block)] => block.text.to_str().into_owned(),
        other => panic!("expected one text, found {} blocks", other.len()),
    }
}

#[derive(Debug)]
struct Source {
    body: Value,
    input: u64,
}

impl RequestSource for Source {
    fn decode(&self) -> Result<CanonicalRequest, String> {
        CanonicalRequest::read(&Json::of(&self.body)).map_err(|error| error.to_string())
    }

    fn estimated_input(&self) -> u64 {
        self.input
    }
}

/// A token costs a cent, but for models that nobody knows the price of.
#[derive(Debug)]
struct Known {
    upstream: String,
}

impl Upstreams for Known {
    fn identity(&self, model: &str) -> Option<Arc<str>> {
        (model != "nobody").then(|| format!("{} {model}", self.upstream).into())
    }

    fn cost(&self, model: &str, usage: &Usage) -> Option<Usd> {
        let price: Usd = "10000".parse().unwrap();
        (model != "unpriced").then(|| price.for_tokens(usage.input + usage.output))
    }

    fn max_output(&self, model: &str) -> Option<u64> {
        (model == "bounded").then_some(50)
    }
}

/// Asks for another model.
#[derive(Debug)]
struct Chooser;

#[async_trait]
impl Factory for Chooser {
    fn name(&self) -> &'static str {
        "chooser"
    }

    fn origin(&self) -> Origin {
        Origin::BuiltIn
    }

    async fn make(&self, _: &Value) -> Result<Arc<dyn Module>, String> {
        Ok(Arc::new(Self))
    }
}

#[async_trait]
impl Module for Chooser {
    fn name(&self) -> &'static str {
        "chooser"
    }

    fn version(&self) -> &'static str {
        "1.0.0"
    }

    fn hooks(&self) -> Hooks {
        Hooks::of(&[Hook::Pre])
    }

    async fn pre(&self, context: &mut RequestContext) -> Result<Flow, HookError> {
        context.request.set_model("chosen");
        Ok(Flow::Continue)
    }
}

/// Remembers what was told.
#[derive(Clone, Debug)]
struct Witness(Seen);

#[async_trait]
impl Factory for Witness {
    fn name(&self) -> &'static str {
        "witness"
    }

    fn origin(&self) -> Origin {
        Origin::BuiltIn
    }

    async fn make(&self, _: &Value) -> Result<Arc<dyn Module>, String> {
        Ok(Arc::new(self.clone()))
    }
}

#[async_trait]
impl Module for Witness {
    fn name(&self) -> &'static str {
        "witness"
    }

    fn version(&self) -> &'static str {
        "1.0.0"
    }

    fn hooks(&self) -> Hooks {
        Hooks::of(&[Hook::Post])
    }

    async fn post(&self, context: &mut ResponseContext) -> Result<(), HookError> {
        self.0.lock().unwrap().push(context.metadata.clone());
        Ok(())
    }
}
