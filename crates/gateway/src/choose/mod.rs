//! From what a name stands for to the candidates, in the order in which they are tried.
//!
//! Tiers in their order; within a tier the members by the route's strategy; of each member the credentials by
//! the provider's. Strategies choose among those that can be used: of two that are left, each gets half,
//! whatever became of the third. What is left alone by its health stands at the end, what must not be asked at
//! all is not there.

mod chance;
mod credentials;
mod members;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use penstock_core::Timestamp;
use penstock_providers::{Catalogue, ProviderTable};

pub use self::chance::Chance;
use self::credentials::Turns;
use crate::health::{Condition, Latency};
use crate::resolve::Resolution;
use crate::routing::{Credential, Member, Provider};
use crate::{Caller, GatewayError};

/// One way to answer a request.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The provider.
    pub provider: Arc<Provider>,
    /// The credential; `None` where the caller's own key is used.
    pub credential: Option<Arc<Credential>>,
    /// The provider's name of the model.
    pub model: Arc<str>,
    /// Where it is noted how fast it is, if that matters.
    pub(crate) latency: Option<Arc<Latency>>,
}

impl Candidate {
    fn new(member: &Member, credential: Option<&Arc<Credential>>) -> Self {
        Self {
            provider: Arc::clone(&member.provider),
            credential: credential.cloned(),
            model: Arc::clone(&member.model),
            latency: member.latency.clone(),
        }
    }
}

/// What the choice depends on besides what there is.
#[derive(Debug)]
pub struct Circumstances<'a> {
    /// Who asks.
    pub caller: &'a Caller,
    /// Whose keys look how.
    pub table: &'a ProviderTable,
    /// What models cost.
    pub catalogue: &'a Catalogue,
    /// Tokens of the input, roughly.
    pub tokens: u64,
    /// The time.
    pub now: Timestamp,
    /// Where randomness comes from.
    pub chance: Chance,
}

/// A member and those of its credentials that can be used.
struct Usable<'a> {
    member: &'a Member,
    credentials: Vec<&'a Arc<Credential>>,
}

/// The candidates of a resolution. A caller's own key goes to the first member only, and to nobody else.
pub fn candidates(
    resolution: &Resolution,
    circumstances: Circumstances<'_>,
) -> Result<Vec<Candidate>, GatewayError> {
    let Some(first) = resolution.members.first() else {
        let name = &resolution.full_name;
        let message = format!("no member of the route {name:?} is in use: its operator has to enable one");
        return Err(GatewayError::Upstream(message));
    };
    if let Caller::OwnKey(own) = circumstances.caller {
        own_key_may_go(own, &first.provider, circumstances.table)?;
        return Ok(vec![Candidate::new(first, None)]);
    }
    // the usual case, with nothing to choose
    if let ([member], [credential]) = (&*resolution.members, &*first.provider.credentials)
        && condition(credential, member, &circumstances) == Condition::Ready
    {
        return Ok(vec![Candidate::new(member, Some(credential))]);
    }
    choose(resolution, circumstances)
}

fn choose(
    resolution: &Resolution,
    mut circumstances: Circumstances<'_>,
) -> Result<Vec<Candidate>, GatewayError> {
    let (mut found, mut aside, mut shut) = (Vec::new(), Vec::new(), Vec::new());
    let mut turns = Turns::default();
    for tier in resolution.members.chunk_by(|one, other| one.tier == other.tier) {
        let mut usable = Vec::with_capacity(tier.len());
        for member in tier {
            let mut credentials = Vec::with_capacity(member.provider.credentials.len());
            for credential in &member.provider.credentials {
                match condition(credential, member, &circumstances) {
                    Condition::Ready => credentials.push(credential),
                    Condition::Aside(until) => aside.push((until, Candidate::new(member, Some(credential)))),
                    Condition::Shut(until) => shut.push(until),
                }
            }
            if !credentials.is_empty() {
                usable.push(Usable { member, credentials });
            }
        }
        if let Some(route) = &resolution.route {
            members::order(route, &mut usable, &mut turns, &mut circumstances);
        }
        for Usable { member, mut credentials } in usable {
            credentials::order(&member.provider, &mut credentials, &mut turns, &mut circumstances);
            found.extend(credentials.into_iter().map(|credential| Candidate::new(member, Some(credential))));
        }
    }
    // stable: who is free at the same time stays in order
    aside.sort_by_key(|(until, _)| *until);
    found.extend(aside.into_iter().map(|(_, candidate)| candidate));
    match resolution.members.first() {
        Some(_) if found.is_empty() && !shut.is_empty() => {
            Err(left_alone(&resolution.full_name, &shut, circumstances.now))
        }
        Some(first) if found.is_empty() => Err(no_credential(&first.provider, circumstances.caller)),
        _ => Ok(found),
    }
}

fn condition(credential: &Credential, member: &Member, circumstances: &Circumstances<'_>) -> Condition {
    let now = circumstances.now;
    if !credential.health.has_room(credential.limits, circumstances.tokens, now) {
        return Condition::Shut(None);
    }
    credential.health.condition(&member.model, now)
}

/// Whoever could answer must not be asked at the moment.
pub(crate) fn left_alone(name: &str, until: &[Option<Timestamp>], now: Timestamp) -> GatewayError {
    let soonest = until.iter().map(|until| until.map_or(1_000, |until| until.millis_since(now))).min();
    let retry_after = Duration::from_millis(soonest.unwrap_or(1_000).max(1_000));
    let message = format!(
        "nobody can be asked for {name:?} at the moment: all who serve it have failed too often or have their \
         budget used up, and are left alone for {} s",
        retry_after.as_millis().div_ceil(1_000)
    );
    GatewayError::LeftAlone { message, retry_after }
}

fn own_key_may_go(
    own: &crate::OwnKey,
    provider: &Provider,
    table: &ProviderTable,
) -> Result<(), GatewayError> {
    let name = &*provider.name;
    if provider.takes_no_key() {
        return Err(GatewayError::Unauthenticated(format!(
            "provider {name:?} takes no keys, so an own key does not open it: use a key of this gateway"
        )));
    }
    let owner = table.owner_of_key(own.key.secret.expose());
    if let Some(owner) = owner.filter(|owner| owner.name != provider.row.name) {
        return Err(GatewayError::Unauthenticated(format!(
            "the key that was sent looks like one of {}, but this model is served by {name:?}: \
             it was not forwarded",
            owner.label
        )));
    }
    Ok(())
}

fn no_credential(provider: &Provider, caller: &Caller) -> GatewayError {
    let name = &*provider.name;
    if let Caller::User(_) = caller {
        // the caller's key is fine: it is the operator who has something to do
        let message =
            format!("the gateway has no credential for provider {name:?}: its operator has to add one");
        return GatewayError::Upstream(message);
    }
    let variable = provider.row.env_key.first().filter(|_| *provider.row.name == *name);
    let variable =
        variable.map_or_else(|| "a credential for it".to_owned(), |variable| format!("{variable} set"));
    GatewayError::Unauthenticated(format!(
        "there is no credential for provider {name:?}: start Penstock with {variable}, or send your own key"
    ))
}
