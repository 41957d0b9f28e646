//! Points in time as people write them.

use anyhow::bail;
use jiff::Zoned;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use penstock_core::Timestamp;

/// `7d` (before now), `2026-11-01` (its start, UTC) or a full timestamp.
pub(super) fn parse(flag: &str, text: &str, now: Timestamp) -> anyhow::Result<Timestamp> {
    if let Ok(duration) = humantime::parse_duration(text) {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        return Ok(Timestamp(now.0.saturating_sub(millis)));
    }
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Ok(Timestamp(at.as_millisecond()));
    }
    match text.parse::<Date>().and_then(|date| date.to_zoned(TimeZone::UTC)) {
        Ok(start) => Ok(Timestamp(start.timestamp().as_millisecond())),
        Err(_) => bail!(
            "{flag}: expected a duration before now (7d), a date (2026-11-01) or a timestamp, found {text:?}"
        ),
    }
}

/// A point in time for people, UTC.
pub(super) fn show(at: Timestamp) -> String {
    let at = jiff::Timestamp::from_millisecond(at.0).map(|at| Zoned::new(at, TimeZone::UTC));
    at.map_or_else(|_| "?".to_owned(), |at| at.strftime("%Y-%m-%d %H:%M").to_string())
}
