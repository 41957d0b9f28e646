//! What is held against one credential.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use penstock_control::CredentialStatus;
use penstock_core::{CredentialId, HealthState, Timestamp};

use super::breaker::{Admission, Breaker, BreakerSettings, Turn};
use super::load::{Limits, Recent};
use super::report::{News, Reports};

/// Models of which something is remembered, at the most: their names may be any text that clients send.
const MODELS: usize = 256;
/// What an end that moves by less is not worth telling others, in milliseconds.
const SAME: u64 = 1_000;
/// How long it is kept what others were told, in milliseconds: longer than reports take.
const TOLD: u64 = 10_000;

/// Whether a credential should be used for a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// As any other.
    Ready,
    /// Only where nothing better is left: its provider refused it, or wants fewer requests, until then.
    Aside(Timestamp),
    /// Not before that time, if it is known: its breaker is open, or its budget is used up.
    Shut(Option<Timestamp>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Aside {
    state: HealthState,
    until: Timestamp,
}

/// What is known of one model.
#[derive(Debug)]
struct Model {
    breaker: Breaker,
    aside: Option<Aside>,
    /// When others were told last, or told us.
    told: Timestamp,
}

#[derive(Debug, Default)]
struct Standing {
    /// Of all models.
    aside: Option<Aside>,
    told: Timestamp,
    models: HashMap<Box<str>, Model>,
}

/// See the module.
#[derive(Debug)]
pub struct CredentialHealth {
    provider: Arc<str>,
    name: Arc<str>,
    id: Option<CredentialId>,
    /// When it was changed last, and what its secret was then.
    version: (Timestamp, u64),
    /// Whether anything is held against it: the one thing that a request reads of a healthy one.
    troubled: AtomicBool,
    standing: Mutex<Standing>,
    recent: Mutex<Recent>,
    reports: Arc<Reports>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl CredentialHealth {
    pub(super) fn new(
        (provider, name): (&Arc<str>, &Arc<str>),
        id: Option<CredentialId>,
        version: (Timestamp, u64),
        reports: Arc<Reports>,
    ) -> Self {
        Self {
            provider: Arc::clone(provider),
            name: Arc::clone(name),
            id,
            version,
            troubled: AtomicBool::new(false),
            standing: Mutex::default(),
            recent: Mutex::default(),
            reports,
        }
    }

    pub(super) fn is_of(&self, names: (&Arc<str>, &Arc<str>), version: (Timestamp, u64)) -> bool {
        self.version == version && (&self.provider, &self.name) == names
    }

    /// Whether it should be used for `model` now.
    pub fn condition(&self, model: &str, now: Timestamp) -> Condition {
        if !self.troubled.load(Ordering::Relaxed) {
            return Condition::Ready;
        }
        let standing = lock(&self.standing);
        let known = standing.models.get(model);
        if let Some(Admission::Refused(until)) = known.map(|known| known.breaker.admission(now)) {
            return Condition::Shut(until);
        }
        let asides = [standing.aside, known.and_then(|known| known.aside)];
        let until = asides.iter().flatten().map(|aside| aside.until).filter(|until| *until > now).max();
        until.map_or(Condition::Ready, Condition::Aside)
    }

    /// Whether `limits` leave room for a request of so many tokens.
    pub fn has_room(&self, limits: Limits, tokens: u64, now: Timestamp) -> bool {
        limits.are_none() || lock(&self.recent).has_room(limits, tokens, now)
    }

    /// Requests of the last minute, where they are counted.
    pub fn recent_requests(&self, now: Timestamp) -> u64 {
        lock(&self.recent).requests(now)
    }

    /// Counts a request of so many tokens, if `limits` leave room for it.
    pub fn spend(&self, limits: Limits, tokens: u64, now: Timestamp) -> bool {
        let mut recent = lock(&self.recent);
        let fits = recent.has_room(limits, tokens, now);
        if fits {
            recent.add(1, i64::try_from(tokens).unwrap_or(i64::MAX), now);
        }
        fits
    }

    /// Corrects what was counted of a request, once its tokens are known.
    pub fn correct(&self, tokens: i64, now: Timestamp) {
        lock(&self.recent).add(0, tokens, now);
    }

    /// Takes a place for one request, if its breaker lets it through; it has to be told how that ended.
    pub fn enter<'a>(
        &'a self,
        model: &'a str,
        settings: &'a BreakerSettings,
        now: Timestamp,
    ) -> Option<Permit<'a>> {
        let mut permit = Permit { health: self, model, settings, probe: false, aside: false };
        if !self.troubled.load(Ordering::Relaxed) {
            return Some(permit);
        }
        let mut standing = lock(&self.standing);
        let later = |aside: Option<Aside>| aside.is_some_and(|aside| aside.until > now);
        permit.aside = later(standing.aside);
        let Some(known) = standing.models.get_mut(model) else { return Some(permit) };
        permit.aside |= later(known.aside);
        let was = known.breaker.word();
        match known.breaker.enter(now) {
            Admission::Refused(_) => return None,
            Admission::Free => {}
            Admission::Probe => {
                permit.probe = true;
                self.gauge(was, known.breaker.word());
                tracing::info!(
                    provider = %self.provider, credential = %self.name, model,
                    "a breaker is half-open: one request finds out"
                );
            }
        }
        Some(permit)
    }

    /// Takes in what another node reported, or this one before it was started.
    pub(super) fn learn(&self, status: &CredentialStatus, now: Timestamp) {
        if status.updated_at <= self.version.0 {
            return;
        }
        let mut standing = lock(&self.standing);
        let is_news = if status.model.is_empty() {
            standing.learn(status, now)
        } else {
            self.learn_of_model(&mut standing, status, now)
        };
        self.troubled.store(standing.is_troubled(), Ordering::Relaxed);
        if is_news {
            tracing::info!(
                provider = %self.provider, credential = %self.name, model = status.model,
                state = status.state.as_str(), by = status.reported_by, "a credential's state was reported"
            );
        }
    }

    fn learn_of_model(&self, standing: &mut Standing, status: &CredentialStatus, now: Timestamp) -> bool {
        let (at, until) = (status.updated_at, status.until.unwrap_or(now));
        let matters = match status.state {
            HealthState::Cooling => true,
            HealthState::RateLimited | HealthState::AuthDead => until > now,
            HealthState::Healthy => false,
        };
        if !matters && !standing.models.contains_key(status.model.as_str()) {
            return false;
        }
        let Some(known) = model(&mut standing.models, &status.model, now) else { return false };
        if at <= known.told {
            return false;
        }
        let was = known.breaker.word();
        (known.told, known.breaker, known.aside) = (at, Breaker::new(now), None);
        match status.state {
            HealthState::Cooling => {
                known.breaker = Breaker::open(until, Duration::from_millis(until.millis_since(at)));
            }
            state if matters => known.aside = Some(Aside { state, until }),
            _ => {}
        }
        self.gauge(was, known.breaker.word());
        true
    }

    /// Changes what is known of a model.
    fn with_model(&self, name: &str, now: Timestamp, change: impl FnOnce(&mut Model)) {
        let mut standing = lock(&self.standing);
        if let Some(known) = model(&mut standing.models, name, now) {
            let was = known.breaker.word();
            change(known);
            self.gauge(was, known.breaker.word());
        }
        self.troubled.store(standing.is_troubled(), Ordering::Relaxed);
    }

    fn tell(
        &self,
        model: &str,
        state: HealthState,
        until: Option<Timestamp>,
        reason: Option<&'static str>,
        at: Timestamp,
    ) {
        if let Some(credential) = self.id {
            self.reports.add(News { credential, model: model.to_owned(), state, until, reason, at });
        }
    }

    /// Counts breakers by their state; closed ones are not counted.
    fn gauge(&self, from: Option<&'static str>, to: Option<&'static str>) {
        let gauge = |state: &'static str| {
            let (provider, credential) = (self.provider.to_string(), self.name.to_string());
            metrics::gauge!(
                "penstock_breakers", "provider" => provider, "credential" => credential, "state" => state
            )
        };
        if from != to {
            if let Some(state) = from {
                gauge(state).decrement(1.0);
            }
            if let Some(state) = to {
                gauge(state).increment(1.0);
            }
        }
    }

    fn recovered(&self, model: &str, now: Timestamp) {
        self.tell(model, HealthState::Healthy, None, None, now);
        tracing::info!(
            provider = %self.provider, credential = %self.name, model, state = HealthState::Healthy.as_str(),
            "a credential works again"
        );
    }
}

