//! Lists: by the beginning of a key, sorted by bytes, complete.

use std::sync::Arc;

use super::{Harness, fill, fill_with, list, put};
use crate::{Outcome, equal};

pub(super) async fn an_empty_store_lists_nothing(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    for prefix in ["", "a", "a/", "a/b"] {
        equal(prefix, list(&*store, prefix).await?, Vec::<String>::new())?;
    }
    Ok(())
}

pub(super) async fn an_empty_prefix_lists_all(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    fill_with(&*store, &["c", "a/b/c/d", ".hidden", "a/x"]).await?;
    equal("all", list(&*store, "").await?, [".hidden", "a/b/c/d", "a/x", "c"])
}

pub(super) async fn a_prefix_is_a_text_and_not_a_folder(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    fill_with(&*store, &["a/b/c", "a/b/cd/e", "a/bc", "a/bc.txt", "a/bcd/e", "ab/b", "b/a/bc"]).await?;
    let expected: [(&str, &[&str]); 9] = [
        ("a", &["a/b/c", "a/b/cd/e", "a/bc", "a/bc.txt", "a/bcd/e", "ab/b"]),
        ("a/", &["a/b/c", "a/b/cd/e", "a/bc", "a/bc.txt", "a/bcd/e"]),
        ("a/b", &["a/b/c", "a/b/cd/e", "a/bc", "a/bc.txt", "a/bcd/e"]),
        ("a/b/", &["a/b/c", "a/b/cd/e"]),
        ("a/b/c", &["a/b/c", "a/b/cd/e"]),
        ("a/bc", &["a/bc", "a/bc.txt", "a/bcd/e"]),
        ("a/bc.txt", &["a/bc.txt"]),
        ("a/bc.txt.", &[]),
        ("a/bc/", &[]),
    ];
    for (prefix, keys) in expected {
        equal(prefix, list(&*store, prefix).await?, keys)?;
    }
    Ok(())
}

/// Within a long name and within a letter's folder, where a backend may have cut the name itself.
pub(super) async fn a_prefix_ends_anywhere(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    let long = "Long-Name.".repeat(60);
    let names = [long.clone() + "1", long.clone() + "2/x", "Long-Name".to_owned()];
    fill(&*store, &names).await?;
    let found = [names[0].clone(), names[1].clone()];
    for length in 10..=long.len() {
        let prefix = long.get(..length).unwrap_or_default();
        equal(&format!("{length} bytes"), list(&*store, prefix).await?, &found[..])?;
    }
    equal("one", list(&*store, &(long.clone() + "2")).await?, &found[1..])?;
    equal("in its folder", list(&*store, &(long + "2/")).await?, &found[1..])
}

pub(super) async fn other_prefixes_are_not_listed(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    fill_with(
        &*store,
        &["tenant-1/a", "tenant-1/b", "tenant-10/a", "tenant-2/a", "Tenant-1/a", "x/tenant-1/a"],
    )
    .await?;
    equal("a folder", list(&*store, "tenant-1/").await?, ["tenant-1/a", "tenant-1/b"])?;
    let both = ["tenant-1/a", "tenant-1/b", "tenant-10/a"];
    equal("a text", list(&*store, "tenant-1").await?, both)?;
    equal("nothing", list(&*store, "tenant-3").await?, Vec::<String>::new())
}

/// Bytes of UTF-8 and nothing else: not UTF-16, where `𐐷` comes before `ﬁ`, nor what readers of a language
/// expect.
pub(super) async fn a_list_is_sorted_by_bytes(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    let names = ["z", "Z", "a", "é", "e", "ﬁ", "𐐷", "10", "9", "_", "~", "ß", "日", "-", "É"];
    fill_with(&*store, &names).await?;
    let mut expected = names;
    expected.sort_unstable_by(|one, other| one.as_bytes().cmp(other.as_bytes()));
    equal("sorted", list(&*store, "").await?, expected)
}

/// `/` stands between `.` and `0`, so a folder and its neighbours interleave.
pub(super) async fn a_folder_is_sorted_by_the_bytes_of_its_keys(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    let expected = ["a+b", "a-b", "a.b", "a/b", "a/c/d", "a0b", "a=b", "aB", "a_b", "ab", "a~b"];
    let mut names = expected;
    names.reverse();
    fill_with(&*store, &names).await?;
    equal("sorted", list(&*store, "").await?, expected)?;
    equal("below a", list(&*store, "a").await?, expected)
}

pub(super) async fn a_replaced_blob_is_listed_once(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    for content in ["1", "22", "333"] {
        put(&*store, "a/b", content).await?;
    }
    equal("once", list(&*store, "").await?, ["a/b"])
}

/// A thousand is where services cut a list into pages.
pub(super) async fn a_list_is_complete_past_a_thousand(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    let mut names: Vec<String> = (0..1_100).map(|number| format!("many/{number}")).collect();
    fill(&*store, &names).await?;
    put(&*store, "other/1", "x").await?;
    names.sort_unstable();
    equal("all of a folder", list(&*store, "many/").await?, &names[..])?;
    names.push("other/1".to_owned());
    equal("all", list(&*store, "").await?, names)
}

pub(super) async fn a_list_over_many_folders_is_complete(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    let name = |number: u32| format!("f/{}/{}/{number}", number % 7, number % 11);
    let mut names: Vec<String> = (0..154).map(name).collect();
    fill(&*store, &names).await?;
    names.sort_unstable();
    equal("all", list(&*store, "f").await?, &names[..])?;
    names.retain(|name| name.starts_with("f/3/1"));
    equal("two folders", list(&*store, "f/3/1").await?, names)
}
