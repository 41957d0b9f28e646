//! Which store blobs are in: by URL, or by the names of environment variables that are in wide use.
//!
//! `file:///path`, `s3://bucket/prefix?region=…&endpoint=…&addressing=virtual` and
//! `r2://bucket/prefix?account=…`. A login is never part of a URL: that of R2 is in `R2_ACCESS_KEY_ID` and
//! `R2_SECRET_ACCESS_KEY`, that of S3 is found as AWS's own tools find it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use penstock_core::Secret;
use percent_encoding::percent_decode_str;

use super::Key;
use crate::settings::{Environment, SettingsError, scheme};

/// Which store.
#[derive(Clone, Debug)]
pub enum BlobSettings {
    /// Files.
    Fs {
        /// The folder they are in.
        root: PathBuf,
    },
    /// S3, or what speaks like it.
    S3(S3Settings),
}

/// Where an S3-compatible service is, and what of it to use.
#[derive(Clone, Debug)]
pub struct S3Settings {
    /// What it is called in messages and metrics: `s3` or `r2`.
    pub backend: &'static str,
    /// The bucket.
    pub bucket: String,
    /// What all keys begin with there, without a `/` at its end; may be empty.
    pub prefix: String,
    /// The region that requests are signed for.
    pub region: String,
    /// The service's URL, without the bucket; `None` for AWS.
    pub endpoint: Option<String>,
    /// Where the bucket's name stands.
    pub addressing: Addressing,
    /// Who asks.
    pub login: Login,
}

/// Where a request names its bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addressing {
    /// `https://host/bucket/key`: any service, and buckets with a dot in their name.
    Path,
    /// `https://bucket.host/key`: what AWS prefers.
    Virtual,
}

/// Who asks a service.
#[derive(Clone, Debug)]
pub enum Login {
    /// Found as AWS's own tools do: environment, profiles, web identity, role of the container or instance.
    Chain,
    /// These keys.
    Keys {
        /// The public part.
        id: String,
        /// The secret part.
        secret: Secret<String>,
    },
}

/// The variable of the URL.
const URL: &str = "PENSTOCK_BLOB";
const URLS: &str = "file:///PATH, s3://BUCKET/PREFIX?region=… or r2://BUCKET/PREFIX";
/// What a service that has no regions is told; the first of AWS, as all such services expect.
const NO_REGION: &str = "us-east-1";

impl BlobSettings {
    /// The store of a URL.
    pub fn from_url(url: &Secret<String>, environment: Environment<'_>) -> Result<Self, SettingsError> {
        // taken apart here; what is shown of it in an error is its scheme
        let url = url.expose().trim();
        let refused = |expected| SettingsError::Value { name: URL, expected, found: scheme(url) };
        if let Some(path) = url.strip_prefix("file:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            let path = percent_decode_str(path).decode_utf8().map_err(|_| refused(URLS))?;
            let absolute = url.starts_with("file:///") || !url.starts_with("file://");
            let path = Some(&*path).filter(|path| absolute && !path.is_empty());
            return path.map(|path| Self::Fs { root: path.into() }).ok_or_else(|| refused(URLS));
        }
        let (kind, rest) = url.split_once("://").ok_or_else(|| refused(URLS))?;
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        if bucket.contains('@') {
            return Err(refused("a URL without a login: that is in variables of its own"));
        }
        if bucket.is_empty() {
            return Err(refused(URLS));
        }
        let prefix = percent_decode_str(prefix).decode_utf8().map_err(|_| refused(URLS))?;
        let prefix = prefix.trim_end_matches('/').to_owned();
        if !prefix.is_empty() && Key::new(prefix.as_str()).is_err() {
            return Err(refused("a prefix of names between '/', as keys of blobs are"));
        }
        let mut query = parse(query).ok_or_else(|| refused("options as in ?region=…&endpoint=…"))?;
        let place = Place { bucket: Some(bucket.to_owned()), prefix };
        let settings = match kind {
            "s3" => s3(place, &mut query, environment),
            "r2" => r2(place, &mut query, environment),
            _ => return Err(refused(URLS)),
        }?;
        if !query.is_empty() {
            return Err(refused(
                "region, endpoint and addressing as options of s3, account and endpoint of r2",
            ));
        }
        Ok(Self::S3(settings))
    }

    /// The store that the environment names: `BLOB_BACKEND`, else what is the usual one.
    pub fn from_environment(
        environment: Environment<'_>,
        folder: &Path,
        local: bool,
    ) -> Result<Self, SettingsError> {
        let named = variable(environment, "BLOB_BACKEND");
        // who says that all is local may well have the variables of the other set-up in the same file
        let named = named.filter(|_| !(local && variable(environment, "LOCAL_MODE").is_some()));
        let usual = if local { "fs" } else { "r2" };
        let nothing = &mut BTreeMap::new();
        match named.as_deref().unwrap_or(usual) {
            "fs" => Ok(Self::Fs { root: folder.join("blobs") }),
            "s3" => s3(Place::default(), nothing, environment).map(Self::S3),
            "r2" => r2(Place::default(), nothing, environment).map(Self::S3),
            other => {
                let (name, expected) = ("BLOB_BACKEND", "r2, s3 or fs");
                Err(SettingsError::Value { name, expected, found: scheme(other) })
            }
        }
    }

