//! What the tests share: files, requests, a storage in memory.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use penstock_core::canonical::{CanonicalRequest, CanonicalResponse, FromJson as _};
use penstock_core::{Json, RequestId, Secret, Timestamp, Usage, Usd};
use penstock_pipeline::{
    ApiKeyInfo, Call, Factory, Flow, HookError, Kept, Loader as _, Metadata, Module, Request, RequestContext,
    RequestSource, Response, ResponseContext, Tenant, Upstreams,
};
use penstock_scripting::{ScriptLoader, ScriptOptions};
use penstock_storage::blob::memory::MemoryBlob;
use penstock_storage::db::sqlite::SqliteDriver;
use penstock_storage::kv::MemoryKv;
use penstock_storage::kv::memory::MemoryKvOptions;
use penstock_storage::{Kind, StorageAdapter};
use serde_json::{Value, json};

/// A folder of modules that is gone with the test.
pub(crate) struct Files(tempfile::TempDir);

impl Files {
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let files_at = Self(tempfile::tempdir().unwrap());
        for (name, text) in files {
            files_at.write(name, text);
        }
        files_at
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn options(&self) -> ScriptOptions {
        ScriptOptions::new(self.0.path())
    }

    pub(crate) fn loader(&self) -> ScriptLoader {
        ScriptLoader::new(self.options())
    }

    /// The factories of a file.
    pub(crate) async fn load(&self, name: &str) -> Result<Vec<Arc<dyn Factory>>, String> {
        self.loader().load(&self.path(name)).await
    }
}

/// The folder of fixtures.
pub(crate) fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// The one module of a fixture.
pub(crate) async fn fixture(name: &str) -> Arc<dyn Module> {
    let loader = ScriptLoader::new(ScriptOptions::new(fixtures()));
    let factories = loader.load(&fixtures().join(name)).await.unwrap_or_else(|error| panic!("{error}"));
    let [factory] = factories.as_slice() else { panic!("{name}: {factories:?}") };
    factory.make(&Value::Null).await.unwrap_or_else(|error| panic!("{error}"))
}

/// The one module that a text exports.
pub(crate) async fn module(text: &str) -> Arc<dyn Module> {
    try_module(text).await.unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) async fn try_module(text: &str) -> Result<Arc<dyn Module>, String> {
    let files = Files::new(&[("module.ts", text)]);
    let factories = files.load("module.ts").await?;
    assert_eq!(factories.len(), 1, "{text}");
    factories[0].make(&Value::Null).await
}

/// A module whose `pre` has this body.
pub(crate) async fn pre_module(body: &str) -> Arc<dyn Module> {
    module(&format!(
        "export default {{ name: 'tested', version: '1.0.0', async pre(ctx: any) {{\n{body}\nreturn {{ continue: true }} }} }}"
    ))
    .await
}

pub(crate) async fn storage() -> StorageAdapter {
    let kv = Arc::new(MemoryKv::open(MemoryKvOptions::default()).await.unwrap());
    let database = Arc::new(SqliteDriver::memory().await.unwrap());
    StorageAdapter::new(Kind::Local, kv, database, Arc::new(MemoryBlob::new()))
}

/// A request that counts how often it is decoded.
#[derive(Debug)]
pub(crate) struct Counted {
    text: String,
    pub(crate) decoded: AtomicUsize,
}

impl RequestSource for Counted {
    fn decode(&self) -> Result<CanonicalRequest, String> {
        self.decoded.fetch_add(1, Ordering::Relaxed);
        let json = Json::parse(self.text.clone()).ok_or("it is no JSON")?;
        CanonicalRequest::read(&json).map_err(|error| error.to_string())
    }

    fn estimated_input(&self) -> u64 {
        0
    }
}

#[derive(Debug)]
struct Nobody;

impl Upstreams for Nobody {
    fn identity(&self, _: &str) -> Option<Arc<str>> {
        None
    }

    fn cost(&self, _: &str, _: &Usage) -> Option<Usd> {
        None
    }

    fn max_output(&self, _: &str) -> Option<u64> {
        None
    }
}

pub(crate) fn call() -> Arc<Call> {
    let key = ApiKeyInfo {
        id: "key-1".to_owned(),
        user_id: "user-1".to_owned(),
        tier: "local".to_owned(),
        pipeline_config: None,
        revoked: false,
        provider_key: Some(Secret::new("sk-own".to_owned())),
    };
    let (id, at) = (RequestId::new(Timestamp(1_700_000_000_000)), Timestamp(1_700_000_000_000));
    Arc::new(Call { id, at, key, tenant: Tenant::new("user-1"), upstreams: Arc::new(Nobody) })
}

/// A usual request.
pub(crate) const REQUEST: &str = r#"{"model":"gpt","messages":[{"role":"user","content":"hi"},
    {"role":"assistant","content":[{"type":"tool_use","id":"1","name":"t","input":{"n":18446744073709551616,"f":1.0}}]},
    {"role":"user","content":[{"type":"tool_result","toolUseId":"1","content":"ok"}]}],
    "maxTokens":100,"temperature":1.0,"stream":false}"#;

pub(crate) fn counted(text: &str) -> (Request, Arc<Counted>) {
    let source = Arc::new(Counted { text: text.to_owned(), decoded: AtomicUsize::new(0) });
    (Request::new("gpt", false, Arc::clone(&source) as Arc<dyn RequestSource>), source)
}

pub(crate) async fn context() -> RequestContext {
    context_of(REQUEST).await
}

pub(crate) async fn context_of(text: &str) -> RequestContext {
    RequestContext { request: counted(text).0, ..context_in(&storage().await) }
}

pub(crate) fn context_in(storage: &StorageAdapter) -> RequestContext {
    let (request, metadata) = (counted(REQUEST).0, Metadata::default());
    RequestContext { request, metadata, storage: storage.clone(), call: call(), kept: Kept::default() }
}

pub(crate) async fn response_context(answer: &str) -> ResponseContext {
    let answer = CanonicalResponse::read(&Json::parse(answer).unwrap()).unwrap();
    let RequestContext { request, metadata, storage, call, kept } = context().await;
    let response = Response::new(answer);
    ResponseContext {
        request,
        metadata,
        storage,
        call,
        kept,
        response,
        duration: Duration::from_millis(1_500),
    }
}

/// Runs `pre` on a usual request.
pub(crate) async fn pre(module: &dyn Module) -> (RequestContext, Result<Flow, HookError>) {
    let mut context = context().await;
    let done = module.pre(&mut context).await;
    (context, done)
}

/// What a script leaves as `metadata.out`, after `pre` with this body.
pub(crate) async fn out(body: &str) -> Value {
    let module =
        pre_module(&format!("const out = await (async () => {{ {body} }})(); ctx.metadata.set('out', out)"))
            .await;
    let (context, done) = pre(&*module).await;
    done.unwrap_or_else(|error| panic!("{body}: {error}"));
    context.metadata.get("out").cloned().unwrap_or(json!(null))
}

/// What the request says now.
pub(crate) fn text_of(request: &Request) -> String {
    Json::of(request.canonical().unwrap()).text().to_owned()
}
