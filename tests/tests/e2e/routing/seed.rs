//! Records, put into the control store as another node would.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use penstock_control::{
    Alias, Change, ChangeSet, ControlStore, Credential, CredentialStatus, Dsn, EVERY_PROVIDER, Kept,
    Provider, Record, Records, Route, RouteMember,
};
use penstock_core::{
    Clock, CredentialId, CredentialStrategy, ProviderId, RouteId, RouteStrategy, Secret, SystemClock,
};
use penstock_tests::http::PATIENCE;
use serde_json::{Value, json};

/// The control store, beside the gateways that use it.
pub(super) struct Store(penstock_control::Store);

impl Store {
    /// The one in a data folder.
    pub(super) async fn in_folder(folder: &Path) -> Result<Self> {
        Ok(Self(penstock_control::Store::open(&Dsn::Sqlite(folder.join("penstock.db"))).await?))
    }

    /// The one that a URL names.
    pub(super) async fn at(dsn: &str) -> Result<Self> {
        Ok(Self(penstock_control::Store::open(&Dsn::parse(&Secret::from(dsn.to_owned()))?).await?))
    }

    pub(super) async fn put(&self, seed: Seed) -> Result<()> {
        let changes = seed.records.into_iter().map(Change::Put).collect();
        self.0.commit(&ChangeSet { changes, ..ChangeSet::default() }).await?;
        Ok(())
    }

    /// Changes one record.
    pub(super) async fn change(&self, change: impl FnOnce(&Records) -> Option<Record>) -> Result<()> {
        let records = self.0.load().await?.records;
        let changed = change(&records).context("there is no such record")?;
        self.0.commit(&ChangeSet::of(Change::Put(changed))).await?;
        Ok(())
    }

    /// How credentials are, once there are so many reports.
    pub(super) async fn health(&self, reports: usize) -> Result<Vec<CredentialStatus>> {
        let start = Instant::now();
        loop {
            let found = self.0.health_reports().await?;
            if found.len() >= reports {
                return Ok(found);
            }
            ensure!(start.elapsed() < PATIENCE, "expected {reports} reports, found {found:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(super) async fn close(self) -> Result<()> {
        Ok(self.0.close().await?)
    }
}

/// Records that refer to each other by temporary ids.
#[derive(Default)]
pub(super) struct Seed {
    records: Vec<Record>,
}

impl Seed {
    fn id(&self) -> i64 {
        -1 - i64::try_from(self.records.len()).unwrap_or(0)
    }

    /// An OpenAI-compatible provider with these credentials, whose secrets are `sk-` and their name.
    pub(super) fn provider(
        &mut self,
        name: &str,
        settings: Value,
        strategy: CredentialStrategy,
        credentials: &[(&str, u64)],
    ) -> ProviderId {
        let (id, now) = (ProviderId(self.id()), SystemClock.now());
        let provider = Provider {
            id,
            name: name.to_owned(),
            channel: "custom".to_owned(),
            label: None,
            settings,
            credential_strategy: strategy,
            proxy_url: None,
            enabled: true,
            created_at: now,
            updated_at: now,
        };
        self.records.push(provider.into());
        for (name, weight) in credentials {
            let credential = Credential {
                id: CredentialId(self.id()),
                provider_id: id,
                name: (*name).to_owned(),
                kind: "api_key".to_owned(),
                secret: (&Secret::from(format!("sk-{name}"))).into(),
                weight: *weight,
                rpm_limit: None,
                tpm_limit: None,
                enabled: true,
                created_at: now,
                updated_at: now,
            };
            self.records.push(credential.into());
        }
        id
    }

    /// A provider with one credential of its own name.
    pub(super) fn simple(&mut self, name: &str, url: &str) -> ProviderId {
        let settings = json!({"base_url": format!("{url}/v1")});
        self.provider(name, settings, CredentialStrategy::RoundRobin, &[(name, 1)])
    }

    /// A route to these models, each with its tier and weight.
    pub(super) fn route(
        &mut self,
        name: &str,
        strategy: RouteStrategy,
        members: &[(ProviderId, &str, i64, u64)],
    ) {
        let (id, now) = (RouteId(self.id()), SystemClock.now());
        let route = Route {
            id,
            name: name.to_owned(),
            strategy,
            settings: None,
            description: None,
            enabled: true,
            created_at: now,
            updated_at: now,
        };
        self.records.push(route.into());
        for (provider, model, tier, weight) in members {
            let member = RouteMember {
                id: self.id(),
                route_id: id,
                provider_id: Kept(*provider),
                upstream_model_id: (*model).to_owned(),
                tier: *tier,
                weight: *weight,
                enabled: true,
                created_at: now,
                updated_at: now,
            };
            self.records.push(member.into());
        }
    }

    pub(super) fn alias(&mut self, alias: &str, target: &str) {
        let now = SystemClock.now();
        let alias = Alias {
            id: self.id(),
            provider: EVERY_PROVIDER.to_owned(),
            alias: alias.to_owned(),
            target: target.to_owned(),
            sort_order: 0,
            enabled: true,
            created_at: now,
            updated_at: now,
        };
        self.records.push(alias.into());
    }

    /// Any record, under an id of its own.
    pub(super) fn add<R: Into<Record>>(&mut self, make: impl FnOnce(i64) -> R) {
        let record = make(self.id()).into();
        self.records.push(record);
    }
}
