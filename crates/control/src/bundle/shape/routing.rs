//! Routes and aliases.

use penstock_core::RouteStrategy;

use super::field::{DESCRIPTION, ENABLED, SORT_ORDER};
use super::{Absent, Field, Form, Parent, Shape};
use crate::{EVERY_PROVIDER, Kind};

pub(super) static ROUTES: Shape = Shape {
    list: "routes",
    kind: Kind::Route,
    parent: Parent::None,
    short: None,
    named_by: &["name"],
    fields: &[
        Field::new("name", Form::Text, Absent::Required),
        Field::new("strategy", Form::Word(strategies), Absent::Text("failover")),
        Field::new("on_loss", Form::Word(on_loss), Absent::Null).within("settings"),
        Field::new("timeouts", Form::Object, Absent::Null).within("settings"),
        Field::new("settings", Form::Object, Absent::Empty),
        DESCRIPTION,
        ENABLED,
    ],
    lists: &[&MEMBERS],
};

static MEMBERS: Shape = Shape {
    list: "members",
    kind: Kind::RouteMember,
    parent: Parent::Column("route_id", Kind::Route),
    short: None,
    named_by: &["provider", "model"],
    fields: &[
        Field::new("provider", Form::Provider, Absent::Required).at("provider_id"),
        Field::new("model", Form::Text, Absent::Required).at("upstream_model_id"),
        Field::new("tier", Form::Integer, Absent::Count(0)),
        Field::new("weight", Form::Count, Absent::Count(100)),
        ENABLED,
    ],
    lists: &[],
};

pub(super) static ALIASES: Shape = Shape {
    list: "aliases",
    kind: Kind::Alias,
    parent: Parent::None,
    short: None,
    named_by: &["provider", "alias"],
    fields: &[
        Field::new("provider", Form::Text, Absent::Text(EVERY_PROVIDER)),
        Field::new("alias", Form::Pattern, Absent::Required),
        Field::new("target", Form::Text, Absent::Required),
        SORT_ORDER,
        ENABLED,
    ],
    lists: &[],
};

fn strategies() -> Vec<&'static str> {
    RouteStrategy::ALL.iter().map(|one| one.as_str()).collect()
}

fn on_loss() -> Vec<&'static str> {
    vec!["warn", "reject"]
}
