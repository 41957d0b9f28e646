//! A module that is a script.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use penstock_core::Json;
use penstock_core::canonical::{CanonicalChunk, CanonicalResponse, FromJson as _};
use penstock_pipeline::{
    Flow, Hook, HookError, Hooks, Metadata, Module, OnFailure, RequestContext, ResponseContext,
};
use penstock_storage::StorageAdapter;
use penstock_storage::db::Migrations;

use crate::factory::Made;
use crate::host::{Outcome, Scope, Work, Worker};
use crate::write_back::{apply, laid_over, note};

/// A module that is a script.
#[derive(Debug)]
pub(crate) struct ScriptModule {
    name: Arc<str>,
    version: String,
    hooks: Hooks,
    on_failure: OnFailure,
    timeout: Option<Duration>,
    migrations: Option<Migrations>,
    /// Where it lives, each with the number that it has there.
    workers: Vec<(Arc<Worker>, u32)>,
}

impl ScriptModule {
    pub(crate) fn new(made: Made, migrations: Option<Migrations>, workers: Vec<(Arc<Worker>, u32)>) -> Self {
        Self {
            name: made.name.as_str().into(),
            hooks: made.hooks(),
            on_failure: made.on_failure(),
            timeout: made
                .timeout_ms
                .and_then(|milliseconds| Duration::try_from_secs_f64(milliseconds / 1e3).ok()),
            version: made.version,
            migrations,
            workers,
        }
    }

    /// Calls a hook where the fewest others are called.
    async fn call(&self, hook: Hook, scope: Scope, chunk: Option<String>) -> Result<Outcome, HookError> {
        let least = Worker::least_busy(&self.workers);
        let (place, instance) = least.ok_or_else(|| HookError::new("it has no engine"))?;
        place.call(Work::Hook { instance: *instance, hook, scope: Box::new(scope), chunk }).await
    }

    fn scope(&self, context: &ResponseContext) -> Scope {
        Scope {
            module: Arc::clone(&self.name),
            request: context.request.clone(),
            metadata: context.metadata.clone(),
            storage: context.storage.clone(),
            call: Arc::clone(&context.call),
            response: Some((context.response.clone(), context.duration.as_secs_f64() * 1e3)),
        }
    }
}

#[async_trait]
impl Module for ScriptModule {
    fn name(&self) -> &str {
        &self.name
    }

    fn version(&self) -> &str {
        &self.version
    }

    fn hooks(&self) -> Hooks {
        self.hooks
    }

    fn on_failure(&self) -> OnFailure {
        self.on_failure
    }

    fn time_budget(&self, hook: Hook) -> Option<Duration> {
        self.timeout.filter(|_| hook != Hook::Init)
    }

    fn migrations(&self) -> Option<&Migrations> {
        self.migrations.as_ref()
    }

    /// In each of its engines: what a script keeps in `init` is there alone.
    async fn init(&self, storage: &StorageAdapter) -> Result<(), HookError> {
        for (worker, instance) in &self.workers {
            worker.call(Work::Init { instance: *instance, storage: storage.clone() }).await?;
        }
        Ok(())
    }

    async fn pre(&self, context: &mut RequestContext) -> Result<Flow, HookError> {
        let scope = Scope {
            module: Arc::clone(&self.name),
            request: context.request.clone(),
            metadata: context.metadata.clone(),
            storage: context.storage.clone(),
            call: Arc::clone(&context.call),
            response: None,
        };
        let outcome = self.call(Hook::Pre, scope, None).await?;
        let flow = flow(outcome.returned.as_deref())?;
        if let Some(edits) = &outcome.edits {
            apply(&mut context.request, edits)?;
        }
        noted(&mut context.metadata, &outcome)?;
        Ok(flow)
    }

    async fn stream(
        &self,
        chunk: CanonicalChunk,
        context: &mut ResponseContext,
    ) -> Result<CanonicalChunk, HookError> {
        let before = Json::of(&chunk);
        let outcome = self.call(Hook::Stream, self.scope(context), Some(before.text().to_owned())).await?;
        let chunk = if outcome.is_same { chunk } else { edited(&before, outcome.returned.as_deref())? };
        noted(&mut context.metadata, &outcome)?;
        Ok(chunk)
    }

    async fn post(&self, context: &mut ResponseContext) -> Result<(), HookError> {
        let outcome = self.call(Hook::Post, self.scope(context), None).await?;
        noted(&mut context.metadata, &outcome)
    }
}

fn noted(metadata: &mut Metadata, outcome: &Outcome) -> Result<(), HookError> {
    outcome.notes.as_ref().map_or(Ok(()), |notes| note(metadata, notes))
}

/// What `pre` decided.
fn flow(returned: Option<&str>) -> Result<Flow, HookError> {
    const EXPECTED: &str = "pre: expected { continue: true } or { continue: false, response }";
    let wrong = |found: &str| HookError::new(format!("{EXPECTED}, found {found}"));
    let Some(json) = returned.and_then(Json::parse) else {
        return Err(wrong("undefined"));
    };
    if !json.is_object() {
        return Err(wrong(json.kind()));
    }
    match json.get("continue").and_then(|flag| flag.read::<bool>()) {
        Some(true) => Ok(Flow::Continue),
        Some(false) => {
            let response = json.get("response").ok_or_else(|| wrong("continue: false without a response"))?;
            let refused = |error: penstock_core::canonical::ReadError| {
                HookError::new(match error.path.as_str() {
                    "" => format!("pre: response: {error}"),
                    _ => format!("pre: response.{error}"),
                })
            };
            CanonicalResponse::read(&response).map(Box::new).map(Flow::Respond).map_err(refused)
        }
        None => Err(wrong("an object in which continue is neither true nor false")),
    }
}

/// The piece that `stream` returned.
fn edited(before: &Json, returned: Option<&str>) -> Result<CanonicalChunk, HookError> {
    let Some(json) = returned.and_then(Json::parse) else {
        return Err(HookError::new("stream: expected a chunk, found undefined"));
    };
    CanonicalChunk::read(&laid_over(before, &json))
        .map_err(|error| HookError::new(format!("stream: {error}")))
}
