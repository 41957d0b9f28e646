//! Days and months, in UTC.

use std::fmt;

use jiff::ToSpan as _;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use penstock_core::Timestamp;
use penstock_storage::kv::{Key, Ttl};

use crate::HookError;

/// A time in which so much may be spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Period {
    /// From midnight to midnight.
    Day,
    /// From the first to the first.
    Month,
}

impl Period {
    pub(super) const ALL: [Self; 2] = [Self::Day, Self::Month];

    /// The counter of `user` at that time.
    pub(super) fn key(self, prefix: &str, user: &str, at: Timestamp) -> Result<Key, HookError> {
        let date = date(at).strftime(match self {
            Self::Day => "%Y-%m-%d",
            Self::Month => "%Y-%m",
        });
        Ok(Key::new(format!("{prefix}:spend:{user}:{date}"))?)
    }

    /// How long a counter lives after its last change: past its end, in every time zone.
    pub(super) const fn lifetime(self) -> Ttl {
        match self {
            Self::Day => Ttl::seconds(48 * 60 * 60),
            Self::Month => Ttl::seconds(35 * 24 * 60 * 60),
        }
    }

    /// When the next one begins, by RFC 3339.
    pub(super) fn resets_at(self, at: Timestamp) -> String {
        let today = date(at);
        let next = match self {
            Self::Day => today.saturating_add(1.day()),
            Self::Month => today.first_of_month().saturating_add(1.month()),
        };
        next.strftime("%Y-%m-%dT00:00:00Z").to_string()
    }
}

/// A time out of this world counts as the first day there is.
fn date(at: Timestamp) -> Date {
    let moment = jiff::Timestamp::from_millisecond(at.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    moment.to_zoned(TimeZone::UTC).date()
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Day => "day",
            Self::Month => "month",
        })
    }
}
