//! Which names blobs have, and that a backend takes each as it is.

use std::sync::Arc;

use penstock_storage::ErrorKind;
use penstock_storage::blob::{BlobStore, KEY_LIMIT, Key, Prefix};

use super::{Harness, delete, fill_with, get, list};
use crate::{Outcome, equal};

pub(super) async fn keys_that_could_leave_the_store_are_refused(harness: Arc<dyn Harness>) -> Outcome {
    let long = "k".repeat(KEY_LIMIT + 1);
    let refused = [
        "",
        "/",
        "/etc/passwd",
        "a/",
        "a//b",
        "//a",
        ".",
        "..",
        "./a",
        "../a",
        "a/.",
        "a/..",
        "a/./b",
        "a/../b",
        "../../etc/passwd",
        "a\\b",
        "..\\a",
        "C:\\a",
        "C:a",
        "a\0b",
        "a\nb",
        "a\rb",
        "a\tb",
        "a\u{7f}b",
        "a\u{85}b",
        "a\u{2028}b",
        "a b",
        " a",
        "a ",
        "a\u{a0}b",
        "a%2fb",
        "%2e%2e/a",
        "a?b",
        "a#b",
        "a*b",
        "a:b",
        "a|b",
        "a<b",
        "a\"b",
        "a'b",
        "a;b",
        "a&b",
        "a!b",
        "a$b",
        "a(b)",
        "a[b]",
        "a{b}",
        "a^b",
        "a`b",
        &long,
    ];
    for name in refused {
        let kind = Key::new(name).map_err(|error| error.kind);
        equal(&format!("{name:?}"), kind.map(|key| key.to_string()), Err(ErrorKind::Invalid))?;
    }
    equal("no backend saw one", list(&*harness.store(), "").await?, Vec::<String>::new())
}

pub(super) async fn prefixes_that_could_leave_the_store_are_refused(harness: Arc<dyn Harness>) -> Outcome {
    let long = "k".repeat(KEY_LIMIT + 1);
    for text in
        ["/", "/etc", "//", "a//", "../", "../a", "./", "a/../", "a/./b", "a\\", "a b", "a\0", "a%", &long]
    {
        let kind = Prefix::new(text).map_err(|error| error.kind);
        let kind = kind.map(|prefix| prefix.as_str().to_owned());
        equal(&format!("{text:?}"), kind, Err(ErrorKind::Invalid))?;
    }
    let store = harness.store();
    fill_with(&*store, &["..b", ".b", "a/..b", "a/b"]).await?;
    equal("dots may begin a name", list(&*store, "..").await?, ["..b"])?;
    equal("and one in a folder", list(&*store, "a/..").await?, ["a/..b"])?;
    equal("one dot", list(&*store, ".").await?, ["..b", ".b"])
}

pub(super) async fn dots_within_names_are_names(harness: Arc<dyn Harness>) -> Outcome {
    all_are_kept(&*harness, &["...", "..b", ".b", "a..b", "a./b.", "a.b", "b..", "b./..c/d"]).await
}

pub(super) async fn every_allowed_sign_stands_in_a_key(harness: Arc<dyn Harness>) -> Outcome {
    let names = [
        "+",
        ",",
        "-",
        "0",
        "=",
        "@",
        "A-Z.a-z_0-9~+=@,-",
        "_",
        "a+b",
        "a,b",
        "a-b/c=d",
        "a=1/b=2",
        "a@b",
        "a~b",
        "~",
        "~a",
    ];
    all_are_kept(&*harness, &names).await
}

pub(super) async fn letters_of_every_script_stand_in_keys(harness: Arc<dyn Harness>) -> Outcome {
    let names = [
        "Straße/Größe.txt",
        "café",
        "ß",
        "λόγος/αβγ",
        "русский/файл.txt",
        "שלום",
        "العربية",
        "हद",
        "ไทย",
        "日本語/ファイル.txt",
        "中文",
        "한국어",
        "𐐷",
        "𠮷",
        "ﬁ",
        "Ａ",
        "²",
    ];
    all_are_kept(&*harness, &names).await
}

pub(super) async fn keys_that_differ_in_case_are_two(harness: Arc<dyn Harness>) -> Outcome {
    let names = ["README", "Readme", "readme", "É", "é", "Folder/a", "folder/A", "folder/a", "FOLDER/a"];
    all_are_kept(&*harness, &names).await
}

