//! Bundles: what one says becomes the same records everywhere, and comes out again.

use std::sync::Arc;

use penstock_control::accounts::Actor;
use penstock_control::bundle::{Bundle, Format, PlanOptions, References, Secrets, apply};
use penstock_control::{AuditQuery, ControlStore, KeyDigest};
use penstock_core::Timestamp;

use super::Harness;
use super::every_kind::with_one_of_each;
use crate::case::{cases, equal, holds};
use crate::{Failure, Outcome};

cases! { "control", dyn Harness:
    a_bundle_becomes_the_same_records_everywhere;
    every_kind_of_record_is_in_an_export;
    a_bundle_is_applied_whole_or_not_at_all;
    bundles_of_several_nodes_are_all_applied;
    what_has_moved_away_is_not_pruned_with_what_it_left;
}

/// With every section, as it is exported: the same bytes on every backend.
const WHOLE: &str = include_str!("bundle.json");

const OPTIONS: PlanOptions = PlanOptions { prune: false, references: References::Refused };
const PRUNE: PlanOptions = PlanOptions { prune: true, ..OPTIONS };
const NOW: Timestamp = Timestamp(7);

fn read(text: &str, format: Format) -> Result<Bundle, Failure> {
    Bundle::read(text, format).map_err(Failure::new)
}

async fn export(store: &dyn ControlStore) -> Result<String, Failure> {
    let records = store.load().await?.records;
    Ok(Bundle::export(&records, Secrets::Open(store.keyring())).map_err(Failure::new)?.to_json())
}

async fn applied(store: &dyn ControlStore, bundle: &Bundle, options: PlanOptions) -> Result<usize, Failure> {
    let actor = Actor { name: "kit".to_owned(), ..Actor::default() };
    let applied = apply(store, bundle, options, &actor, NOW).await.map_err(Failure::new)?;
    Ok(applied.changes.len())
}

async fn a_bundle_becomes_the_same_records_everywhere(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    let bundle = read(WHOLE, Format::Json)?;
    holds("it changes something", applied(&*store, &bundle, OPTIONS).await? > 20)?;
    let version = store.version().await?;
    equal("the export", export(&*store).await?.as_str(), WHOLE)?;
    // another node reads it from where it is kept
    let node = harness.node().await?;
    equal("the export of another node", export(&*node).await?.as_str(), WHOLE)?;
    equal("what is changed again", applied(&*store, &bundle, PRUNE).await?, 0)?;
    equal("the version", store.version().await?, version)?;
    let audit = store.audit(&AuditQuery { limit: 10, ..AuditQuery::default() }).await?;
    let actions: Vec<_> = audit.rows.iter().map(|entry| entry.action.as_str()).collect();
    equal("the audit trail", actions, ["bundle.apply"])?;
    let after = audit.rows.first().and_then(|entry| entry.after.as_ref()).map(ToString::to_string);
    let after = after.ok_or_else(|| Failure::new("the audit trail does not say what changed"))?;
    holds("it names a record", after.contains("openai / main"))?;
    holds("and no secret", !after.contains("sk-live") && !after.contains("argon2"))
}

async fn every_kind_of_record_is_in_an_export(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    with_one_of_each(&*store).await?;
    let text = export(&*store).await?;
    let bundle = read(&text, Format::Json)?;
    let plan = bundle.preview(&*store, PRUNE, NOW).await;
    // the hash of the one password there is none: that it is refused says that it was read
    let Err(error) = plan else { return Err(Failure::new("a password that is no hash was taken")) };
    holds(
        "the refusal",
        error.to_string().contains("users \"ada\", password: the stored password is not an Argon2 hash"),
    )?;
    let sound = read(&text.replace("\"$argon2id$x\"", "null"), Format::Json)?;
    equal("what is different", applied(&*store, &sound, PRUNE).await?, 1)?;
    let other =
        harness.start_together(1).await?.pop().ok_or_else(|| Failure::new("there is no other store"))?;
    applied(&*other, &sound, PRUNE).await?;
    equal("the export of another store", export(&*other).await?, export(&*store).await?)
}

