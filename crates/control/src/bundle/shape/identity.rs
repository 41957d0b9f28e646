//! Organisations, users and keys.

use super::field::{DESCRIPTION, ENABLED};
use super::limits::{PERMISSIONS, QUOTAS, RATE_LIMITS};
use super::{Absent, Field, Form, Parent, Shape};
use crate::{DEFAULT_ORG, Kind};

pub(in super::super) static ORGS: Shape = Shape {
    list: "orgs",
    kind: Kind::Org,
    parent: Parent::None,
    short: Some("name"),
    named_by: &["name"],
    fields: &[Field::new("name", Form::Name, Absent::Required), DESCRIPTION, ENABLED],
    lists: &[&TEAMS, &PERMISSIONS, &RATE_LIMITS, &QUOTAS],
};

static TEAMS: Shape = Shape {
    list: "teams",
    kind: Kind::Team,
    parent: Parent::Column("org_id", Kind::Org),
    short: Some("name"),
    named_by: &["name"],
    fields: &[Field::new("name", Form::Name, Absent::Required), ENABLED],
    lists: &[&PERMISSIONS, &RATE_LIMITS, &QUOTAS],
};

pub(super) static USERS: Shape = Shape {
    list: "users",
    kind: Kind::User,
    parent: Parent::None,
    short: Some("name"),
    named_by: &["name"],
    fields: &[
        Field::new("name", Form::Name, Absent::Required),
        Field::new("org", Form::Org, Absent::Text(DEFAULT_ORG)).at("org_id"),
        Field::new("team", Form::Team, Absent::Null).at("team_id"),
        Field::new("password", Form::Password, Absent::Null),
        Field::new("is_admin", Form::Flag, Absent::Flag(false)),
        ENABLED,
    ],
    lists: &[&KEYS, &PERMISSIONS, &RATE_LIMITS, &QUOTAS],
};

static KEYS: Shape = Shape {
    list: "keys",
    kind: Kind::UserKey,
    parent: Parent::Column("user_id", Kind::User),
    short: None,
    named_by: &["digest", "key", "sealed", "label"],
    fields: &[
        Field::new("label", Form::Text, Absent::Null),
        // the key, its digest, or the key to be kept sealed: one of them says which key it is
        Field::new("key", Form::Key, Absent::Null).at("digest"),
        Field::new("digest", Form::Digest, Absent::Null),
        Field::new("sealed", Form::Secret, Absent::Null).at("sealed_key"),
        Field::new("prefix", Form::Text, Absent::Null),
        Field::new("tier", Form::Text, Absent::Text("local")),
        Field::new("pipeline", Form::Text, Absent::Null),
        Field::new("expires_at", Form::Moment, Absent::Null),
        ENABLED,
    ],
    lists: &[&PERMISSIONS, &RATE_LIMITS, &QUOTAS],
};

pub(super) static DELETED_KEYS: Shape = Shape {
    list: "deleted_keys",
    kind: Kind::KeyTombstone,
    parent: Parent::None,
    short: Some("digest"),
    named_by: &["digest"],
    fields: &[Field::new("digest", Form::Digest, Absent::Required)],
    lists: &[],
};
