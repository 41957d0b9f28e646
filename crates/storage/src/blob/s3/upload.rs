//! A blob in parts. It is there when all of them are; if not, they are thrown away, as they would be paid
//! for otherwise.

use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use object_store::aws::AmazonS3;
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStoreExt as _, PutPayload, Result};

use super::PART;

/// Parts on the way at once.
const AT_ONCE: usize = 4;

pub(super) async fn upload(service: &AmazonS3, path: &Path, content: Bytes) -> Result<()> {
    let mut begun = Begun(Some(service.put_multipart(path).await?));
    let Some(upload) = begun.0.as_mut() else { return Ok(()) };
    let mut parts = Vec::new();
    let mut rest = content;
    while !rest.is_empty() {
        let part = rest.split_to(PART.min(rest.len()));
        parts.push(upload.put_part(PutPayload::from_bytes(part)));
    }
    stream::iter(parts).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
    upload.complete().await?;
    begun.0 = None;
    Ok(())
}

/// An upload that is given up if it is dropped before its end, as by who waits no longer.
struct Begun(Option<Box<dyn MultipartUpload>>);

impl Drop for Begun {
    fn drop(&mut self) {
        let (Some(mut upload), Ok(runtime)) = (self.0.take(), tokio::runtime::Handle::try_current()) else {
            return;
        };
        runtime.spawn(async move {
            if let Err(error) = upload.abort().await {
                tracing::warn!(%error, "parts of a blob could not be removed from their bucket");
            }
        });
    }
}
