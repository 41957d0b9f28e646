//! SQL as modules write it: taken apart far enough to bind, to split, to translate and to refuse.

mod ddl;
mod guard;
mod tokens;

use super::sql::{Dialect, Statement};
use super::value::Cell;
use super::{DbError, code};

pub(super) use ddl::Index;
#[cfg(feature = "sqlite")]
pub(super) use guard::{NAMES, OWN_TABLES, PRAGMAS};
pub(super) use guard::{guard, has_dots};
pub(super) use tokens::{Token, tokens};

/// What a text of SQL comes to.
pub(super) struct Script {
    pub(super) statements: Vec<Statement>,
    /// Whether the schema may be another one afterwards.
    pub(super) changes_schema: bool,
    /// Whether it must not run in a transaction.
    pub(super) loose: bool,
    /// Whether it is one statement that reads.
    pub(super) reads: bool,
}

/// What a statement does to the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Definition {
    Create,
    Alter,
    Drop,
    /// Which MySQL keeps like the others.
    Other,
}

impl Definition {
    /// By its first word.
    pub(super) fn of(sql: &str, dialect: Dialect) -> Option<Self> {
        match tokens::word(&tokens(sql, dialect).ok()?, 0)?.as_str() {
            "create" => Some(Self::Create),
            "alter" => Some(Self::Alter),
            "drop" => Some(Self::Drop),
            "rename" | "truncate" | "analyze" | "optimize" | "repair" => Some(Self::Other),
            _ => None,
        }
    }
}

/// The statements of `tokens`, with the parameters of the only one.
pub(super) fn script(tokens: Vec<Token>, dialect: Dialect, cells: &[Cell]) -> Result<Script, DbError> {
    let parts: Vec<Vec<Token>> = split(tokens);
    if parts.is_empty() {
        return Err(DbError::invalid("expected a statement, found none"));
    }
    if parts.len() > 1 && !cells.is_empty() {
        let message = format!("expected one statement beside parameters, found {}", parts.len());
        return Err(DbError::invalid(message));
    }
    let starts =
        |word: &str| parts.iter().any(|part| tokens::word(part, 0).is_some_and(|first| first == word));
    let changes_schema = ["create", "alter", "drop"].into_iter().any(starts);
    let loose = ["pragma", "vacuum"].into_iter().any(starts);
    let reads = parts.len() == 1 && ["select", "values"].into_iter().any(starts);
    let mut statements = Vec::with_capacity(parts.len());
    for part in parts {
        for part in ddl::translate(part, dialect) {
            let own = if statements.is_empty() { cells } else { &[] };
            statements.push(bind(&part, dialect, own)?);
        }
    }
    Ok(Script { statements, changes_schema, loose, reads })
}

/// Cuts at semicolons, but not inside of a trigger's `BEGIN … END`.
fn split(tokens: Vec<Token>) -> Vec<Vec<Token>> {
    let mut parts = vec![Vec::new()];
    let (mut depth, mut is_trigger) = (0_usize, false);
    for token in tokens {
        let part = parts.last_mut().expect("there is always a last part");
        match token.as_word().as_deref() {
            Some("trigger") if tokens::word(part, 0).as_deref() == Some("create") => is_trigger = true,
            Some("begin" | "case") if is_trigger => depth += 1,
            Some("end") if is_trigger => depth = depth.saturating_sub(1),
            _ => {}
        }
        if token == Token::Other(';') && depth == 0 {
            parts.push(Vec::new());
            is_trigger = false;
        } else {
            part.push(token);
        }
    }
    parts.retain(|part| part.iter().any(Token::is_code));
    parts
}

/// Puts the placeholders of the dialect for `?` and `$1`, and their values in order.
fn bind(tokens: &[Token], dialect: Dialect, cells: &[Cell]) -> Result<Statement, DbError> {
    let mut statement = Statement::default();
    let (mut next, mut highest) = (0, 0);
    for token in tokens {
        let number = match token {
            Token::Question if !cells.is_empty() || !matches!(dialect, Dialect::Postgres { .. }) => {
                next += 1;
                next
            }
            Token::Dollar(number) => *number,
            other => {
                other.write(&mut statement.sql);
                continue;
            }
        };
        highest = highest.max(number);
        let cell = number.checked_sub(1).and_then(|at| cells.get(at)).ok_or_else(|| {
            let message = format!("the statement names parameter {number}, and there are {}", cells.len());
            DbError::new(code::INVALID, message)
        })?;
        // one value for each place, whatever the dialect: a number may be named twice
        statement.parameters.push(cell.clone());
        match dialect {
            Dialect::Postgres { .. } => {
                let number = statement.parameters.len().to_string();
                statement.sql.extend(["$", number.as_str()]);
            }
            _ => statement.sql.push('?'),
        }
    }
    if highest < cells.len() {
        let message = format!("there are {} parameters, and the statement names {highest}", cells.len());
        return Err(DbError::invalid(message));
    }
    Ok(statement)
}
