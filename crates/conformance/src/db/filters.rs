//! Which rows a chain meets.

use std::sync::Arc;

use penstock_storage::db::query::{Order, Select};
use penstock_storage::db::{Database, TableQuery};
use serde_json::{Value, json};

use super::{Harness, all, people, refused, set};
use crate::{Failure, Outcome, case::cases, equal};

cases! { "db", dyn Harness:
    eq_finds_equal_values;
    eq_null_matches_nothing;
    neq_leaves_nulls_out;
    comparisons_compare_numbers;
    a_whole_number_is_compared_with_half_of_one;
    a_filter_is_checked_where_no_row_is_given;
    texts_compare_by_their_bytes;
    texts_differ_by_spaces_at_their_end;
    like_is_case_sensitive;
    ilike_is_not_in_any_script;
    like_takes_signs_of_other_languages_literally;
    like_can_escape;
    like_takes_texts_and_whole_numbers;
    is_takes_null_true_and_false;
    in_finds_any_of_a_list;
    in_an_empty_list_matches_nothing;
    contains_looks_into_json;
    contains_keeps_to_its_level;
    contains_finds_nothing_in_a_text_that_is_no_json;
    eq_of_json_is_of_the_document;
    json_has_no_order;
    or_needs_one;
    or_reads_nested_conditions;
    or_reads_quoted_values;
    not_is_the_opposite;
    not_of_unknown_is_unknown;
    match_needs_all_columns;
    filter_takes_the_name_of_an_operator;
    filters_add_up;
    a_value_that_does_not_fit_is_an_error;
    an_unknown_operator_is_an_error;
    a_condition_that_is_none_is_an_error;
    a_value_is_never_sql;
}

async fn eq_finds_equal_values(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    equal("a text", set(all(&*db, "people").eq("name", "ann")).await?, ["a"])?;
    equal("a number", set(all(&*db, "people").eq("age", 25)).await?, ["b"])?;
    equal("true", set(all(&*db, "people").eq("active", true)).await?, ["a", "d"])?;
    equal("a real", set(all(&*db, "people").eq("score", 2.5)).await?, ["b"])?;
    equal("none", set(all(&*db, "people").eq("name", "ANN")).await?, Vec::<&str>::new())
}

async fn eq_null_matches_nothing(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    equal("eq null", set(all(&*db, "people").eq("name", Value::Null)).await?, Vec::<&str>::new())?;
    let matched = all(&*db, "people").matches(json!({"name": null}));
    equal("match null", set(matched).await?, Vec::<&str>::new())
}

async fn neq_leaves_nulls_out(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    equal("neq", set(all(&*db, "people").neq("name", "ann")).await?, ["b", "d"])?;
    equal("neq null", set(all(&*db, "people").neq("name", Value::Null)).await?, Vec::<&str>::new())
}

async fn comparisons_compare_numbers(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    equal("gt", set(all(&*db, "people").gt("age", 25)).await?, ["a", "d"])?;
    equal("gte", set(all(&*db, "people").gte("age", 25)).await?, ["a", "b", "d"])?;
    equal("lt", set(all(&*db, "people").lt("age", 30)).await?, ["b"])?;
    equal("lte", set(all(&*db, "people").lte("score", 1.5)).await?, ["a", "d"])
}

async fn a_whole_number_is_compared_with_half_of_one(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    equal("gt 29.5", set(all(&*db, "people").gt("age", 29.5)).await?, ["a", "d"])?;
    equal("in a text", set(all(&*db, "people").or("age.gt.29.5")).await?, ["a", "d"])?;
    equal("eq 30.0", set(all(&*db, "people").eq("age", 30.0)).await?, ["a"])?;
    equal("eq 30.5", set(all(&*db, "people").eq("age", 30.5)).await?, Vec::<&str>::new())
}

async fn a_filter_is_checked_where_no_row_is_given(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    let head = Select { count: false, head: true };
    let chain = TableQuery::on(&*db, "people").select_with("*", head);
    refused(&chain.eq("age", "old").run().await, "22P02", 400)
}

