//! What may be spent, and what happens while nobody can tell.

use penstock_core::{Usd, UsdError};
use serde_json::Value;

use super::period::Period;
use crate::OnFailure;
use crate::modules::fields::Fields;

/// What may be spent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Config {
    /// By one request, as estimated.
    pub(super) per_request: Option<Usd>,
    /// By one user in a day of UTC.
    pub(super) per_day: Option<Usd>,
    /// By one user in a month of UTC.
    pub(super) per_month: Option<Usd>,
    /// What keys begin with.
    pub(super) key_prefix: String,
    /// What becomes of requests while the counters cannot be read.
    pub(super) on_storage_down: OnFailure,
}

const FIELDS: &[&str] = &["perRequest", "perDay", "perMonth", "keyPrefix", "onStorageDown"];

/// Far from where sums of decimals lose their last digits.
const MOST: &str = "1000000000";

impl Config {
    /// Reads what a pipeline says.
    pub(super) fn read(config: &Value) -> Result<Self, String> {
        let most = MOST.parse().map_err(|error: UsdError| error.to_string())?;
        let fields = Fields::of(config, FIELDS)?;
        let is_policy = |text: &str| matches!(text, "open" | "closed");
        let on_storage_down = match fields.text("onStorageDown", "`closed` or `open`", is_policy)? {
            Some("open") => OnFailure::Open,
            _ => OnFailure::Closed,
        };
        Ok(Self {
            per_request: fields.amount("perRequest", most)?,
            per_day: fields.amount("perDay", most)?,
            per_month: fields.amount("perMonth", most)?,
            key_prefix: fields.key_prefix("keyPrefix")?.unwrap_or("cost").to_owned(),
            on_storage_down,
        })
    }

    /// What may be spent in a period, if there is a cap.
    pub(super) const fn cap(&self, period: Period) -> Option<Usd> {
        match period {
            Period::Day => self.per_day,
            Period::Month => self.per_month,
        }
    }
}
