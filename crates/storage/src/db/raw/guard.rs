//! What modules may not do with raw SQL: reach another database, another login, files, or the transaction
//! that holds their own statements.
//!
//! The login of the storage DSN is the wall, and on SQLite, which has no logins, an authoriser; this is the
//! sign on it. Names in quotes count as names, comments count as space, and what cannot be read is refused.

use super::Token;
use crate::db::sql::Dialect;
use crate::db::{DbError, code};

/// Words that begin a statement that is not for modules, on every dialect.
const STATEMENTS: &[&str] = &[
    "attach",
    "detach",
    "begin",
    "commit",
    "end",
    "rollback",
    "savepoint",
    "release",
    "start",
    "abort",
    "prepare",
    "execute",
    "deallocate",
    "do",
    "use",
    "load",
    "grant",
    "revoke",
    "handler",
    "install",
    "uninstall",
    "shutdown",
    "kill",
    "lock",
    "unlock",
    "flush",
    "reset",
    "discard",
    "listen",
    "call",
    "copy",
    "import",
    "security",
    "reassign",
    "set",
    "xa",
    "help",
];

/// Names that reach out of the database, wherever they stand.
pub(crate) const NAMES: &[&str] = &[
    "load_extension",
    "writefile",
    "readfile",
    "fts3_tokenizer",
    "load_file",
    "outfile",
    "dumpfile",
    "pg_read_file",
    "pg_read_binary_file",
    "pg_ls_dir",
    "pg_stat_file",
    "lo_import",
    "lo_export",
    "dblink",
    "dblink_exec",
    "dblink_connect",
    "set_config",
    "pg_terminate_backend",
    "pg_cancel_backend",
    "pg_reload_conf",
    "query_to_xml",
    "table_to_xml",
    "schema_to_xml",
    "database_to_xml",
    "pg_execute_server_program",
];

/// What `CREATE`, `ALTER` and `DROP` may not be followed by.
const OBJECTS: &[&str] = &[
    "database",
    "schema",
    "role",
    "user",
    "extension",
    "function",
    "procedure",
    "server",
    "event",
    "tablespace",
    "publication",
    "subscription",
    "language",
    "foreign",
    "routine",
    "system",
    "group",
];

/// The pragmas that only tell.
pub(crate) const PRAGMAS: &[&str] = &[
    "table_info",
    "table_xinfo",
    "table_list",
    "index_list",
    "index_info",
    "index_xinfo",
    "foreign_key_list",
    "foreign_key_check",
    "integrity_check",
    "quick_check",
    "compile_options",
    "function_list",
];

/// Whether a name stands before a dot: it could be another schema.
pub(crate) fn has_dots(tokens: &[Token]) -> bool {
    tokens.contains(&Token::Other('.'))
}

/// Refuses what is not for modules. `foreign` are the schemas or databases beside their own.
pub(crate) fn guard(all: &[Token], dialect: Dialect, foreign: &[String]) -> Result<(), DbError> {
    let code: Vec<&Token> = all.iter().filter(|token| token.is_code()).collect();
    for statement in code.split(|token| **token == Token::Other(';')) {
        first(statement, dialect)?;
    }
    for (at, token) in code.iter().enumerate() {
        let Some(name) = token.as_name() else { continue };
        if NAMES.contains(&name.as_str()) {
            return Err(refused(&name));
        }
        let qualifies = code.get(at + 1) == Some(&&Token::Other('.'));
        let of_other = foreign.iter().any(|schema| schema.eq_ignore_ascii_case(&name));
        if qualifies && (of_other || (dialect == Dialect::Sqlite && name == "temp")) {
            return Err(refused(&format!("{name}.")));
        }
    }
    Ok(())
}

fn first(statement: &[&Token], dialect: Dialect) -> Result<(), DbError> {
    let words: Vec<String> = statement.iter().filter_map(|token| token.as_name()).collect();
    let word = |at: usize| words.get(at).map_or("", String::as_str);
    let skip = usize::from(word(0) == "explain");
    let begins = word(skip);
    if STATEMENTS.contains(&begins) || STATEMENTS.contains(&word(0)) {
        return Err(refused(begins));
    }
    let near = words.iter().skip(1).take(4).find(|word| OBJECTS.contains(&word.as_str()));
    if matches!(begins, "create" | "alter" | "drop" | "rename" | "comment" | "truncate")
        && let Some(object) = near
    {
        // a table may well be called user: only what stands where the kind of object stands counts
        let at = words
            .iter()
            .position(|word| ["table", "index", "view", "trigger", "column"].contains(&word.as_str()));
        if at.is_none_or(|at| words.iter().position(|word| word == object).is_some_and(|found| found < at)) {
            return Err(refused(&format!("{begins} {object}")));
        }
    }
    if dialect == Dialect::Sqlite {
        let assigns = statement.iter().any(|token| **token == Token::Other('='));
        if begins == "pragma"
            && (assigns || !words.iter().skip(1).take(2).any(|name| PRAGMAS.contains(&name.as_str())))
        {
            return Err(refused(&format!("pragma {}", word(skip + 1))));
        }
        if begins == "vacuum" && words.iter().any(|word| word == "into") {
            return Err(refused("vacuum into"));
        }
        if begins == "create" && words.iter().take(3).any(|word| word == "temp" || word == "temporary") {
            return Err(refused("create temp"));
        }
    }
    // what a cursor or a function would run is a text, which nobody looks into
    if matches!(dialect, Dialect::Postgres { .. })
        && begins == "alter"
        && words.iter().any(|word| word == "owner")
    {
        return Err(refused("alter … owner"));
    }
    Ok(())
}

