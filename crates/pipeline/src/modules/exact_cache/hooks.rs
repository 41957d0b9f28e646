//! Looks, waits, keeps.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use penstock_core::canonical::{CanonicalResponse, FromJson as _, StopReason};
use penstock_core::{Ended, Json};
use penstock_storage::kv::{Keep, Key};
use tokio::time::Instant;

use super::NAME;
use super::config::Config;
use super::flights::{Flights, Landed, Lead, Role};
use super::key::{CacheKey, Upstream};
use crate::{
    Flow, Hook, HookError, Hooks, Metadata, Module, Parts, RequestContext, Response, ResponseContext,
};

/// The longest answer that is kept, as JSON: stores of keys and values are made for short ones.
const LONGEST: usize = 1 << 20;
/// How long a request waits for the answer to an identical one, before it asks by itself.
const WAIT: Duration = Duration::from_mins(5);
/// What the rest of `pre` may take.
const SPARE: Duration = Duration::from_secs(5);

/// Answers what has been answered before.
#[derive(Debug)]
pub(super) struct ExactCache {
    config: Config,
    flights: Arc<Flights>,
    /// How long a request waits for the answer to an identical one.
    wait: Duration,
}

/// What is known in `pre` and needed in `post`: where the answer belongs, and who waits for it.
struct Expected {
    key: CacheKey,
    named: Key,
    lead: Option<Lead>,
}

impl ExactCache {
    pub(super) fn new(config: Config) -> Self {
        Self { config, flights: Arc::default(), wait: WAIT }
    }

    /// The same, less patient.
    #[cfg(test)]
    pub(super) fn waiting(self, wait: Duration) -> Self {
        Self { wait, ..self }
    }

    /// The answer that is kept under that name. One that cannot be read is removed.
    async fn look(
        &self,
        context: &RequestContext,
        key: &Key,
    ) -> Result<Option<CanonicalResponse>, HookError> {
        let kv = context.storage.kv();
        let Some(text) = kv.get(key).await? else { return Ok(None) };
        let problem = match Json::parse(text).map(|json| CanonicalResponse::read(&json)) {
            Some(Ok(response)) => return Ok(Some(response)),
            Some(Err(error)) => error.to_string(),
            None => "expected JSON, found something else".to_owned(),
        };
        tracing::warn!(module = NAME, %key, error = problem, "a kept answer cannot be read and is removed");
        kv.del(key).await?;
        Ok(None)
    }

    /// The answer, if there is one or somebody is about to get it; else what is to be done with the provider's.
    async fn find(
        &self,
        context: &mut RequestContext,
        key: CacheKey,
        named: Key,
    ) -> Result<Result<CanonicalResponse, Expected>, HookError> {
        let until = Instant::now() + self.wait;
        loop {
            if let Some(response) = self.look(context, &named).await? {
                return Ok(Ok(response));
            }
            let alone = |lead| Ok(Err(Expected { key: key.clone(), named: named.clone(), lead }));
            if !self.config.coalesce {
                return alone(None);
            }
            let waiting = match self.flights.join(key.clone()) {
                // its predecessor may have landed since the look
                Role::Lead(lead) => {
                    return match self.look(context, &named).await? {
                        Some(response) => Ok(Ok(response)),
                        None => alone(Some(lead)),
                    };
                }
                Role::Wait(waiting) => waiting,
            };
            match tokio::time::timeout_at(until, waiting.landed()).await {
                Ok(Landed::Answer(response)) => {
                    context.metadata.set("cache.exact.coalesced", true);
                    return Ok(Ok((*response).clone()));
                }
                Ok(Landed::GivenUp) => {}
                Ok(Landed::Nothing) | Err(_) => return alone(None),
            }
        }
    }

    /// The answer, if it is one to keep: a whole one of a provider that the key names.
    fn keepable<'a>(context: &'a ResponseContext, key: &CacheKey) -> Option<&'a CanonicalResponse> {
        let response: &Response = &context.response;
        let is_whole =
            response.ended == Some(Ended::Complete) && response.error.is_none() && response.owed.is_some();
        // a module behind this one may have chosen another model
        let is_of_key =
            || Upstream::of(&context.call, context.request.model()).as_ref() == Some(key.upstream());
        if !is_whole || !is_of_key() {
            return None;
        }
        let content = response.canonical().ok()?;
        let is_answer = !matches!(content.stop_reason, None | Some(StopReason::Error | StopReason::Refusal));
        is_answer.then_some(content)
    }

    async fn keep(&self, context: &ResponseContext, key: &Key, text: &str) {
        if text.len() > LONGEST {
            return;
        }
        let kept = context.storage.kv().set(key, text, self.config.lifetime, Keep::Volatile).await;
        if let Err(error) = kept {
            tracing::warn!(module = NAME, %error, "an answer could not be kept");
        }
    }
}

#[async_trait]
impl Module for ExactCache {
    fn name(&self) -> &'static str {
        NAME
    }

    fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    fn hooks(&self) -> Hooks {
        Hooks::of(&[Hook::Pre, Hook::Post])
    }

    fn reads(&self) -> Parts {
        Parts { request: true, stream: false, response: true }
    }

    fn edits(&self) -> Parts {
        Parts::NONE
    }

    /// Waiting for a provider's answer takes as long as that.
    fn time_budget(&self, hook: Hook) -> Option<Duration> {
        (hook == Hook::Pre && self.config.coalesce).then_some(self.wait.saturating_add(SPARE))
    }

    async fn pre(&self, context: &mut RequestContext) -> Result<Flow, HookError> {
        note(&mut context.metadata, false);
        let Some(upstream) = Upstream::of(&context.call, context.request.model()) else {
            return Ok(Flow::Continue);
        };
        // embeddings, say, or a dialect whose content is not read: there is nothing to know it again by
        let Ok(key) = CacheKey::new(context.call.tenant.clone(), upstream, &context.request) else {
            return Ok(Flow::Continue);
        };
        let named = key.named(&self.config.key_prefix)?;
        context.metadata.set("cache.exact.key", named.as_str());
        match self.find(context, key, named).await? {
            Ok(response) => {
                note(&mut context.metadata, true);
                Ok(Flow::Respond(Box::new(response)))
            }
            Err(expected) => {
                context.kept.put(expected);
                Ok(Flow::Continue)
            }
        }
    }

    async fn post(&self, context: &mut ResponseContext) -> Result<(), HookError> {
        let Some(expected) = context.kept.take::<Expected>() else { return Ok(()) };
        let Expected { key, named, lead } = &*expected;
        let tell = |landed| {
            if let Some(lead) = lead {
                lead.tell(landed);
            }
        };
        let Some(response) = Self::keepable(context, key) else {
            let is_given_up = context.response.ended == Some(Ended::ClientGone);
            tell(if is_given_up { Landed::GivenUp } else { Landed::Nothing });
            return Ok(());
        };
        // before it is kept: nobody who waits has to wait for the store
        tell(Landed::Answer(Arc::new(response.clone())));
        self.keep(context, named, Json::of(response).text()).await;
        Ok(())
    }
}

fn note(metadata: &mut Metadata, is_hit: bool) {
    metadata.set("cache.exact.hit", is_hit);
}
