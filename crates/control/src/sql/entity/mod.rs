//! One definition per table, for all dialects.

#![expect(unreachable_pub, reason = "the derive requires public types; the module itself is private")]
#![expect(clippy::struct_field_names, reason = "columns are named as in the specification")]

pub(super) mod key_tombstones;
pub(super) mod meta;
pub(super) mod orgs;
pub(super) mod route_permissions;
pub(super) mod usages;
pub(super) mod user_keys;
pub(super) mod users;
