//! What is particular to libSQL: its limits, its refusals, its silence; all else is in the kit.

use std::time::Duration;

use penstock_conformance::fault::{Fault, FaultProxy};
use penstock_conformance::servers::{libsql::Libsql, skip};
use penstock_core::Timestamp;

use super::*;
use crate::backend::Filter;
use crate::ledger::{Lease, Meta, Migration, Vocab};
use crate::store::VERSION;
use crate::table::{Cell, Entity as _};

async fn server() -> Option<Libsql> {
    let server = Libsql::start().await.expect("a server starts");
    if server.is_none() {
        skip("libsql", "it is not installed");
    }
    server
}

fn backend(server: &Libsql) -> LibsqlBackend {
    LibsqlBackend::new(server.url.trim_end_matches('/'), None)
}

fn vocab(name: &(impl ToString + ?Sized), size: usize) -> Row {
    Vocab { name: name.to_string(), bytes: vec![7; size] }.row()
}

async fn vocabs(backend: &LibsqlBackend) -> Vec<Vocab> {
    let rows = backend.read(&[Select::all(Vocab::table())]).await.unwrap().remove(0);
    rows.into_iter().map(|row| Vocab::read(row).unwrap()).collect()
}

async fn run(backend: &LibsqlBackend, sql: &str) {
    let ended = backend.hrana.run(&Batch::single(sql.into())).await.unwrap();
    assert!(ended.committed, "{sql}: {ended:?}");
}

#[tokio::test]
async fn a_newer_or_a_foreign_database_is_refused() {
    let (Some(first), Some(second), Some(third)) = (server().await, server().await, server().await) else {
        return;
    };
    let node = backend(&first);
    assert!(!node.is_there().await.unwrap(), "nothing is made to look");
    node.prepare().await.unwrap();
    assert!(node.is_there().await.unwrap());
    let newer = Migration { number: 7, name: "later".to_owned(), applied_at: Timestamp(1) };
    node.write(None, vec![Write::Insert(Migration::table(), vec![newer.row()])]).await.unwrap();
    let refused = backend(&first).prepare().await.unwrap_err();
    assert!(matches!(refused, ControlError::TooNew { found: 7, .. }), "{refused}");
    assert!(matches!(backend(&first).is_there().await.unwrap_err(), ControlError::TooNew { .. }));

    run(&backend(&second), "CREATE TABLE invoices (id INTEGER)").await;
    let refused = backend(&second).prepare().await.unwrap_err();
    assert!(matches!(&refused, ControlError::Foreign { table } if table == "invoices"), "{refused}");

    run(&backend(&third), "CREATE TABLE penstock_meta (name TEXT PRIMARY KEY, value TEXT)").await;
    let refused = backend(&third).prepare().await.unwrap_err();
    assert!(matches!(refused, ControlError::TooOld), "{refused}");
}

#[tokio::test]
async fn a_schema_is_not_made_beside_what_came_meanwhile() {
    let Some(server) = server().await else { return };
    let node = backend(&server);
    run(&node, "CREATE TABLE invoices (id INTEGER)").await;
    // as if the look had been before it
    let ended = node.hrana.run(&Batch::writing(prepare::first())).await.unwrap();
    assert!(!ended.committed && matches!(ended.outcomes[0], Outcome::Refused(_)), "{:?}", ended.refusal);
    let tables = node.hrana.run(&Batch::single(crate::sql::migrate::TABLES_OF_SQLITE.into())).await.unwrap();
    let Outcome::Done(tables) = &tables.outcomes[0] else { panic!("{tables:?}") };
    assert_eq!(tables.rows.len(), 1);
}

#[tokio::test]
async fn a_write_that_fails_in_its_middle_leaves_nothing() {
    let Some(server) = server().await else { return };
    let node = backend(&server);
    let insert = |name: &str| Write::Insert(Vocab::table(), vec![vocab(name, 1)]);
    node.write(None, vec![insert("there")]).await.unwrap();
    let guard = Guard { name: VERSION, expected: 0 };
    let refused = node.write(Some(guard), vec![insert("new"), insert("there"), insert("last")]).await;
    let said = refused.unwrap_err().to_string();
    assert!(said.contains("UNIQUE constraint failed") && said.contains("SQLITE_CONSTRAINT"), "{said}");
    assert_eq!(vocabs(&node).await.len(), 1);
    // nor has the guard moved
    assert_eq!(node.write(Some(guard), vec![insert("new")]).await.unwrap(), Written::Done);
    assert_eq!(node.write(Some(guard), vec![insert("late")]).await.unwrap(), Written::Moved);
    let nobodys = Guard { name: "nobody's", expected: 0 };
    assert_eq!(node.write(Some(nobodys), vec![insert("late")]).await.unwrap(), Written::Moved);
    assert_eq!(vocabs(&node).await.len(), 2);
    assert_eq!(node.write(None, Vec::new()).await.unwrap(), Written::Done);
}

#[tokio::test]
async fn a_write_fails_whole_if_a_row_is_not_there_that_it_changes() {
    let Some(server) = server().await else { return };
    let node = backend(&server);
    let insert = Write::Insert(Vocab::table(), vec![vocab("new", 1)]);
    let update = |name: &str| Write::Update(Vocab::table(), vocab(name, 2));
    let refused = node.write(None, vec![insert.clone(), update("gone")]).await.unwrap_err().to_string();
    let said = "a row of tokenizer_vocabs that was to be changed is not there: nothing was written";
    assert!(refused.contains(said), "{refused}");
    assert_eq!(vocabs(&node).await.len(), 0);
    node.write(None, vec![insert, update("new"), update("new")]).await.unwrap();
    assert_eq!(vocabs(&node).await[0].bytes.len(), 2);
}