async fn texts_compare_by_their_bytes(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    equal("after Z", set(all(&*db, "people").gt("name", "Z")).await?, ["a", "d"])?;
    equal("after z", set(all(&*db, "people").gt("name", "z")).await?, ["d"])
}

async fn texts_differ_by_spaces_at_their_end(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    equal("eq", set(all(&*db, "people").eq("name", "ann ")).await?, Vec::<&str>::new())
}

async fn like_is_case_sensitive(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    equal("a start", set(all(&*db, "people").like("name", "a%")).await?, ["a"])?;
    equal("another case", set(all(&*db, "people").like("name", "A%")).await?, Vec::<&str>::new())?;
    equal("one each", set(all(&*db, "people").like("name", "_o_")).await?, ["b"])?;
    equal("the whole", set(all(&*db, "people").like("name", "nn")).await?, Vec::<&str>::new())
}

async fn ilike_is_not_in_any_script(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    equal("ascii", set(all(&*db, "people").ilike("name", "BO%")).await?, ["b"])?;
    equal("umlaut", set(all(&*db, "people").ilike("name", "ä%")).await?, ["d"])
}

async fn like_takes_signs_of_other_languages_literally(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    for pattern in ["*", "a?n", ".*", "[a]nn", "a.n", "(ann)", "^ann$", "a+nn", "ann|b", "{ann}"] {
        equal(pattern, set(all(&*db, "people").like("name", pattern)).await?, Vec::<&str>::new())?;
        equal(pattern, set(all(&*db, "people").ilike("name", pattern)).await?, Vec::<&str>::new())?;
    }
    Ok(())
}

async fn like_can_escape(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    equal("both", set(all(&*db, "people").like("name", "%\\_\\%")).await?, ["d"])?;
    equal("a percent", set(all(&*db, "people").like("name", "%\\%")).await?, ["d"])?;
    equal("an end", set(all(&*db, "people").like("name", "ann\\")).await?, Vec::<&str>::new())
}

async fn like_takes_texts_and_whole_numbers(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    equal("a number", set(all(&*db, "people").like("age", "_0")).await?, ["a", "d"])?;
    for column in ["score", "active", "meta"] {
        refused(&all(&*db, "people").ilike(column, "%").run().await, "22P02", 400)?;
    }
    refused(&all(&*db, "people").like("name", "a\0").run().await, "22P02", 400)
}

async fn is_takes_null_true_and_false(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    equal("null", set(all(&*db, "people").is("name", Value::Null)).await?, ["c"])?;
    equal("true", set(all(&*db, "people").is("active", true)).await?, ["a", "d"])?;
    equal("false", set(all(&*db, "people").is("active", false)).await?, ["b"])?;
    refused(&all(&*db, "people").is("name", "x").run().await, "22P02", 400)
}

async fn in_finds_any_of_a_list(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    equal("texts", set(all(&*db, "people").is_in("name", json!(["ann", "Bob", "x"]))).await?, ["a", "b"])?;
    equal("numbers", set(all(&*db, "people").is_in("age", json!([40, 25]))).await?, ["b", "d"])?;
    equal("a null", set(all(&*db, "people").is_in("age", json!([40, null]))).await?, ["d"])
}

async fn in_an_empty_list_matches_nothing(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    equal("in", set(all(&*db, "people").is_in("age", json!([]))).await?, Vec::<&str>::new())?;
    equal("not in", set(all(&*db, "people").not("age", "in", json!([]))).await?, ["a", "b", "c", "d"])
}

