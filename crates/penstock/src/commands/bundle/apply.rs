//! `penstock import` and `penstock apply`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use penstock_control::Store;
use penstock_control::bundle::{self, ApplyError, Bundle, Plan, PlanOptions, References};
use penstock_control::{ControlStore, DEFAULT_ORG, Loaded, Org, Record, Records};
use penstock_core::{Clock as _, OrgId, SystemClock};

use super::super::{modules, open_store};
use super::{actor, name, read, shown};
use crate::config::{Config, process_environment};

/// What was asked for.
pub(in super::super) struct Asked {
    pub(in super::super) file: PathBuf,
    pub(in super::super) plan: bool,
    pub(in super::super) prune: bool,
}

/// What a difference is told with, where only the difference was asked for.
const DIFFERS: u8 = 2;

/// Makes the store what a bundle says, or tells what that would change.
pub(in super::super) async fn apply(config: &Config, asked: Asked, json: bool) -> anyhow::Result<ExitCode> {
    let bundle = read(config, &asked.file)?;
    modules::check(config, &bundle)
        .await
        .with_context(|| format!("{} cannot be applied", name(&asked.file)))?;
    let options = PlanOptions { prune: asked.prune, references: References::Local(process_environment) };
    let cannot = |error: ApplyError| match error {
        ApplyError::Bundle(error) => anyhow::anyhow!("{} cannot be applied:\n{error}", name(&asked.file)),
        error => error.into(),
    };
    if asked.plan {
        let plan = preview(config, &bundle, options).await.map_err(|error| {
            match error.downcast::<ApplyError>() {
                Ok(error) => cannot(error),
                Err(error) => error,
            }
        })?;
        shown::plan(&plan, json)?;
        return Ok(if plan.is_empty() { ExitCode::SUCCESS } else { DIFFERS.into() });
    }
    let store = open_store(config).await?;
    let applied =
        bundle::apply(&store, &bundle, options, &actor(), SystemClock.now()).await.map_err(cannot)?;
    // the keys are shown before anything else can fail
    shown::applied(&applied, json)?;
    store.close().await?;
    Ok(ExitCode::SUCCESS)
}

/// What would change. Nothing is made: where there is no store yet, it is compared with a new one.
async fn preview(config: &Config, bundle: &Bundle, options: PlanOptions) -> anyhow::Result<Plan> {
    let now = SystemClock.now();
    if let Some(store) = Store::find(&config.control).await? {
        let store = store.sealed_with(config.keyring.clone()).await?;
        let plan = bundle.preview(&store, options, now).await?;
        store.close().await?;
        return Ok(plan);
    }
    let org = Org {
        id: OrgId(1),
        name: DEFAULT_ORG.to_owned(),
        description: None,
        enabled: true,
        created_at: now,
        updated_at: now,
    };
    let loaded = Loaded { records: Records::of([Record::Org(org)])?, version: 0 };
    let planned = bundle::plan(bundle, &loaded, &config.keyring, options, now);
    Ok(planned.map_err(ApplyError::from)?)
}
