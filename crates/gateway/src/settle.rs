//! What a request owes at its end, noted exactly once.
//!
//! The guard is made with the journal's begin record and travels with the answer. However the request
//! ends — whole, broken off, its client gone, the future dropped — the guard writes the one end record
//! and hands the settlement on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use penstock_control::journal::{Journal, Ticket};
use penstock_control::{Settlement, SettlerHandle};
use penstock_core::{Ended, Operation, Usage, UsageSource, Usd};
use penstock_dialects::observe::Observed;
use penstock_pipeline::Owed;
use penstock_providers::Catalogue;

use crate::choose::Candidate;
use crate::exchange::Exchange;
use crate::meters::ProviderMeters;
use crate::routing::{Credential, Provider};
use crate::traces::Calls;

/// Where settlements go, and what prices them.
#[derive(Debug)]
pub struct Settling {
    /// The journal.
    pub journal: Arc<Journal>,
    /// The way to the control store.
    pub settler: SettlerHandle,
    /// Prices.
    pub catalogue: Arc<Catalogue>,
    /// Set when this process ends its streams: then it is not the client who is gone.
    pub stopping: AtomicBool,
}

impl Settling {
    /// `settlement` with its cost at the price in force.
    pub fn priced(&self, settlement: Settlement, provider: &Provider) -> Settlement {
        let free = settlement.operation == Operation::CountTokens;
        let price = provider.price(&settlement.model, &self.catalogue);
        let cost = if free { Some(Usd::ZERO) } else { price.map(|price| price.cost(&settlement.usage)) };
        let price_version = cost.map(|_| self.catalogue.version().into());
        Settlement { cost, price_version, ..settlement }
    }
}

/// Owes the journal an end record; see the module.
#[derive(Debug)]
pub struct SettleGuard {
    settling: Arc<Settling>,
    /// Taken when the end record is written.
    ticket: Option<Ticket>,
    draft: Settlement,
    provider: Arc<Provider>,
    credential: Option<Arc<Credential>>,
    arrived: Instant,
    ttft_ms: Option<u64>,
    /// Whether the provider may have seen the request; see [`Self::trying`].
    sent: Arc<AtomicBool>,
    /// What is told of its calls, where somebody keeps that.
    calls: Option<Box<Calls>>,
}

impl SettleGuard {
    /// A guard for a begun request.
    pub fn new(
        settling: Arc<Settling>,
        ticket: Ticket,
        draft: Settlement,
        exchange: &Exchange,
        candidate: &Candidate,
    ) -> Self {
        let provider = Arc::clone(&candidate.provider);
        let credential = candidate.credential.clone();
        let arrived = exchange.request.arrived;
        let calls = exchange.request.trace.clone().map(|within| Box::new(Calls::new(within)));
        let (ticket, sent) = (Some(ticket), Arc::default());
        Self { settling, ticket, draft, provider, credential, arrived, ttft_ms: None, sent, calls }
    }

    /// Another candidate is tried: it is the one that will owe. The journal hears of it, so that also
    /// after a crash the right one is charged.
    pub fn now_with(&mut self, candidate: &Candidate) {
        let credential = candidate.credential.as_ref().map(|credential| &credential.name);
        let same = Arc::ptr_eq(&self.provider, &candidate.provider)
            && self.draft.model == candidate.model
            && self.draft.credential.as_ref() == credential;
        self.provider = Arc::clone(&candidate.provider);
        self.credential.clone_from(&candidate.credential);
        self.draft.provider = Arc::clone(&candidate.provider.name);
        self.draft.credential = candidate.credential.as_ref().map(|credential| Arc::clone(&credential.name));
        self.draft.model = Arc::clone(&candidate.model);
        if same {
            return;
        }
        self.draft = self.settling.priced(self.draft.clone(), &self.provider);
        if let Some(ticket) = &mut self.ticket
            && let Err(error) = self.settling.journal.begin_again(ticket, &self.draft)
        {
            tracing::warn!(%error, request_id = %self.draft.request_id, "a fail-over could not be noted");
        }
    }

    /// A candidate is about to be asked; `sent` turns true once it may have seen the request.
    pub fn trying(&mut self, sent: Arc<AtomicBool>) {
        self.sent = sent;
        if let Some(calls) = &mut self.calls {
            calls.begin();
        }
    }

    /// The candidate has failed, and owes nothing.
    pub fn failed(&mut self, outcome: &'static str) {
        self.sent = Arc::default();
        if let Some(calls) = &mut self.calls {
            calls.failed(&self.draft, &self.provider, outcome);
        }
    }

    /// The provider has refused the request with this status, and owes nothing.
    pub fn refused(&mut self, status: u16) {
        if let Some(calls) = &mut self.calls {
            calls.refused(&self.draft, &self.provider, status);
        }
        self.void();
    }

    /// The provider that is being tried, or that answered.
    pub fn provider_name(&self) -> Arc<str> {
        Arc::clone(&self.draft.provider)
    }

    /// The first byte of the answer is there.
    pub fn first_byte(&mut self) {
        self.ttft_ms = Some(millis(self.arrived));
    }

