//! What the cases for blobs do not ask of it.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use hyper::http::Extensions;
use hyper::{HeaderMap, Method, Uri};
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
#[allow(clippy::wildcard_imports, reason = "each operation has an input and an output")]
use s3s::dto::*;
use s3s::{Body, S3, S3ErrorCode, S3Request, S3Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::S3Server;
use super::memory::Memory;

const PATIENCE: Duration = Duration::from_secs(20);
/// The least that a part has but the last.
const PART: usize = 5 << 20;

fn request<T>(input: T) -> S3Request<T> {
    S3Request {
        input,
        method: Method::GET,
        uri: Uri::default(),
        headers: HeaderMap::new(),
        extensions: Extensions::new(),
        credentials: None,
        region: None,
        service: None,
        trailing_headers: None,
    }
}

fn body(content: impl Into<Bytes>) -> StreamingBlob {
    Body::from(content.into()).into()
}

fn code<T>(answer: S3Result<T>) -> Option<S3ErrorCode> {
    answer.err().map(|error| error.code().clone())
}

struct Bucket {
    memory: Memory,
    name: String,
}

impl Bucket {
    fn new() -> Self {
        let memory = Memory::default();
        Self { name: memory.add_bucket(), memory }
    }

    async fn put(
        &self,
        content: &'static str,
        if_match: Option<ETagCondition>,
        if_none_match: Option<ETagCondition>,
    ) -> S3Result<ETag> {
        let (bucket, key, body) = (self.name.clone(), "key".to_owned(), Some(body(content)));
        let input = PutObjectInput { bucket, key, body, if_match, if_none_match, ..Default::default() };
        Ok(self.memory.put_object(request(input)).await?.output.e_tag.unwrap())
    }

    async fn get(&self) -> S3Result<Bytes> {
        let input = GetObjectInput { bucket: self.name.clone(), key: "key".to_owned(), ..Default::default() };
        let mut body = Body::from(self.memory.get_object(request(input)).await?.output.body.unwrap());
        Ok(body.store_all_limited(usize::MAX).await.unwrap())
    }

    async fn list(&self, asked: ListObjectsV2Input) -> ListObjectsV2Output {
        let input = ListObjectsV2Input { bucket: self.name.clone(), ..asked };
        self.memory.list_objects_v2(request(input)).await.unwrap().output
    }

    async fn begin(&self) -> String {
        let (bucket, key) = (self.name.clone(), "key".to_owned());
        let input = CreateMultipartUploadInput { bucket, key, ..Default::default() };
        self.memory.create_multipart_upload(request(input)).await.unwrap().output.upload_id.unwrap()
    }

    async fn part(&self, upload_id: &str, part_number: i32, size: usize) -> S3Result<CompletedPart> {
        let content = vec![u8::try_from(part_number).unwrap(); size];
        let (bucket, key, upload_id) = (self.name.clone(), "key".to_owned(), upload_id.to_owned());
        let body = Some(body(content));
        let input = UploadPartInput { bucket, key, body, upload_id, part_number, ..Default::default() };
        let e_tag = self.memory.upload_part(request(input)).await?.output.e_tag;
        Ok(CompletedPart { e_tag, part_number: Some(part_number), ..Default::default() })
    }

    async fn complete(&self, upload_id: &str, parts: &[&CompletedPart]) -> S3Result<()> {
        let parts = Some(parts.iter().copied().cloned().collect());
        let input = CompleteMultipartUploadInput {
            bucket: self.name.clone(),
            key: "key".to_owned(),
            upload_id: upload_id.to_owned(),
            multipart_upload: Some(CompletedMultipartUpload { parts }),
            ..Default::default()
        };
        self.memory.complete_multipart_upload(request(input)).await.map(drop)
    }
}

#[tokio::test]
async fn a_put_under_a_condition_that_is_not_met_changes_nothing() {
    let bucket = Bucket::new();
    let any = || Some(ETagCondition::Any);
    let tag = |tag: &ETag| Some(ETagCondition::ETag(tag.clone()));
    assert_eq!(code(bucket.put("0", any(), None).await), Some(S3ErrorCode::NoSuchKey));
    assert_eq!(code(bucket.get().await), Some(S3ErrorCode::NoSuchKey));
    let first = bucket.put("1", None, any()).await.unwrap();
    assert_eq!(code(bucket.put("2", None, any()).await), Some(S3ErrorCode::PreconditionFailed));
    assert_eq!(bucket.get().await.unwrap(), "1");
    let second = bucket.put("3", tag(&first), None).await.unwrap();
    assert_eq!(code(bucket.put("4", tag(&first), None).await), Some(S3ErrorCode::PreconditionFailed));
    assert_eq!(bucket.get().await.unwrap(), "3");
    bucket.put("5", tag(&second), None).await.unwrap();
    assert_eq!(bucket.get().await.unwrap(), "5");
}

#[tokio::test]
async fn parts_are_an_object_once_all_are_named_as_they_came() {
    let bucket = Bucket::new();
    let upload = bucket.begin().await;
    let first = bucket.part(&upload, 1, PART).await.unwrap();
    let small = bucket.part(&upload, 2, PART - 1).await.unwrap();
    let last = bucket.part(&upload, 7, 1).await.unwrap();
    let other = CompletedPart { e_tag: last.e_tag.clone(), ..first.clone() };
    let missing = CompletedPart { part_number: Some(3), ..last.clone() };
    let refused: [(&[&CompletedPart], S3ErrorCode); 6] = [
        (&[], S3ErrorCode::MalformedXML),
        (&[&last, &first], S3ErrorCode::InvalidPartOrder),
        (&[&first, &first], S3ErrorCode::InvalidPartOrder),
        (&[&other, &last], S3ErrorCode::InvalidPart),
        (&[&first, &missing], S3ErrorCode::InvalidPart),
        (&[&first, &small, &last], S3ErrorCode::EntityTooSmall),
    ];
    for (parts, expected) in refused {
        assert_eq!(code(bucket.complete(&upload, parts).await), Some(expected), "{parts:?}");
        assert_eq!(code(bucket.get().await), Some(S3ErrorCode::NoSuchKey), "{parts:?}");
    }
    assert_eq!(bucket.memory.unfinished_uploads(), [3]);
    bucket.complete(&upload, &[&first, &last]).await.unwrap();
    assert_eq!(bucket.get().await.unwrap(), [vec![1; PART], vec![7]].concat());
    assert!(bucket.memory.unfinished_uploads().is_empty());
    assert_eq!(code(bucket.part(&upload, 8, 1).await), Some(S3ErrorCode::NoSuchUpload));
}

/// All pages together, and each as long as it may be.
async fn walk(bucket: &Bucket, asked: ListObjectsV2Input) -> Result<Vec<String>, TestCaseError> {
    let limit = usize::try_from(asked.max_keys.unwrap()).unwrap();
    let (mut names, mut token) = (Vec::new(), None);
    loop {
        let page =
            bucket.list(ListObjectsV2Input { continuation_token: token.clone(), ..asked.clone() }).await;
        let keys = page.contents.unwrap().into_iter().filter_map(|object| object.key);
        let folders = page.common_prefixes.unwrap().into_iter().filter_map(|folder| folder.prefix);
        let found: BTreeSet<String> = keys.chain(folders).collect();
        prop_assert_eq!(page.key_count, i32::try_from(found.len()).ok());
        prop_assert!(found.len() == limit || !page.is_truncated.unwrap(), "{:?}", found);
        names.extend(found);
        // or else it would never end
        prop_assert!(names.is_sorted_by(|one, next| one < next), "{:?}", names);
        token = page.next_continuation_token;
        prop_assert_eq!(token.is_some(), page.is_truncated.unwrap());
        if token.is_none() {
            return Ok(names);
        }
    }
}

async fn lists_all(keys: BTreeSet<String>, prefix: String, delimiter: &str, limit: i32) -> TestCaseResult {
    let bucket = Bucket::new();
    for key in &keys {
        let (bucket_name, key) = (bucket.name.clone(), key.clone());
        let input = PutObjectInput { bucket: bucket_name, key, body: Some(body("x")), ..Default::default() };
        bucket.memory.put_object(request(input)).await.unwrap();
    }
    let name = |key: &String| {
        let rest = key.strip_prefix(&prefix)?;
        let end = rest.find(delimiter).filter(|_| !delimiter.is_empty());
        Some(end.map_or(key.clone(), |end| key[..prefix.len() + end + delimiter.len()].to_owned()))
    };
    let expected: BTreeSet<String> = keys.iter().filter_map(name).collect();
    let asked = ListObjectsV2Input {
        prefix: Some(prefix.clone()),
        delimiter: Some(delimiter.to_owned()),
        max_keys: Some(limit),
        ..Default::default()
    };
    prop_assert_eq!(walk(&bucket, asked).await?, expected.into_iter().collect::<Vec<_>>());
    Ok(())
}

proptest! {
    #[test]
    fn pages_of_any_length_have_every_name_once_and_in_order(
        keys in prop::collection::btree_set("[ab/é]{1,6}", 0..40),
        prefix in "[ab/]{0,2}",
        delimiter in prop::sample::select(vec!["", "/", "b", "a/", "é"]),
        limit in 1..9_i32,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(lists_all(keys, prefix, delimiter, limit))?;
    }
}

#[tokio::test]
async fn a_request_without_a_signature_is_denied() {
    let server = S3Server::start().await.unwrap();
    let mut client = TcpStream::connect(server.address).await.unwrap();
    let (bucket, host) = (server.bucket(), server.address);
    let head = format!("GET /{bucket}?list-type=2 HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    client.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    timeout(PATIENCE, client.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 403 ") && answer.contains("<Code>AccessDenied</Code>"), "{answer}");
}

#[tokio::test]
async fn its_connections_end_with_it() {
    let server = S3Server::start().await.unwrap();
    let mut client = TcpStream::connect(server.address).await.unwrap();
    let head = format!("GET /none HTTP/1.1\r\nhost: {}\r\n\r\n", server.address);
    client.write_all(head.as_bytes()).await.unwrap();
    let mut first = [0];
    timeout(PATIENCE, client.read_exact(&mut first)).await.unwrap().unwrap();
    let address = server.address;
    drop(server);
    let mut rest = Vec::new();
    // it may have been cut off in the middle, which is an end as well
    let _ = timeout(PATIENCE, client.read_to_end(&mut rest)).await.expect("the connection ends");
    assert!(TcpStream::connect(address).await.is_err(), "nothing listens any more");
}