    /// Whether it is part of this installation.
    pub const fn is_local(&self) -> bool {
        matches!(self, Self::Fs { .. })
    }
}

/// What a URL says of the place.
#[derive(Default)]
struct Place {
    bucket: Option<String>,
    prefix: String,
}

type Query = BTreeMap<String, String>;

fn s3(place: Place, query: &mut Query, environment: Environment<'_>) -> Result<S3Settings, SettingsError> {
    let mut missing = Missing::new(environment);
    let from_url = place.bucket.is_some();
    let endpoint = match query.remove("endpoint") {
        Some(endpoint) => Some(url(&endpoint, URL)?),
        None => variable(environment, "S3_ENDPOINT").map(|found| url(&found, "S3_ENDPOINT")).transpose()?,
    };
    let region = query.remove("region").or_else(|| variable(environment, "AWS_REGION"));
    let region = match (region, &endpoint) {
        (None, Some(_)) if from_url => Some(NO_REGION.to_owned()),
        (region, _) => region.or_else(|| missing.require("AWS_REGION")),
    };
    let bucket = place.bucket.or_else(|| missing.require("S3_BUCKET"));
    let (Some(bucket), Some(region)) = (bucket, region) else { return Err(missing.error("s3")) };
    let addressing = match query.remove("addressing").as_deref() {
        Some("virtual") => Addressing::Virtual,
        // no certificate of AWS covers a name with a dot in it
        None if endpoint.is_none() && !bucket.contains('.') => Addressing::Virtual,
        None | Some("path") => Addressing::Path,
        Some(other) => {
            let expected = "path or virtual as addressing";
            return Err(SettingsError::Value { name: URL, expected, found: scheme(other) });
        }
    };
    let prefix = place.prefix;
    Ok(S3Settings { backend: "s3", bucket, prefix, region, endpoint, addressing, login: Login::Chain })
}

/// <https://developers.cloudflare.com/r2/api/s3/api/>: path style, and the region is always `auto`.
fn r2(place: Place, query: &mut Query, environment: Environment<'_>) -> Result<S3Settings, SettingsError> {
    let mut missing = Missing::new(environment);
    let endpoint = if let Some(endpoint) = query.remove("endpoint") {
        Some(url(&endpoint, URL)?)
    } else {
        let account = query.remove("account").or_else(|| missing.require("R2_ACCOUNT_ID"));
        account.map(|account| format!("https://{account}.r2.cloudflarestorage.com"))
    };
    let id = missing.require("R2_ACCESS_KEY_ID");
    let secret = missing.require("R2_SECRET_ACCESS_KEY");
    let bucket = place.bucket.or_else(|| missing.require("R2_BUCKET"));
    let (Some(_), Some(id), Some(secret), Some(bucket)) = (&endpoint, id, secret, bucket) else {
        return Err(missing.error("r2"));
    };
    Ok(S3Settings {
        backend: "r2",
        bucket,
        prefix: place.prefix,
        region: "auto".to_owned(),
        endpoint,
        addressing: Addressing::Path,
        login: Login::Keys { id, secret: Secret::from(secret) },
    })
}

/// What is set to nothing is not set.
fn variable(environment: Environment<'_>, name: &str) -> Option<String> {
    environment(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
}

/// Variables, and which of them were not there: all are named at once.
struct Missing<'a> {
    environment: Environment<'a>,
    names: Vec<&'static str>,
}

impl<'a> Missing<'a> {
    const fn new(environment: Environment<'a>) -> Self {
        Self { environment, names: Vec::new() }
    }

    fn require(&mut self, name: &'static str) -> Option<String> {
        let value = variable(self.environment, name);
        if value.is_none() {
            self.names.push(name);
        }
        value
    }

    fn error(self, backend: &str) -> SettingsError {
        let say = |name| format!("{name} is not set (blobs on {backend}; BLOB_BACKEND is r2, s3 or fs)");
        SettingsError::Missing(self.names.into_iter().map(say).collect())
    }
}

/// The URL of a service, without what a path would be appended to.
fn url(text: &str, name: &'static str) -> Result<String, SettingsError> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    match rest {
        Some(rest) if !rest.is_empty() && !rest.contains(['?', '#', '@']) => {
            Ok(text.trim_end_matches('/').to_owned())
        }
        _ => {
            let expected = "https://HOST or http://HOST as endpoint";
            Err(SettingsError::Value { name, expected, found: scheme(text) })
        }
    }
}

/// The options after `?`, decoded; `None` if one is malformed or there twice.
fn parse(query: &str) -> Option<Query> {
    let mut found = Query::new();
    for part in query.split('&').filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=')?;
        let value = percent_decode_str(value).decode_utf8().ok()?.into_owned();
        if value.is_empty() || found.insert(name.to_owned(), value).is_some() {
            return None;
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests;