/// A credential that is configured no more has no state.
impl Drop for CredentialHealth {
    fn drop(&mut self) {
        let standing = std::mem::take(&mut *lock(&self.standing));
        standing.models.values().for_each(|known| self.gauge(known.breaker.word(), None));
    }
}

impl Standing {
    fn is_troubled(&self) -> bool {
        self.aside.is_some() || !self.models.is_empty()
    }

    /// What was reported of all models.
    fn learn(&mut self, status: &CredentialStatus, now: Timestamp) -> bool {
        if status.updated_at <= self.told {
            return false;
        }
        self.told = status.updated_at;
        let until = status.until.filter(|until| *until > now && status.state != HealthState::Healthy);
        let before = self.aside;
        self.aside = until.map(|until| Aside { state: status.state, until });
        before != self.aside
    }
}

impl Model {
    /// Whether nothing would be lost with it. What was told a moment ago is kept, since an older report may
    /// still come in.
    fn is_forgotten(&self, now: Timestamp, settings: &BreakerSettings) -> bool {
        let told = now.millis_since(self.told) < TOLD;
        let aside = self.aside.is_some_and(|aside| aside.until > now);
        !told && !aside && self.breaker.is_forgotten(now, settings)
    }
}

/// What is known of a model; none if there are too many already.
fn model<'a>(models: &'a mut HashMap<Box<str>, Model>, name: &str, now: Timestamp) -> Option<&'a mut Model> {
    if !models.contains_key(name) {
        if models.len() >= MODELS {
            models.retain(|_, known| !known.is_forgotten(now, &BreakerSettings::default()));
        }
        if models.len() >= MODELS {
            return None;
        }
        let fresh = Model { breaker: Breaker::new(now), aside: None, told: Timestamp::default() };
        models.insert(name.into(), fresh);
    }
    models.get_mut(name)
}