async fn contains_looks_into_json(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    let with = |value: Value| all(&*db, "people").contains("meta", value);
    equal("an array", set(with(json!({"tags": ["y"]}))).await?, ["a", "b"])?;
    equal("two", set(with(json!({"tags": ["y", "x"]}))).await?, ["a"])?;
    equal("a number", set(with(json!({"n": 1}))).await?, ["a"])?;
    equal("deep", set(with(json!({"deep": {"k": "v"}}))).await?, ["b"])?;
    equal("another", set(with(json!({"deep": {"k": "w"}}))).await?, Vec::<&str>::new())?;
    equal("any object", set(with(json!({}))).await?, ["a", "b"])
}

async fn documents(harness: &dyn Harness) -> Result<Arc<dyn Database>, Failure> {
    let db = harness.database();
    db.raw("CREATE TABLE IF NOT EXISTS documents (id TEXT PRIMARY KEY, j JSON, t TEXT)", &[]).await?;
    let rows = json!([
        {"id": "a", "j": [[1, 2], [3], "x"], "t": "[[1]]"},
        {"id": "b", "j": {"k": ["x"], "": 1, "it's \"\\.$[*] ä": true}, "t": "{k"},
        {"id": "c", "j": 1e17, "t": ""},
        {"id": "d", "j": [1, {"k": null}], "t": "1"},
        {"id": "e", "j": {"n": 9_007_199_254_740_993_i64}, "t": ["nul\0"]},
        {"id": "f"},
    ]);
    super::data(TableQuery::on(&*db, "documents").insert(rows).run().await)?;
    Ok(db)
}

async fn contains_keeps_to_its_level(harness: Arc<dyn Harness>) -> Outcome {
    let db = documents(&*harness).await?;
    let with = |value: Value| set(all(&*db, "documents").contains("j", value));
    let none: [&str; 0] = [];
    equal("an array in an array", with(json!([[1]])).await?, ["a"])?;
    equal("not from two", with(json!([[1, 3]])).await?, none)?;
    equal("an element, not one of its own", with(json!([1])).await?, ["d"])?;
    equal("a single value, at the top", with(json!("x")).await?, ["a"])?;
    equal("a single value, further down", with(json!({"k": "x"})).await?, none)?;
    equal("a number, however it is written", with(json!([1.0])).await?, ["d"])?;
    equal("null", with(json!([{"k": null}])).await?, ["d"])?;
    equal("odd names", with(json!({"": 1, "it's \"\\.$[*] ä": true})).await?, ["b"])?;
    equal("a great number", with(json!({"n": 9_007_199_254_740_993_i64})).await?, ["e"])?;
    equal("its neighbour", with(json!({"n": 9_007_199_254_740_992_i64})).await?, none)?;
    refused(&all(&*db, "documents").contains("j", "nul\0").run().await, "22P02", 400)
}

async fn contains_finds_nothing_in_a_text_that_is_no_json(harness: Arc<dyn Harness>) -> Outcome {
    let db = documents(&*harness).await?;
    equal("in a text", set(all(&*db, "documents").contains("t", json!([[]]))).await?, ["a"])?;
    let without = all(&*db, "documents").not("t", "contains", json!([[]]));
    equal("not in it", set(without).await?, ["b", "c", "d", "e"])
}

async fn eq_of_json_is_of_the_document(harness: Arc<dyn Harness>) -> Outcome {
    let db = documents(&*harness).await?;
    let is = |value: Value| set(all(&*db, "documents").eq("j", value));
    equal("an array", is(json!([1.0, {"k": null}])).await?, ["d"])?;
    equal("another order", is(json!([{"k": null}, 1])).await?, Vec::<&str>::new())?;
    equal("less", is(json!([1])).await?, Vec::<&str>::new())?;
    equal("a number", is(json!(1e17)).await?, ["c"])?;
    let other = all(&*db, "documents").neq("j", json!([1, {"k": null}]));
    equal("neq", set(other).await?, ["a", "b", "c", "e"])
}

async fn json_has_no_order(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    refused(&all(&*db, "people").gt("meta", json!([])).run().await, "PS002", 400)?;
    refused(&all(&*db, "people").order("meta", Order::default()).run().await, "PS002", 400)
}

