//! libSQL over HTTP: Hrana's `/v2/pipeline`, where a baton holds a transaction together.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD as BASE64, STANDARD_NO_PAD as BASE64_NO_PAD};
use reqwest::{Client, Url};
use serde::Deserialize;
use serde_json::{Value, json};

use super::sql::{Column, Dialect, Driver, Field, Mode, Ranking, Rows, Session, SqlDb, Statement, Table};
use super::sqlite::{read_table, refusal};
use super::value::{Cell, Kind};
use super::{DbError, code};

/// Connecting may take so long.
const CONNECT: Duration = Duration::from_secs(2);
/// A call may take so long.
const ANSWER: Duration = Duration::from_secs(30);

/// The driver.
#[derive(Clone)]
pub struct LibsqlDriver {
    client: Client,
    url: Url,
    token: Option<Arc<str>>,
}

impl fmt::Debug for LibsqlDriver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LibsqlDriver").field("host", &self.url.host_str()).finish_non_exhaustive()
    }
}

impl LibsqlDriver {
    /// Speaks to the server at `url`: `libsql://`, `https://` or `http://`; `token` is sent as a bearer's.
    pub async fn connect(url: &str, token: Option<&str>) -> Result<SqlDb, DbError> {
        let address = match url.strip_prefix("libsql://") {
            Some(rest) => format!("https://{rest}"),
            None => url.to_owned(),
        };
        let url = Url::parse(&address)
            .and_then(|url| url.join("v2/pipeline"))
            .map_err(|error| DbError::invalid(format!("the storage DSN is no address of libSQL: {error}")))?;
        let client = Client::builder()
            .tls_backend_preconfigured(crate::tls::config())
            .connect_timeout(CONNECT)
            .timeout(ANSWER)
            // a token is for this host only
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| DbError::invalid(format!("no HTTP client can be made: {error}")))?;
        let driver = Self { client, url, token: token.map(Arc::from) };
        let mut first = Stream { driver: driver.clone(), baton: None, begun: false, mode: Mode::Read };
        first.run(Statement::plain("SELECT 1")).await?;
        Ok(SqlDb::new(driver))
    }

    async fn send(&self, baton: Option<&str>, requests: &[Value]) -> Result<Answer, DbError> {
        let body = json!({ "baton": baton, "requests": requests }).to_string();
        let mut request =
            self.client.post(self.url.clone()).header("content-type", "application/json").body(body);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        let unreachable = |error: reqwest::Error| DbError::unavailable(error.without_url().to_string());
        let answer = request.send().await.map_err(unreachable)?;
        let status = answer.status();
        let bytes = answer.bytes().await.map_err(unreachable)?;
        if !status.is_success() {
            let code = if status.is_server_error() { code::UNAVAILABLE } else { code::DENIED };
            return Err(DbError::new(code, format!("libSQL answered {status}")));
        }
        serde_json::from_slice(&bytes)
            .map_err(|error| DbError::new(code::OTHER, format!("libSQL answered something else: {error}")))
    }
}

#[derive(Deserialize)]
struct Answer {
    baton: Option<String>,
    results: Vec<Part>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Part {
    Ok { response: Response },
    Error { error: Refusal },
}

#[derive(Deserialize)]
struct Response {
    result: Option<Executed>,
}

#[derive(Deserialize)]
struct Refusal {
    message: String,
    code: Option<String>,
}

#[derive(Deserialize)]
struct Executed {
    cols: Vec<Col>,
    rows: Vec<Vec<Value>>,
}

#[derive(Deserialize)]
struct Col {
    name: Option<String>,
    decltype: Option<String>,
}

#[async_trait]
impl Driver for LibsqlDriver {
    fn backend(&self) -> &'static str {
        "libsql"
    }

    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    async fn begin(&self, mode: Mode) -> Result<Box<dyn Session>, DbError> {
        Ok(Box::new(Stream { driver: self.clone(), baton: None, begun: false, mode }))
    }

    async fn table(&self, name: &str) -> Result<Option<Table>, DbError> {
        read_table(&mut *self.begin(Mode::Read).await?, name).await
    }

    fn ranking(&self, _table: &Table, vector: &Column) -> Ranking {
        if matches!(vector.kind, Kind::Vector(_)) { Ranking::Distance } else { Ranking::None }
    }

    async fn close(&self) {}
}

/// A stream of statements; the server keeps it for as long as it is given the last baton.
struct Stream {
    driver: LibsqlDriver,
    baton: Option<String>,
    begun: bool,
    mode: Mode,
}

impl Stream {
    /// Sends requests, and gives what came of each.
    async fn ask(&mut self, requests: &[Value]) -> Result<Vec<Part>, DbError> {
        let baton = self.baton.take();
        let answer = self.driver.send(baton.as_deref(), requests).await?;
        self.baton = answer.baton;
        Ok(answer.results)
    }
}

