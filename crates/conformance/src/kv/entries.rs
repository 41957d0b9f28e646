//! Values and keys.

use std::sync::Arc;

use penstock_storage::ErrorKind;
use penstock_storage::kv::{KEY_LIMIT, Key};

use super::{Harness, get, key, set};
use crate::{Outcome, equal, holds};

pub(super) async fn a_missing_entry_is_none(harness: Arc<dyn Harness>) -> Outcome {
    equal("a key nobody wrote", get(&harness.store(), "missing").await?, None)
}

pub(super) async fn a_value_is_read_as_it_was_written(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    set(&store, "key", "value").await?;
    equal("the value", get(&store, "key").await?.as_deref(), Some("value"))?;
    equal("the value, read again", get(&store, "key").await?.as_deref(), Some("value"))
}

pub(super) async fn a_value_is_overwritten(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    for value in ["a long value", "short", "", "again"] {
        set(&store, "key", value).await?;
        equal("the value", get(&store, "key").await?.as_deref(), Some(value))?;
    }
    Ok(())
}

pub(super) async fn an_empty_value_is_a_value(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    set(&store, "key", "").await?;
    equal("an empty value", get(&store, "key").await?.as_deref(), Some(""))
}

pub(super) async fn values_of_any_unicode_are_kept(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    let values = [
        "\0",
        "a\0b\0",
        "\u{1}\u{7f}\u{85}\u{2028}\u{feff}",
        "\r\n$3\r\nfoo\r\n",
        "\"quoted\" \\ {\"json\": [1, null]}",
        "ключ 鍵 مفتاح e\u{301} \u{e9}",
        "👩‍👩‍👧‍👦 🏳️‍🌈 \u{10ffff}",
        " around ",
        "null",
        "1e3",
    ];
    for value in values {
        set(&store, "key", value).await?;
        equal("the value", get(&store, "key").await?.as_deref(), Some(value))?;
    }
    Ok(())
}

pub(super) async fn a_value_of_two_megabytes_is_kept(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    let value = "0123456789abcdeф".repeat(2 * 1024 * 1024 / 16);
    set(&store, "key", &value).await?;
    let found = get(&store, "key").await?.unwrap_or_default();
    equal("its length", found.len(), value.len())?;
    holds("it is the same", found == value)
}

pub(super) async fn keys_of_any_unicode_are_kept(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    // the two spellings of é are two keys
    let names = ["ключ", "鍵", "🔑", "👩‍👩‍👧‍👦", "é", "e\u{301}", "\u{10ffff}", "a\0b", "\u{feff}a"];
    for name in names {
        set(&store, name, name).await?;
    }
    for name in names {
        equal("the value", get(&store, name).await?.as_deref(), Some(name))?;
    }
    Ok(())
}

pub(super) async fn keys_are_meant_literally(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    let names = [
        "*", "?", "a*", "[ab]", "a?c", "abc", "a b", " a", "a ", "a\nb", "a\r\nb", "a\tb", "a/b", "/a",
        "../a", ".", "a:b:c", "{a}", "{a}b", "{}", "a}{", "%41", "A", "a%2Fb", "a\\b", "\"a\"", "'a'", "$a",
        "-1", "0", "NX", "a;b", "a,b", "a&b=c", "#",
    ];
    for name in names {
        set(&store, name, name).await?;
    }
    for name in names {
        equal(name, get(&store, name).await?.as_deref(), Some(name))?;
    }
    // a pattern removes what is called so, and nothing else
    store.del(&key("*")).await?;
    store.del(&key("a*")).await?;
    for name in names {
        let expected = (name != "*" && name != "a*").then_some(name);
        equal(name, get(&store, name).await?.as_deref(), expected)?;
    }
    Ok(())
}

pub(super) async fn keys_differ_by_every_byte(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    set(&store, "Key", "1").await?;
    for other in ["key", "KEY", "Key ", " Key", "Ke", "Keyy", "Key\0"] {
        equal(other, get(&store, other).await?, None)?;
    }
    Ok(())
}

pub(super) async fn the_longest_key_works(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    let longest = "ф".repeat(KEY_LIMIT / 2);
    equal("its length", longest.len(), 1_024)?;
    let other = format!("{}x!", &longest[..KEY_LIMIT - 2]);
    set(&store, &longest, "1").await?;
    equal("a key that differs at its end", get(&store, &other).await?, None)?;
    equal("the value", get(&store, &longest).await?.as_deref(), Some("1"))
}

pub(super) async fn keys_of_no_length_or_too_long_are_refused(_: Arc<dyn Harness>) -> Outcome {
    for name in [String::new(), "x".repeat(KEY_LIMIT + 1)] {
        let refused = Key::new(name.as_str()).err().map(|error| error.kind);
        equal("the error", refused, Some(ErrorKind::Invalid))?;
    }
    Ok(())
}

pub(super) async fn del_removes_and_a_missing_entry_is_no_error(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    store.del(&key("missing")).await?;
    set(&store, "key", "value").await?;
    set(&store, "other", "value").await?;
    store.del(&key("key")).await?;
    equal("what was removed", get(&store, "key").await?, None)?;
    store.del(&key("key")).await?;
    equal("another entry", get(&store, "other").await?.as_deref(), Some("value"))
}

pub(super) async fn many_entries_are_kept_apart(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    let writer = Arc::clone(&store);
    let write = move |index: usize| {
        let store = Arc::clone(&writer);
        async move { set(&store, &format!("key-{index}"), &index.to_string()).await }
    };
    super::at_once(200, write).await?;
    for index in 0..200 {
        let found = get(&store, &format!("key-{index}")).await?;
        equal("the value", found, Some(index.to_string()))?;
    }
    Ok(())
}

pub(super) async fn the_backend_has_a_name_and_is_well(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    holds("the backend has a name", !store.backend().is_empty())?;
    Ok(store.health().await?)
}
