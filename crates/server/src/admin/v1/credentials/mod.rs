//! Credentials: the secrets of a provider.

pub(super) mod create;
pub(super) mod delete;
pub(super) mod get;
pub(super) mod list;
pub(super) mod update;

use penstock_control::{Credential, Records};
use penstock_core::{CredentialId, ProviderId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::check;
use super::problem::Problem;
use super::providers::Providers;
use super::resource::{Draft, Filter, FindParent, Look, Resource, Written, id_of, name_of, stands_for};
use super::schema::Count;

pub(in super::super) struct Credentials;

/// What a credential is made of.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct CredentialBody {
    /// Its name among those of the provider.
    name: String,
    /// What kind of secret it is.
    #[serde(default = "api_key")]
    kind: String,
    /// The secret. A new credential needs one.
    #[serde(default, skip_serializing_if = "Written::is_kept")]
    secret: Written,
    /// Its share where credentials are chosen by weight.
    #[serde(default = "super::hundred")]
    weight: Count,
    /// Requests a minute it takes.
    rpm_limit: Option<Count>,
    /// Tokens a minute it takes.
    tpm_limit: Option<Count>,
    /// Whether it is used.
    #[serde(default = "super::yes")]
    enabled: bool,
}

/// A credential, without its secret.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct CredentialView {
    id: i64,
    provider_id: i64,
    provider: String,
    name: String,
    kind: String,
    /// Whether the secret is sealed under a master key.
    sealed: bool,
    weight: u64,
    rpm_limit: Option<u64>,
    tpm_limit: Option<u64>,
    enabled: bool,
    created_at: i64,
    updated_at: i64,
}

impl Resource for Credentials {
    type Body = CredentialBody;
    type View = CredentialView;

    stands_for!(Credential in credentials);
    const NAME: &'static str = "credential";
    const PARENT: Option<FindParent> = Some(id_of::<Providers>);
    const FILTERS: &'static [Filter] = &[Filter::Text("kind"), Filter::Flag("enabled")];
    const SECRETS: &'static [&'static str] = &["secret"];

    fn parent(record: &Credential) -> Option<i64> {
        Some(record.provider_id.0)
    }

    fn name(record: &Credential, _: &Records) -> Option<String> {
        Some(record.name.clone())
    }

    fn target(record: &Credential, records: &Records) -> String {
        format!("{} of provider {}", record.name, name_of::<Providers>(record.provider_id, records))
    }

    fn view(record: &Credential, look: &Look) -> CredentialView {
        CredentialView {
            id: record.id.0,
            provider_id: record.provider_id.0,
            provider: name_of::<Providers>(record.provider_id, &look.records),
            name: record.name.clone(),
            kind: record.kind.clone(),
            sealed: record.secret.is_sealed(),
            weight: record.weight,
            rpm_limit: record.rpm_limit,
            tpm_limit: record.tpm_limit,
            enabled: record.enabled,
            created_at: record.created_at.0,
            updated_at: record.updated_at.0,
        }
    }

    fn body(record: &Credential) -> CredentialBody {
        CredentialBody {
            name: record.name.clone(),
            kind: record.kind.clone(),
            secret: Written::Kept,
            weight: Count(record.weight),
            rpm_limit: record.rpm_limit.map(Count),
            tpm_limit: record.tpm_limit.map(Count),
            enabled: record.enabled,
        }
    }

    fn record(body: CredentialBody, draft: &Draft<'_, Self>) -> Result<Credential, Problem> {
        check::own_name("name", &body.name)?;
        check::name("kind", &body.kind)?;
        check::secret("secret", &body.secret)?;
        let before = draft.before.map(|before| before.secret.clone());
        let secret = body.secret.over(before);
        Ok(Credential {
            id: CredentialId(draft.id),
            provider_id: ProviderId(draft.parent),
            name: body.name,
            kind: body.kind,
            secret: secret.ok_or_else(|| Problem::field("secret", "expected a secret, found none"))?,
            weight: body.weight.0,
            rpm_limit: body.rpm_limit.map(|limit| limit.0),
            tpm_limit: body.tpm_limit.map(|limit| limit.0),
            enabled: body.enabled,
            created_at: draft.created_at,
            updated_at: draft.now(),
        })
    }
}

fn api_key() -> String {
    "api_key".to_owned()
}
