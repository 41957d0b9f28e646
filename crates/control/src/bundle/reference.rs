//! Secrets that stand somewhere else: `env:NAME`, `file:PATH`.

use penstock_core::Secret;

/// Whether a bundle may name where a secret is, instead of the secret.
#[derive(Clone, Copy, Debug)]
pub enum References {
    /// Variables come from this function, files from the disk of this machine.
    Local(fn(&str) -> Option<String>),
    /// Not at all: who sent the bundle may not read the files and variables of this machine.
    Refused,
}

impl References {
    /// The secret itself, or what to do to have it.
    pub(super) fn resolve(self, secret: &Secret<String>) -> Result<Secret<String>, String> {
        // what begins like a reference is looked at, the rest is the secret
        let text = secret.expose();
        let (variable, path) = (text.strip_prefix("env:"), text.strip_prefix("file:"));
        if variable.is_none() && path.is_none() {
            return Ok(secret.clone());
        }
        let Self::Local(environment) = self else {
            return Err("expected the secret itself, found a reference: env: and file: are for \
                        `penstock apply` on the gateway's own machine"
                .to_owned());
        };
        let value = if let Some(name) = variable {
            let name = name.trim();
            environment(name).ok_or_else(|| format!("the variable {name} is not set"))?
        } else {
            let path = path.unwrap_or_default().trim();
            let content = std::fs::read_to_string(path);
            content.map_err(|error| format!("{path:?} cannot be read: {error}"))?.trim().to_owned()
        };
        if value.trim().is_empty() {
            return Err("expected a secret where the reference points, found nothing".to_owned());
        }
        Ok(Secret::new(value))
    }
}