/// What to do instead.
pub(crate) const OWN_TABLES: &str = "modules reach their own tables, and nothing else";

fn refused(what: &str) -> DbError {
    DbError::new(code::DENIED, format!("{what:?} is not for modules")).with_hint(OWN_TABLES)
}

#[cfg(test)]
mod tests {
    use super::super::tokens;
    use super::*;

    fn check(sql: &str, dialect: Dialect) -> Result<(), DbError> {
        guard(&tokens(sql, dialect)?, dialect, &["pg_catalog".to_owned(), "other".to_owned()])
    }

    #[test]
    fn what_reaches_out_is_refused() {
        let sqlite = [
            "ATTACH 'x' AS y",
            "/* a */ aTTach\n'x' AS y",
            "-- a\nATTACH 'x' AS y",
            "SELECT 1; ATTACH 'x' AS y",
            "SELECT \"load_extension\"('x')",
            "SELECT [load_extension]('x')",
            "PRAGMA writable_schema = 1",
            "PRAGMA writable_schema(1)",
            "PRAGMA main.journal_mode",
            "VACUUM INTO 'x'",
            "VACUUM main INTO 'x'",
            "COMMIT",
            "EXPLAIN ATTACH 'x' AS y",
            "CREATE TEMP TABLE t (a)",
            "SELECT 'it''s' /* ATTACH",
        ];
        for sql in sqlite {
            assert!(check(sql, Dialect::Sqlite).is_err(), "{sql}");
        }
        let others = [
            "SET ROLE admin",
            "reset role",
            "SET SESSION AUTHORIZATION x",
            "COPY t FROM PROGRAM 'ls'",
            "COPY t FROM '/etc/passwd'",
            "SELECT * FROM other.t",
            "SELECT * FROM \"other\" . t",
            "SELECT pg_read_file('x')",
            "DO $$ BEGIN EXECUTE 'SET ROLE x'; END $$",
            "CREATE FUNCTION f() RETURNS int AS $$ SELECT 1 $$ LANGUAGE sql",
            "CREATE OR REPLACE FUNCTION f() RETURNS int AS $$ SELECT 1 $$ LANGUAGE sql",
            "DROP DATABASE x",
            "ALTER ROLE x SUPERUSER",
        ];
        for sql in others {
            assert!(check(sql, Dialect::Postgres { vectors: true }).is_err(), "{sql}");
        }
        let mysql = [
            "LOAD DATA INFILE 'x' INTO TABLE t",
            "SELECT 1 INTO OUTFILE 'x'",
            "SELECT 1 INTO/**/DUMPFILE 'x'",
            "SELECT load_file('x')",
            "SELECT /*! 1 */ 1",
            "SELECT * FROM `other`.t",
            "USE other",
            "SELECT 1 # x\n; USE other",
        ];
        for sql in mysql {
            assert!(check(sql, Dialect::Mysql { maria: true }).is_err(), "{sql}");
        }
    }

    #[test]
    fn what_only_looks_like_it_is_let_through() {
        let harmless = [
            "SELECT 'ATTACH', \"attach\" FROM t -- load_extension(",
            "CREATE TABLE user (id TEXT PRIMARY KEY, \"role\" TEXT)",
            "CREATE TABLE IF NOT EXISTS t (set_at TEXT, begin_at TEXT)",
            "PRAGMA table_info(t)",
            "UPDATE t SET a = 1 WHERE b = 'COMMIT; ATTACH'",
            "INSERT INTO t (a) VALUES ('VACUUM INTO')",
            "SELECT t.a FROM t",
            "DROP TABLE IF EXISTS server",
        ];
        for sql in harmless {
            check(sql, Dialect::Sqlite).expect(sql);
        }
        check(
            "SELECT $$COPY t FROM PROGRAM 'x'$$, E'it\\'s; SET ROLE x'",
            Dialect::Postgres { vectors: false },
        )
        .expect("texts are texts");
    }
}
