//! The portable `CREATE TABLE`, in the words of each dialect.
//!
//! `TEXT INTEGER REAL BLOB BOOLEAN JSON TIMESTAMP VECTOR(n)` and their defaults are translated; every other
//! word is left as it stands.

use super::tokens::{Token, word};
use crate::db::sql::Dialect;

/// Characters of a key in MySQL: it has 3,072 bytes, of which a character may need four.
const KEY_CHARACTERS: usize = 760;
/// The widest vector of pgvector.
const WIDEST: usize = 16_000;
/// What a `VECTOR` without a width has.
const WIDTH: usize = 1536;

/// The statement, and with PostgreSQL the comments that tell what its columns are.
pub(super) fn translate(tokens: Vec<Token>, dialect: Dialect) -> Vec<Vec<Token>> {
    let is_table =
        word(&tokens, 0).as_deref() == Some("create") && word(&tokens, 1).as_deref() == Some("table");
    let open = tokens.iter().position(|token| *token == Token::Other('('));
    let close = tokens.iter().rposition(|token| *token == Token::Other(')'));
    let (Some(open), Some(close), true) = (open, close, is_table) else { return vec![tokens] };
    let is_as = tokens[..open].iter().any(|token| token.as_word().as_deref() == Some("as"));
    if is_as || close < open {
        return vec![tokens];
    }
    if dialect == Dialect::Sqlite {
        return vec![for_sqlite(tokens, open, close)];
    }
    let table = tokens[..open].iter().rfind(|token| token.is_code()).cloned();
    let mut definitions = at_commas(&tokens[open + 1..close]);
    let keys = keys(&definitions);
    let mut comments = Vec::new();
    for definition in &mut definitions {
        let column = definition.iter().find(|token| token.is_code()).cloned();
        let comment = column_definition(definition, dialect, &keys);
        if let (Some(width), Some(table), Some(column)) = (comment, &table, column) {
            let mut sql = "COMMENT ON COLUMN ".to_owned();
            table.write(&mut sql);
            sql.push('.');
            column.write(&mut sql);
            comments.push(vec![Token::Own(format!("{sql} IS 'vector({width})'"))]);
        }
    }
    let mut whole = tokens[..=open].to_vec();
    for (at, definition) in definitions.into_iter().enumerate() {
        if at > 0 {
            whole.push(Token::Other(','));
        }
        whole.extend(definition);
    }
    whole.extend_from_slice(&tokens[close..]);
    let mut all = vec![whole];
    all.extend(comments);
    all
}

/// SQLite alone would take a null in a primary key, unless that is a whole number, and would make a number
/// of a document that looks like one.
fn for_sqlite(mut tokens: Vec<Token>, open: usize, close: usize) -> Vec<Token> {
    let mut definitions = at_commas(&tokens[open + 1..close]);
    let words = |definition: &[Token]| definition.iter().filter_map(Token::as_name).collect::<Vec<String>>();
    let mut primary = Vec::new();
    for definition in &definitions {
        let words = words(definition);
        let is_primary = words.iter().any(|word| word == "primary");
        match words.first() {
            Some(first) if is_primary && CONSTRAINTS.contains(&first.as_str()) => {
                primary.extend(words.into_iter().skip_while(|word| word != "key").skip(1));
            }
            Some(first) if is_primary && words.get(1).is_some_and(|word| word != "integer") => {
                primary.push(first.clone());
            }
            _ => {}
        }
    }
    for definition in &mut definitions {
        let words = words(definition);
        let is_said = words.windows(2).any(|two| two == ["not", "null"]);
        let end = definition.iter().rposition(Token::is_code);
        if let (Some(first), Some(end), false) = (words.first(), end, is_said)
            && primary.contains(first)
        {
            definition.insert(end + 1, Token::Own(" NOT NULL".into()));
        }
        let declared = definition.iter().enumerate().filter(|(_, token)| token.is_code()).nth(1);
        if let Some((at, token)) = declared
            && token.as_word().as_deref() == Some("json")
        {
            definition[at] = Token::Own("JSON TEXT".into());
        }
    }
    let rest = tokens.split_off(close);
    tokens.truncate(open + 1);
    tokens.extend(definitions.join(&Token::Other(',')));
    tokens.extend(rest);
    tokens
}

fn at_commas(tokens: &[Token]) -> Vec<Vec<Token>> {
    let (mut parts, mut depth) = (vec![Vec::new()], 0_i32);
    for token in tokens {
        match token {
            Token::Other('(') => depth += 1,
            Token::Other(')') => depth -= 1,
            Token::Other(',') if depth == 0 => {
                parts.push(Vec::new());
                continue;
            }
            _ => {}
        }
        parts.last_mut().expect("there is always a last part").push(token.clone());
    }
    parts
}

