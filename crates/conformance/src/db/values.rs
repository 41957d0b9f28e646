//! How values come back: by the type of their column.

use std::sync::Arc;

use penstock_storage::db::TableQuery;
use serde_json::{Value, json};

use super::{Harness, all, data, refused, set};
use crate::{Failure, Outcome, case::cases, equal, holds};

cases! { "db", dyn Harness:
    texts_of_all_kinds_come_back;
    whole_numbers_past_2_53_come_back_as_texts;
    numbers_come_back;
    booleans_come_back_as_such;
    json_comes_back_as_such;
    json_that_is_a_number_comes_back_as_one;
    an_object_in_a_text_column_is_a_text;
    a_name_decides_nothing;
    bytes_come_back_in_base64;
    times_come_back_in_utc;
    times_have_microseconds;
    the_database_s_own_times_have_no_fraction;
    values_that_do_not_fit_are_22p02;
    bytes_and_times_that_do_not_fit_are_22p02;
    a_long_text_comes_back;
}

const KINDS: &str = "CREATE TABLE IF NOT EXISTS kinds (
    id TEXT PRIMARY KEY, t TEXT, i INTEGER, r REAL, b BOOLEAN, j JSON, x BLOB, at TIMESTAMP,
    made TEXT DEFAULT CURRENT_TIMESTAMP, seen TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    is_active INTEGER, meta TEXT, embedding TEXT)";

/// Writes `value` to `column` and reads it back, from the write and from the table.
async fn round(harness: &dyn Harness, column: &str, value: &Value, expected: &Value) -> Outcome {
    let db = harness.database();
    db.raw(KINDS, &[]).await?;
    let row = json!({ column: value });
    let written = data(TableQuery::on(&*db, "kinds").insert(row).select("*").single().run().await)?;
    equal("as it was written", written.get(column), Some(expected))?;
    let id = written["id"].as_str().ok_or_else(|| Failure::new("the row has no id"))?;
    let read = data(TableQuery::on(&*db, "kinds").select(column).eq("id", id).single().run().await)?;
    equal("as it is read", read.get(column), Some(expected))
}

async fn texts_of_all_kinds_come_back(harness: Arc<dyn Harness>) -> Outcome {
    for text in
        ["", " ", "a'b\"c`d\\e", "line\nend\r\t", "日本語 🦀 é e\u{301}", "null", "1", "true", "{}", "\\n"]
    {
        round(&*harness, "t", &json!(text), &json!(text)).await?;
    }
    round(&*harness, "t", &json!(15), &json!("15")).await
}

async fn whole_numbers_past_2_53_come_back_as_texts(harness: Arc<dyn Harness>) -> Outcome {
    let exact = 1_i64 << 53;
    round(&*harness, "i", &json!(exact), &json!(exact)).await?;
    round(&*harness, "i", &json!(exact + 1), &json!("9007199254740993")).await?;
    round(&*harness, "i", &json!(i64::MIN), &json!("-9223372036854775808")).await?;
    round(&*harness, "i", &json!("9223372036854775807"), &json!("9223372036854775807")).await
}

async fn numbers_come_back(harness: Arc<dyn Harness>) -> Outcome {
    for number in [json!(0.1), json!(-2.5e-7), json!(1.0e15), json!(1_234.567_890_123_45)] {
        let expected =
            if number == json!(1.0e15) { json!(1_000_000_000_000_000_i64) } else { number.clone() };
        round(&*harness, "r", &number, &expected).await?;
    }
    round(&*harness, "i", &json!(-5), &json!(-5)).await
}

async fn booleans_come_back_as_such(harness: Arc<dyn Harness>) -> Outcome {
    round(&*harness, "b", &json!(true), &json!(true)).await?;
    round(&*harness, "b", &json!(false), &json!(false)).await?;
    round(&*harness, "b", &json!(1), &json!(true)).await
}

async fn json_comes_back_as_such(harness: Arc<dyn Harness>) -> Outcome {
    let all =
        [json!({"a": [1, {"b": null}], "ü": "x'\"\\y"}), json!([]), json!("text"), json!(5), json!(true)];
    for value in all {
        round(&*harness, "j", &value, &value).await?;
    }
    round(&*harness, "j", &Value::Null, &Value::Null).await
}

async fn json_that_is_a_number_comes_back_as_one(harness: Arc<dyn Harness>) -> Outcome {
    let great = json!(9_007_199_254_740_993_i64);
    round(&*harness, "j", &great, &great).await?;
    round(&*harness, "j", &json!(-1.5e-7), &json!(-1.5e-7)).await?;
    round(&*harness, "j", &json!("1e3"), &json!("1e3")).await
}

