//! How long answers are kept, and under which names.

use penstock_storage::kv::Ttl;
use serde_json::Value;

use crate::modules::fields::Fields;

/// How answers are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Config {
    /// For how long.
    pub(super) lifetime: Ttl,
    /// What keys begin with.
    pub(super) key_prefix: String,
    /// Whether identical requests that are under way together share one call.
    pub(super) coalesce: bool,
}

const FIELDS: &[&str] = &["ttlSeconds", "keyPrefix", "coalesce"];
const HOUR: u64 = 60 * 60;
const YEAR: u64 = 365 * 24 * HOUR;

impl Config {
    /// Reads what a pipeline says.
    pub(super) fn read(config: &Value) -> Result<Self, String> {
        let fields = Fields::of(config, FIELDS)?;
        Ok(Self {
            lifetime: Ttl::seconds(fields.whole("ttlSeconds", 1, YEAR)?.unwrap_or(HOUR)),
            key_prefix: fields.key_prefix("keyPrefix")?.unwrap_or("exact").to_owned(),
            coalesce: fields.flag("coalesce")?.unwrap_or(true),
        })
    }
}
