//! How often a login may fail, for each user name and for each address.

use std::hash::{BuildHasher, Hash, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use penstock_core::Timestamp;

/// How many failures there may be in a row, and how long it takes until one of them is forgotten.
#[derive(Clone, Copy)]
struct Pace {
    burst: u32,
    forgets: Duration,
}

/// Guessing one password takes years at this pace, and whoever mistypes theirs is not locked out.
const USER: Pace = Pace { burst: 5, forgets: Duration::from_secs(30) };
/// Several people may sit behind one address.
const ADDRESS: Pace = Pace { burst: 20, forgets: Duration::from_secs(5) };
/// Names share places by a secret hash, and so do addresses, so that no flood of them takes memory.
const PLACES: usize = 8192;

/// The failures of this node. Others count their own.
pub(crate) struct Throttle {
    hasher: RandomState,
    places: Mutex<Box<[Place]>>,
}

/// When the failures of a place are forgotten, and when somebody was last told of a refusal.
#[derive(Clone, Copy, Default)]
struct Place {
    until: i64,
    told: i64,
}

/// Too many failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    /// Until the next try.
    pub(crate) seconds: u64,
    /// Whether it is the first refusal for a while, so that it goes into the audit trail: a flood of them must
    /// not fill that.
    pub(crate) first: bool,
}

/// How often a refusal is told of.
const TOLD: i64 = 60_000;

impl Default for Throttle {
    fn default() -> Self {
        Self { hasher: RandomState::new(), places: Mutex::new(vec![Place::default(); 2 * PLACES].into()) }
    }
}

impl Throttle {
    /// Counts an attempt as failed until [`Throttle::succeeded`] takes it back, so that attempts at the same time
    /// count too. Seconds to wait if there were too many.
    pub(crate) fn attempt(&self, user: &str, address: Option<IpAddr>, now: Timestamp) -> Result<(), Refused> {
        let counted = self.counted(user, address);
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = counted.iter().map(|(at, pace)| places[*at].wait(*pace, now)).max().unwrap_or_default();
        if wait > 0 {
            let first =
                counted.iter().any(|(at, pace)| places[*at].wait(*pace, now) > 0 && places[*at].tell(now));
            return Err(Refused { seconds: u64::try_from(wait).unwrap_or_default().div_ceil(1000), first });
        }
        for (at, pace) in counted {
            places[at].add(pace, now);
        }
        Ok(())
    }

    /// Takes an attempt back.
    pub(crate) fn succeeded(&self, user: &str, address: Option<IpAddr>) {
        let counted = self.counted(user, address);
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        for (at, pace) in counted {
            places[at].until -= millis(pace.forgets);
        }
    }

    fn counted(&self, user: &str, address: Option<IpAddr>) -> Vec<(usize, Pace)> {
        let user = (self.place(&user), USER);
        let address = address.map(|address| (PLACES + self.place(&network(address)), ADDRESS));
        std::iter::once(user).chain(address).collect()
    }

    fn place(&self, of: &impl Hash) -> usize {
        usize::try_from(self.hasher.hash_one(of) % PLACES as u64).unwrap_or_default()
    }
}

impl Place {
    fn wait(self, pace: Pace, now: Timestamp) -> i64 {
        let full = millis(pace.forgets) * i64::from(pace.burst);
        (self.until - now.0 + millis(pace.forgets) - full).max(0)
    }

    fn tell(&mut self, now: Timestamp) -> bool {
        let first = now.0 - self.told >= TOLD;
        if first {
            self.told = now.0;
        }
        first
    }

    fn add(&mut self, pace: Pace, now: Timestamp) {
        self.until = self.until.max(now.0) + millis(pace.forgets);
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Whoever has one IPv6 address has a whole network of them.
fn network(address: IpAddr) -> u128 {
    match address.to_canonical() {
        IpAddr::V4(address) => u128::from(u32::from(address)),
        IpAddr::V6(address) => u128::from(address) >> 64 << 64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));

    #[test]
    fn a_user_has_five_tries_and_then_one_every_half_a_minute() {
        let throttle = Throttle::default();
        let at = |seconds: i64| Timestamp(1_000_000 + seconds * 1000);
        for _ in 0..5 {
            assert_eq!(throttle.attempt("ada", HERE, at(0)), Ok(()));
        }
        assert_eq!(
            throttle.attempt("ada", None, at(0)),
            Err(Refused { seconds: 30, first: true }),
            "from wherever"
        );
        assert_eq!(throttle.attempt("bob", HERE, at(0)), Ok(()), "others may try");
        assert_eq!(throttle.attempt("ada", HERE, at(29)), Err(Refused { seconds: 1, first: false }));
        assert_eq!(throttle.attempt("ada", HERE, at(30)), Ok(()));
        assert_eq!(throttle.attempt("ada", HERE, at(30)), Err(Refused { seconds: 30, first: false }));
    }

    #[test]
    fn a_login_takes_its_try_back() {
        let throttle = Throttle::default();
        for _ in 0..100 {
            assert_eq!(throttle.attempt("ada", HERE, Timestamp(1)), Ok(()));
            throttle.succeeded("ada", HERE);
        }
    }

    #[test]
    fn an_address_has_twenty_tries_whatever_the_name() {
        let throttle = Throttle::default();
        let refused = (0..40).filter(|n| throttle.attempt(&format!("u{n}"), HERE, Timestamp(1)).is_err());
        assert_eq!(refused.count(), 20);
        let throttle = Throttle::default();
        let network = "2001:db8::1".parse().ok();
        let tries = (0..25).filter(|n| throttle.attempt(&format!("v{n}"), network, Timestamp(1)).is_ok());
        assert_eq!(tries.count(), 20);
        let neighbour = "2001:db8::2".parse().ok();
        assert!(throttle.attempt("w", neighbour, Timestamp(1)).is_err(), "the same network");
    }
}
