//! What a credential was used for lately, and whether more fits.

use penstock_core::Timestamp;

/// What a provider takes with one credential.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Requests a minute.
    pub requests: Option<u64>,
    /// Tokens a minute.
    pub tokens: Option<u64>,
}

impl Limits {
    /// Whether there is none.
    pub fn are_none(self) -> bool {
        self == Self::default()
    }
}

const MINUTE: i64 = 60_000;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Used {
    requests: u64,
    tokens: u64,
}

/// A minute that slides: what was used in the one that runs, and of the one before the share that still counts.
#[derive(Debug, Default)]
pub(super) struct Recent {
    minute: i64,
    now: Used,
    before: Used,
}

impl Recent {
    /// Adds to it; tokens may be given back.
    pub(super) fn add(&mut self, requests: u64, tokens: i64, now: Timestamp) {
        self.slide(now);
        self.now.requests += requests;
        self.now.tokens = self.now.tokens.saturating_add_signed(tokens);
    }

    /// Requests of the last minute.
    pub(super) fn requests(&mut self, now: Timestamp) -> u64 {
        self.used(now).requests
    }

    /// Whether a request of so many tokens fits. One that is larger than the limit by itself passes alone.
    pub(super) fn has_room(&mut self, limits: Limits, tokens: u64, now: Timestamp) -> bool {
        let used = self.used(now);
        let requests = limits.requests.is_none_or(|limit| used.requests < limit);
        let fits = |limit| used.tokens == 0 || used.tokens.saturating_add(tokens) <= limit;
        requests && limits.tokens.is_none_or(fits)
    }

    fn used(&mut self, now: Timestamp) -> Used {
        self.slide(now);
        let left = u64::try_from(MINUTE - now.0.rem_euclid(MINUTE)).unwrap_or(0);
        let minute = MINUTE.unsigned_abs();
        // rounded up: a limit is rather kept than met
        let share = |before: u64| before.saturating_mul(left).div_ceil(minute);
        Used {
            requests: self.now.requests + share(self.before.requests),
            tokens: self.now.tokens.saturating_add(share(self.before.tokens)),
        }
    }

    fn slide(&mut self, now: Timestamp) {
        let minute = now.0.div_euclid(MINUTE);
        // a clock that was set back changes nothing
        match minute - self.minute {
            ..=0 => {}
            1 => (self.minute, self.before, self.now) = (minute, self.now, Used::default()),
            _ => (self.minute, self.before, self.now) = (minute, Used::default(), Used::default()),
        }
    }
}
