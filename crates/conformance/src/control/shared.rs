//! What nodes share: the health of credentials, vocabularies, logins, leases.

use std::sync::Arc;

use futures_util::future::try_join_all;
use penstock_control::{ControlStore, CredentialStatus, Lease, Record, Session};
use penstock_core::{CredentialId, HealthState, Timestamp};

use super::every_kind::with_one_of_each;
use super::{Harness, with_ada};
use crate::case::{cases, equal, holds};
use crate::{Failure, Outcome};

cases! { "control", dyn Harness:
    the_newer_report_of_health_counts;
    a_report_of_a_model_of_any_name_is_kept;
    a_vocabulary_of_any_bytes_is_kept;
    a_login_ends_once;
    a_login_ends_with_its_user;
    a_lease_has_one_owner;
    a_lease_that_ended_is_free;
}

fn status(credential: CredentialId, model: &str, state: HealthState, at: i64) -> CredentialStatus {
    CredentialStatus {
        credential_id: credential,
        model: model.to_owned(),
        state,
        until: Some(Timestamp(at + 10)),
        reason: Some("429".to_owned()),
        reported_by: "node-a".to_owned(),
        last_error: Some("slow down".to_owned()),
        updated_at: Timestamp(at),
    }
}

async fn a_credential(store: &dyn ControlStore) -> Result<CredentialId, Failure> {
    let made = with_one_of_each(store).await?;
    let credential = made.iter().find_map(|record| match record {
        Record::Credential(credential) => Some(credential.id),
        _ => None,
    });
    credential.ok_or_else(|| Failure::new("there is no credential"))
}

async fn a_report_of_a_model_of_any_name_is_kept(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    let credential = a_credential(&*store).await?;
    let long = "é".repeat(300);
    let (first, second) = (format!("{long}1"), format!("{long}\u{0}2"));
    let report = |model: &str, at| status(credential, model, HealthState::RateLimited, at);
    store.report_health(&[report(&first, 5), report(&second, 6), report("a\0b", 5)]).await?;
    // one that is older than what is there, by the name under which that is kept
    store.report_health(&[report(&first, 4)]).await?;
    let kept = [report("ab", 5), report(&"é".repeat(255), 6)];
    equal("the reports", harness.node().await?.health_reports().await?, kept)
}

async fn the_newer_report_of_health_counts(harness: Arc<dyn Harness>) -> Outcome {
    let (store, other) = (harness.store(), harness.node().await?);
    let credential = a_credential(&*store).await?;
    let cooling = status(credential, "", HealthState::RateLimited, 5);
    let of_a_model = status(credential, "gpt-4o-mini", HealthState::Cooling, 5);
    store.report_health(&[cooling.clone(), of_a_model.clone()]).await?;
    other.report_health(&[status(credential, "", HealthState::Healthy, 4)]).await?;
    equal("the reports", other.health_reports().await?, [cooling, of_a_model.clone()])?;
    let healthy = status(credential, "", HealthState::Healthy, 6);
    other.report_health(std::slice::from_ref(&healthy)).await?;
    equal("the newer ones", store.health_reports().await?, [healthy, of_a_model])
}

async fn a_vocabulary_of_any_bytes_is_kept(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    let bytes: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    store.put_vocab("o200k", &bytes).await?;
    store.put_vocab("empty", &[]).await?;
    equal("the names", store.vocabs().await?, ["empty", "o200k"])?;
    holds("the bytes", harness.node().await?.vocab("o200k").await? == Some(bytes))?;
    store.put_vocab("o200k", b"other").await?;
    equal("the new bytes", store.vocab("o200k").await?.as_deref(), Some(&b"other"[..]))?;
    equal("one that is not there", store.vocab("cl100k").await?, None)
}

async fn a_login_ends_once(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    let key = with_ada(&*store).await?;
    let session = Session {
        digest: "d".repeat(64),
        user_id: key.user_id,
        created_at: Timestamp(1),
        expires_at: Timestamp(2),
    };
    store.open_session(&session).await?;
    let other = harness.node().await?;
    equal("the login", other.session(&session.digest).await?.as_ref(), Some(&session))?;
    other.end_session(&session.digest).await?;
    other.end_session(&session.digest).await?;
    equal("no login", store.session(&session.digest).await?, None)
}

async fn a_login_ends_with_its_user(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    let key = with_ada(&*store).await?;
    let session = Session {
        digest: "login".to_owned(),
        user_id: key.user_id,
        created_at: Timestamp(1),
        expires_at: Timestamp(2),
    };
    store.open_session(&session).await?;
    let delete = penstock_control::Change::Delete(penstock_control::Kind::User, key.user_id.0);
    store.commit(&penstock_control::ChangeSet::of(delete)).await?;
    equal("no login", store.session("login").await?, None)
}

fn lease(owner: &str, until: i64) -> Lease {
    Lease { name: "retention".to_owned(), owner: owner.to_owned(), until: Timestamp(until) }
}

async fn a_lease_has_one_owner(harness: Arc<dyn Harness>) -> Outcome {
    const NODES: usize = 40;
    let nodes = [harness.store(), harness.node().await?];
    let takes = (0..NODES).map(|number| {
        let node = Arc::clone(&nodes[number % nodes.len()]);
        async move { node.lease(&lease(&format!("node-{number}"), 100), Timestamp(1)).await }
    });
    let granted = try_join_all(takes).await?.into_iter().filter(|granted| *granted).count();
    equal("how many got it", granted, 1)
}

async fn a_lease_that_ended_is_free(harness: Arc<dyn Harness>) -> Outcome {
    let (store, other) = (harness.store(), harness.node().await?);
    holds("a takes it", store.lease(&lease("a", 10), Timestamp(1)).await?)?;
    holds("b does not get it", !other.lease(&lease("b", 20), Timestamp(9)).await?)?;
    holds("a prolongs it", store.lease(&lease("a", 15), Timestamp(9)).await?)?;
    holds("b does not get it yet", !other.lease(&lease("b", 20), Timestamp(14)).await?)?;
    holds("b takes it when it has ended", other.lease(&lease("b", 20), Timestamp(15)).await?)?;
    holds("and a does not", !store.lease(&lease("a", 30), Timestamp(16)).await?)
}
