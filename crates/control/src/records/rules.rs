//! How requests of a provider are served and changed.

use penstock_core::{Dialect, Operation, ProviderId, RuleSetId, named_enum};
use serde::Serialize;
use serde_json::Value;

use super::define::record;
use crate::table::by_name;

named_enum! {
    /// How a client's dialect is served by a provider.
    Implementation("implementation") {
        /// As it came.
        Passthrough = "passthrough",
        /// As another operation and dialect.
        TransformTo = "transform_to",
        /// Answered here.
        Local = "local",
        /// Not at all.
        Unsupported = "unsupported",
    }
}

named_enum! {
    /// What a transform rule does.
    RuleKind("rule kind") {
        /// Puts a text before or after the system prompt.
        SystemText = "system_text",
        /// Marks what the provider should cache.
        CacheBreakpoint = "cache_breakpoint",
        /// Sets, deletes or merges at a path.
        Rewrite = "rewrite",
        /// Finds and replaces.
        Transform = "transform",
        /// Sets a header.
        Header = "header",
    }
}

by_name!(Short: Implementation, RuleKind);

record! {
    /// How an operation in a dialect is served by a provider.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
    pub struct RoutingRule(i64) in "routing_rules", unique(provider_id, operation, kind) {
        /// The provider.
        pub provider_id: ProviderId,
        /// What is asked.
        pub operation: Operation,
        /// The dialect in which it is asked.
        pub kind: Dialect,
        /// How it is served.
        pub implementation: Implementation,
        /// As which operation, if as another one.
        pub dest_operation: Option<Operation>,
        /// In which dialect, if in another one.
        pub dest_kind: Option<Dialect>,
    }
}

record! {
    /// Rules that belong together.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
    pub struct RuleSet(RuleSetId) in "rule_sets", unique(name) {
        /// Its name.
        pub name: String,
        /// What it is for.
        pub description: Option<String>,
        /// Whether it is used.
        pub enabled: bool,
    }
}

record! {
    /// A change of requests or answers.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
    pub struct Rule(i64) in "rules", unique(rule_set_id, sort_order) {
        /// The set it belongs to.
        pub rule_set_id: RuleSetId,
        /// What it does.
        pub kind: RuleKind,
        /// An object: how it does it.
        pub config: Value,
        /// A glob of models for which it holds; absent: all.
        pub filter_model: Option<String>,
        /// A list of operations for which it holds; absent: all.
        pub filter_operations: Option<Value>,
        /// A header, and a pattern of its value, with which it holds; absent: always.
        pub filter_header: Option<Value>,
        /// Its place in the set.
        pub sort_order: i64,
        /// Whether it is used.
        pub enabled: bool,
    }
}

record! {
    /// The attachment of a set to a provider.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
    pub struct ProviderRuleSet(i64) in "provider_rule_sets", unique(provider_id, rule_set_id) {
        /// The provider.
        pub provider_id: ProviderId,
        /// The set.
        pub rule_set_id: RuleSetId,
        /// Its place among those of the provider.
        pub sort_order: i64,
        /// Whether it is used.
        pub enabled: bool,
    }
}
