//! A server of libSQL: sends batches, reads what came of them, and says in words what went wrong.

use penstock_core::Secret;
use sea_orm::DbBackend;

use super::batch::{Batch, Ended, Outcome};
use super::http::{HttpAnswer, HttpClient};
use super::wire::{Answered, BatchResult, Cursor, Pipeline, Refusal, Request, Stmt};
use super::{cursor, value};
use crate::ControlError;
use crate::backend::Select;
use crate::sql::statement;
use crate::table::Row;

/// Steps whose results alone, without a row, could be more than a pipeline answers.
pub(super) const MANY: usize = 5_000;
/// What a pipeline says of rows that are: a server answers 10 MB unless told otherwise.
const TOO_LARGE: &str = "RESPONSE_TOO_LARGE";

/// See the module.
#[derive(Debug)]
pub(super) struct Hrana {
    client: Box<dyn HttpClient>,
    /// How it is named to people.
    shown: String,
    token: Option<Secret<String>>,
}

impl Hrana {
    pub(super) fn new(client: Box<dyn HttpClient>, shown: &str, token: Option<Secret<String>>) -> Self {
        Self { client, shown: shown.to_owned(), token }
    }

    /// Runs a batch, once. After an error it may have run or not.
    pub(super) async fn run(&self, batch: &Batch) -> Result<Ended, ControlError> {
        let ended = if batch.len() > MANY { self.cursor(batch).await } else { self.pipeline(batch).await };
        ended?.map_err(|refusal| self.refused(&refusal))
    }

    /// The rows of each selection, all as of one moment, however many they are.
    pub(super) async fn select(&self, selections: &[Select]) -> Result<Vec<Vec<Row>>, ControlError> {
        let mut statements = selections.iter().map(|select| statement::of_select(DbBackend::Sqlite, select));
        let batch = match (statements.next(), selections.len()) {
            (Some(only), 1) => Batch::single(only.into()),
            (first, _) => Batch::reading(first.into_iter().chain(statements).map(Stmt::from).collect()),
        };
        let mut ended = self.pipeline(&batch).await?;
        if matches!(&ended, Err(refusal) if refusal.code.as_deref() == Some(TOO_LARGE)) {
            ended = self.cursor(&batch).await?;
        }
        let ended = ended.map_err(|refusal| self.refused(&refusal))?;
        if !ended.committed {
            return Err(self.failed(&ended));
        }
        let mut answers = Vec::with_capacity(selections.len());
        for (select, outcome) in selections.iter().zip(ended.outcomes) {
            let Outcome::Done(executed) = outcome else { return Err(self.odd()) };
            let rows = executed.rows.into_iter().map(|values| value::row(select.table, values));
            answers.push(rows.collect::<Option<Vec<_>>>().ok_or_else(|| self.odd())?);
        }
        Ok(answers)
    }

    async fn pipeline(&self, batch: &Batch) -> Result<Result<Ended, Refusal>, ControlError> {
        // closed at once: what was not committed is gone, and the server has nothing to remember
        let requests = [Request::Batch { batch: batch.steps() }, Request::Close];
        let body = json(&Pipeline { baton: None, requests: &requests });
        let answer = self.post("/v3/pipeline", body).await?;
        let answered = serde_json::from_slice::<Answered>(&answer).map_err(|_| self.odd())?;
        let entry = answered.results.into_iter().next().ok_or_else(|| self.odd())?;
        if let Some(refusal) = entry.error {
            return Ok(Err(refusal));
        }
        let result = entry.response.and_then(|response| response.result).ok_or_else(|| self.odd())?;
        Ok(Ok(batch.ended(outcomes(result)).ok_or_else(|| self.odd())?))
    }

    async fn cursor(&self, batch: &Batch) -> Result<Result<Ended, Refusal>, ControlError> {
        let body = json(&Cursor { baton: None, batch: batch.steps() });
        let answer = self.post("/v3/cursor", body).await?;
        let read = cursor::read(batch, &answer).ok_or_else(|| self.odd())?;
        if let Some(baton) = &read.baton {
            let body = json(&Pipeline { baton: Some(baton), requests: &[Request::Close] });
            // the server would tire of it by itself
            if let Err(error) = self.post("/v3/pipeline", body).await {
                tracing::debug!(%error, "a stream of libSQL was not closed");
            }
        }
        Ok(read.ended)
    }

    async fn post(&self, path: &str, body: String) -> Result<Vec<u8>, ControlError> {
        let size = body.len();
        let answer = self.client.post(path, self.token.as_ref(), body).await;
        let HttpAnswer { status, body } = answer.map_err(|error| self.unavailable(&error.to_string()))?;
        match (status, &self.token) {
            (200, _) => Ok(body),
            (401 | 403, Some(_)) => {
                Err(self.unavailable(&format!("it refuses the token ({status}): look at dsn_token")))
            }
            (401 | 403, None) => {
                Err(self.unavailable(&format!("it wants a token ({status}): set dsn_token")))
            }
            (404, _) => Err(self.unavailable("there is no database of libSQL at this address (404)")),
            (413, _) => Err(self.unavailable(&format!("it takes no request of {size} bytes (413)"))),
            _ => Err(self.unavailable(&format!("it answered with status {status}"))),
        }
    }

    /// The error for a batch that was not committed.
    pub(super) fn failed(&self, ended: &Ended) -> ControlError {
        ended.refusal.as_ref().map_or_else(|| self.odd(), |refusal| self.refused(refusal))
    }

    /// The error for an answer that is none.
    pub(super) fn odd(&self) -> ControlError {
        self.unavailable("expected an answer of libSQL (Hrana 3), found something else")
    }

    fn refused(&self, refusal: &Refusal) -> ControlError {
        let code = refusal.code.as_deref().unwrap_or("no code");
        let hint = match code {
            // of one value, and of a row
            "ARGS_INVALID" | "SQLITE_TOOBIG" => "; libSQL keeps some 4 MB in a row",
            _ => "",
        };
        self.unavailable(&format!("it refused: {} ({code}){hint}", refusal.message))
    }

    pub(super) fn unavailable(&self, says: &str) -> ControlError {
        let says = match &self.token {
            // what a server says may be what it was told
            Some(token) => says.replace(token.expose().as_str(), "[hidden]"),
            None => says.to_owned(),
        };
        ControlError::Unavailable(format!("{}: {says}", self.shown))
    }
}

fn outcomes(result: BatchResult) -> Vec<Outcome> {
    let BatchResult { step_results, step_errors } = result;
    let outcome = |(executed, refusal)| match (executed, refusal) {
        (_, Some(refusal)) => Outcome::Refused(refusal),
        (Some(executed), None) => Outcome::Done(executed),
        (None, None) => Outcome::Skipped,
    };
    step_results.into_iter().zip(step_errors).map(outcome).collect()
}

fn json(body: &impl serde::Serialize) -> String {
    serde_json::to_string(body).expect("it has only texts and numbers")
}
