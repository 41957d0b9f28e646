//! Rows in a real database, through the executor.

use penstock_core::Ended;
use penstock_storage::blob::{Key, Prefix};
use serde_json::{Value, json};

use crate::Response;
use crate::modules::rig::{Ask, Rig, answered, ended};

async fn rows(rig: &Rig, table: &str) -> Vec<Value> {
    let sql = format!("SELECT * FROM {table} ORDER BY id");
    let rows = rig.storage.database().raw(&sql, &[]).await.unwrap();
    rows.into_iter().map(Value::Object).collect()
}

async fn files(rig: &Rig) -> Vec<String> {
    rig.storage.blob().list(&Prefix::new("request-log/").unwrap()).await.unwrap()
}

#[tokio::test]
async fn each_request_has_a_row() {
    let rig = Rig::new("exact-cache,request-log").await;
    rig.ask(&Ask::default(), async || answered("whole", Some("0.25"))).await;
    let [row] = &rows(&rig, "request_log").await[..] else { panic!("expected one row") };
    let mut row = row.clone();
    assert!(row["id"].take().as_str().unwrap().starts_with("req_"));
    assert_eq!(
        row,
        json!({
            "id": null, "at": "2026-01-31T12:00:00.000Z", "user_id": "7", "key_id": "3", "model": "model",
            "provider": "there", "upstream_model": "their-model", "stream": false, "status": 200, "ended": "complete",
            "stop_reason": "end_turn", "input_tokens": 10, "output_tokens": 3, "cost": "0.25", "duration_ms": 5,
            "cached": false, "error": null,
        })
    );
    assert_eq!(files(&rig).await, [""; 0], "bodies are kept only where that is asked for");
}

#[tokio::test]
async fn hits_errors_and_ends_are_told_apart() {
    let rig = Rig::new("exact-cache,request-log").await;
    let other = || Ask::default().with("maxTokens", json!(7));
    rig.ask(&Ask::default(), async || answered("whole", None)).await;
    rig.ask(&Ask { stream: true, ..Ask::default() }, async || panic!("it is a hit")).await;
    rig.ask(&other(), async || Response::failed(502, "nobody answers")).await;
    rig.ask(&other(), async || ended(answered("half", Some("0.1")), Ended::ClientGone)).await;
    let picked: Vec<_> = rows(&rig, "request_log").await;
    let mut picked: Vec<_> = picked
        .iter()
        .map(|row| {
            json!([
                row["status"],
                row["ended"],
                row["stream"],
                row["cached"],
                row["provider"],
                row["cost"],
                row["error"]
            ])
        })
        .collect();
    let expected = [
        json!([200, "complete", false, false, "there", null, null]),
        json!([200, "complete", true, true, null, null, null]),
        json!([502, null, false, false, null, null, "nobody answers"]),
        json!([200, "client_gone", false, false, "there", "0.1", null]),
    ];
    assert_eq!(picked.len(), 4);
    for row in expected {
        // all of them came in the same millisecond: their ids have no order
        let at = picked.iter().position(|found| *found == row);
        picked.remove(at.unwrap_or_else(|| panic!("{row} is not among {picked:?}")));
    }
}

#[tokio::test]
async fn what_was_said_is_kept_where_that_is_asked_for() {
    let rig = Rig::new("- request-log: { bodies: true, table: ours }").await;
    rig.ask(&Ask::default(), async || answered("whole", None)).await;
    let [row] = &rows(&rig, "ours").await[..] else { panic!("expected one row") };
    let file = format!("request-log/2026-01-31/{}.json", row["id"].as_str().unwrap());
    assert_eq!(files(&rig).await, [file.as_str()]);
    let bodies = rig.storage.blob().get(&Key::new(file).unwrap()).await.unwrap().unwrap();
    let bodies: Value = serde_json::from_slice(&bodies).unwrap();
    assert_eq!(bodies["request"]["messages"], Ask::default().body["messages"]);
    assert_eq!(bodies["response"]["content"], json!([{ "type": "text", "text": "whole" }]));
}

#[tokio::test]
async fn tables_of_several_names_live_beside_each_other() {
    let rig = Rig::new("request-log").await;
    let other = rig.beside("- request-log: { table: other }").await;
    let again = rig.beside("request-log").await;
    for rig in [&rig, &other, &again] {
        rig.ask(&Ask::default(), async || answered("whole", None)).await;
    }
    assert_eq!((rows(&rig, "request_log").await.len(), rows(&rig, "other").await.len()), (2, 1));
}

#[tokio::test]
async fn a_row_that_cannot_be_written_loses_no_request() {
    let rig = Rig::new("- request-log: { bodies: true }").await;
    rig.storage.database().raw("DROP TABLE request_log", &[]).await.unwrap();
    let mut run = rig.run(&Ask::default());
    assert!(run.pre().await.is_none());
    let finished = crate::Finished { response: answered("whole", None), duration: std::time::Duration::ZERO };
    let trace = run.post(finished).await;
    let error = trace.steps()[0].error.as_deref().unwrap();
    assert!(error.starts_with("table request_log: "), "{error}");
    assert_eq!(files(&rig).await.len(), 1, "what was said is kept all the same");
}

#[tokio::test]
async fn a_broken_configuration_is_refused_by_its_field() {
    let cases = [
        ("- request-log: { bodies: 1 }", "bodies: expected true or false, found 1".to_owned()),
        (
            "- request-log: { table: 'a; DROP TABLE b' }",
            r#"table: expected a name of up to 60 small letters, digits and underscores, found "a; DROP TABLE b""#.to_owned(),
        ),
        ("- request-log: { body: true }", "body: there is no such field: did you mean `bodies`?".to_owned()),
        ("- request-log: { table: [a] }", "table: expected a name of up to 60 small letters, digits and underscores, found a list".to_owned()),
    ];
    for (text, problem) in cases {
        let error = Rig::over(text, None).await.err().expect(text);
        assert_eq!(error, format!("pipeline.yaml:1, entry 1: {problem}"));
    }
}
