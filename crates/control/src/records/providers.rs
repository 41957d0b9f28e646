//! Providers, their credentials and models.

use penstock_core::{CredentialId, CredentialStrategy, ProviderId};
use serde::Serialize;
use serde_json::Value;

use super::define::record;
use crate::seal::Stored;

record! {
    /// A configured upstream.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Provider(ProviderId) in "providers", unique(name) {
        /// Its name in `provider/model` and in paths.
        pub name: String,
        /// The row of the provider table it follows, or `custom`.
        pub channel: String,
        /// What people call it.
        pub label: Option<String>,
        /// An object: `base_url`, `headers`, `circuit_breaker`, `timeouts` and the like.
        pub settings: Value,
        /// How one of its credentials is chosen.
        pub credential_strategy: CredentialStrategy,
        /// The proxy through which it is reached; stored sealed, since it may hold a login.
        pub proxy_url: Option<Stored>,
        /// Whether it is used.
        pub enabled: bool,
    }
}

record! {
    /// A secret of a provider.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Credential(CredentialId) in "credentials", unique(provider_id, name) {
        /// Whose it is.
        pub provider_id: ProviderId,
        /// Its name among those of the provider.
        pub name: String,
        /// What kind of secret it is, such as `api_key`.
        pub kind: String,
        /// The secret, as it is stored.
        pub secret: Stored,
        /// Its share where credentials are chosen by weight.
        pub weight: u64,
        /// Requests a minute it takes.
        pub rpm_limit: Option<u64>,
        /// Tokens a minute it takes.
        pub tpm_limit: Option<u64>,
        /// Whether it is used.
        pub enabled: bool,
    }
}

record! {
    /// A model of a provider.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
    pub struct ProviderModel(i64) in "provider_models", unique(provider_id, model_id) {
        /// Whose it is.
        pub provider_id: ProviderId,
        /// The provider's name of it.
        pub model_id: String,
        /// What people call it.
        pub display_name: Option<String>,
        /// Prices in USD per million tokens; absent: those of the catalogue.
        pub pricing: Option<Value>,
        /// Tokens that fit into it.
        pub context_window: Option<u64>,
        /// Tokens it answers at most.
        pub max_output_tokens: Option<u64>,
        /// An object of what it can do.
        pub capabilities: Option<Value>,
        /// Whether it is used.
        pub enabled: bool,
    }
}