const CONSTRAINTS: &[&str] = &["primary", "unique", "foreign", "constraint", "check", "key", "index"];

/// Columns that are part of a key, with how many share it.
fn keys(definitions: &[Vec<Token>]) -> Vec<(String, usize)> {
    let mut keys = Vec::new();
    for definition in definitions {
        let names: Vec<String> = definition.iter().filter_map(Token::as_name).collect();
        let Some(first) = names.first() else { continue };
        if CONSTRAINTS.contains(&first.as_str()) {
            let list = definition.split(|token| *token == Token::Other('(')).nth(1).unwrap_or_default();
            let list = list.split(|token| *token == Token::Other(')')).next().unwrap_or_default();
            let columns: Vec<String> = list.iter().filter_map(Token::as_name).collect();
            keys.extend(columns.iter().map(|column| (column.clone(), columns.len())));
        } else if names
            .iter()
            .skip(1)
            .any(|word| ["primary", "unique", "references"].contains(&word.as_str()))
        {
            keys.push((first.clone(), 1));
        }
    }
    keys
}

/// Translates one definition in place; the width of a vector that needs a comment to be known as one.
fn column_definition(tokens: &mut Vec<Token>, dialect: Dialect, keys: &[(String, usize)]) -> Option<usize> {
    let code: Vec<usize> = (0..tokens.len()).filter(|at| tokens[*at].is_code()).collect();
    let name = tokens[*code.first()?].as_name()?;
    if matches!(&tokens[code[0]], Token::Word(word) if CONSTRAINTS.contains(&word.to_ascii_lowercase().as_str()))
    {
        return None;
    }
    let at = *code.get(1)?;
    let declared = tokens[at].as_word()?;
    let words: Vec<String> = tokens.iter().filter_map(Token::as_word).collect();
    let is_primary = words.iter().any(|word| word == "primary");
    let shared = keys.iter().filter(|(column, _)| *column == name).map(|(_, number)| *number).max();
    let width = width(&tokens[at + 1..]);
    let mut comment = None;
    let own: String = match (dialect, declared.as_str()) {
        (Dialect::Postgres { .. }, "text") => "TEXT COLLATE \"C\"".into(),
        (Dialect::Postgres { .. }, "integer") if is_primary => {
            "BIGINT GENERATED BY DEFAULT AS IDENTITY".into()
        }
        (Dialect::Mysql { .. }, "integer") if is_primary => "BIGINT AUTO_INCREMENT".into(),
        (_, "integer") => "BIGINT".into(),
        (Dialect::Postgres { .. }, "real") => "DOUBLE PRECISION".into(),
        (Dialect::Mysql { .. }, "real") => "DOUBLE".into(),
        (Dialect::Postgres { .. }, "blob") => "BYTEA".into(),
        (Dialect::Mysql { .. }, "blob") => "LONGBLOB".into(),
        (Dialect::Postgres { .. }, "json") => "JSONB".into(),
        (Dialect::Postgres { .. }, "timestamp" | "datetime") if width.is_none() => "TIMESTAMPTZ".into(),
        (Dialect::Mysql { .. }, "timestamp" | "datetime") if width.is_none() => "DATETIME(6)".into(),
        (Dialect::Mysql { .. }, "boolean") => "TINYINT(1)".into(),
        (Dialect::Mysql { .. }, "text") => {
            let collation = dialect.binary_collation();
            let base = shared
                .map_or("LONGTEXT".to_owned(), |shared| format!("VARCHAR({})", KEY_CHARACTERS / shared));
            format!("{base} CHARACTER SET utf8mb4 COLLATE {collation}")
        }
        (Dialect::Postgres { vectors }, "vector") => {
            let width = width.unwrap_or(WIDTH);
            if vectors && width <= WIDEST {
                format!("vector({width})")
            } else {
                comment = Some(width);
                "TEXT".into()
            }
        }
        (Dialect::Mysql { .. }, "vector") => {
            format!("LONGTEXT CHARACTER SET utf8mb4 COMMENT 'vector({})'", width.unwrap_or(WIDTH))
        }
        _ => return None,
    };
    let rest = tokens.split_off(at + 1);
    tokens.pop();
    tokens.push(Token::Own(own));
    let rest = if declared == "vector" { without_width(rest) } else { rest };
    tokens.extend(defaults(rest, dialect, &declared));
    comment
}

