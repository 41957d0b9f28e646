//! Settings of instances.

use super::{Absent, Field, Form, Parent, Shape};
use crate::{DEFAULT_INSTANCE, Kind};

pub(super) static SETTINGS: Shape = Shape {
    list: "settings",
    kind: Kind::InstanceSettings,
    parent: Parent::None,
    short: None,
    named_by: &["instance"],
    fields: &[
        Field::new("instance", Form::Name, Absent::Text(DEFAULT_INSTANCE)).at("instance_name"),
        Field::new("usage_enabled", Form::Flag, Absent::Flag(true)),
        Field::new("log_downstream", Form::Flag, Absent::Flag(false)),
        Field::new("log_upstream", Form::Flag, Absent::Flag(false)),
        Field::new("capture_bodies", Form::Flag, Absent::Flag(false)),
        Field::new("capture_max_bytes", Form::Count, Absent::Null),
        Field::new("redaction", Form::Texts, Absent::Null),
        Field::new("retention_days", Form::Count, Absent::Null),
        Field::new("body_retention_days", Form::Count, Absent::Null),
        Field::new("max_database_mb", Form::Count, Absent::Null),
        Field::new("proxy_url", Form::Proxy, Absent::Null),
    ],
    lists: &[],
};
