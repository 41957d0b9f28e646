//! A bucket: objects by their names, and uploads in parts that are to become one.

use std::collections::BTreeMap;
use std::time::SystemTime;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use s3s::crypto::{Checksum as _, Md5};
use s3s::dto::{CompletedPart, ETag, ETagCondition, PartNumber, StreamingBlob, Timestamp};
use s3s::{Body, S3Error, S3ErrorCode, S3Result, s3_error};

/// Services refuse smaller parts, but for the last one.
const SMALLEST_PART: usize = 5 << 20;

#[derive(Debug, Default)]
pub(super) struct Bucket {
    pub(super) objects: BTreeMap<String, Stored>,
    pub(super) uploads: BTreeMap<String, Upload>,
    /// How many uploads were begun: their ids.
    pub(super) begun: u64,
}

/// An object, or a part of one.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) content: Bytes,
    pub(super) tag: ETag,
    pub(super) modified: Timestamp,
}

#[derive(Debug)]
pub(super) struct Upload {
    pub(super) key: String,
    pub(super) parts: BTreeMap<PartNumber, Stored>,
}

impl Bucket {
    pub(super) fn require(&self, key: &str) -> S3Result<Stored> {
        self.objects.get(key).cloned().ok_or_else(|| s3_error!(NoSuchKey))
    }

    pub(super) fn require_upload(&mut self, id: &str, key: &str) -> S3Result<&mut Upload> {
        self.uploads.get_mut(id).filter(|upload| upload.key == key).ok_or_else(|| s3_error!(NoSuchUpload))
    }

    /// Whether what is there may be replaced, as the headers `If-Match` and `If-None-Match` have it.
    pub(super) fn admit(
        &self,
        key: &str,
        exists: Option<&ETagCondition>,
        is_missing: Option<&ETagCondition>,
    ) -> S3Result<()> {
        let found = self.objects.get(key);
        let is_met = |condition: &ETagCondition, found: &Stored| {
            condition.as_etag().is_none_or(|tag| tag.strong_cmp(&found.tag))
        };
        match (found, exists, is_missing) {
            (None, Some(_), _) => Err(s3_error!(NoSuchKey)),
            (Some(found), Some(condition), _) if !is_met(condition, found) => {
                Err(s3_error!(PreconditionFailed))
            }
            (Some(found), _, Some(condition)) if is_met(condition, found) => {
                Err(s3_error!(PreconditionFailed))
            }
            _ => Ok(()),
        }
    }
}

impl Stored {
    /// What a request carries. The end of a stream says whether it was whole, and what was signed.
    pub(super) async fn receive(body: Option<StreamingBlob>) -> S3Result<Self> {
        let body = body.ok_or_else(|| s3_error!(IncompleteBody))?;
        let content = Body::from(body).collect().await;
        let content = content.map_err(|error| S3Error::with_source(S3ErrorCode::IncompleteBody, error))?;
        let content = content.to_bytes();
        let tag = digest(&content);
        Ok(Self { content, tag: ETag::Strong(tag), modified: SystemTime::now().into() })
    }

    pub(super) fn size(&self) -> i64 {
        i64::try_from(self.content.len()).unwrap_or(i64::MAX)
    }
}

fn digest(content: &[u8]) -> String {
    format!("{:032x}", u128::from_be_bytes(Md5::checksum(content)))
}

impl Upload {
    /// The object that these parts are together.
    pub(super) fn join(&self, named: &[CompletedPart]) -> S3Result<Stored> {
        if !named.is_sorted_by(|one, next| one.part_number < next.part_number) {
            return Err(s3_error!(InvalidPartOrder));
        }
        let find = |part: &CompletedPart| {
            let found = part.part_number.and_then(|number| self.parts.get(&number));
            found
                .filter(|found| part.e_tag.as_ref() == Some(&found.tag))
                .ok_or_else(|| s3_error!(InvalidPart))
        };
        let parts: Vec<&Stored> = named.iter().map(find).collect::<S3Result<_>>()?;
        let (_, whole) = parts.split_last().ok_or_else(|| s3_error!(MalformedXML))?;
        if whole.iter().any(|part| part.content.len() < SMALLEST_PART) {
            return Err(s3_error!(EntityTooSmall));
        }
        let contents: Vec<&[u8]> = parts.iter().map(|part| &*part.content).collect();
        let content = Bytes::from(contents.concat());
        let tag = format!("{}-{}", digest(&content), parts.len());
        Ok(Stored { content, tag: ETag::Strong(tag), modified: SystemTime::now().into() })
    }
}