/// `(n)` right after a type.
fn width(rest: &[Token]) -> Option<usize> {
    let mut code = rest.iter().filter(|token| token.is_code());
    if code.next() != Some(&Token::Other('(')) {
        return None;
    }
    code.next()?.as_word()?.parse().ok()
}

fn without_width(rest: Vec<Token>) -> Vec<Token> {
    let first = rest.iter().find(|token| token.is_code());
    match rest.iter().position(|token| *token == Token::Other(')')) {
        Some(end) if first == Some(&Token::Other('(')) => rest[end + 1..].to_vec(),
        _ => rest,
    }
}

/// What follows the type, with the default as the dialect takes it.
fn defaults(rest: Vec<Token>, dialect: Dialect, declared: &str) -> Vec<Token> {
    let mut all = Vec::with_capacity(rest.len());
    let mut is_default = false;
    for token in rest {
        if token.as_word().as_deref() == Some("autoincrement") {
            continue;
        }
        if is_default && token.is_code() {
            is_default = false;
            all.push(default(token, dialect, declared));
            continue;
        }
        is_default |= token.as_word().as_deref() == Some("default");
        all.push(token);
    }
    all
}

fn default(token: Token, dialect: Dialect, declared: &str) -> Token {
    let is_now = token.as_word().as_deref() == Some("current_timestamp");
    let own = match (dialect, declared, &token) {
        (Dialect::Postgres { .. }, "text", _) if is_now => {
            "to_char(CURRENT_TIMESTAMP AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')".to_owned()
        }
        (Dialect::Postgres { .. }, _, _) if is_now => "date_trunc('second', CURRENT_TIMESTAMP)".to_owned(),
        (Dialect::Mysql { .. }, "text", _) if is_now => {
            "(DATE_FORMAT(UTC_TIMESTAMP(), '%Y-%m-%d %H:%i:%s'))".to_owned()
        }
        // without a fraction, although its column has room for one
        (Dialect::Mysql { .. }, "timestamp" | "datetime", _) if is_now => "(UTC_TIMESTAMP())".to_owned(),
        (Dialect::Mysql { .. }, "text" | "json" | "blob" | "vector", Token::Text(text)) => {
            format!("({text})")
        }
        (Dialect::Postgres { .. }, "boolean", Token::Word(word)) if word == "0" => "FALSE".to_owned(),
        (Dialect::Postgres { .. }, "boolean", Token::Word(word)) if word == "1" => "TRUE".to_owned(),
        _ => return token,
    };
    Token::Own(own)
}

/// A `CREATE INDEX`, as MySQL has to be told of it.
pub(crate) struct Index {
    /// On which table.
    pub(crate) table: String,
    /// Whether one of that name may be there already.
    pub(crate) may_exist: bool,
    tokens: Vec<Token>,
    open: usize,
}

impl Index {
    /// The index that `sql` makes, if it makes one that is not unique, or one that may be there.
    pub(crate) fn of(sql: &str, dialect: Dialect) -> Option<Self> {
        let tokens = super::tokens(sql, dialect).ok()?;
        let is_unique = word(&tokens, 1).as_deref() == Some("unique");
        let is_index = word(&tokens, 1 + usize::from(is_unique)).as_deref() == Some("index");
        if word(&tokens, 0).as_deref() != Some("create") || !is_index {
            return None;
        }
        let open = tokens.iter().position(|token| *token == Token::Other('('))?;
        let table = tokens[..open].iter().rfind(|token| token.is_code())?.as_name()?;
        let words: Vec<String> = tokens[..open].iter().filter_map(Token::as_word).collect();
        let may_exist = words.windows(3).any(|three| three == ["if", "not", "exists"]);
        let open = if is_unique { tokens.len() } else { open };
        Some(Self { table, may_exist, tokens, open })
    }

    /// The statement, where texts have to say how much of them counts, and an index cannot be made if it is
    /// not there.
    pub(crate) fn statement(self, is_text: impl Fn(&str) -> bool) -> String {
        let mut sql = String::new();
        for (at, token) in self.tokens.iter().enumerate() {
            let word = token.as_word();
            if self.may_exist && matches!(word.as_deref(), Some("if" | "not" | "exists")) {
                continue;
            }
            token.write(&mut sql);
            let bare = self.tokens[at + 1..].iter().find(|token| token.is_code()) != Some(&Token::Other('('));
            if at > self.open && bare && token.as_name().is_some_and(|name| is_text(&name)) {
                sql.push_str("(191)");
            }
        }
        sql
    }
}
