//! The one executor: it calls the steps in their order.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use http::{HeaderMap, Response};
use penstock_control::LiveSnapshot;
use penstock_core::{Clock, Timestamp};
use penstock_dialects::observe::Observed;
use penstock_pipeline::Pipeline;
use penstock_providers::ProviderTable;
use penstock_storage::StorageAdapter;
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use crate::attempt::{Answer, attempt};
use crate::authenticate::{Access, authenticate};
use crate::choose::{Chance, Circumstances, candidates};
use crate::exchange::Exchange;
use crate::logs::Logs;
use crate::pipeline::{LivePipelines, Modules, Outcome};
use crate::plan::{plan, unsupported};
use crate::prepare::keep_forwarded;
use crate::resolve::{Resolution, resolve};
use crate::respond::{self, Ids};
use crate::routing::LiveRouting;
use crate::settle::Settling;
use crate::stream::{About, AnswerBody, Reading, Wait, stopping};
use crate::traces::Traces;
use crate::translate::Translation;
use crate::{
    Body, Caller, GatewayError, ListedModels, PresentedKey, Remote, Request, admit, models, pipeline, reserve,
};

/// What becomes of the provider's answer when its client hangs up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnClientGone {
    /// The call is cancelled, and what was used so far is settled.
    #[default]
    Cancel,
    /// The answer is read to its end, so that the provider's own usage is settled.
    Drain,
}

/// What may be decided otherwise.
#[derive(Clone, Copy, Debug)]
pub struct GatewayOptions {
    /// Who may call.
    pub access: Access,
    /// Attempts of one request at the most.
    pub max_attempts: u32,
    /// See [`OnClientGone`].
    pub on_client_gone: OnClientGone,
}

/// What a gateway is made of.
#[derive(Debug)]
pub struct Parts {
    /// The published records.
    pub live: Arc<LiveSnapshot>,
    /// Providers, routes, aliases.
    pub routing: Arc<LiveRouting>,
    /// The provider table.
    pub table: Arc<ProviderTable>,
    /// Where settlements go.
    pub settling: Settling,
    /// Where modules keep their state.
    pub storage: StorageAdapter,
    /// The modules that run.
    pub pipelines: Arc<LivePipelines>,
    /// Where requests hand in what is logged of them.
    pub logs: Logs,
    /// Where spans go.
    pub traces: Traces,
    /// Options.
    pub options: GatewayOptions,
}

/// A gateway; cheap to clone.
#[derive(Clone, Debug)]
pub struct Gateway(Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) live: Arc<LiveSnapshot>,
    pub(crate) routing: Arc<LiveRouting>,
    pub(crate) table: Arc<ProviderTable>,
    pub(crate) settling: Arc<Settling>,
    storage: StorageAdapter,
    pub(crate) pipelines: Arc<LivePipelines>,
    pub(crate) logs: Logs,
    traces: Traces,
    pub(crate) options: GatewayOptions,
    pub(crate) clock: Arc<dyn Clock>,
    stop: watch::Sender<bool>,
    pub(crate) tasks: TaskTracker,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("routing", &self.routing).finish_non_exhaustive()
    }
}

impl Gateway {
    /// A gateway of these parts.
    pub fn new(parts: Parts, clock: Arc<dyn Clock>) -> Self {
        let Parts { live, routing, table, settling, storage, pipelines, logs, traces, options } = parts;
        let (stop, _) = watch::channel(false);
        Self(Arc::new(Shared {
            live,
            routing,
            table,
            settling: Arc::new(settling),
            storage,
            pipelines,
            logs,
            traces,
            options,
            clock,
            stop,
            tasks: TaskTracker::new(),
        }))
    }

    /// The current time.
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// Says who asks, before anything is read of the body.
    pub fn authenticate(
        &self,
        key: Option<PresentedKey>,
        remote: Remote,
        headers: &HeaderMap,
    ) -> Result<Caller, GatewayError> {
        authenticate(&self.0.live.current(), self.0.options.access, key, (remote, headers), self.now())
    }

    /// The models that the caller may ask for.
    pub fn models(&self, caller: &Caller, scope: Option<&str>) -> Result<ListedModels, GatewayError> {
        models::list(&self.0.routing.current(), &self.0.settling.catalogue, caller, scope)
    }

    /// Where modules keep their state.
    pub fn storage(&self) -> &StorageAdapter {
        &self.0.storage
    }

    /// The modules that run.
    pub fn pipelines(&self) -> &LivePipelines {
        &self.0.pipelines
    }

    /// The modules that would run for a caller with these headers.
    pub async fn pipeline_of(
        &self,
        caller: &Caller,
        headers: &HeaderMap,
    ) -> Result<Arc<Pipeline>, GatewayError> {
        pipeline::select(&self.0.pipelines, caller, headers).await
    }

    /// Where requests hand in what is logged of them.
    pub fn logs(&self) -> &Logs {
        &self.0.logs
    }

    /// Where spans go.
    pub fn traces(&self) -> &Traces {
        &self.0.traces
    }

    /// Answers a request, whatever happens.
    pub async fn execute(&self, request: Request) -> Response<Body> {
        let (ids, dialect) = (Ids::new(request.id, &request.headers), request.dialect);
        let answered = match self.0.options.on_client_gone {
            OnClientGone::Cancel => self.run(request, &ids).await,
            OnClientGone::Drain => self.run_apart(request, ids.clone()).await,
        };
        answered.unwrap_or_else(|error| {
            tracing::info!(request_id = %ids.request, code = error.class().code, %error, "a request was refused");
            respond::error(dialect, &ids, &error)
        })
    }

