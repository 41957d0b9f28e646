//! The answer of each operation while nobody is there: at first, when a call finds out, and from then on.

use std::sync::Arc;

use penstock_storage::ErrorKind;
use penstock_storage::blob::{Key as BlobKey, Prefix};
use penstock_storage::db::{NearestOptions, TableQuery};
use penstock_storage::kv::{Keep, Key, Remaining, Ttl};
use serde_json::{Value, json};

use super::{Harness, until_it_is_back};
use crate::db::data;
use crate::fault::Fault;
use crate::{Failure, Outcome, equal, holds};

/// The call that finds out is followed by one that knows.
const TWICE: [&str; 2] = ["the first time", "the second time"];

fn key(name: &str) -> Key {
    Key::new(name).expect("the names in the cases are keys")
}

fn blob(name: &str) -> BlobKey {
    BlobKey::new(name).expect("the names in the cases are keys")
}

pub(super) const TABLE: &str =
    "CREATE TABLE IF NOT EXISTS notes (id TEXT PRIMARY KEY, note TEXT, v VECTOR(2))";

/// Something in each part, which works: its connections are made here, not in a call whose time counts.
pub(super) async fn fill(harness: &Arc<dyn Harness>) -> Result<(), Failure> {
    let adapter = harness.adapter();
    while !adapter.check().await.is_ok() {
        until_it_is_back(harness).await?;
    }
    adapter.kv().set(&key("key"), "1", Ttl::Forever, Keep::Always).await?;
    adapter.database().raw(TABLE, &[]).await?;
    let row = json!({"id": "a", "note": "there", "v": [1, 0]});
    data(TableQuery::on(adapter.database(), "notes").insert(row).run().await)?;
    Ok(adapter.blob().put(&blob("folder/file"), "content".into()).await?)
}

/// What was put there is there, and nothing else. On a machine that is busy a part may seem to be down just
/// then; it is asked again when it is back.
pub(super) async fn is_as_filled(harness: &Arc<dyn Harness>) -> Outcome {
    loop {
        let looked = look(harness).await;
        if looked.is_ok() || harness.adapter().health().is_ok() {
            return looked;
        }
        until_it_is_back(harness).await?;
    }
}

async fn look(harness: &Arc<dyn Harness>) -> Outcome {
    let adapter = harness.adapter();
    equal("the entry", adapter.kv().get(&key("key")).await?.as_deref(), Some("1"))?;
    let rows = TableQuery::on(adapter.database(), "notes").select("id, note").run().await;
    equal("the rows", data(rows)?, json!([{"id": "a", "note": "there"}]))?;
    equal("the list", adapter.blob().list(&Prefix::default()).await?, ["folder/file"])?;
    let content = adapter.blob().get(&blob("folder/file")).await?;
    equal("the content", content.as_deref(), Some(&b"content"[..]))
}

/// Something is there, and then nobody is.
async fn down(harness: &Arc<dyn Harness>) -> Result<(), Failure> {
    fill(harness).await?;
    harness.set(Fault::Cut);
    Ok(())
}

/// Nothing was done meanwhile.
async fn back(harness: &Arc<dyn Harness>) -> Outcome {
    harness.set(Fault::None);
    until_it_is_back(harness).await?;
    is_as_filled(harness).await
}

pub(super) async fn a_backend_that_works_answers(harness: Arc<dyn Harness>) -> Outcome {
    fill(&harness).await?;
    is_as_filled(&harness).await?;
    holds("every part works", harness.adapter().check().await.is_ok())
}

pub(super) async fn kv_answers_by_the_table(harness: Arc<dyn Harness>) -> Outcome {
    down(&harness).await?;
    let kv = harness.adapter().kv();
    for time in TWICE {
        equal(time, kv.get(&key("key")).await?, None)?;
        kv.set(&key("key"), "2", Ttl::Forever, Keep::Always).await?;
        kv.del(&key("key")).await?;
        equal(time, kv.set_nx(&key("lock"), "3", Ttl::seconds(60)).await?, false)?;
        equal(time, kv.ttl(&key("key")).await?, Remaining::Missing)?;
    }
    back(&harness).await
}

pub(super) async fn counters_and_exchanges_are_errors(harness: Arc<dyn Harness>) -> Outcome {
    down(&harness).await?;
    let kv = harness.adapter().kv();
    for time in TWICE {
        let incr = kv.incr(&key("key"), 1, Ttl::Forever).await.err().map(|error| error.kind);
        let cas = kv.cas(&key("key"), Some("1"), "2", Ttl::Forever).await.err().map(|error| error.kind);
        equal(time, [incr, cas], [Some(ErrorKind::Unavailable); 2])?;
    }
    back(&harness).await
}

pub(super) async fn queries_are_data_and_error(harness: Arc<dyn Harness>) -> Outcome {
    down(&harness).await?;
    let notes = || TableQuery::on(harness.adapter().database(), "notes");
    for time in TWICE {
        let chains = [
            notes().select("*"),
            notes().insert(json!({"id": "b"})),
            notes().update(json!({"note": "other"})).eq("id", "a"),
            notes().delete().eq("id", "a"),
        ];
        for chain in chains {
            let outcome = chain.run().await;
            equal(time, &outcome.data, &Value::Null)?;
            equal(time, outcome.status, 503)?;
            equal(time, outcome.error.map(|error| error.kind), Some(ErrorKind::Unavailable))?;
        }
    }
    back(&harness).await
}

pub(super) async fn a_vector_search_finds_nothing(harness: Arc<dyn Harness>) -> Outcome {
    down(&harness).await?;
    for time in TWICE {
        let chain = TableQuery::on(harness.adapter().database(), "notes").select("*");
        equal(time, chain.vector_search("v", vec![1.0, 0.0], NearestOptions::at_most(3)).await?.len(), 0)?;
    }
    back(&harness).await?;
    let chain = TableQuery::on(harness.adapter().database(), "notes").select("*");
    equal("afterwards", chain.vector_search("v", vec![1.0, 0.0], NearestOptions::at_most(3)).await?.len(), 1)
}

pub(super) async fn raw_sql_is_an_error(harness: Arc<dyn Harness>) -> Outcome {
    down(&harness).await?;
    for time in TWICE {
        let raw = harness.adapter().database().raw("DELETE FROM notes", &[]).await;
        equal(time, raw.err().map(|error| error.kind), Some(ErrorKind::Unavailable))?;
    }
    back(&harness).await
}

pub(super) async fn blobs_answer_by_the_table(harness: Arc<dyn Harness>) -> Outcome {
    down(&harness).await?;
    let store = harness.adapter().blob();
    for time in TWICE {
        equal(time, store.get(&blob("folder/file")).await?, None)?;
        equal(time, store.list(&Prefix::default()).await?, Vec::<String>::new())?;
        store.delete(&blob("folder/file")).await?;
    }
    back(&harness).await
}

pub(super) async fn a_put_is_an_error(harness: Arc<dyn Harness>) -> Outcome {
    down(&harness).await?;
    for time in TWICE {
        let put = harness.adapter().blob().put(&blob("folder/file"), "other".into()).await;
        equal(time, put.err().map(|error| error.kind), Some(ErrorKind::Unavailable))?;
    }
    back(&harness).await
}
