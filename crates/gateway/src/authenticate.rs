//! Who asks: a user's key, a caller with a provider key of their own, or anyone in open mode.
//!
//! The rule that matters most: a key of ours, in whatever state, must never travel to a provider.

use std::net::IpAddr;
use std::sync::Arc;

use http::HeaderMap;
use http::header::{HOST, ORIGIN};
use penstock_control::{KEY_PREFIX, KeyDigest, KeyLookup, Principal, Snapshot};
use penstock_core::{Secret, Timestamp};
use penstock_providers::AuthScheme;

use crate::GatewayError;

/// Texts that people put where a client library insists on a key.
const PLACEHOLDERS: &[&str] = &[
    "penstock",
    "none",
    "unused",
    "dummy",
    "local",
    "empty",
    "not-needed",
    "no-key",
    "sk-no-key-required",
    "ollama",
    "lm-studio",
    "vllm",
];

/// A key as the client sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PresentedKey {
    /// The key.
    pub secret: Secret<String>,
    /// Where it stood.
    pub scheme: AuthScheme,
}

/// A provider key that the caller brought.
#[derive(Clone, Debug)]
pub struct OwnKey {
    /// The key.
    pub key: PresentedKey,
    /// `byok:` and a prefix of its digest: what this caller is told apart by.
    pub tenant: Arc<str>,
}

/// Where a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remote {
    /// From the other end of its connection, if that is known. Nothing that its headers say is believed.
    Connection(Option<IpAddr>),
    /// From there, as a proxy says whose word is taken.
    Forwarded(IpAddr),
    /// From some client of that proxy, which does not say of which.
    Proxy(IpAddr),
}

impl Remote {
    /// The address that stands for the client.
    pub const fn address(self) -> Option<IpAddr> {
        match self {
            Self::Connection(address) => address,
            Self::Forwarded(address) | Self::Proxy(address) => Some(address),
        }
    }
}

/// Who asks.
#[derive(Clone, Debug)]
pub enum Caller {
    /// Someone on this machine, in open mode.
    Open,
    /// The owner of a key of ours.
    User(Arc<Principal>),
    /// Someone with a provider key of their own.
    OwnKey(OwnKey),
}

/// What the configuration says about callers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// The gateway is bound to loopback only, so that open mode is possible.
    pub loopback: bool,
    /// Own keys are taken even where keys of ours exist.
    pub own_keys: bool,
    /// The admin key, which is ours as well and opens nothing here.
    pub admin_key: Option<KeyDigest>,
}

/// Decides who asks.
pub fn authenticate(
    snapshot: &Snapshot,
    access: Access,
    key: Option<PresentedKey>,
    (remote, headers): (Remote, &HeaderMap),
    now: Timestamp,
) -> Result<Caller, GatewayError> {
    let open = access.loopback && snapshot.is_keyless();
    if open {
        refuse_strangers(remote, headers)?;
    }
    let Some(key) = key.filter(|key| !key.secret.expose().trim().is_empty()) else {
        return if open { Ok(Caller::Open) } else { Err(refused(MISSING)) };
    };
    let text = key.secret.expose().trim();
    let digest = KeyDigest::of(text);
    if access.admin_key == Some(digest) {
        return Err(refused("this is the admin key, which opens the admin API alone: use a key of a user"));
    }
    match snapshot.presented(text, now) {
        KeyLookup::Valid(principal) => Ok(Caller::User(principal)),
        KeyLookup::Refused(reason) => Err(refused(&format!("this key does not work: {reason}"))),
        // also where the prefix is not at the start, or in other letters: it is still meant for us
        KeyLookup::Unknown if text.to_ascii_lowercase().contains(KEY_PREFIX) => Err(refused(UNKNOWN)),
        KeyLookup::Unknown if open && PLACEHOLDERS.contains(&text.to_ascii_lowercase().as_str()) => {
            Ok(Caller::Open)
        }
        KeyLookup::Unknown if open || access.own_keys => {
            let tenant = format!("byok:{}", digest.short()).into();
            let key = PresentedKey { secret: Secret::from(text.to_owned()), scheme: key.scheme };
            Ok(Caller::OwnKey(OwnKey { key, tenant }))
        }
        KeyLookup::Unknown => Err(refused(UNKNOWN)),
    }
}

const MISSING: &str = "no key was sent: expected a key of this gateway as `Authorization: Bearer sk-pen-…`, \
     `x-api-key` or `x-goog-api-key`";
const UNKNOWN: &str = "this key is not known here: check it for typing errors, or ask for a new one \
     (`penstock key create`)";

fn refused(message: &str) -> GatewayError {
    GatewayError::Unauthenticated(message.to_owned())
}

/// In open mode the only guard is that the caller is on this machine. A web page in a browser on this
/// machine is not meant by that, whether it calls directly or through a name it made point here; nor is
/// anyone who comes through a proxy on this machine, unless that is trusted and says that the caller is.
fn refuse_strangers(remote: Remote, headers: &HeaderMap) -> Result<(), GatewayError> {
    refuse_forwarded(remote, headers)?;
    let text = |name| headers.get(name).map(|value: &http::HeaderValue| value.to_str().unwrap_or("?"));
    if let Some(origin) = text(ORIGIN)
        && !origin.split_once("://").is_some_and(|(_, authority)| is_local(authority))
    {
        return Err(GatewayError::Forbidden(format!(
            "open mode serves programs on this machine, not the web page {origin:?}: create a key for it \
             (`penstock key create`)"
        )));
    }
    if let Some(host) = text(HOST)
        && !is_local(host)
    {
        return Err(GatewayError::Forbidden(format!(
            "open mode answers only under a loopback name such as 127.0.0.1 or localhost, not {host:?}: \
             create a key (`penstock key create`)"
        )));
    }
    Ok(())
}

fn refuse_forwarded(remote: Remote, headers: &HeaderMap) -> Result<(), GatewayError> {
    let why = match remote {
        Remote::Forwarded(address) if address.is_loopback() => return Ok(()),
        Remote::Forwarded(address) => format!("this one is {address}"),
        Remote::Proxy(address) => format!("{address} does not say for whom it asks"),
        Remote::Connection(_) => {
            let forwarded = ["forwarded", "x-forwarded-for", "x-real-ip", "via", "cf-connecting-ip"];
            match forwarded.iter().find(|name| headers.contains_key(**name)) {
                Some(header) => format!("{header} is set"),
                None => return Ok(()),
            }
        }
    };
    Err(GatewayError::Forbidden(format!(
        "open mode does not serve callers behind a proxy ({why}): create keys for them (`penstock key create`)"
    )))
}

fn is_local(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host.eq_ignore_ascii_case("localhost")
        || host.to_ascii_lowercase().ends_with(".localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests;
