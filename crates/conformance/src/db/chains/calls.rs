//! How chains are made up: mostly sensible ones, so that there is something to read and to write.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use super::call::{Call, Start, Step};
use super::conditions::{condition, said};
use super::shapes::{Kind, SHAPES, Shape};
use super::values::value;

/// A chain on one of the tables.
pub(super) fn call() -> impl Strategy<Value = Call> {
    select((0..SHAPES.len()).collect::<Vec<_>>()).prop_flat_map(|at| {
        let shape = &SHAPES[at];
        let table = prop_oneof![
            60 => Just(shape.name.to_owned()),
            1 => select(&["nowhere", "no where", "a.b", "1a"][..]).prop_map(str::to_owned),
        ];
        let parts = prop_oneof![6 => read(shape), 6 => new(shape), 2 => update(shape), 1 => delete(shape)];
        (table, parts).prop_map(move |(table, (start, steps))| Call { shape, table, start, steps })
    })
}

type Parts = BoxedStrategy<(Start, Vec<Step>)>;

fn read(shape: &'static Shape) -> Parts {
    let start = (columns(shape), prop::bool::weighted(0.15), prop::bool::weighted(0.1))
        .prop_map(|(columns, count, head)| Start::Select { columns, count, head });
    (start, vec(filter(shape), 0..3), vec(modifier(shape), 0..3))
        .prop_map(|(start, filters, modifiers)| (start, [filters, modifiers].concat()))
        .boxed()
}

fn new(shape: &'static Shape) -> Parts {
    let insert = rows(shape).prop_map(Start::Insert);
    let upsert = (rows(shape), select(shape.keys), any::<bool>())
        .prop_map(|(rows, key, ignores)| Start::Upsert { rows, on_conflict: key.to_owned(), ignores });
    let start = prop_oneof![insert, upsert];
    // neither filters nor an order belong here
    let odd = option::weighted(0.01, prop_oneof![filter(shape), modifier(shape)]);
    (start, after(shape), odd)
        .prop_map(|(start, steps, odd)| (start, steps.into_iter().chain(odd).collect()))
        .boxed()
}

fn update(shape: &'static Shape) -> Parts {
    let values = prop_oneof![
        60 => row(shape, false),
        1 => select(vec![json!({}), json!([]), json!({"no name": 1}), json!({"nothing": 1}), json!({"id": "a", "ID": "b"})]),
    ];
    (values, met(shape), after(shape))
        .prop_map(|(values, filters, steps)| (Start::Update(values), [filters, steps].concat()))
        .boxed()
}

fn delete(shape: &'static Shape) -> Parts {
    (met(shape), after(shape)).prop_map(|(filters, steps)| (Start::Delete, [filters, steps].concat())).boxed()
}

/// The rows that a change meets: mostly some, seldom all.
fn met(shape: &'static Shape) -> impl Strategy<Value = Vec<Step>> {
    prop_oneof![
        30 => vec(filter(shape), 1..3),
        2 => Just(Vec::new()),
        1 => Just(vec![Step::Match(json!({}))]),
    ]
}

/// What may follow a write.
fn after(shape: &'static Shape) -> impl Strategy<Value = Vec<Step>> {
    prop_oneof![
        4 => Just(Vec::new()),
        4 => columns(shape).prop_map(|columns| vec![Step::Select(columns)]),
        1 => columns(shape).prop_map(|columns| vec![Step::Select(columns), Step::Single]),
        1 => columns(shape).prop_map(|columns| vec![Step::Select(columns), Step::MaybeSingle]),
    ]
}

fn filter(shape: &'static Shape) -> impl Strategy<Value = Step> {
    let name = select(shape.columns).prop_map(|(name, _)| name.to_owned());
    prop_oneof![
        20 => condition(shape).prop_map(|(column, operator, value)| Step::Filter(column, operator, value)),
        6 => condition(shape).prop_map(|(column, operator, value)| Step::Not(column, operator, value)),
        6 => said(shape).prop_map(Step::Or),
        3 => row(shape, false).prop_map(Step::Match),
        1 => name.prop_map(|name| Step::Filter(name, "resembles".to_owned(), json!(1))),
    ]
}

fn modifier(shape: &'static Shape) -> impl Strategy<Value = Step> {
    let names = shape.columns.iter().map(|(name, _)| *name).chain(["nothing", "no name"]);
    let order = (select(names.collect::<Vec<_>>()), any::<bool>(), option::of(any::<bool>()));
    prop_oneof![
        6 => order.prop_map(|(name, descending, nulls)| Step::Order(name.to_owned(), descending, nulls)),
        2 => select(&[0, 1, 2, 3, 100, u64::MAX][..]).prop_map(Step::Limit),
        2 => select(&[(0, 0), (0, 2), (1, 3), (2, 1), (5, 9), (3, u64::MAX), (u64::MAX, u64::MAX), (1, 0)][..])
            .prop_map(|(from, to)| Step::Range(from, to)),
        1 => Just(Step::Single),
        1 => Just(Step::MaybeSingle),
    ]
}

fn columns(shape: &'static Shape) -> impl Strategy<Value = String> {
    let name = select(shape.columns).prop_map(|(name, _)| name.to_owned());
    let renamed = (select(&["a", "id", "other", "Name"][..]), select(shape.columns));
    let renamed = renamed.prop_map(|(alias, (name, _))| format!("{alias}:{name}"));
    let one = prop_oneof![8 => name, 3 => renamed, 1 => Just("*".to_owned())];
    let wrong = select(&["", "nothing", "a b", "count(*)", "a:b:c", "id,,id", " * , other : nothing"][..]);
    prop_oneof![
        20 => Just("*".to_owned()),
        20 => vec(one, 1..4).prop_map(|names| names.join(", ")),
        1 => wrong.prop_map(str::to_owned),
    ]
}

fn rows(shape: &'static Shape) -> impl Strategy<Value = Value> {
    let wrong = select(vec![
        json!(1),
        json!([1]),
        json!({"no name": 1}),
        json!({"nothing": 1}),
        json!(null),
        json!({"id": "a", "ID": "b"}),
    ]);
    prop_oneof![
        30 => row(shape, true),
        30 => vec(row(shape, true), 0..4).prop_map(Value::from),
        1 => wrong,
    ]
}

/// Some of the columns with values; those that must be given are, if it is a new row.
fn row(shape: &'static Shape, is_new: bool) -> impl Strategy<Value = Value> {
    let column = move |(name, kind): &(&'static str, Kind)| {
        let (name, kind) = (*name, *kind);
        let value = if is_new && shape.given.contains(&name) {
            value(kind).prop_map(Some).boxed()
        } else {
            option::weighted(if is_new { 0.75 } else { 0.3 }, value(kind)).boxed()
        };
        value.prop_map(move |value| (name, value))
    };
    let columns: Vec<_> = shape.columns.iter().map(column).collect();
    columns.prop_map(|columns| {
        let given = columns.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        Value::Object(given.collect())
    })
}
