//! Aliases: rewritings of requested names.

pub(super) mod create;
pub(super) mod delete;
pub(super) mod get;
pub(super) mod list;
pub(super) mod update;

use penstock_control::{Alias, EVERY_PROVIDER, Records};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::check;
use super::problem::Problem;
use super::providers::Providers;
use super::resource::{Draft, Filter, Look, Reference, Resource, stands_for};

pub(in super::super) struct Aliases;

/// What an alias is made of.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct AliasBody {
    /// The provider under which it is asked for, by id or name, or `*`.
    #[serde(default = "every_provider")]
    provider: Reference,
    /// A regular expression that has to match the whole name.
    alias: String,
    /// What the name becomes; `$1` and the like stand for groups.
    target: String,
    /// Lower ones are tried first.
    #[serde(default)]
    sort_order: i64,
    /// Whether it is used.
    #[serde(default = "super::yes")]
    enabled: bool,
}

/// An alias; its name is the expression.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct AliasView {
    id: i64,
    /// Absent for all providers.
    provider_id: Option<i64>,
    provider: String,
    alias: String,
    target: String,
    sort_order: i64,
    enabled: bool,
    created_at: i64,
    updated_at: i64,
}

impl Resource for Aliases {
    type Body = AliasBody;
    type View = AliasView;

    stands_for!(Alias in aliases);
    const NAME: &'static str = "alias";
    const FILTERS: &'static [Filter] =
        &[Filter::Text("provider"), Filter::Text("target"), Filter::Flag("enabled")];

    fn name(record: &Alias, _: &Records) -> Option<String> {
        Some(record.alias.clone())
    }

    fn view(record: &Alias, look: &Look) -> AliasView {
        let provider = look.records.providers.iter().find(|provider| provider.name == record.provider);
        AliasView {
            id: record.id,
            provider_id: provider.map(|provider| provider.id.0),
            provider: record.provider.clone(),
            alias: record.alias.clone(),
            target: record.target.clone(),
            sort_order: record.sort_order,
            enabled: record.enabled,
            created_at: record.created_at.0,
            updated_at: record.updated_at.0,
        }
    }

    fn body(record: &Alias) -> AliasBody {
        AliasBody {
            provider: Reference::Name(record.provider.clone()),
            alias: record.alias.clone(),
            target: record.target.clone(),
            sort_order: record.sort_order,
            enabled: record.enabled,
        }
    }

    fn record(body: AliasBody, draft: &Draft<'_, Self>) -> Result<Alias, Problem> {
        check::alias("alias", &body.alias)?;
        check::name("target", &body.target)?;
        let kept = |name: &str| draft.before.is_some_and(|before| before.provider == name);
        let provider = match body.provider {
            // one that was there may be of a provider that the configuration file names
            Reference::Name(name) if name == EVERY_PROVIDER || kept(&name) => name,
            provider => provider.record::<Providers>("provider", &draft.look.records)?.name,
        };
        Ok(Alias {
            id: draft.id,
            provider,
            alias: body.alias,
            target: body.target,
            sort_order: body.sort_order,
            enabled: body.enabled,
            created_at: draft.created_at,
            updated_at: draft.now(),
        })
    }
}

fn every_provider() -> Reference {
    Reference::Name(EVERY_PROVIDER.to_owned())
}
