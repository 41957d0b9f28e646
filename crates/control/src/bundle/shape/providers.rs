//! Providers and rule sets.

use penstock_core::{CredentialStrategy, Dialect, Operation};

use super::field::{DESCRIPTION, ENABLED, SORT_ORDER};
use super::{Absent, Field, Form, Parent, Shape};
use crate::{Implementation, Kind, RuleKind};

const OF_PROVIDER: Parent = Parent::Column("provider_id", Kind::Provider);

pub(super) static PROVIDERS: Shape = Shape {
    list: "providers",
    kind: Kind::Provider,
    parent: Parent::None,
    short: None,
    named_by: &["name"],
    fields: &[
        Field::new("name", Form::ProviderName, Absent::Required),
        Field::new("channel", Form::Text, Absent::Name),
        Field::new("label", Form::Text, Absent::Null),
        Field::new("base_url", Form::Url, Absent::Null).within("settings"),
        Field::new("headers", Form::Object, Absent::Null).within("settings"),
        Field::new("dialects", Form::Texts, Absent::Null).within("settings"),
        Field::new("timeouts", Form::Object, Absent::Null).within("settings"),
        Field::new("settings", Form::Object, Absent::Empty),
        Field::new("credential_strategy", Form::Word(credential_strategies), Absent::Text("round_robin")),
        Field::new("proxy_url", Form::Proxy, Absent::Null),
        ENABLED,
    ],
    lists: &[&CREDENTIALS, &MODELS, &ROUTING_RULES, &ATTACHMENTS],
};

static CREDENTIALS: Shape = Shape {
    list: "credentials",
    kind: Kind::Credential,
    parent: OF_PROVIDER,
    short: None,
    named_by: &["name"],
    fields: &[
        Field::new("name", Form::Name, Absent::Required),
        Field::new("kind", Form::Text, Absent::Text(super::super::entry::API_KEY)),
        Field::new("secret", Form::Secret, Absent::Required),
        Field::new("weight", Form::Count, Absent::Count(100)),
        Field::new("rpm_limit", Form::Count, Absent::Null),
        Field::new("tpm_limit", Form::Count, Absent::Null),
        ENABLED,
    ],
    lists: &[],
};

static MODELS: Shape = Shape {
    list: "models",
    kind: Kind::ProviderModel,
    parent: OF_PROVIDER,
    short: Some("id"),
    named_by: &["id"],
    fields: &[
        Field::new("id", Form::Text, Absent::Required).at("model_id"),
        Field::new("display_name", Form::Text, Absent::Null),
        Field::new("price", Form::Price, Absent::Null).at("pricing"),
        Field::new("context_window", Form::Count, Absent::Null),
        Field::new("max_output_tokens", Form::Count, Absent::Null),
        Field::new("capabilities", Form::Any, Absent::Null),
        ENABLED,
    ],
    lists: &[],
};

static ROUTING_RULES: Shape = Shape {
    list: "routing_rules",
    kind: Kind::RoutingRule,
    parent: OF_PROVIDER,
    short: None,
    named_by: &["operation", "kind"],
    fields: &[
        Field::new("operation", Form::Word(operations), Absent::Required),
        Field::new("kind", Form::Word(dialects), Absent::Required),
        Field::new("implementation", Form::Word(implementations), Absent::Required),
        Field::new("dest_operation", Form::Word(operations), Absent::Null),
        Field::new("dest_kind", Form::Word(dialects), Absent::Null),
    ],
    lists: &[],
};

static ATTACHMENTS: Shape = Shape {
    list: "rule_sets",
    kind: Kind::ProviderRuleSet,
    parent: OF_PROVIDER,
    short: Some("name"),
    named_by: &["name"],
    fields: &[Field::new("name", Form::RuleSet, Absent::Required).at("rule_set_id"), SORT_ORDER, ENABLED],
    lists: &[],
};

pub(super) static RULE_SETS: Shape = Shape {
    list: "rule_sets",
    kind: Kind::RuleSet,
    parent: Parent::None,
    short: None,
    named_by: &["name"],
    fields: &[Field::new("name", Form::Name, Absent::Required), DESCRIPTION, ENABLED],
    lists: &[&RULES],
};

static RULES: Shape = Shape {
    list: "rules",
    kind: Kind::Rule,
    parent: Parent::Column("rule_set_id", Kind::RuleSet),
    short: None,
    named_by: &["sort_order"],
    fields: &[
        Field::new("kind", Form::Word(rule_kinds), Absent::Required),
        Field::new("config", Form::Object, Absent::Required),
        Field::new("filter_model", Form::Text, Absent::Null),
        Field::new("filter_operations", Form::Any, Absent::Null),
        Field::new("filter_header", Form::Any, Absent::Null),
        SORT_ORDER,
        ENABLED,
    ],
    lists: &[],
};

fn credential_strategies() -> Vec<&'static str> {
    CredentialStrategy::ALL.iter().map(|one| one.as_str()).collect()
}

fn operations() -> Vec<&'static str> {
    Operation::ALL.iter().map(|one| one.as_str()).collect()
}

fn dialects() -> Vec<&'static str> {
    Dialect::ALL.iter().map(|one| one.as_str()).collect()
}

fn implementations() -> Vec<&'static str> {
    Implementation::ALL.iter().map(|one| one.as_str()).collect()
}

fn rule_kinds() -> Vec<&'static str> {
    RuleKind::ALL.iter().map(|one| one.as_str()).collect()
}
