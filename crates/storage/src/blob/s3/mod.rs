//! Blobs in S3, in Cloudflare R2, and in what speaks like them.
//!
//! A key is the name of an object, after a prefix. Objects that others have put there under names that are
//! no keys are not listed.

mod client;
mod error;
mod login;
mod upload;

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::list::{PaginatedListOptions, PaginatedListStore as _};
use object_store::path::Path;
use object_store::{BackoffConfig, ObjectStoreExt as _, PutPayload, RetryConfig};

use self::error::Failed;
use super::settings::{Addressing, Login, S3Settings};
use super::{BlobStore, KEY_LIMIT, Key, Prefix};
use crate::{ErrorKind, Result, StorageError};

/// A larger blob is sent in parts: one that is lost on the way is sent again, and not all of it.
const PART: usize = 8 << 20;
/// Few, as who calls waits: a service that is down is to be noticed within seconds.
const RETRIES: usize = 2;
const RETRY_WITHIN: Duration = Duration::from_secs(5);

/// Blobs in a bucket.
#[derive(Debug)]
pub struct S3Blob {
    service: AmazonS3,
    backend: &'static str,
    bucket: String,
    /// What all names begin with: nothing, or something that ends with `/`.
    prefix: String,
}

impl S3Blob {
    /// The store that `settings` name. Nothing is sent: that is for [`BlobStore::health`].
    pub async fn open(settings: &S3Settings) -> Result<Self> {
        let S3Settings { backend, bucket, prefix, region, endpoint, addressing, login } = settings;
        let backoff = BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(1),
            base: 2.0,
        };
        let retry = RetryConfig { backoff, max_retries: RETRIES, retry_timeout: RETRY_WITHIN };
        let builder = AmazonS3Builder::new()
            .with_http_connector(client::Connector)
            .with_bucket_name(bucket)
            .with_region(region)
            .with_retry(retry)
            .with_virtual_hosted_style_request(*addressing == Addressing::Virtual)
            // one blob is deleted at a time, and the plain way is known to every service
            .with_disable_bulk_delete(true);
        let builder = match endpoint {
            Some(endpoint) => builder.with_endpoint(host(endpoint, bucket, *addressing)),
            None => builder,
        };
        let builder = match login {
            // the one place where the secret is taken out: to sign requests
            Login::Keys { id, secret } => {
                builder.with_access_key_id(id).with_secret_access_key(secret.expose())
            }
            Login::Chain => builder.with_credentials(login::Chain::new(region).await),
        };
        let failed = Failed { backend, bucket, operation: "blob.open" };
        let service = builder.build().map_err(|error| failed.with(&error))?;
        let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        Ok(Self { service, backend, bucket: bucket.clone(), prefix })
    }

    const fn failed(&self, operation: &'static str) -> Failed<'_> {
        Failed { backend: self.backend, bucket: self.bucket.as_str(), operation }
    }

    fn path(&self, key: &Key, operation: &'static str) -> Result<Path> {
        let name = format!("{}{}", self.prefix, key.as_str());
        if name.len() > KEY_LIMIT {
            let left = KEY_LIMIT.saturating_sub(self.prefix.len());
            let message = format!(
                "expected a key of at most {left} bytes beside the prefix {:?}, found {}",
                self.prefix,
                key.as_str().len()
            );
            return Err(StorageError::new(ErrorKind::Invalid, self.backend, operation, message));
        }
        Path::parse(name).map_err(|error| self.failed(operation).with(&error.into()))
    }
}

/// Where requests go: a service that has the bucket in its host's name is told so by its URL.
fn host(endpoint: &str, bucket: &str, addressing: Addressing) -> String {
    match (addressing, endpoint.split_once("://")) {
        (Addressing::Virtual, Some((scheme, host))) => format!("{scheme}://{bucket}.{host}"),
        _ => endpoint.to_owned(),
    }
}

#[async_trait]
impl BlobStore for S3Blob {
    fn backend(&self) -> &'static str {
        self.backend
    }

    async fn put(&self, key: &Key, content: Bytes) -> Result<()> {
        let path = self.path(key, "blob.put")?;
        let done = if content.len() > PART {
            upload::upload(&self.service, &path, content).await
        } else {
            self.service.put(&path, PutPayload::from_bytes(content)).await.map(drop)
        };
        done.map_err(|error| self.failed("blob.put").with(&error))
    }

    async fn get(&self, key: &Key) -> Result<Option<Bytes>> {
        let path = self.path(key, "blob.get")?;
        let found = match self.service.get(&path).await {
            Ok(found) => found.bytes().await,
            Err(error) => Err(error),
        };
        match found {
            Ok(content) => Ok(Some(content)),
            Err(error) if error::is_missing_blob(&error) => Ok(None),
            Err(error) => Err(self.failed("blob.get").with(&error)),
        }
    }

    async fn delete(&self, key: &Key) -> Result<()> {
        let path = self.path(key, "blob.delete")?;
        match self.service.delete(&path).await {
            Ok(()) => Ok(()),
            Err(error) if error::is_missing_blob(&error) => Ok(()),
            Err(error) => Err(self.failed("blob.delete").with(&error)),
        }
    }

    async fn list(&self, prefix: &Prefix) -> Result<Vec<String>> {
        let begins = format!("{}{}", self.prefix, prefix.as_str());
        let begins = Some(begins.as_str()).filter(|begins| !begins.is_empty());
        let mut keys = Vec::new();
        let mut page_token = None;
        loop {
            let options = PaginatedListOptions { page_token, ..PaginatedListOptions::default() };
            let page = self.service.list_paginated(begins, options).await;
            let page = page.map_err(|error| self.failed("blob.list").with(&error))?;
            keys.extend(page.result.objects.iter().filter_map(|object| {
                let key = object.location.as_ref().strip_prefix(&self.prefix)?;
                Key::new(key).ok().map(|_| key.to_owned())
            }));
            page_token = page.page_token;
            if page_token.is_none() {
                break;
            }
        }
        // most services do so themselves, but by the whole name and not all of them by its bytes
        keys.sort_unstable();
        keys.dedup();
        Ok(keys)
    }

    /// Whether the bucket can be listed.
    async fn health(&self) -> Result<()> {
        let begins = Some(self.prefix.as_str()).filter(|prefix| !prefix.is_empty());
        let options = PaginatedListOptions { max_keys: Some(1), ..PaginatedListOptions::default() };
        let page = self.service.list_paginated(begins, options).await;
        page.map(drop).map_err(|error| self.failed("blob.health").with(&error))
    }
}
