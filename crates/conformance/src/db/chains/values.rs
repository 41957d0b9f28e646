//! Values that columns are given and compared with: few of each kind, so that they meet, and those at the
//! edges.

use std::sync::LazyLock;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use super::shapes::Kind;

type Pool = LazyLock<Vec<Value>>;

static KEYS: Pool = LazyLock::new(|| {
    ["a", "b", "c", "d", "e", "A", "ab", "é", "🦀", "", "a ", "it's", "%", "a\\"].map(Value::from).into()
});

static TEXTS: Pool = LazyLock::new(|| {
    let texts = [
        "",
        " ",
        "a",
        "A",
        "b",
        "ab",
        "aB",
        "ba",
        "a_b",
        "a%b",
        "a*b",
        "a[b]",
        "a\\b",
        "ä",
        "Ä",
        "äÖ",
        "日本",
        "🦀",
        "e\u{301}",
        "x'y\"z`",
        "1",
        "5",
        "1.5",
        "true",
        "null",
        "{\"a\":1}",
        "[1,[2]]",
        "{\"a\":[\"x\"]}",
        "\"a\"",
        "{a}",
        "a\nb",
        "ß",
        "ẞ",
        "a.b",
        "a,b",
        "(a)",
        "$1",
        "?",
        "--",
    ];
    texts
        .map(Value::from)
        .into_iter()
        .chain([json!(5), json!(1.5), json!(true), json!([1]), json!({"a": 1})])
        .collect()
});

static INTEGERS: Pool = LazyLock::new(|| {
    let exact = 1_i64 << 53;
    [0, 1, 2, 3, 4, 5, 6, 7, -1, -2, 25, 30, exact, exact + 1, -exact - 1, i64::MAX, i64::MIN]
        .map(Value::from)
        .into_iter()
        .chain([json!("7"), json!(" 8 "), json!(3.0), json!(true), json!("9007199254740993")])
        .collect()
});

static REALS: Pool = LazyLock::new(|| {
    let numbers = [0.0, -0.0, 1.5, -0.5, 0.1, 2.5, 1e15, 1e300, -1e-7, 123_456.789];
    let numbers = numbers.map(Value::from).into_iter();
    numbers
        .chain([json!(0), json!(1), json!(-1), json!("2.5"), json!("1e3"), json!((1_i64 << 53) + 1)])
        .collect()
});

static BOOLEANS: Pool =
    LazyLock::new(|| vec![json!(true), json!(false), json!(1), json!(0), json!("true"), json!("false")]);

static DOCUMENTS: Pool = LazyLock::new(|| {
    vec![
        json!({}),
        json!([]),
        json!(1),
        json!(1.0),
        json!(1.5),
        json!("a"),
        json!(true),
        json!({"a": 1}),
        json!({"a": 1.0, "b": [1, 2, "a"]}),
        json!({"a": {"b": {"c": null}}}),
        json!({"a": [{"b": 1}, {"b": 2, "c": [3]}]}),
        json!({"a": ["x"], "b": "x"}),
        json!({"ä \"'\\.$[*]": "🦀", "": 0}),
        json!([1, [2, [3]], {"a": null}]),
        json!([[1, 2, 3], [4]]),
        json!(["a", "b", 1, true, null]),
        json!([{"a": [1]}, "it's"]),
        json!({"n": 9_007_199_254_740_993_i64, "m": -1e-7}),
    ]
});

static PARTS: Pool = LazyLock::new(|| {
    let parts = vec![
        json!({"a": {}}),
        json!({"a": [{"c": [3]}]}),
        json!({"a": "x"}),
        json!({"b": [2]}),
        json!([[1]]),
        json!([[3, 1]]),
        json!([{}]),
        json!([{"a": []}]),
        json!([null]),
        json!([1.0]),
        json!([[2, [3]]]),
        json!({"a": {"b": {"c": null}}, "": 0}),
        json!({"ä \"'\\.$[*]": "🦀"}),
        json!({"": 0}),
        json!({"n": 9_007_199_254_740_992_i64}),
        Value::Null,
    ];
    parts.into_iter().chain(DOCUMENTS.iter().cloned()).collect()
});

/// What fits into no column of some kind.
static UNFIT: Pool = LazyLock::new(|| {
    vec![
        json!("x"),
        json!(1.5),
        json!(u64::MAX),
        json!(1e17),
        json!([1]),
        json!({}),
        json!(2),
        json!("nul\0"),
        json!(["\0"]),
    ]
});

fn pool(kind: Kind) -> &'static [Value] {
    match kind {
        Kind::Key => &KEYS,
        Kind::Text => &TEXTS,
        Kind::Integer => &INTEGERS,
        Kind::Real => &REALS,
        Kind::Boolean => &BOOLEANS,
        Kind::Json => &DOCUMENTS,
    }
}

/// A value for a column; seldom one that does not fit.
pub(super) fn value(kind: Kind) -> impl Strategy<Value = Value> {
    prop_oneof![
        40 => select(pool(kind)),
        5 => Just(Value::Null),
        1 => select(UNFIT.as_slice()),
    ]
}

/// What JSON may contain.
pub(super) fn part() -> impl Strategy<Value = Value> {
    prop_oneof![30 => select(PARTS.as_slice()), 1 => Just(json!("nul\0"))]
}

/// A half, with which whole numbers may be compared.
pub(super) fn half() -> impl Strategy<Value = Value> {
    select(vec![json!(0.5), json!(24.5), json!(-1.5), json!("2.5"), json!(1e-3)])
}

const SIGNS: &[&str] = &[
    "%", "_", "%", "_", "a", "b", "A", "\\", "\\%", "\\_", "[", "]", "*", "?", "ä", "Ä", "🦀", "^", "$", ".",
    "(", "+", "|", "{", "-", "'", "1", "ẞ", " ", "#", "!", "&", "~", "\n", "[a-b]",
];

/// A pattern for `like`.
pub(super) fn pattern() -> impl Strategy<Value = Value> {
    prop_oneof![
        20 => vec(select(SIGNS), 0..5).prop_map(|signs| Value::from(signs.concat())),
        1 => Just(json!("a\0")),
        1 => select(vec![Value::Null, json!(1), json!(["a"])]),
    ]
}
