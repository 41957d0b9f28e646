//! The tokens of SQL: enough to know what is code and what is a text or a comment.

use std::str::Chars;

use crate::db::DbError;
use crate::db::sql::Dialect;

/// A token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// A keyword, a name or a number.
    Word(String),
    /// A name in quotes, with them.
    Quoted(String),
    /// A text or a comment, as it stands.
    Text(String),
    /// Whitespace or a comment.
    Space(String),
    /// `?`
    Question,
    /// `$1`
    Dollar(usize),
    /// Any other character.
    Other(char),
    /// SQL that this crate wrote.
    Own(String),
}

impl Token {
    /// The word in lower case, if it is one.
    pub(crate) fn as_word(&self) -> Option<String> {
        match self {
            Self::Word(word) => Some(word.to_ascii_lowercase()),
            _ => None,
        }
    }

    /// The name, quoted or not, in lower case.
    pub(crate) fn as_name(&self) -> Option<String> {
        match self {
            Self::Quoted(quoted) => {
                let inner = quoted.get(1..quoted.len() - 1).unwrap_or_default();
                Some(inner.to_lowercase())
            }
            other => other.as_word(),
        }
    }

    /// Whether it is more than space.
    pub(crate) const fn is_code(&self) -> bool {
        !matches!(self, Self::Space(_))
    }

    pub(crate) fn write(&self, sql: &mut String) {
        match self {
            Self::Word(text)
            | Self::Quoted(text)
            | Self::Text(text)
            | Self::Space(text)
            | Self::Own(text) => {
                sql.push_str(text);
            }
            Self::Question => sql.push('?'),
            Self::Dollar(number) => sql.extend(["$", number.to_string().as_str()]),
            Self::Other(character) => sql.push(*character),
        }
    }
}

/// The word at place `at` among those that are code.
pub(crate) fn word(tokens: &[Token], at: usize) -> Option<String> {
    tokens.iter().filter(|token| token.is_code()).nth(at)?.as_word()
}

/// Takes `sql` apart. A text or comment that does not end is an error.
pub(crate) fn tokens(sql: &str, dialect: Dialect) -> Result<Vec<Token>, DbError> {
    let mut reader = Reader { rest: sql.chars(), dialect };
    let mut tokens = Vec::new();
    while let Some(token) = reader.next()? {
        tokens.push(token);
    }
    Ok(tokens)
}

struct Reader<'a> {
    rest: Chars<'a>,
    dialect: Dialect,
}

impl Reader<'_> {
    fn next(&mut self) -> Result<Option<Token>, DbError> {
        let text = self.rest.as_str();
        let Some(first) = text.chars().next() else { return Ok(None) };
        let postgres = matches!(self.dialect, Dialect::Postgres { .. });
        let mysql = matches!(self.dialect, Dialect::Mysql { .. });
        let token = match first {
            _ if first.is_whitespace() => Token::Space(self.take(length_of(text, char::is_whitespace))),
            '-' if text.starts_with("--") => Token::Space(self.line()),
            '#' if mysql => Token::Space(self.line()),
            '/' if text.starts_with("/*") => {
                if mysql && (text.starts_with("/*!") || text.starts_with("/*M!")) {
                    return Err(DbError::invalid("comments that MySQL runs are not for modules"));
                }
                Token::Space(self.comment(postgres)?)
            }
            '\'' => Token::Text(self.quoted('\'', mysql)?),
            // in MySQL a text, unless a mode says otherwise, and sessions here have that mode not
            '"' if mysql => Token::Text(self.quoted('"', true)?),
            '"' | '`' => Token::Quoted(self.quoted(first, false)?),
            '[' if self.dialect == Dialect::Sqlite => Token::Quoted(self.bracket()?),
            'e' | 'E' if postgres && text[1..].starts_with('\'') => {
                self.rest.next();
                Token::Text(format!("{first}{}", self.quoted('\'', true)?))
            }
            'u' | 'U' if postgres && (text[1..].starts_with("&'") || text[1..].starts_with("&\"")) => {
                return Err(DbError::invalid("names and texts with U& are not for modules"));
            }
            '$' => self.dollar(postgres)?,
            '?' => {
                self.rest.next();
                Token::Question
            }
            _ if first.is_alphanumeric() || first == '_' => {
                Token::Word(self.take(length_of(text, |c| c.is_alphanumeric() || c == '_' || c == '$')))
            }
            other => {
                self.rest.next();
                Token::Other(other)
            }
        };
        Ok(Some(token))
    }

    fn take(&mut self, length: usize) -> String {
        let (taken, rest) = self.rest.as_str().split_at(length);
        self.rest = rest.chars();
        taken.to_owned()
    }

    fn line(&mut self) -> String {
        let text = self.rest.as_str();
        let length = text.find('\n').unwrap_or(text.len());
        self.take(length)
    }

    /// A comment; in PostgreSQL one may hold others.
    fn comment(&mut self, nests: bool) -> Result<String, DbError> {
        let bytes = self.rest.as_str().as_bytes();
        let (mut depth, mut at) = (1, 2);
        while depth > 0 {
            match bytes.get(at..at + 2) {
                Some(b"*/") => (depth, at) = (depth - 1, at + 2),
                Some(b"/*") if nests => (depth, at) = (depth + 1, at + 2),
                Some(_) => at += 1,
                None => return Err(DbError::invalid("a comment does not end")),
            }
        }
        Ok(self.take(at))
    }

    /// From a quote to the same one; a doubled one is one inside.
    fn quoted(&mut self, quote: char, escapes: bool) -> Result<String, DbError> {
        let text = self.rest.as_str();
        let mut characters = text.char_indices().skip(1).peekable();
        while let Some((at, character)) = characters.next() {
            if character == '\\' && escapes {
                characters.next();
            } else if character == quote && characters.next_if(|(_, next)| *next == quote).is_none() {
                return Ok(self.take(at + 1));
            }
        }
        Err(DbError::invalid(format!("a text or a name in {quote} does not end")))
    }

    fn bracket(&mut self) -> Result<String, DbError> {
        let end = self.rest.as_str().find(']');
        end.map(|at| self.take(at + 1)).ok_or_else(|| DbError::invalid("a name in [] does not end"))
    }

    /// `$1`, or in PostgreSQL a text such as `$$ … $$`.
    fn dollar(&mut self, texts: bool) -> Result<Token, DbError> {
        let text = self.rest.as_str();
        let digits = length_of(&text[1..], |c| c.is_ascii_digit());
        if digits > 0 {
            let number = text[1..=digits].parse().unwrap_or(usize::MAX);
            self.take(digits + 1);
            return Ok(Token::Dollar(number));
        }
        let name = length_of(&text[1..], |c| c.is_alphanumeric() || c == '_');
        if !texts || !text[1 + name..].starts_with('$') {
            self.rest.next();
            return Ok(Token::Other('$'));
        }
        let mark = &text[..name + 2];
        match text[mark.len()..].find(mark) {
            Some(at) => Ok(Token::Text(self.take(at + 2 * mark.len()))),
            None => Err(DbError::invalid(format!("a text in {mark} does not end"))),
        }
    }
}

fn length_of(text: &str, of: impl Fn(char) -> bool) -> usize {
    text.find(|c| !of(c)).unwrap_or(text.len())
}
