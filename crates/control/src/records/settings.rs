//! Settings of the whole set-up that are changed while it runs.

use serde_json::Value;

use super::define::record;
use crate::seal::Stored;

/// The instance whose settings hold for all nodes.
pub const DEFAULT_INSTANCE: &str = "default";

record! {
    /// The settings of an instance.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct InstanceSettings(i64) in "instance_settings", unique(instance_name) {
        /// Its name; [`DEFAULT_INSTANCE`] holds for all that have none of their own.
        pub instance_name: String,
        /// Whether usage rows are kept.
        pub usage_enabled: bool,
        /// Whether requests of clients are logged.
        pub log_downstream: bool,
        /// Whether requests to providers are logged.
        pub log_upstream: bool,
        /// Whether logs hold bodies.
        pub capture_bodies: bool,
        /// Bytes of a body that are kept at the most.
        pub capture_max_bytes: Option<u64>,
        /// A list of the names of headers and JSON fields that logs leave out.
        pub redaction: Option<Value>,
        /// Days for which usage rows and logs are kept; absent: for ever.
        pub retention_days: Option<u64>,
        /// Days for which captured bodies are kept.
        pub body_retention_days: Option<u64>,
        /// Megabytes the database may have before old logs are removed.
        pub max_database_mb: Option<u64>,
        /// The proxy through which providers are reached; stored sealed.
        pub proxy_url: Option<Stored>,
    }
}
