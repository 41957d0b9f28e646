//! Models of a provider.

pub(super) mod create;
pub(super) mod delete;
pub(super) mod get;
pub(super) mod list;
pub(super) mod update;

use penstock_control::{ProviderModel, Records};
use penstock_core::{ProviderId, Usd};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::check;
use super::problem::Problem;
use super::providers::Providers;
use super::resource::{Draft, Filter, FindParent, Look, Resource, id_of, name_of, stands_for};
use super::schema::{Count, object_or_null};

/// What may have a price, in USD per million tokens.
const PRICED: [&str; 5] = ["input", "output", "cache_read", "cache_write_5m", "cache_write_1h"];

pub(in super::super) struct Models;

/// What a model is made of.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct ModelBody {
    /// The provider's name of it.
    model_id: String,
    /// What people call it.
    display_name: Option<String>,
    /// USD per million tokens as decimal text: `input`, `output`, `cache_read`, `cache_write_5m`,
    /// `cache_write_1h`, and `tiers` of the same with `above`. Without it the catalogue's prices hold.
    #[schema(schema_with = object_or_null)]
    pricing: Option<Value>,
    /// Tokens that fit into it.
    context_window: Option<Count>,
    /// Tokens it answers at most.
    max_output_tokens: Option<Count>,
    /// What it can do.
    #[schema(schema_with = object_or_null)]
    capabilities: Option<Value>,
    /// Whether it is used.
    #[serde(default = "super::yes")]
    enabled: bool,
}

/// A model of a provider.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct ModelView {
    id: i64,
    provider_id: i64,
    provider: String,
    model_id: String,
    display_name: Option<String>,
    #[schema(schema_with = object_or_null)]
    pricing: Option<Value>,
    context_window: Option<u64>,
    max_output_tokens: Option<u64>,
    #[schema(schema_with = object_or_null)]
    capabilities: Option<Value>,
    enabled: bool,
    created_at: i64,
    updated_at: i64,
}

impl Resource for Models {
    type Body = ModelBody;
    type View = ModelView;

    stands_for!(ProviderModel in models);
    const NAME: &'static str = "model";
    const PARENT: Option<FindParent> = Some(id_of::<Providers>);
    const FILTERS: &'static [Filter] = &[Filter::Flag("enabled")];

    fn parent(record: &ProviderModel) -> Option<i64> {
        Some(record.provider_id.0)
    }

    fn name(record: &ProviderModel, _: &Records) -> Option<String> {
        Some(record.model_id.clone())
    }

    fn target(record: &ProviderModel, records: &Records) -> String {
        format!("{} of provider {}", record.model_id, name_of::<Providers>(record.provider_id, records))
    }

    fn view(record: &ProviderModel, look: &Look) -> ModelView {
        ModelView {
            id: record.id,
            provider_id: record.provider_id.0,
            provider: name_of::<Providers>(record.provider_id, &look.records),
            model_id: record.model_id.clone(),
            display_name: record.display_name.clone(),
            pricing: record.pricing.clone(),
            context_window: record.context_window,
            max_output_tokens: record.max_output_tokens,
            capabilities: record.capabilities.clone(),
            enabled: record.enabled,
            created_at: record.created_at.0,
            updated_at: record.updated_at.0,
        }
    }

    fn body(record: &ProviderModel) -> ModelBody {
        ModelBody {
            model_id: record.model_id.clone(),
            display_name: record.display_name.clone(),
            pricing: record.pricing.clone(),
            context_window: record.context_window.map(Count),
            max_output_tokens: record.max_output_tokens.map(Count),
            capabilities: record.capabilities.clone(),
            enabled: record.enabled,
        }
    }

    fn record(body: ModelBody, draft: &Draft<'_, Self>) -> Result<ProviderModel, Problem> {
        check::name("model_id", &body.model_id)?;
        if let Some(pricing) = &body.pricing {
            check_prices("pricing", pricing, true)?;
        }
        if let Some(capabilities) = &body.capabilities {
            check::object("capabilities", capabilities)?;
        }
        Ok(ProviderModel {
            id: draft.id,
            provider_id: ProviderId(draft.parent),
            model_id: body.model_id,
            display_name: body.display_name,
            pricing: body.pricing,
            context_window: body.context_window.map(|count| count.0),
            max_output_tokens: body.max_output_tokens.map(|count| count.0),
            capabilities: body.capabilities,
            enabled: body.enabled,
            created_at: draft.created_at,
            updated_at: draft.now(),
        })
    }
}

/// Prices are decimal text of zero or more; those of long requests stand in tiers.
fn check_prices(field: &str, prices: &Value, with_tiers: bool) -> Result<(), Problem> {
    check::object(field, prices)?;
    for (name, price) in prices.as_object().into_iter().flatten() {
        let inner = format!("{field}.{name}");
        match price {
            Value::Array(tiers) if name == "tiers" && with_tiers => {
                tiers.iter().try_for_each(|tier| check_prices(&inner, tier, false))?;
            }
            Value::Number(above) if name == "above" && !with_tiers && above.is_u64() => {}
            Value::String(text) if PRICED.contains(&name.as_str()) => {
                text.parse::<Usd>().ok().filter(|usd| !usd.is_negative()).ok_or_else(|| {
                    Problem::field(&inner, format!("expected a decimal such as \"0.15\", found {text:?}"))
                })?;
            }
            other => {
                let expected = PRICED.join(", ");
                let detail = format!("expected a decimal as text under one of {expected}, found {other}");
                return Err(Problem::field(&inner, detail));
            }
        }
    }
    for required in ["input", "output"] {
        if prices[required].is_null() {
            return Err(Problem::field(&format!("{field}.{required}"), "expected a price, found none"));
        }
    }
    Ok(())
}
