//! Conditions on JSON: that a document contains another one, or is the same, by the rules of PostgreSQL.
//!
//! The functions of the other dialects have rules of their own: to MySQL an array contains what is in an
//! array in it, and SQLite has no such function. So the condition goes down the value, one step a part.

use sea_query::{Expr, Value as SeaValue};
use serde_json::Value;

use super::Dialect;

/// What is asked of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    /// It has all that the value has; an array may have a single value in it.
    Contains,
    /// It is the value, however its numbers are written.
    Equals,
}

/// Whole numbers beyond this are more than `JSON_CONTAINS` of `MariaDB` tells apart.
const EXACT: u64 = 1 << 53;

/// That the JSON in `column` has this relation to `value`: unknown for null, and false for a text that is no
/// JSON, or is some that PostgreSQL cannot read.
pub(super) fn related(
    dialect: Dialect,
    column: &str,
    is_text: bool,
    relation: Relation,
    value: &Value,
) -> Expr {
    let whole = || SeaValue::String(Some(value.to_string()));
    let mut steps = Steps { dialect, relation, depth: 0, values: Vec::new() };
    let condition = match (dialect, relation) {
        (Dialect::Postgres { .. }, relation) => {
            steps.values.push(whole());
            let symbol = if relation == Relation::Contains { "@>" } else { "=" };
            format!("CAST({column} AS JSONB) {symbol} CAST($1 AS JSONB)")
        }
        (Dialect::Mysql { maria: true }, Relation::Equals) => {
            steps.values.push(whole());
            format!("JSON_EQUALS({column}, ?)")
        }
        (Dialect::Mysql { maria: false }, Relation::Equals) => {
            steps.values.push(whole());
            format!("{column} = CAST(? AS JSON)")
        }
        (Dialect::Mysql { .. }, Relation::Contains) => steps.top(&Place::of(column.to_owned()), value),
        (Dialect::Sqlite, _) => {
            // one document in an array, so that the whole is looked at as its parts are
            let condition = steps.top(&Place::row("d"), value);
            let from = format!("json_each(json_array(json({column}))) AS d");
            format!("EXISTS (SELECT 1 FROM {from} WHERE {condition})")
        }
    };
    let is_json = is_json(dialect, column, is_text);
    let template =
        format!("CASE WHEN {column} IS NULL THEN NULL WHEN {is_json} THEN {condition} ELSE FALSE END");
    Expr::cust_with_values(template, steps.values)
}

/// That there is JSON in `column`, in which no text has a null character: PostgreSQL cannot read those.
fn is_json(dialect: Dialect, column: &str, is_text: bool) -> String {
    let (is_json, no_nul) = match dialect {
        Dialect::Postgres { .. } => {
            (format!("{column} IS JSON"), format!("strpos({column}, chr(92) || 'u0000') = 0"))
        }
        Dialect::Mysql { .. } => {
            (format!("JSON_VALID({column})"), format!("LOCATE(CONCAT(CHAR(92), 'u0000'), {column}) = 0"))
        }
        Dialect::Sqlite => {
            (format!("json_valid({column})"), format!("instr({column}, char(92) || 'u0000') = 0"))
        }
    };
    match dialect {
        _ if is_text => format!("{is_json} AND {no_nul}"),
        // its type sees to it
        Dialect::Postgres { .. } => "TRUE".to_owned(),
        _ => is_json,
    }
}

/// Where a part of a document is: what gives it, and what gives its type.
struct Place {
    value: String,
    of_type: String,
}

impl Place {
    /// By the expression that gives it, in MySQL.
    fn of(value: String) -> Self {
        Self { of_type: format!("JSON_TYPE({value})"), value }
    }

    /// The part if it is of that type, else null: the functions of SQLite fail on what is no JSON.
    fn only(&self, of_type: &str) -> String {
        format!("CASE {} WHEN '{of_type}' THEN {} END", self.of_type, self.value)
    }

    /// A row of `json_each`, in SQLite.
    fn row(name: &str) -> Self {
        Self { value: format!("{name}.value"), of_type: format!("{name}.type") }
    }
}

/// The way down a value. Its parameters are pushed in the order of their places in the text.
struct Steps {
    dialect: Dialect,
    relation: Relation,
    depth: usize,
    values: Vec<SeaValue>,
}

impl Steps {
    fn is_sqlite(&self) -> bool {
        self.dialect == Dialect::Sqlite
    }

    /// The whole document: only there may an array contain a single value.
    fn top(&mut self, at: &Place, value: &Value) -> String {
        let own = self.step(at, value);
        if self.relation == Relation::Equals || value.is_array() || value.is_object() {
            return own;
        }
        let within = self.element(at, None, value);
        format!("({own} OR {} AND {within})", self.is(at, "array"))
    }

