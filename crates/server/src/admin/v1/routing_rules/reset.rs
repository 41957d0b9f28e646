//! `POST /admin/v1/providers/{provider}/routing-rules/reset`

use axum::Json;
use axum::extract::{Path, State};
use penstock_control::{Change, Kind};
use penstock_core::ProviderId;

use super::{RoutingRuleView, RoutingRules};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::providers::{Providers, seeds};
use crate::admin::v1::resource::{Listing, Look, Page, Planned, commit, find, list};

/// Puts the routing rules of a provider back to those of its channel.
#[utoipa::path(
    post, path = "/providers/{provider}/routing-rules/reset", tag = "routing-rules",
    responses((status = 200, description = "The first page of what it has now.", body = Page<RoutingRuleView>))
)]
pub(in super::super) async fn handle(
    admin: Admin,
    State(state): State<Shared>,
    Path(provider): Path<String>,
) -> Result<Json<Page<RoutingRuleView>>, Problem> {
    let plan = |look: &Look| {
        let found = find::<Providers>(&look.records, None, &provider)?;
        let of_it = look.records.routing_rules.iter().filter(|rule| rule.provider_id == found.id);
        let removed: Vec<_> = of_it.map(|rule| Change::Delete(Kind::RoutingRule, rule.id)).collect();
        let made = seeds(&state.parts.table, &found.channel, ProviderId(found.id.0), look.now);
        let after = format!("{} rules of the channel {}", made.len(), found.channel);
        Ok(Planned {
            before: Some(format!("{} rules", removed.len()).into()),
            after: Some(after.into()),
            changes: removed.into_iter().chain(made).collect(),
            id: found.id.0,
            target: format!("routing_rules of provider {}", found.name),
        })
    };
    commit::<RoutingRules>(&state, &admin, "reset", plan).await?;
    list::<RoutingRules>(&state, Some(&provider), Listing::first()).await
}
