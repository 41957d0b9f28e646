//! The master keys: the one that seals, and those that only open.

use penstock_control::seal::{Keyring, MasterKey};
use penstock_core::Secret;

use super::ConfigError;
use super::settings::Values;

/// What seals secrets; without a master key they are stored open.
pub(super) fn keyring(values: &Values) -> Result<Keyring, ConfigError> {
    let previous = match values.url("master_key_previous") {
        Some(keys) => keys
            .expose()
            .split([',', '\n'])
            .map(str::trim)
            .filter(|key| !key.is_empty())
            .map(|key| parse("master_key_previous", key))
            .collect::<Result<Vec<_>, _>>()?,
        None => Vec::new(),
    };
    match values.url("master_key") {
        Some(key) => Ok(Keyring::new(master_key("master_key", &key)?, previous)),
        None if previous.is_empty() => Ok(Keyring::plaintext()),
        None => Err(ConfigError::new(
            "master_key_previous: expected master_key beside it: previous keys only open what is sealed, and \
             master_key seals",
        )),
    }
}

/// A master key as a setting or a file has it.
pub(crate) fn master_key(name: &str, text: &Secret<String>) -> Result<MasterKey, ConfigError> {
    parse(name, text.expose().trim())
}

fn parse(name: &str, text: &str) -> Result<MasterKey, ConfigError> {
    MasterKey::from_base64(text).map_err(|error| ConfigError::new(format!("{name}: {error}")))
}
