//! The names in a bucket, in pages.

use std::collections::BTreeMap;
use std::ops::Bound::{Included, Unbounded};

use s3s::dto::{CommonPrefix, ListObjectsV2Input, ListObjectsV2Output, Object};
use s3s::{S3Result, s3_error};

use super::bucket::Stored;

/// No page has more names, whatever is asked for.
const LONGEST_PAGE: usize = 1_000;

/// The page that was asked for. Where it goes on is the last name of the page before: what was put or deleted
/// since is no matter.
pub(super) fn page(
    objects: &BTreeMap<String, Stored>,
    asked: &ListObjectsV2Input,
) -> S3Result<ListObjectsV2Output> {
    let prefix = asked.prefix.as_deref().unwrap_or_default();
    let delimiter = asked.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty());
    let limit = match asked.max_keys {
        Some(limit) => usize::try_from(limit).map_err(|_| s3_error!(InvalidArgument))?.min(LONGEST_PAGE),
        None => LONGEST_PAGE,
    };
    let after = asked.continuation_token.as_deref().max(asked.start_after.as_deref()).unwrap_or_default();

    let (mut contents, mut folders, mut last, mut is_truncated) = (Vec::new(), Vec::new(), after, false);
    let rest = objects.range::<str, _>((Included(prefix.max(after)), Unbounded));
    for (key, object) in rest.take_while(|(key, _)| key.starts_with(prefix)) {
        let folder = delimiter.and_then(|delimiter| folder(key, prefix, delimiter));
        let name = folder.unwrap_or(key);
        // a folder is named once, and not again on the next page
        if name <= last {
            continue;
        }
        if contents.len() + folders.len() == limit {
            is_truncated = limit > 0;
            break;
        }
        last = name;
        match folder {
            Some(folder) => folders.push(CommonPrefix { prefix: Some(folder.to_owned()) }),
            None => contents.push(Object {
                key: Some(key.clone()),
                size: Some(object.size()),
                e_tag: Some(object.tag.clone()),
                last_modified: Some(object.modified.clone()),
                ..Default::default()
            }),
        }
    }
    Ok(ListObjectsV2Output {
        name: Some(asked.bucket.clone()),
        prefix: asked.prefix.clone(),
        delimiter: asked.delimiter.clone(),
        max_keys: asked.max_keys,
        key_count: i32::try_from(contents.len() + folders.len()).ok(),
        is_truncated: Some(is_truncated),
        next_continuation_token: is_truncated.then(|| last.to_owned()),
        contents: Some(contents),
        common_prefixes: Some(folders),
        ..Default::default()
    })
}

/// The key as far as the first delimiter after the prefix.
fn folder<'a>(key: &'a str, prefix: &str, delimiter: &str) -> Option<&'a str> {
    let (name, _) = key.strip_prefix(prefix)?.split_once(delimiter)?;
    key.get(..prefix.len() + name.len() + delimiter.len())
}
