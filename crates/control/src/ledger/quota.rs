//! What was spent of quotas.

use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use jiff::{ToSpan as _, Zoned};
use penstock_core::{Timestamp, Usd};
use serde::Serialize;

use crate::Window;
use crate::table::table;

table! {
    /// What was spent of a quota in its window.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
    pub struct QuotaCost in "quota_costs", key(quota_id) {
        /// The quota.
        pub quota_id: i64,
        /// When the window began; 0 for one that never ends.
        pub window_start: Timestamp,
        /// US dollars.
        pub cost_used: Usd,
    }
}

impl QuotaCost {
    /// What is spent of the window that `now` is in: what was spent of an older one counts no more.
    pub fn used(&self, window: Window, now: Timestamp) -> Usd {
        if self.window_start >= window_start(window, now) { self.cost_used } else { Usd::ZERO }
    }
}

/// When the window began in which `at` is.
pub(crate) fn window_start(window: Window, at: Timestamp) -> Timestamp {
    let start = |zoned: Zoned| {
        let day = zoned.start_of_day().ok()?;
        match window {
            Window::Total => None,
            Window::Day => Some(day),
            Window::Week => {
                let since = day.weekday().since(Weekday::Monday);
                day.checked_sub(i32::from(since).days()).ok()
            }
            Window::Month => day.first_of_month().ok(),
        }
    };
    let zoned = jiff::Timestamp::from_millisecond(at.0).ok().map(|at| at.to_zoned(TimeZone::UTC));
    Timestamp(zoned.and_then(start).map_or(0, |start| start.timestamp().as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_spent_of_an_older_window_counts_no_more() {
        let day = 86_400_000;
        let cost = QuotaCost { quota_id: 1, window_start: Timestamp(day), cost_used: "2.5".parse().unwrap() };
        assert_eq!(cost.used(Window::Day, Timestamp(day + 5)), cost.cost_used);
        assert_eq!(cost.used(Window::Day, Timestamp(2 * day)), Usd::ZERO);
        assert_eq!(cost.used(Window::Total, Timestamp(9 * day)), cost.cost_used);
    }

    #[test]
    fn windows_begin_at_midnight_utc() {
        // Wednesday 2026-07-15 13:45:30.5
        let at: jiff::Timestamp = "2026-07-15T13:45:30.5Z".parse().unwrap();
        let start = |window| {
            let start = window_start(window, Timestamp(at.as_millisecond())).0;
            jiff::Timestamp::from_millisecond(start).unwrap().to_string()
        };
        assert_eq!(start(Window::Total), "1970-01-01T00:00:00Z");
        assert_eq!(start(Window::Day), "2026-07-15T00:00:00Z");
        assert_eq!(start(Window::Week), "2026-07-13T00:00:00Z");
        assert_eq!(start(Window::Month), "2026-07-01T00:00:00Z");
    }
}