    /// Runs in a task of its own, which goes on when the client hangs up before the first byte.
    async fn run_apart(&self, request: Request, ids: Ids) -> Result<Response<Body>, GatewayError> {
        let gateway = self.clone();
        let task = self.0.tasks.spawn(async move { gateway.run(request, &ids).await });
        task.await
            .unwrap_or_else(|_| Err(GatewayError::Overloaded("the request could not be finished".to_owned())))
    }

    async fn run(&self, request: Request, ids: &Ids) -> Result<Response<Body>, GatewayError> {
        let mut exchange = Exchange::open(request)?;
        let mut modules = pipeline::enter(&self.0, &mut exchange).await?;
        let answered = self.run_with(&mut modules, &mut exchange, ids).await;
        if let Err(error) = &answered {
            modules.failed(error);
        }
        answered
    }

    /// Asks what the name stands for, and whether the caller may ask for it.
    fn resolve(&self, exchange: &Exchange) -> Result<Resolution, GatewayError> {
        let shared = &*self.0;
        let resolution = resolve(exchange.asked(), &shared.routing.current(), &shared.settling.catalogue);
        let full_name = resolution.as_ref().ok().map(|resolution| resolution.full_name.as_str());
        // before an unknown name is answered with near ones: those may be none of this caller's business
        admit::admit(exchange, full_name)?;
        resolution
    }

    async fn run_with(
        &self,
        modules: &mut Modules,
        exchange: &mut Exchange,
        ids: &Ids,
    ) -> Result<Response<Body>, GatewayError> {
        let shared = &*self.0;
        let mut resolution = self.resolve(exchange);
        if modules.are_there() {
            // a name that stands for nothing may be one that a module knows
            if let Err(error @ GatewayError::Forbidden(_)) = resolution {
                return Err(error);
            }
            let before = exchange.requested.clone();
            if let Some(answer) = pipeline::pre(modules, exchange).await {
                return respond::by_module(modules, answer, exchange, ids, &*shared.clock);
            }
            if exchange.requested != before {
                resolution = self.resolve(exchange);
            }
        }
        let resolution = resolution?;
        let trace = pipeline::trace(modules, exchange);
        let circumstances = Circumstances {
            caller: &exchange.request.caller,
            table: &shared.table,
            catalogue: &shared.settling.catalogue,
            tokens: exchange.envelope.estimated_input,
            now: self.now(),
            chance: Chance::of(exchange.request.id.bits()),
        };
        let candidates = candidates(&resolution, circumstances)?;
        let planned: Vec<_> = candidates
            .iter()
            .filter_map(|candidate| Some((candidate.clone(), plan(exchange, candidate)?)))
            .collect();
        let Some((first, _)) = planned.first() else {
            return Err(GatewayError::Unsupported(unsupported(exchange, &candidates)));
        };
        let mut guard = reserve::reserve(exchange, first, &shared.settling)?;
        let mut headers = std::mem::take(&mut exchange.request.headers);
        keep_forwarded(&mut headers);
        let mut stop = shared.stop.subscribe();
        let answer = tokio::select! {
            answer = attempt(shared, (&*exchange, &headers), planned, &resolution, &mut guard) => answer,
            _ = stop.wait_for(|stop| *stop) => {
                let _ = guard.abandon(&Observed::default());
                return Err(stopping());
            }
        };
        match answer {
            Ok(Answer::Success { head, first, rest, strip_usage, back, timeouts, deadline, logged }) => {
                guard.first_byte();
                let about = About {
                    request_id: exchange.request.id,
                    dialect: exchange.request.dialect,
                    spoken: back.as_ref().map_or(exchange.request.dialect, |back| back.from),
                    provider: guard.provider_name(),
                };
                let wait = Wait::new(timeouts, deadline);
                let own = (back.is_none() && modules.has_stream())
                    .then(|| Translation::own(exchange.request.dialect, !strip_usage, &*shared.clock))
                    .flatten();
                let through = back.as_ref().or(own.as_ref());
                let reading = Reading::of(&head.headers, strip_usage, through, about.request_id);
                let modules = std::mem::take(modules);
                let body =
                    AnswerBody::new(about, reading, (first, rest), guard, wait, stop, modules).logged(logged);
                let response = match back {
                    Some(back) if !body.is_stream() => {
                        // boxed: its room would be in every request's future, which moves a few times
                        Box::pin(respond::translated(head, body, back, ids)).await
                    }
                    back => {
                        let losses = back.as_ref().map_or(&[][..], |back| &back.losses);
                        let response = respond::answer(
                            head,
                            body,
                            ids,
                            shared.options.on_client_gone,
                            shared.tasks.clone(),
                        );
                        Ok(respond::with_losses(response, losses))
                    }
                };
                response.map(|response| respond::with_trace(response, trace))
            }
            Ok(Answer::Refusal { head, body }) => {
                guard.refused(head.status.as_u16());
                modules.finish(Outcome::Failed(
                    head.status.as_u16(),
                    format!("the provider answered {}", head.status),
                ));
                Ok(respond::with_trace(respond::refusal(head, body, ids), trace))
            }
            Err(error) => {
                guard.void();
                Err(error)
            }
        }
    }

    /// Ends all streams that are still open, each with an error in its dialect.
    pub fn end_streams(&self) {
        self.0.settling.stopping.store(true, Ordering::Relaxed);
        self.0.stop.send_replace(true);
    }

    /// Waits until no answer is being read to its end for a client who has gone.
    pub async fn drained(&self) {
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }
}