/// A request on its way with a credential. Dropped untold, it says nothing about the credential.
#[derive(Debug)]
#[must_use = "how the request ended has to be told"]
pub struct Permit<'a> {
    health: &'a CredentialHealth,
    model: &'a str,
    settings: &'a BreakerSettings,
    probe: bool,
    /// The credential was left alone, and taken all the same.
    aside: bool,
}

impl Permit<'_> {
    /// The provider answered, be it with a refusal that is the client's own business.
    pub fn succeeded(mut self, now: Timestamp) {
        let (health, model) = (self.health, self.model);
        if !health.troubled.load(Ordering::Relaxed) {
            return;
        }
        let (probe, aside) = (std::mem::take(&mut self.probe), self.aside);
        // what was begun before it was left alone says nothing about it now
        let is_over = |left: Option<Aside>| left.is_some_and(|left| aside || left.until <= now);
        let mut standing = lock(&health.standing);
        if is_over(standing.aside) {
            (standing.aside, standing.told) = (None, now);
            health.recovered("", now);
        }
        if let Some(known) = standing.models.get_mut(model) {
            let was = known.breaker.word();
            let turn = known.breaker.succeeded(probe, now, self.settings);
            health.gauge(was, known.breaker.word());
            if is_over(known.aside) || turn.is_some() {
                (known.aside, known.told) = (None, now);
                health.recovered(model, now);
            }
            if known.is_forgotten(now, self.settings) {
                standing.models.remove(model);
            }
        }
        health.troubled.store(standing.is_troubled(), Ordering::Relaxed);
    }

    /// The provider did not answer, or not as it should.
    pub fn failed(mut self, reason: &'static str, now: Timestamp) {
        let (health, model) = (self.health, self.model);
        let probe = std::mem::take(&mut self.probe);
        health.with_model(model, now, |known| {
            let Some(Turn::Opened { until }) = known.breaker.failed(probe, now, self.settings) else {
                return;
            };
            known.told = now;
            health.tell(model, HealthState::Cooling, Some(until), Some(reason), now);
            tracing::warn!(
                provider = %health.provider, credential = %health.name, model, reason,
                seconds = until.millis_since(now) / 1_000, "a breaker is open: it is not asked"
            );
        });
    }

    /// The provider refused the credential: for all models if it is dead, for this one if it is over its limit.
    pub fn refused(self, state: HealthState, until: Timestamp, reason: &'static str, now: Timestamp) {
        let (health, name) = (self.health, self.model);
        let mut news = None;
        let mut take = |aside: &mut Option<Aside>, told: &mut Timestamp| {
            let before = aside.filter(|aside| aside.until > now);
            let later = before.is_none_or(|before| before.until < until);
            if !later {
                return;
            }
            *aside = Some(Aside { state, until });
            let known = before.is_some_and(|before| before.state == state);
            let same = before.is_some_and(|before| until.millis_since(before.until) < SAME);
            if !known || !same {
                *told = now;
                news = Some(!known);
            }
        };
        let model = if state == HealthState::AuthDead { "" } else { name };
        if model.is_empty() {
            let mut standing = lock(&health.standing);
            let Standing { aside, told, .. } = &mut *standing;
            take(aside, told);
            health.troubled.store(true, Ordering::Relaxed);
        } else {
            health.with_model(name, now, |known| take(&mut known.aside, &mut known.told));
        }
        let Some(is_new) = news else { return };
        health.tell(model, state, Some(until), Some(reason), now);
        if is_new {
            tracing::warn!(
                provider = %health.provider, credential = %health.name, model, state = state.as_str(), reason,
                seconds = until.millis_since(now) / 1_000, "a credential is left alone"
            );
        }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if self.probe
            && let Some(known) = lock(&self.health.standing).models.get_mut(self.model)
        {
            let was = known.breaker.word();
            // at once: the next request is a probe, whenever it comes
            known.breaker.give_back(Timestamp(0));
            self.health.gauge(was, known.breaker.word());
        }
    }
}