/// Names that stores and file systems use for themselves.
pub(super) async fn keys_that_look_like_a_stores_own_files_are_keys(harness: Arc<dyn Harness>) -> Outcome {
    let names = [
        ".tmp",
        "tmp/a",
        ".tmp-0",
        ".tmp.0.internal.part",
        "a.tmp",
        "a.part",
        "a~",
        ".a.swp",
        "~a",
        ".git/config",
        ".metadata.json",
        ".DS_Store",
        "lost+found",
        "CON",
        "nul.txt",
        "com1",
        "-rf",
        "--",
        "-",
        ".uploads/1",
        "index.html",
        "a.",
        "a.gz",
    ];
    all_are_kept(&*harness, &names).await
}

pub(super) async fn keys_that_look_encoded_are_taken_literally(harness: Arc<dyn Harness>) -> Outcome {
    let names = [
        "=2F",
        "=20",
        "a+b",
        "a=2Fb",
        "@2F",
        "~2F",
        "2F",
        "_2F",
        "a.2Fb",
        "xn--caf-dma",
        "YS9i",
        "YQ==",
        "u002F",
        "a,2Fb",
    ];
    all_are_kept(&*harness, &names).await
}

pub(super) async fn a_deep_key_comes_back(harness: Arc<dyn Harness>) -> Outcome {
    let deep = format!("{}end", "d/".repeat(60));
    all_are_kept(&*harness, &[&deep, "d/d/d/other"]).await
}

pub(super) async fn a_key_may_be_the_folder_of_another(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    let names = ["a", "a/b", "a/b/c", "a/b/c/d", "x/y", "x"];
    all_are_kept(&*harness, &names).await?;
    fill_with(&*store, &names).await?;
    delete(&*store, "a/b").await?;
    equal("only that one is gone", list(&*store, "a").await?, ["a", "a/b/c", "a/b/c/d"])?;
    delete(&*store, "a/b/c/d").await?;
    equal("and that one", list(&*store, "a").await?, ["a", "a/b/c"])?;
    equal("the key in between is there", get(&*store, "a/b/c").await?.as_deref(), Some(&b"a/b/c"[..]))
}

pub(super) async fn a_key_may_have_1024_bytes(harness: Arc<dyn Harness>) -> Outcome {
    let one = "k".repeat(KEY_LIMIT);
    let wide = "語".repeat(KEY_LIMIT / 3);
    let upper = "K".repeat(KEY_LIMIT);
    let many = format!("{}x", "s/".repeat(KEY_LIMIT / 2 - 1)) + "y";
    equal("as many bytes as may be", [one.len(), upper.len(), many.len()], [KEY_LIMIT; 3])?;
    let mut names = [&*one, &*wide, &*upper, &*many];
    names.sort_unstable();
    all_are_kept(&*harness, &names).await
}

pub(super) async fn long_keys_differ_at_their_ends(harness: Arc<dyn Harness>) -> Outcome {
    let stem = "n".repeat(250);
    let names: Vec<String> = (0..12).map(|more| stem.clone() + &"m".repeat(more)).collect();
    let folders = [format!("{stem}/a"), format!("{stem}nnn/a"), format!("{stem}mmm/a")];
    let names: Vec<&str> = names.iter().chain(&folders).map(String::as_str).collect();
    all_are_kept(&*harness, &names).await
}

/// Puts them all, finds each with its own content, lists exactly them, and deletes them one by one.
async fn all_are_kept(harness: &dyn Harness, names: &[&str]) -> Outcome {
    let store: Arc<dyn BlobStore> = harness.store();
    fill_with(&*store, names).await?;
    let mut expected = names.to_vec();
    expected.sort_unstable();
    equal("they are listed", list(&*store, "").await?, expected)?;
    for name in names {
        equal(name, get(&*store, name).await?.as_deref(), Some(name.as_bytes()))?;
    }
    for (place, name) in names.iter().enumerate() {
        delete(&*store, name).await?;
        let mut left = names.get(place + 1..).unwrap_or_default().to_vec();
        left.sort_unstable();
        equal(&format!("left after {name}"), list(&*store, "").await?, left)?;
    }
    Ok(())
}