    /// Whether this process is ending its requests.
    pub fn is_stopping(&self) -> bool {
        self.settling.stopping.load(Ordering::Relaxed)
    }

    /// Whether the end is noted already.
    pub fn is_settled(&self) -> bool {
        self.ticket.is_none()
    }

    /// No provider answered: the request owes nothing.
    pub fn void(&mut self) {
        if let Some(ticket) = self.ticket.take()
            && let Err(error) = self.settling.journal.void(&ticket)
        {
            tracing::error!(%error, request_id = %self.draft.request_id, "an end record could not be written");
        }
    }

    /// Nobody reads on: the client has gone, or this process is ending the request itself. If no provider
    /// can have seen the request, nothing is owed.
    pub fn abandon(&mut self, observed: &Observed) -> Option<Owed> {
        if !self.sent.load(Ordering::Relaxed) {
            self.void();
            return None;
        }
        self.settle(observed, self.gone())
    }

    /// How a request ends that nobody reads on.
    pub fn gone(&self) -> Ended {
        if self.is_stopping() { Ended::Interrupted } else { Ended::ClientGone }
    }

    /// Notes the end, and says what is owed. Later calls do nothing.
    pub fn settle(&mut self, observed: &Observed, ended: Ended) -> Option<Owed> {
        let mut ticket = self.ticket.take()?;
        let (usage, source) = usage(&self.draft, observed, ended);
        let settlement = Settlement {
            usage,
            source,
            ended,
            raw_usage: raw_usage(observed),
            latency_ms: millis(self.arrived),
            ttft_ms: self.ttft_ms,
            ..self.draft.clone()
        };
        let settlement = self.settling.priced(settlement, &self.provider);
        let written = self.settling.journal.end(&mut ticket, &settlement);
        if let Err(error) = written {
            tracing::error!(%error, request_id = %settlement.request_id, "an end record could not be written");
        }
        count(&settlement, &self.provider.meters);
        if let Some(calls) = &mut self.calls {
            calls.settled(&settlement, &self.provider);
        }
        self.correct_budget(&settlement);
        let owed = Owed {
            provider: Arc::clone(&settlement.provider),
            model: Arc::clone(&settlement.model),
            usage: settlement.usage,
            source: settlement.source,
            cost: settlement.cost,
        };
        self.settling.settler.submit(settlement, ticket);
        Some(owed)
    }
}

impl SettleGuard {
    /// What the request took of its credential's budget was an estimate so far.
    fn correct_budget(&self, settlement: &Settlement) {
        let Some(credential) = self.credential.as_ref().filter(|found| found.limits.tokens.is_some()) else {
            return;
        };
        let used = settlement.usage.total_input() + settlement.usage.output;
        let signed = |tokens| i64::try_from(tokens).unwrap_or(i64::MAX);
        let now = settlement.at.plus(self.arrived.elapsed());
        credential.health.correct(signed(used) - signed(self.draft.usage.input), now);
    }
}

impl Drop for SettleGuard {
    fn drop(&mut self) {
        self.abandon(&Observed::default());
    }
}

/// The provider's own words, unless they are no usage: a store that cannot keep a row would be asked for ever.
fn raw_usage(observed: &Observed) -> Option<Box<str>> {
    const MOST: usize = 64 << 10;
    let raw = observed.reported.as_ref().map(|reported| &reported.raw);
    raw.filter(|raw| raw.len() <= MOST).cloned()
}

/// What was used, as far as it is known. A report that came before the end counts for the input; its
/// output is then at least what was seen to pass.
fn usage(draft: &Settlement, observed: &Observed, ended: Ended) -> (Usage, UsageSource) {
    if draft.operation == Operation::CountTokens {
        return (Usage::default(), UsageSource::Upstream);
    }
    let whole = ended == Ended::Complete || observed.finished || observed.terminal;
    match &observed.reported {
        Some(reported) if whole => (reported.usage, UsageSource::Upstream),
        Some(reported) => {
            let output = reported.usage.output.max(observed.estimated_output());
            (Usage { output, ..reported.usage }, UsageSource::Estimated)
        }
        None => {
            let output = if draft.operation == Operation::Embed { 0 } else { observed.estimated_output() };
            (Usage { output, ..draft.usage }, UsageSource::Estimated)
        }
    }
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

fn count(settlement: &Settlement, meters: &ProviderMeters) {
    let provider = &settlement.provider;
    let model = settlement.cost.map(|_| &settlement.model);
    let tokens = |kind, count| {
        if count > 0 {
            meters.tokens(provider, model, kind).increment(count);
        }
    };
    tokens("input", settlement.usage.input);
    tokens("output", settlement.usage.output);
    tokens("cache_read", settlement.usage.cache_read);
    tokens("cache_write", settlement.usage.cache_write_5m + settlement.usage.cache_write_1h);
    if let Some(cost) = settlement.cost {
        meters.cost(provider).increment(cost.approximate());
    }
    if let Some(ttft) = settlement.ttft_ms {
        meters.first_byte(provider).record(Duration::from_millis(ttft).as_secs_f64());
    }
    if settlement.source != UsageSource::Upstream {
        meters.estimated(provider).increment(1);
    }
}

#[cfg(test)]
mod tests;
