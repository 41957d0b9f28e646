//! Keys of a user. The key itself is shown once, when it is made.

pub(super) mod create;
pub(super) mod delete;
pub(super) mod get;
pub(super) mod list;
mod pipeline;
pub(super) mod update;

use penstock_control::accounts::{ADMIN_TIER, LOCAL_TIER};
use penstock_control::{Records, UserKey};
use penstock_core::{KeyId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::check;
use super::problem::Problem;
use super::resource::{Draft, Filter, FindParent, Look, Resource, id_of, name_of, stands_for};
use super::users::Users;

pub(in super::super) struct Keys;

/// What a key is made of, beside the key.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct KeyBody {
    /// What its owner calls it.
    label: Option<String>,
    /// When it stops to work by itself: unix milliseconds, in the future.
    expires_at: Option<i64>,
    /// `local` unless told otherwise; modules see it. `admin` is that of the first start's key.
    #[serde(default = "local")]
    tier: String,
    /// The modules that run for it, where it is not the gateway's pipeline.
    pipeline: Option<String>,
    /// False: it is revoked.
    #[serde(default = "super::yes")]
    enabled: bool,
}

/// A key; its name is its first characters.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct KeyView {
    id: i64,
    user_id: i64,
    user: String,
    /// Its first characters.
    prefix: String,
    label: Option<String>,
    tier: String,
    pipeline: Option<String>,
    expires_at: Option<i64>,
    enabled: bool,
    created_at: i64,
    updated_at: i64,
    /// The key itself: only in the answer to the request that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) key: Option<String>,
}

impl Resource for Keys {
    type Body = KeyBody;
    type View = KeyView;

    stands_for!(UserKey in keys);
    const NAME: &'static str = "key";
    const PARENT: Option<FindParent> = Some(id_of::<Users>);
    const FILTERS: &'static [Filter] =
        &[Filter::Text("label"), Filter::Text("tier"), Filter::Flag("enabled")];

    fn parent(record: &UserKey) -> Option<i64> {
        Some(record.user_id.0)
    }

    fn name(record: &UserKey, _: &Records) -> Option<String> {
        Some(record.prefix.clone())
    }

    fn target(record: &UserKey, records: &Records) -> String {
        format!("{} of user {}", record.prefix, name_of::<Users>(record.user_id, records))
    }

    fn view(record: &UserKey, look: &Look) -> KeyView {
        KeyView {
            id: record.id.0,
            user_id: record.user_id.0,
            user: name_of::<Users>(record.user_id, &look.records),
            prefix: record.prefix.clone(),
            label: record.label.clone(),
            tier: record.tier.clone(),
            pipeline: record.pipeline.clone(),
            expires_at: record.expires_at.map(|at| at.0),
            enabled: record.enabled,
            created_at: record.created_at.0,
            updated_at: record.updated_at.0,
            key: None,
        }
    }

    fn body(record: &UserKey) -> KeyBody {
        KeyBody {
            label: record.label.clone(),
            expires_at: record.expires_at.map(|at| at.0),
            tier: record.tier.clone(),
            pipeline: record.pipeline.clone(),
            enabled: record.enabled,
        }
    }

    fn record(body: KeyBody, draft: &Draft<'_, Self>) -> Result<UserKey, Problem> {
        // a new one has been made, and is to be filled in
        let made = draft.before.ok_or_else(|| Problem::invalid("expected a key"))?;
        check::name("tier", &body.tier)?;
        if (body.tier == ADMIN_TIER) != (made.tier == ADMIN_TIER) {
            return Err(Problem::field(
                "tier",
                "the tier `admin` is that of the first start's key, and of no other",
            ));
        }
        let expires_at = body.expires_at.map(Timestamp);
        if expires_at != made.expires_at && expires_at.is_some_and(|at| at <= draft.now()) {
            return Err(Problem::field("expires_at", "expected a time in the future, in unix milliseconds"));
        }
        Ok(UserKey {
            id: KeyId(draft.id),
            user_id: UserId(draft.parent),
            label: body.label.filter(|label| !label.trim().is_empty()),
            expires_at,
            tier: body.tier,
            pipeline: body.pipeline,
            enabled: body.enabled,
            created_at: draft.created_at,
            updated_at: draft.now(),
            ..made.clone()
        })
    }
}

fn local() -> String {
    LOCAL_TIER.to_owned()
}
