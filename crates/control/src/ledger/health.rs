//! How credentials are, as the nodes tell each other.

use penstock_core::{CredentialId, HealthState, Timestamp};
use serde::Serialize;

use crate::table::table;

table! {
    /// The state of a credential, in all or for one model.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
    pub struct CredentialStatus in "credential_statuses", key(credential_id, model) {
        /// The credential.
        pub credential_id: CredentialId,
        /// The provider's name of the model; empty: all of them.
        pub model: String,
        /// How it is.
        pub state: HealthState,
        /// Until when it is left alone.
        pub until: Option<Timestamp>,
        /// Why.
        pub reason: Option<String>,
        /// The node that says so.
        pub reported_by: String,
        /// What the provider said.
        pub last_error: Option<String>,
        /// When it was said.
        pub updated_at: Timestamp,
    }
}
