//! What a scope may do, and how much of it.

use super::{Absent, Field, Form, Parent, Shape};
use crate::{Kind, Window};

pub(super) static PERMISSIONS: Shape = Shape {
    list: "permissions",
    kind: Kind::Permission,
    parent: Parent::Scope,
    short: Some("pattern"),
    named_by: &["pattern"],
    fields: &[Field::new("pattern", Form::Text, Absent::Required).at("route_pattern")],
    lists: &[],
};

pub(super) static RATE_LIMITS: Shape = Shape {
    list: "rate_limits",
    kind: Kind::RateLimit,
    parent: Parent::Scope,
    short: None,
    named_by: &["pattern"],
    fields: &[
        Field::new("pattern", Form::Text, Absent::Text("*")).at("route_pattern"),
        Field::new("rpm", Form::Count, Absent::Null),
        Field::new("rpd", Form::Count, Absent::Null),
        Field::new("tpm", Form::Count, Absent::Null),
        Field::new("tokens_per_day", Form::Count, Absent::Null),
        Field::new("max_parallel", Form::Count, Absent::Null),
    ],
    lists: &[],
};

pub(super) static QUOTAS: Shape = Shape {
    list: "quotas",
    kind: Kind::Quota,
    parent: Parent::Scope,
    short: None,
    named_by: &["window"],
    fields: &[
        Field::new("window", Form::Word(windows), Absent::Required),
        Field::new("limit", Form::Money, Absent::Required),
    ],
    lists: &[],
};

fn windows() -> Vec<&'static str> {
    Window::ALL.iter().map(|one| one.as_str()).collect()
}