async fn an_object_in_a_text_column_is_a_text(harness: Arc<dyn Harness>) -> Outcome {
    round(&*harness, "t", &json!({"a": [1, 2]}), &json!("{\"a\":[1,2]}")).await
}

async fn a_name_decides_nothing(harness: Arc<dyn Harness>) -> Outcome {
    round(&*harness, "is_active", &json!(1), &json!(1)).await?;
    round(&*harness, "meta", &json!("{\"a\":1}"), &json!("{\"a\":1}")).await?;
    round(&*harness, "embedding", &json!([1, 2]), &json!("[1,2]")).await
}

async fn bytes_come_back_in_base64(harness: Arc<dyn Harness>) -> Outcome {
    round(&*harness, "x", &json!("AAECA/8="), &json!("AAECA/8=")).await?;
    round(&*harness, "x", &json!(""), &json!("")).await
}

async fn times_come_back_in_utc(harness: Arc<dyn Harness>) -> Outcome {
    let expected = json!("2024-02-29 23:00:05");
    round(&*harness, "at", &json!("2024-02-29T23:00:05Z"), &expected).await?;
    round(&*harness, "at", &json!("2024-03-01T01:00:05+02:00"), &expected).await?;
    round(&*harness, "at", &json!("2024-02-29 23:00:05"), &expected).await?;
    let db = harness.database();
    let later = all(&*db, "kinds").gte("at", "2024-02-29T23:00:05Z");
    equal("found again", set(later).await?.len(), 3)
}

async fn times_have_microseconds(harness: Arc<dyn Harness>) -> Outcome {
    let given = json!("2024-02-29T23:59:59.9876549Z");
    round(&*harness, "at", &given, &json!("2024-02-29 23:59:59.987654")).await?;
    let db = harness.database();
    equal("found again", set(all(&*db, "kinds").eq("at", given)).await?.len(), 1)?;
    round(&*harness, "at", &json!("2024-01-01 00:00:00.5"), &json!("2024-01-01 00:00:00.5")).await
}

/// `YYYY-MM-DD HH:MM:SS`
fn is_time(value: &Value) -> bool {
    let shape =
        |text: &str| text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect::<String>();
    value.as_str().is_some_and(|text| shape(text) == "0000-00-00 00:00:00")
}

async fn the_database_s_own_times_have_no_fraction(harness: Arc<dyn Harness>) -> Outcome {
    let db = harness.database();
    db.raw(KINDS, &[]).await?;
    let row =
        data(TableQuery::on(&*db, "kinds").insert(json!({"id": "a"})).select("*").single().run().await)?;
    holds(&format!("{} is a time", row["made"]), is_time(&row["made"]))?;
    holds(&format!("{} is a time", row["seen"]), is_time(&row["seen"]))?;
    equal(
        "both are UTC",
        row["made"].as_str().map(|text| &text[..16]),
        row["seen"].as_str().map(|text| &text[..16]),
    )?;
    let rows = db.raw("SELECT made, seen FROM kinds", &[]).await?;
    holds("raw gives them too", rows.iter().all(|row| row.values().all(is_time)) && rows.len() == 1)
}

async fn values_that_do_not_fit_are_22p02(harness: Arc<dyn Harness>) -> Outcome {
    let db = harness.database();
    db.raw(KINDS, &[]).await?;
    let wrong = [
        ("i", json!("x")),
        ("i", json!(1.5)),
        ("i", json!(u64::MAX)),
        ("r", json!("x")),
        ("b", json!("maybe")),
        ("b", json!(2)),
        ("t", json!("nul\0")),
        ("j", json!({"nul\0": 1})),
        ("j", json!(["nul\0"])),
    ];
    for (column, value) in wrong {
        refused(&TableQuery::on(&*db, "kinds").insert(json!({ column: value })).run().await, "22P02", 400)?;
    }
    equal("no rows", set(all(&*db, "kinds")).await?, Vec::<&str>::new())
}

async fn bytes_and_times_that_do_not_fit_are_22p02(harness: Arc<dyn Harness>) -> Outcome {
    let db = harness.database();
    db.raw(KINDS, &[]).await?;
    for (column, value) in [("x", "no base64!"), ("at", "yesterday")] {
        refused(&TableQuery::on(&*db, "kinds").insert(json!({ column: value })).run().await, "22P02", 400)?;
    }
    equal("no rows", set(all(&*db, "kinds")).await?, Vec::<&str>::new())
}

async fn a_long_text_comes_back(harness: Arc<dyn Harness>) -> Outcome {
    let text = json!("ä".repeat(500_000));
    round(&*harness, "t", &text, &text).await
}
