//! The buckets, and what clients do to them. Neither versions nor metadata are kept.
//!
//! A request changes a bucket in one step, so that a reader sees an object whole or not at all. What no client
//! of the tests asks for is answered as not implemented.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
#[allow(clippy::wildcard_imports, reason = "each operation has an input and an output")]
use s3s::dto::*;
use s3s::{Body, S3, S3Request, S3Response, S3Result, s3_error};

use super::bucket::{Bucket, Stored, Upload};
use super::listing;

/// What an operation comes to.
type Answer<T> = S3Result<S3Response<T>>;

/// All buckets, by name.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory(Arc<Mutex<BTreeMap<String, Bucket>>>);

impl Memory {
    pub(super) fn add_bucket(&self) -> String {
        let mut buckets = self.lock();
        let name = format!("bucket-{}", buckets.len());
        buckets.insert(name.clone(), Bucket::default());
        name
    }

    pub(super) fn unfinished_uploads(&self) -> Vec<usize> {
        let buckets = self.lock();
        buckets.values().flat_map(|bucket| bucket.uploads.values()).map(|upload| upload.parts.len()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Bucket>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn within<T>(&self, bucket: &str, step: impl FnOnce(&mut Bucket) -> S3Result<T>) -> S3Result<T> {
        step(self.lock().get_mut(bucket).ok_or_else(|| s3_error!(NoSuchBucket))?)
    }
}

#[async_trait]
impl S3 for Memory {
    async fn put_object(&self, request: S3Request<PutObjectInput>) -> Answer<PutObjectOutput> {
        let PutObjectInput { bucket, key, body, if_match, if_none_match, .. } = request.input;
        let object = Stored::receive(body).await?;
        let e_tag = Some(object.tag.clone());
        self.within(&bucket, |bucket| {
            bucket.admit(&key, if_match.as_ref(), if_none_match.as_ref())?;
            bucket.objects.insert(key, object);
            Ok(S3Response::new(PutObjectOutput { e_tag, ..Default::default() }))
        })
    }

    async fn get_object(&self, request: S3Request<GetObjectInput>) -> Answer<GetObjectOutput> {
        let GetObjectInput { bucket, key, range, .. } = request.input;
        if range.is_some() {
            return Err(s3_error!(NotImplemented, "expected a read of the whole object"));
        }
        let object = self.within(&bucket, |bucket| bucket.require(&key))?;
        Ok(S3Response::new(GetObjectOutput {
            content_length: Some(object.size()),
            e_tag: Some(object.tag),
            last_modified: Some(object.modified),
            body: Some(Body::from(object.content).into()),
            ..Default::default()
        }))
    }

    async fn delete_object(&self, request: S3Request<DeleteObjectInput>) -> Answer<DeleteObjectOutput> {
        let DeleteObjectInput { bucket, key, .. } = request.input;
        self.within(&bucket, |bucket| {
            bucket.objects.remove(&key);
            Ok(S3Response::new(DeleteObjectOutput::default()))
        })
    }

    async fn list_objects_v2(&self, request: S3Request<ListObjectsV2Input>) -> Answer<ListObjectsV2Output> {
        let input = request.input;
        self.within(&input.bucket, |bucket| Ok(S3Response::new(listing::page(&bucket.objects, &input)?)))
    }

    async fn create_multipart_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> Answer<CreateMultipartUploadOutput> {
        let CreateMultipartUploadInput { bucket: name, key, .. } = request.input;
        self.within(&name, |bucket| {
            bucket.begun += 1;
            let id = bucket.begun.to_string();
            bucket.uploads.insert(id.clone(), Upload { key: key.clone(), parts: BTreeMap::new() });
            Ok(S3Response::new(CreateMultipartUploadOutput {
                bucket: Some(name.clone()),
                key: Some(key),
                upload_id: Some(id),
                ..Default::default()
            }))
        })
    }

    async fn upload_part(&self, request: S3Request<UploadPartInput>) -> Answer<UploadPartOutput> {
        let UploadPartInput { bucket, key, body, upload_id, part_number, .. } = request.input;
        let part = Stored::receive(body).await?;
        let e_tag = Some(part.tag.clone());
        self.within(&bucket, |bucket| {
            bucket.require_upload(&upload_id, &key)?.parts.insert(part_number, part);
            Ok(S3Response::new(UploadPartOutput { e_tag, ..Default::default() }))
        })
    }

    async fn complete_multipart_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> Answer<CompleteMultipartUploadOutput> {
        let CompleteMultipartUploadInput { bucket: name, key, upload_id, multipart_upload, .. } =
            request.input;
        let parts = multipart_upload.and_then(|upload| upload.parts).unwrap_or_default();
        let (exists, is_missing) = (request.input.if_match, request.input.if_none_match);
        self.within(&name, |bucket| {
            let object = bucket.require_upload(&upload_id, &key)?.join(&parts)?;
            bucket.admit(&key, exists.as_ref(), is_missing.as_ref())?;
            let e_tag = Some(object.tag.clone());
            bucket.uploads.remove(&upload_id);
            bucket.objects.insert(key.clone(), object);
            Ok(S3Response::new(CompleteMultipartUploadOutput {
                bucket: Some(name.clone()),
                key: Some(key),
                e_tag,
                ..Default::default()
            }))
        })
    }

    async fn abort_multipart_upload(
        &self,
        request: S3Request<AbortMultipartUploadInput>,
    ) -> Answer<AbortMultipartUploadOutput> {
        let AbortMultipartUploadInput { bucket, key, upload_id, .. } = request.input;
        self.within(&bucket, |bucket| {
            bucket.require_upload(&upload_id, &key)?;
            bucket.uploads.remove(&upload_id);
            Ok(S3Response::new(AbortMultipartUploadOutput::default()))
        })
    }
}