async fn a_bundle_is_applied_whole_or_not_at_all(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    let before = store.load().await?;
    let long = "x".repeat(300);
    let bundle = read(&format!("penstock: 1\nusers: [ada]\nroutes: [{{name: \"{long}\"}}]\n"), Format::Yaml)?;
    let refused = apply(&*store, &bundle, OPTIONS, &Actor::default(), NOW).await;
    let Err(error) = refused else { return Err(Failure::new("a name of 300 characters was taken")) };
    holds(
        "the refusal",
        error.to_string().contains("route.name: expected at most 255 characters, found 300"),
    )?;
    equal("the records", store.load().await?, before)
}

async fn bundles_of_several_nodes_are_all_applied(harness: Arc<dyn Harness>) -> Outcome {
    let nodes = [harness.store(), harness.node().await?];
    let bundles = (0..8).map(|number| {
        let node = Arc::clone(&nodes[number % nodes.len()]);
        async move {
            let text = format!(
                "penstock: 1\nusers: [user-{number}]\norgs: [{{name: shared, teams: [team-{number}]}}]\n"
            );
            applied(&*node, &read(&text, Format::Yaml)?, OPTIONS).await
        }
    });
    futures_util::future::try_join_all(bundles).await?;
    let records = nodes[0].load().await?.records;
    equal("the users", records.users.len(), 8)?;
    equal("the organisations", records.orgs.len(), 2)?;
    equal("their teams", records.teams.len(), 8)
}

async fn what_has_moved_away_is_not_pruned_with_what_it_left(harness: Arc<dyn Harness>) -> Outcome {
    let [laptop, robot] = ["sk-pen-laptop", "sk-pen-robot"].map(|key| KeyDigest::of(key).to_string());
    let before = format!(
        "penstock: 1
providers: [{{name: old, channel: openai, models: [{{id: m}}]}}, {{name: new, channel: openai}}]
routes: [{{name: fast, members: [{{provider: old, model: m}}]}}]
orgs: [{{name: acme, teams: [{{name: core}}]}}]
users:
  - {{name: ada, org: acme, team: core, keys: [{{label: laptop, digest: \"{laptop}\"}}]}}
  - {{name: bob, org: acme, keys: [{{label: robot, digest: \"{robot}\"}}]}}
"
    );
    let after = format!(
        "penstock: 1
providers: [{{name: new}}]
routes: [{{name: fast, members: [{{provider: new, model: m}}]}}]
orgs: [default]
users: [{{name: ada, org: default, keys: [{{digest: \"{laptop}\"}}, {{digest: \"{robot}\"}}]}}]
"
    );
    let store = harness.store();
    applied(&*store, &read(&before, Format::Yaml)?, OPTIONS).await?;
    applied(&*store, &read(&after, Format::Yaml)?, PRUNE).await?;
    // what is kept, and not what this node thinks of it
    let records = harness.node().await?.load().await?.records;
    let orgs: Vec<_> = records.orgs.iter().map(|org| org.name.as_str()).collect();
    equal("the organisations", orgs, ["default"])?;
    let users: Vec<_> = records.users.iter().map(|user| user.name.as_str()).collect();
    equal("the users", users, ["ada"])?;
    let ada = records.user("ada").map(|user| user.id);
    let owners: Vec<_> = records.keys.iter().map(|key| Some(key.user_id)).collect();
    equal("whose the keys are", owners, [ada, ada])?;
    let providers: Vec<_> = records.providers.iter().map(|provider| provider.name.as_str()).collect();
    equal("the providers", providers, ["new"])?;
    equal("the members of the route", records.members.len(), 1)?;
    equal("what this node has", store.load().await?.records, records)
}
