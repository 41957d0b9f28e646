//! Estimates, reserves, settles.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use penstock_core::{Usage, Usd};
use penstock_storage::StorageAdapter;
use serde_json::Value;

use super::config::Config;
use super::counter::{Counter, Grant, Hold, Trouble};
use super::counters::Counters;
use super::period::Period;
use super::reservation::Reservation;
use super::{NAME, refusal};
use crate::{Call, Flow, Hook, HookError, Hooks, Module, OnFailure, Parts, RequestContext, ResponseContext};

/// Output tokens that are reserved where neither the request nor the catalogue says how many there can be.
const OUTPUT: u64 = 8_192;
/// So many models without a price are warned about: clients make names up.
const WARNINGS: usize = 100;

/// Keeps what users spend within caps.
#[derive(Debug)]
pub(super) struct CostGuard {
    config: Config,
    counters: Counters,
    /// The models whose missing price has been logged.
    unpriced: Mutex<HashSet<String>>,
}

/// What a request may cost.
#[derive(Clone, Copy)]
struct Estimate {
    /// With half of the output that it allows.
    likely: Usd,
    /// With all of it.
    worst: Usd,
}

impl CostGuard {
    pub(super) fn new(config: Config) -> Self {
        Self { config, counters: Counters::default(), unpriced: Mutex::default() }
    }

    /// What the request may cost; nothing, where a price is not known.
    fn estimate(&self, context: &mut RequestContext) -> Estimate {
        let (model, upstreams) = (context.request.model(), &context.call.upstreams);
        let bound = context.request.output_bound();
        let output = bound.tokens.or_else(|| upstreams.max_output(model)).unwrap_or(OUTPUT);
        let output = output.saturating_mul(bound.choices);
        let input = context.request.estimated_input();
        let cost = |output| upstreams.cost(model, &Usage { input, output, ..Usage::default() });
        if let (Some(likely), Some(worst)) = (cost(output / 2), cost(output)) {
            return Estimate { likely, worst };
        }
        self.warn_unpriced(model);
        context.metadata.set("cost.unpriced", true);
        Estimate { likely: Usd::ZERO, worst: Usd::ZERO }
    }

    /// What the request did cost. What a provider answered whose price is not known counts as the model that was
    /// asked for; and if that has none either, as nothing.
    fn actual(&self, context: &mut ResponseContext) -> Usd {
        let Some(owed) = &context.response.owed else { return Usd::ZERO };
        let listed = || context.call.upstreams.cost(context.request.model(), &owed.usage);
        if let Some(cost) = owed.cost.or_else(listed) {
            return cost;
        }
        self.warn_unpriced(context.request.model());
        context.metadata.set("cost.unpriced", true);
        Usd::ZERO
    }

    fn warn_unpriced(&self, model: &str) {
        let mut known = self.unpriced.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() < WARNINGS && known.insert(model.to_owned()) {
            tracing::warn!(
                module = NAME,
                model,
                "the price of a model is not known: its requests count as free"
            );
        }
    }

    /// The user's counter for the time at which the request came.
    fn counter(
        &self,
        storage: &StorageAdapter,
        call: &Call,
        period: Period,
    ) -> Result<Arc<Counter>, HookError> {
        let key = period.key(&self.config.key_prefix, &call.key.user_id, call.at)?;
        Ok(self.counters.get(storage, key, period.lifetime()))
    }

    /// What is held of each counter; all of them or none.
    async fn reserve(&self, context: &RequestContext, worst: Usd) -> Result<Vec<Hold>, Refused> {
        let mut holds = Vec::with_capacity(Period::ALL.len());
        for period in Period::ALL {
            let counter = self.counter(&context.storage, &context.call, period).map_err(Refused::Failed)?;
            let hold = match self.config.cap(period).filter(|_| worst > Usd::ZERO) {
                None => Hold::nothing(counter),
                Some(cap) => match counter.reserve(worst, cap).await.map_err(Refused::Unchecked)? {
                    Grant::Held(hold) => hold,
                    Grant::Refused(left) => return Err(Refused::Spent { period, cap, left }),
                },
            };
            holds.push(hold);
        }
        Ok(holds)
    }
}

/// Why nothing is reserved.
enum Refused {
    Spent { period: Period, cap: Usd, left: Usd },
    Unchecked(Trouble),
    Failed(HookError),
}

#[async_trait]
impl Module for CostGuard {
    fn name(&self) -> &'static str {
        NAME
    }

    fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    fn hooks(&self) -> Hooks {
        Hooks::of(&[Hook::Pre, Hook::Post])
    }

    /// How long the request is and how much it allows is known without reading it.
    fn reads(&self) -> Parts {
        Parts::NONE
    }

    fn edits(&self) -> Parts {
        Parts::NONE
    }

    fn on_failure(&self) -> OnFailure {
        OnFailure::Closed
    }

    async fn pre(&self, context: &mut RequestContext) -> Result<Flow, HookError> {
        let Estimate { likely, worst } = self.estimate(context);
        context.metadata.set("cost.estimated", number(likely));
        if let Some(cap) = self.config.per_request.filter(|cap| likely > *cap) {
            return Ok(Flow::Respond(Box::new(refusal::too_dear(likely, cap))));
        }
        let refusal = match self.reserve(context, worst).await {
            Ok(holds) => {
                context.kept.put(Reservation::of(holds));
                return Ok(Flow::Continue);
            }
            Err(Refused::Spent { period, cap, left }) => {
                refusal::spent(period, context.call.at, (worst, cap, left))
            }
            Err(Refused::Failed(error)) => return Err(error),
            Err(Refused::Unchecked(trouble)) => {
                if !trouble.is_outage {
                    // an outage has been logged once, by the storage
                    tracing::warn!(module = NAME, error = &*trouble.message, "a budget cannot be checked");
                }
                if self.config.on_storage_down == OnFailure::Open {
                    context.metadata.set("cost.unchecked", true);
                    return Ok(Flow::Continue);
                }
                refusal::unchecked()
            }
        };
        Ok(Flow::Respond(Box::new(refusal)))
    }

    async fn post(&self, context: &mut ResponseContext) -> Result<(), HookError> {
        let actual = self.actual(context);
        context.metadata.set("cost.actual", number(actual));
        if let Some(reservation) = context.kept.take::<Reservation>() {
            reservation.settle(actual).await;
        } else if actual > Usd::ZERO {
            // it was let through unchecked: it counts all the same
            let counter = |period| self.counter(&context.storage, &context.call, period).map(Hold::nothing);
            let holds = Period::ALL.into_iter().map(counter).collect::<Result<_, _>>()?;
            Reservation::of(holds).settle(actual).await;
        }
        Ok(())
    }
}

/// As modules in other languages read it: a number. Nobody computes with it here.
fn number(amount: Usd) -> Value {
    serde_json::from_str(&amount.to_string()).unwrap_or_default()
}