    fn step(&mut self, at: &Place, value: &Value) -> String {
        match value {
            Value::Array(parts) => {
                let is_same = self.relation == Relation::Equals;
                let mut conditions = vec![self.is(at, "array")];
                if is_same {
                    conditions.push(format!("json_array_length({}) = {}", at.only("array"), parts.len()));
                }
                for (number, part) in parts.iter().enumerate() {
                    conditions.push(self.element(at, is_same.then_some(number), part));
                }
                self.in_order(at, "array", &conditions)
            }
            Value::Object(parts) => {
                let mut conditions = vec![self.is(at, "object")];
                if self.relation == Relation::Equals {
                    let count = format!("(SELECT count(*) FROM json_each({}))", at.only("object"));
                    conditions.push(format!("{count} = {}", parts.len()));
                }
                for (name, part) in parts {
                    conditions.push(self.member(at, name, part));
                }
                self.in_order(at, "object", &conditions)
            }
            scalar => self.scalar(at, scalar),
        }
    }

    /// All of the conditions, such that nothing of it is looked at where the type is another one.
    fn in_order(&self, at: &Place, of_type: &str, conditions: &[String]) -> String {
        let all = conditions.join(" AND ");
        if self.is_sqlite() {
            // by the arguments of its functions, which nest less: the parser of libSQL has a stack of 100
            return all;
        }
        format!("CASE WHEN {} THEN {all} ELSE FALSE END", self.is(at, of_type))
    }

    fn is(&self, at: &Place, of_type: &str) -> String {
        let name = if self.is_sqlite() { of_type.to_owned() } else { of_type.to_uppercase() };
        format!("{} = '{name}'", at.of_type)
    }

    /// That an element of the array, or the one with this number, is so.
    fn element(&mut self, at: &Place, number: Option<usize>, part: &Value) -> String {
        let name = format!("e{}", self.depth);
        self.depth += 1;
        let condition = if self.is_sqlite() {
            let key = number.map_or(String::new(), |number| format!("{name}.key = {number} AND "));
            let inner = self.step(&Place::row(&name), part);
            let rows = format!("json_each({}) AS {name}", at.only("array"));
            format!("EXISTS (SELECT 1 FROM {rows} WHERE {key}{inner})")
        } else {
            let inner = self.step(&Place::of(format!("{name}.v")), part);
            let rows = format!("JSON_TABLE({}, '$[*]' COLUMNS (v JSON PATH '$')) AS {name}", at.value);
            format!("EXISTS (SELECT 1 FROM {rows} WHERE {inner})")
        };
        self.depth -= 1;
        condition
    }

    /// That the object has a member of that name which is so.
    fn member(&mut self, at: &Place, name: &str, part: &Value) -> String {
        let row = format!("e{}", self.depth);
        self.depth += 1;
        let condition = if self.is_sqlite() {
            self.values.push(SeaValue::String(Some(name.to_owned())));
            let inner = self.step(&Place::row(&row), part);
            let rows = format!("json_each({}) AS {row}", at.only("object"));
            format!("EXISTS (SELECT 1 FROM {rows} WHERE {row}.key = ? AND {inner})")
        } else {
            // taken out once, in a row of its own: its conditions name it more than once
            let escaped = name.replace('\\', "\\\\").replace('"', "\\\"");
            self.values.push(SeaValue::String(Some(format!("$.\"{escaped}\""))));
            let inner = self.step(&Place::of(format!("{row}.v")), part);
            let taken = format!("JSON_EXTRACT({}, ?)", at.value);
            let rows = format!("JSON_TABLE({taken}, '$' COLUMNS (v JSON PATH '$')) AS {row}");
            format!("EXISTS (SELECT 1 FROM {rows} WHERE {inner})")
        };
        self.depth -= 1;
        condition
    }

    fn scalar(&mut self, at: &Place, value: &Value) -> String {
        let Place { value: place, of_type } = at;
        if !self.is_sqlite() {
            self.values.push(SeaValue::String(Some(value.to_string())));
            let same = format!("{of_type} NOT IN ('ARRAY', 'OBJECT') AND JSON_CONTAINS({place}, ?)");
            if value.as_i64().is_some_and(|whole| whole.unsigned_abs() >= EXACT) {
                self.values.push(SeaValue::String(Some(value.to_string())));
                return format!("{same} AND CAST({place} AS DECIMAL(65)) = CAST(? AS DECIMAL(65))");
            }
            if value.is_null() && self.dialect == (Dialect::Mysql { maria: false }) {
                // its rows have no value where the document has a null
                return format!("({place} IS NULL OR {same})");
            }
            return same;
        }
        match value {
            Value::Null => format!("{of_type} = 'null'"),
            Value::Bool(value) => format!("{of_type} = '{value}'"),
            Value::Number(number) => {
                self.values.push(match number.as_i64() {
                    Some(whole) => SeaValue::BigInt(Some(whole)),
                    None => SeaValue::Double(number.as_f64()),
                });
                format!("{of_type} IN ('integer', 'real') AND {place} = ?")
            }
            other => {
                self.values.push(SeaValue::String(other.as_str().map(str::to_owned)));
                format!("{of_type} = 'text' AND {place} = ?")
            }
        }
    }
}
