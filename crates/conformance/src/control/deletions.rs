//! Deletions: what goes with a record, what lets go of it, and what keeps it.

use std::collections::BTreeSet;
use std::sync::Arc;

use penstock_control::{
    Change, ChangeSet, ControlError, CredentialStatus, KeyLookup, Kind, Record, Snapshot,
};
use penstock_core::{CredentialId, HealthState, Timestamp};

use super::Harness;
use super::every_kind::with_one_of_each;
use crate::case::{cases, equal, holds};
use crate::{Failure, Outcome};

cases! { "control", dyn Harness:
    a_provider_in_use_is_not_deleted;
    a_provider_goes_with_all_that_is_its;
    an_organisation_goes_with_everyone_in_it;
    a_team_lets_its_users_go;
    a_rule_set_and_a_route_go_with_their_parts;
}

fn id_of(made: &[Record], kind: Kind) -> Result<i64, Failure> {
    let found = made.iter().find(|record| record.kind() == kind);
    found.map(Record::id).ok_or_else(|| Failure::new(format!("there is no {}", kind.noun())))
}

/// Deletes one of the records of each kind, and says which kinds are gone then.
async fn gone(
    harness: &dyn Harness,
    delete: impl Fn(i64) -> Change,
    kind: Kind,
) -> Result<BTreeSet<Kind>, Failure> {
    let store = harness.store();
    let made = with_one_of_each(&*store).await?;
    store.commit(&ChangeSet::of(delete(id_of(&made, kind)?))).await?;
    let records = harness.node().await?.load().await?.records;
    let is_gone = |record: &&Record| records.record(record.kind(), record.id()).is_none();
    Ok(made.iter().filter(is_gone).map(Record::kind).collect())
}

async fn a_provider_in_use_is_not_deleted(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    let made = with_one_of_each(&*store).await?;
    let before = store.load().await?;
    let delete = ChangeSet::of(Change::Delete(Kind::Provider, id_of(&made, Kind::Provider)?));
    let refused = store.commit(&delete).await;
    let in_use = matches!(refused, Err(ControlError::InUse { kind: Kind::Provider, by: Kind::RouteMember }));
    holds("it is in use", in_use)?;
    equal("the records", store.load().await?, before)
}

async fn a_provider_goes_with_all_that_is_its(harness: Arc<dyn Harness>) -> Outcome {
    let cascading = |id| Change::DeleteCascading(Kind::Provider, id);
    let expected = [
        Kind::Provider,
        Kind::Credential,
        Kind::ProviderModel,
        Kind::RoutingRule,
        Kind::ProviderRuleSet,
        Kind::RouteMember,
    ];
    equal("what is gone", gone(&*harness, cascading, Kind::Provider).await?, BTreeSet::from(expected))?;
    // and what was told of its credential
    let store = harness.store();
    let status = CredentialStatus {
        credential_id: CredentialId(1),
        model: String::new(),
        state: HealthState::Cooling,
        until: None,
        reason: None,
        reported_by: "node".to_owned(),
        last_error: None,
        updated_at: Timestamp(1),
    };
    store.report_health(&[status]).await?;
    equal("the reports", store.health_reports().await?, [])
}

async fn an_organisation_goes_with_everyone_in_it(harness: Arc<dyn Harness>) -> Outcome {
    let delete = |id| Change::Delete(Kind::Org, id);
    let expected =
        [Kind::Org, Kind::Team, Kind::User, Kind::UserKey, Kind::Permission, Kind::RateLimit, Kind::Quota];
    equal("what is gone", gone(&*harness, delete, Kind::Org).await?, BTreeSet::from(expected))?;
    let snapshot = Snapshot::new(harness.store().load().await?);
    let digest = penstock_control::KeyDigest::of("sk-pen-ada");
    holds("the key stays known", matches!(snapshot.key(&digest, Timestamp(1)), KeyLookup::Refused(_)))
}

async fn a_team_lets_its_users_go(harness: Arc<dyn Harness>) -> Outcome {
    let delete = |id| Change::Delete(Kind::Team, id);
    let expected = BTreeSet::from([Kind::Team, Kind::Permission]);
    equal("what is gone", gone(&*harness, delete, Kind::Team).await?, expected)?;
    let records = harness.node().await?.load().await?.records;
    equal("the user's team", records.user("ada").map(|user| user.team_id), Some(None))
}

async fn a_rule_set_and_a_route_go_with_their_parts(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    let made = with_one_of_each(&*store).await?;
    let changes = ChangeSet::of(Change::Delete(Kind::RuleSet, id_of(&made, Kind::RuleSet)?))
        .and(Change::Delete(Kind::Route, id_of(&made, Kind::Route)?));
    store.commit(&changes).await?;
    let records = harness.node().await?.load().await?.records;
    holds("the rules are gone", records.rules.is_empty() && records.attachments.is_empty())?;
    holds("the members are gone", records.members.is_empty() && records.routes.is_empty())
}