async fn or_needs_one(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    equal("or", set(all(&*db, "people").or("name.eq.ann,age.eq.40")).await?, ["a", "d"])?;
    equal("with null", set(all(&*db, "people").or("name.is.null,age.lt.30")).await?, ["b", "c"])
}

async fn or_reads_nested_conditions(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    let nested = all(&*db, "people").or("and(age.gt.20,age.lt.30),id.in.(c,d),not.and(age.gt.0,age.lt.99)");
    equal("nested", set(nested).await?, ["b", "c", "d"])?;
    let negated = all(&*db, "people").or("name.not.eq.ann,and(name.eq.ann,or(age.eq.1,age.eq.30))");
    equal("negated", set(negated).await?, ["a", "b", "d"])
}

async fn or_reads_quoted_values(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    let row = json!({"id": "e", "name": "x,\"y\".(z)"});
    super::data(TableQuery::on(&*db, "people").insert(row).run().await)?;
    let quoted = all(&*db, "people").or("name.eq.\"x,\\\"y\\\".(z)\",name.in.(\"ann\",\"b,c\")");
    equal("quoted", set(quoted).await?, ["a", "e"])
}

async fn not_is_the_opposite(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    equal("not null", set(all(&*db, "people").not("name", "is", Value::Null)).await?, ["a", "b", "d"])?;
    equal("not in", set(all(&*db, "people").not("age", "in", json!([25, 30]))).await?, ["d"])?;
    equal("not like", set(all(&*db, "people").not("name", "like", "a%")).await?, ["b", "d"])?;
    equal("not true", set(all(&*db, "people").not("active", "is", true)).await?, ["b", "c"])
}

async fn not_of_unknown_is_unknown(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    equal("not eq null", set(all(&*db, "people").not("name", "eq", Value::Null)).await?, Vec::<&str>::new())?;
    equal("not eq", set(all(&*db, "people").not("name", "eq", "ann")).await?, ["b", "d"])
}

async fn match_needs_all_columns(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    equal("both", set(all(&*db, "people").matches(json!({"active": true, "age": 40}))).await?, ["d"])?;
    equal("none", set(all(&*db, "people").matches(json!({}))).await?, ["a", "b", "c", "d"])
}

async fn filter_takes_the_name_of_an_operator(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    equal("gte", set(all(&*db, "people").filter("age", "gte", 30)).await?, ["a", "d"])?;
    equal("in", set(all(&*db, "people").filter("id", "in", json!(["c"]))).await?, ["c"])
}

async fn filters_add_up(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    equal("both", set(all(&*db, "people").eq("active", true).gt("age", 30)).await?, ["d"])
}

async fn a_value_that_does_not_fit_is_an_error(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    refused(&all(&*db, "people").eq("age", "old").run().await, "22P02", 400)?;
    refused(&all(&*db, "people").gt("score", json!([1])).run().await, "22P02", 400)?;
    refused(&all(&*db, "people").is_in("age", 1).run().await, "22P02", 400)
}

async fn an_unknown_operator_is_an_error(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    refused(&all(&*db, "people").filter("age", "resembles", 1).run().await, "PS002", 400)
}

async fn a_condition_that_is_none_is_an_error(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    for wrong in ["", "age", "age.eq", "age eq 1", "and(age.eq.1", "age.eq.1,", "a b.eq.1", "age.is.1"] {
        refused(&all(&*db, "people").or(wrong).run().await, "PS002", 400)?;
    }
    Ok(())
}

async fn a_value_is_never_sql(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    for evil in ["' OR '1'='1", "\" OR 1=1 --", "\\' OR 1=1 #", "ann'; DROP TABLE people; --", "$1", "?"] {
        equal(evil, set(all(&*db, "people").eq("name", evil)).await?, Vec::<&str>::new())?;
        equal(evil, set(all(&*db, "people").like("name", evil)).await?, Vec::<&str>::new())?;
    }
    equal("the table", set(all(&*db, "people")).await?, ["a", "b", "c", "d"])
}