fn execute(sql: &str) -> Value {
    json!({ "type": "execute", "stmt": { "sql": sql } })
}

#[async_trait]
impl Session for Stream {
    async fn run(&mut self, statement: Statement) -> Result<Rows, DbError> {
        let arguments: Vec<Value> = statement.parameters.iter().map(argument).collect();
        let mut requests = Vec::new();
        if self.mode == Mode::Write && !self.begun {
            self.begun = true;
            requests.extend([execute("PRAGMA foreign_keys = ON"), execute("BEGIN IMMEDIATE")]);
        }
        requests.push(json!({ "type": "execute", "stmt": { "sql": statement.sql, "args": arguments } }));
        if self.mode != Mode::Write {
            requests.push(json!({ "type": "close" }));
        }
        let place = requests.len() - 1 - usize::from(self.mode != Mode::Write);
        let mut last = Rows::default();
        for (at, part) in self.ask(&requests).await?.into_iter().enumerate() {
            match part {
                Part::Ok { response } if at == place => {
                    last = response.result.map(rows).transpose()?.unwrap_or_default();
                }
                Part::Ok { .. } => {}
                Part::Error { error } => return Err(failure(&error)),
            }
        }
        Ok(last)
    }

    async fn commit(mut self: Box<Self>) -> Result<(), DbError> {
        if self.mode != Mode::Write || !self.begun {
            return Ok(());
        }
        let parts = self.ask(&[execute("COMMIT"), json!({ "type": "close" })]).await?;
        match parts.into_iter().next() {
            Some(Part::Error { error }) => Err(failure(&error)),
            _ => Ok(()),
        }
    }
}

impl Drop for Stream {
    /// A stream that is not closed holds its locks until the server tires of it.
    fn drop(&mut self) {
        let Some(baton) = self.baton.take() else { return };
        let driver = self.driver.clone();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                let closed = driver.send(Some(&baton), &[json!({ "type": "close" })]).await;
                if let Err(error) = closed {
                    tracing::debug!(%error, "a stream of libSQL was not closed");
                }
            });
        }
    }
}

fn argument(cell: &Cell) -> Value {
    match cell {
        Cell::Null => json!({ "type": "null" }),
        Cell::Bool(value) => json!({ "type": "integer", "value": i64::from(*value).to_string() }),
        Cell::Integer(value) => json!({ "type": "integer", "value": value.to_string() }),
        Cell::Real(value) => json!({ "type": "float", "value": value }),
        Cell::Text(text) => json!({ "type": "text", "value": text }),
        Cell::Bytes(bytes) => json!({ "type": "blob", "base64": BASE64.encode(bytes) }),
    }
}

fn rows(executed: Executed) -> Result<Rows, DbError> {
    let field = |col: Col| {
        let kind = col.decltype.as_deref().map_or(Kind::Other, Kind::of);
        Field { name: col.name.unwrap_or_default(), kind, origin: None }
    };
    let fields = executed.cols.into_iter().map(field).collect();
    let row = |values: Vec<Value>| values.iter().map(cell).collect::<Option<Vec<Cell>>>();
    let rows: Option<Vec<Vec<Cell>>> = executed.rows.into_iter().map(row).collect();
    let rows = rows.ok_or_else(|| DbError::new(code::OTHER, "libSQL answered a value of no known type"))?;
    Ok(Rows { fields, rows, last_id: None })
}

fn cell(value: &Value) -> Option<Cell> {
    Some(match value.get("type")?.as_str()? {
        "null" => Cell::Null,
        "integer" => match value.get("value")? {
            Value::String(text) => Cell::Integer(text.parse().ok()?),
            number => Cell::Integer(number.as_i64()?),
        },
        "float" => Cell::Real(value.get("value")?.as_f64()?),
        "text" => Cell::Text(value.get("value")?.as_str()?.to_owned()),
        "blob" => {
            let text = value.get("base64")?.as_str()?.trim_end_matches('=');
            Cell::Bytes(BASE64_NO_PAD.decode(text).ok()?)
        }
        _ => return None,
    })
}

fn failure(refused: &Refusal) -> DbError {
    let named = refused.code.as_deref().unwrap_or_default();
    let number = match named {
        "SQLITE_CONSTRAINT_UNIQUE" => "2067",
        "SQLITE_CONSTRAINT_PRIMARYKEY" => "1555",
        "SQLITE_CONSTRAINT_FOREIGNKEY" => "787",
        "SQLITE_CONSTRAINT_NOTNULL" => "1299",
        "SQLITE_CONSTRAINT_CHECK" => "275",
        name if name.starts_with("SQLITE_BUSY") || name.starts_with("SQLITE_LOCKED") => "5",
        // the server ends a transaction that holds the lock for too long
        "TRANSACTION_TIMEOUT" => "5",
        _ => "",
    };
    refusal(number, &refused.message)
}