#[tokio::test]
async fn more_rows_than_one_answer_holds_are_read_as_of_one_moment() {
    let Some(server) = server().await else { return };
    let node = backend(&server);
    for name in 0..4 {
        // 12 MB in all, 16 as the answer has them, of which the server gives 10
        node.write(None, vec![Write::Put(Vocab::table(), vec![vocab(&name, 3_000_000)])]).await.unwrap();
    }
    assert_eq!(vocabs(&node).await.iter().map(|vocab| vocab.bytes.len()).sum::<usize>(), 12_000_000);
    let version = Select::all(Meta::table()).only(Filter::equals("name", VERSION));
    let answers =
        node.read(&[Select::all(Vocab::table()), version, Select::all(Lease::table())]).await.unwrap();
    let found: Vec<_> = answers.iter().map(Vec::len).collect();
    assert_eq!(found, [4, 1, 0]);
}

#[tokio::test]
async fn a_write_of_many_statements_is_one() {
    let Some(server) = server().await else { return };
    let node = backend(&server);
    let many = hrana::MANY + 1;
    let puts = (0..many).map(|name| Write::Put(Vocab::table(), vec![vocab(&name, 1)]));
    let guard = Guard { name: VERSION, expected: 0 };
    let twice = puts.clone().chain([Write::Insert(Vocab::table(), vec![vocab(&1, 1)])]);
    let refused = node.write(Some(guard), twice.collect()).await.unwrap_err().to_string();
    assert!(refused.contains("UNIQUE constraint failed"), "{refused}");
    assert_eq!(vocabs(&node).await.len(), 0);
    assert_eq!(node.write(Some(guard), puts.clone().collect()).await.unwrap(), Written::Done);
    assert_eq!(vocabs(&node).await.len(), many);
    assert_eq!(node.write(Some(guard), puts.collect()).await.unwrap(), Written::Moved);
}

#[tokio::test]
async fn a_row_that_is_too_large_is_refused_in_words() {
    let Some(server) = server().await else { return };
    let node = backend(&server);
    let large = Write::Put(Vocab::table(), vec![vocab("large", 6_000_000)]);
    let said = node.write(None, vec![large]).await.unwrap_err().to_string();
    assert!(said.contains("libSQL keeps some 4 MB in a row"), "{said}");
    assert_eq!(vocabs(&node).await.len(), 0);
}

#[tokio::test]
async fn a_server_that_hangs_is_given_up() {
    let Some(server) = server().await else { return };
    let proxy = FaultProxy::start(server.address()).await.unwrap();
    let url = format!("http://{}", proxy.address);
    let client = NativeClient::patient(&url, Duration::from_secs(1));
    let node = LibsqlBackend::over(Box::new(client), &url, None);
    node.prepare().await.unwrap();
    proxy.set(Fault::Stall);
    let said = node.read(&[Select::all(Vocab::table())]).await.unwrap_err().to_string();
    assert!(said.contains("it did not answer within 1 s") && said.contains(&url), "{said}");
    proxy.set(Fault::None);
    assert_eq!(vocabs(&node).await.len(), 0);
}

#[tokio::test]
async fn what_was_overwritten_is_not_said_to_be_gone() {
    let Some(server) = server().await else { return };
    let refused = backend(&server).scrub(&[Vocab::table()]).await.unwrap_err();
    assert!(matches!(refused, ControlError::NotScrubbed(_)), "{refused}");
    // the day a server allows it, this is to be done
    let ended = backend(&server).hrana.run(&Batch::single("VACUUM".into())).await;
    assert!(ended.is_err(), "{ended:?}");
}

#[test]
fn a_token_is_not_shown() {
    let node = LibsqlBackend::new("http://127.0.0.1:1", Some("geheim".to_owned().into()));
    assert!(!format!("{node:?}").contains("geheim"), "{node:?}");
}

#[test]
fn values_are_read_as_their_columns_are() {
    use crate::table::ColumnType::{Bool, Bytes, Integer, Text};
    let read = |column, json: &str| value::cell(column, serde_json::from_str(json).ok()?);
    let cases = [
        (Integer, r#"{"type":"integer","value":"-9223372036854775808"}"#, Some(Cell::Integer(i64::MIN))),
        (Bool, r#"{"type":"integer","value":"1"}"#, Some(Cell::Bool(true))),
        (Text, r#"{"type":"text","value":""}"#, Some(Cell::Text(String::new()))),
        (Bytes, r#"{"type":"blob","base64":"/w=="}"#, Some(Cell::Bytes(vec![255]))),
        (Bytes, r#"{"type":"blob","base64":"/w"}"#, Some(Cell::Bytes(vec![255]))),
        (Text, r#"{"type":"null"}"#, Some(Cell::Null)),
        // a number that has lost digits, and what belongs to another column
        (Integer, r#"{"type":"integer","value":9007199254740993}"#, None),
        (Integer, r#"{"type":"float","value":1.5}"#, None),
        (Integer, r#"{"type":"text","value":"1"}"#, None),
        (Text, r#"{"type":"integer","value":"1"}"#, None),
        (Bytes, r#"{"type":"blob","base64":"?"}"#, None),
    ];
    for (column, json, expected) in cases {
        assert_eq!(read(column, json), expected, "{json} in a column of {column:?}");
    }
}
