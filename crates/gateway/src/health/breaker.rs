//! The circuit breaker of one credential and one model: a state machine that is told what happens, and when.

use std::time::Duration;

use penstock_core::Timestamp;

/// When a breaker opens, and for how long.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BreakerSettings {
    /// Opens after so many failures in a row; zero: never by that.
    pub consecutive_failures: u32,
    /// Opens when such a share of the requests of a window has failed; above one: never by that.
    pub error_rate: f64,
    /// So many requests a window must have for its share to count.
    pub min_requests: u32,
    /// How long outcomes are counted together. A window begins with a failure.
    pub window: Duration,
    /// How long nothing is asked after it has opened; doubled each time the probe fails.
    pub cool_down: Duration,
    /// What doubling stops at.
    pub max_cool_down: Duration,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self {
            consecutive_failures: 5,
            error_rate: 0.5,
            min_requests: 20,
            window: Duration::from_mins(1),
            cool_down: Duration::from_secs(5),
            max_cool_down: Duration::from_mins(2),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Everything passes, and outcomes are counted.
    Closed,
    /// Nothing passes until then.
    Open { until: Timestamp },
    /// One request is on its way to find out.
    HalfOpen,
}

/// Whether a request may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// As any other.
    Free,
    /// As the only one, to find out whether the rest may.
    Probe,
    /// Not before that time, if it is known.
    Refused(Option<Timestamp>),
}

/// A change of state that others should know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// It has opened.
    Opened {
        /// Until then.
        until: Timestamp,
    },
    /// It has closed.
    Closed,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Breaker {
    phase: Phase,
    consecutive: u32,
    window_began: Timestamp,
    outcomes: u32,
    failures: u32,
    /// The last one; zero while it is closed.
    cool_down: Duration,
}

impl Breaker {
    /// A closed one.
    pub(super) fn new(now: Timestamp) -> Self {
        Self {
            phase: Phase::Closed,
            consecutive: 0,
            window_began: now,
            outcomes: 0,
            failures: 0,
            cool_down: Duration::ZERO,
        }
    }

    /// One that somebody else opened, for so long.
    pub(super) fn open(until: Timestamp, cool_down: Duration) -> Self {
        Self { phase: Phase::Open { until }, cool_down, ..Self::new(until) }
    }

    /// Its state for figures, unless it is closed.
    pub(super) fn word(&self) -> Option<&'static str> {
        match self.phase {
            Phase::Closed => None,
            Phase::Open { .. } => Some("open"),
            Phase::HalfOpen => Some("half_open"),
        }
    }

    /// Whether a request could pass now.
    pub(super) fn admission(&self, now: Timestamp) -> Admission {
        match self.phase {
            Phase::Closed => Admission::Free,
            Phase::Open { until } if until <= now => Admission::Probe,
            Phase::Open { until } => Admission::Refused(Some(until)),
            Phase::HalfOpen => Admission::Refused(None),
        }
    }

    /// The same, and a probe is taken.
    pub(super) fn enter(&mut self, now: Timestamp) -> Admission {
        let admission = self.admission(now);
        if admission == Admission::Probe {
            self.phase = Phase::HalfOpen;
        }
        admission
    }

    /// The provider answered. What was begun before the breaker opened says nothing about it now.
    pub(super) fn succeeded(
        &mut self,
        probe: bool,
        now: Timestamp,
        settings: &BreakerSettings,
    ) -> Option<Turn> {
        match self.phase {
            Phase::HalfOpen if probe => {
                *self = Self::new(now);
                return Some(Turn::Closed);
            }
            Phase::Closed => {
                self.roll(now, settings);
                self.consecutive = 0;
                self.outcomes = self.outcomes.saturating_add(1);
            }
            Phase::HalfOpen | Phase::Open { .. } => {}
        }
        None
    }

    /// The provider did not answer, or not as it should.
    pub(super) fn failed(&mut self, probe: bool, now: Timestamp, settings: &BreakerSettings) -> Option<Turn> {
        match self.phase {
            Phase::HalfOpen if probe => {}
            Phase::Closed => {
                self.roll(now, settings);
                self.consecutive = self.consecutive.saturating_add(1);
                self.outcomes = self.outcomes.saturating_add(1);
                self.failures = self.failures.saturating_add(1);
                let in_a_row =
                    settings.consecutive_failures > 0 && self.consecutive >= settings.consecutive_failures;
                let share = f64::from(self.failures) / f64::from(self.outcomes);
                let by_rate = self.outcomes >= settings.min_requests.max(1) && share >= settings.error_rate;
                if !in_a_row && !by_rate {
                    return None;
                }
            }
            Phase::HalfOpen | Phase::Open { .. } => return None,
        }
        let longer = self.cool_down.saturating_mul(2).max(settings.cool_down);
        let cool_down = longer.min(settings.max_cool_down);
        let until = now.plus(cool_down);
        *self = Self::open(until, cool_down);
        Some(Turn::Opened { until })
    }

    /// A probe ended without finding anything out: the next request is one.
    pub(super) fn give_back(&mut self, now: Timestamp) {
        if self.phase == Phase::HalfOpen {
            self.phase = Phase::Open { until: now };
        }
    }

    /// Whether a new one would be the same.
    pub(super) fn is_forgotten(&self, now: Timestamp, settings: &BreakerSettings) -> bool {
        let over = now.millis_since(self.window_began) >= millis(settings.window);
        self.phase == Phase::Closed && self.consecutive == 0 && (self.failures == 0 || over)
    }

    fn roll(&mut self, now: Timestamp, settings: &BreakerSettings) {
        if now.millis_since(self.window_began) >= millis(settings.window) {
            (self.window_began, self.outcomes, self.failures) = (now, 0, 0);
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
