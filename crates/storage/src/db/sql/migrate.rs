//! Applies the migrations of a module, each once, whoever else starts at the same time.
//!
//! A step and its record are one transaction, under a lock that one process holds at a time. MySQL ends a
//! transaction at each statement that defines something, so that a crash may cut a step there: the record
//! then counts the statements that are done, and the next start goes on behind them. The one definition that
//! may have been made without being counted is known by what a second time answers.

use std::time::Duration;

use tokio::time::Instant;

use super::{Mode, Session, SqlDb, Statement};
use crate::db::migration::{Migrated, Migration, Migrations};
use crate::db::value::Cell;
use crate::db::{DbError, code, raw};

const RECORDS: &str = "CREATE TABLE IF NOT EXISTS penstock_migrations (
    module TEXT NOT NULL, number INTEGER NOT NULL, name TEXT NOT NULL, checksum TEXT NOT NULL,
    statements INTEGER NOT NULL, state TEXT NOT NULL, applied_at TEXT DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (module, number))";
/// What PostgreSQL locks, in the database of the modules.
const LOCK: &str = "SELECT pg_advisory_xact_lock(8390880602)";
/// How long another process may take.
const PATIENCE: Duration = Duration::from_mins(10);
const PAUSE: Duration = Duration::from_millis(50);

/// What the database knows of a step.
struct Record {
    number: i64,
    name: String,
    /// Of the whole text, or of the statements that are done while there are others.
    checksum: String,
    /// How many of its statements are done.
    statements: usize,
    state: String,
}

/// What is to be recorded of one.
struct Progress {
    statements: usize,
    checksum: String,
    state: &'static str,
}

impl Progress {
    fn values(&self, module: &str, step: &Migration) -> Vec<Cell> {
        vec![
            Cell::Integer(i64::try_from(self.statements).unwrap_or(i64::MAX)),
            Cell::Text(self.checksum.clone()),
            Cell::Text(self.state.to_owned()),
            Cell::Text(module.to_owned()),
            Cell::Integer(step.number()),
        ]
    }
}

/// All statements are done.
const APPLIED: &str = "applied";
/// The next statement was sent; if nobody is at it any more, it may have been done.
const APPLYING: &str = "applying";
/// The next statement was refused.
const REFUSED: &str = "refused";

/// Where to begin.
struct Next<'a> {
    step: &'a Migration,
    /// What is known of it, if it was begun before.
    begun: Option<&'a Record>,
}

impl SqlDb {
    pub(super) async fn apply(&self, migrations: &Migrations) -> Result<Migrated, DbError> {
        let mut migrated = Migrated::default();
        if migrations.steps().is_empty() {
            return Ok(migrated);
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.apply_next(migrations, &mut migrated).await {
                Ok(true) => {}
                Ok(false) => return Ok(migrated),
                // another process is at it, or was in the way
                Err(error) if error.code.starts_with("40") && Instant::now() < deadline => {
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Applies the first step that is not done; false if all are.
    async fn apply_next(&self, migrations: &Migrations, migrated: &mut Migrated) -> Result<bool, DbError> {
        let mut locked = self.lock().await?;
        let records = self.records(&mut *locked, migrations.module()).await?;
        let next = next(migrations, &records).map_err(|error| of(migrations, None, error))?;
        let Some(Next { step, begun }) = next else {
            let newest = migrations.steps().last().map_or(0, Migration::number);
            let newer = records.into_iter().filter(|record| record.number > newest);
            migrated.newer = newer.map(|record| record.name).collect();
            return locked.commit().await.map(|()| false);
        };
        let applied = self.apply_step(&mut *locked, migrations.module(), step, begun).await;
        applied.map_err(|error| of(migrations, Some(step), error))?;
        locked.commit().await?;
        self.forget_all();
        migrated.applied.push(step.name().to_owned());
        Ok(true)
    }

    /// A session that no other process has at the same time.
    async fn lock(&self) -> Result<Box<dyn Session>, DbError> {
        let dialect = self.driver.dialect();
        if dialect.keeps_definitions() {
            self.run_text(&mut *self.driver.begin(Mode::Loose).await?, RECORDS, &[]).await?;
            let row = "INSERT IGNORE INTO penstock_migrations \
                       (module, number, name, checksum, statements, state) VALUES ('', 0, 'lock', '', 0, '')";
            self.run_text(&mut *self.driver.begin(Mode::Loose).await?, row, &[]).await?;
            let mut session = self.driver.begin(Mode::Write).await?;
            let lock = "SELECT number FROM penstock_migrations WHERE module = '' AND number = 0 FOR UPDATE";
            session.run(Statement::plain(lock)).await?;
            return Ok(session);
        }
        // SQLite's session of writes is the lock
        let mut session = self.driver.begin(Mode::Write).await?;
        if matches!(dialect, super::Dialect::Postgres { .. }) {
            session.run(Statement::plain(LOCK)).await?;
        }
        self.run_text(&mut *session, RECORDS, &[]).await?;
        Ok(session)
    }

    async fn records(&self, session: &mut dyn Session, module: &str) -> Result<Vec<Record>, DbError> {
        let sql = "SELECT number, name, checksum, statements, state FROM penstock_migrations \
                   WHERE module = ? ORDER BY number";
        let found = self.run_text(session, sql, &[Cell::Text(module.to_owned())]).await?;
        found.into_iter().map(record).collect()
    }

    async fn apply_step(
        &self,
        locked: &mut dyn Session,
        module: &str,
        step: &Migration,
        begun: Option<&Record>,
    ) -> Result<(), DbError> {
        let dialect = self.driver.dialect();
        let script = self.script(step.sql(), &[]).await?;
        if script.loose {
            return Err(DbError::invalid("PRAGMA and VACUUM cannot be part of a migration")
                .with_hint("each migration is one transaction; these run outside of any"));
        }
        let defines = |one: &Statement| raw::Definition::of(&one.sql, dialect).is_some();
        if begun.is_some() || (dialect.keeps_definitions() && script.statements.iter().any(defines)) {
            return self.apply_piecewise(module, step, &script.statements, begun).await;
        }
        let total = script.statements.len();
        for (at, statement) in script.statements.into_iter().enumerate() {
            locked.run(statement).await.map_err(|error| at_statement(error, at, total))?;
        }
        let done = Progress { statements: total, checksum: step.checksum(), state: APPLIED };
        self.record(locked, module, step, &done).await
    }

    /// Each statement with the count of it, from the first that is not known to be done.
    async fn apply_piecewise(
        &self,
        module: &str,
        step: &Migration,
        statements: &[Statement],
        begun: Option<&Record>,
    ) -> Result<(), DbError> {
        let total = statements.len();
        let first = begun.map_or(0, |record| record.statements);
        let progress = |done: usize, state| Progress {
            statements: done,
            checksum: if state == APPLIED { step.checksum() } else { checksum(&statements[..done]) },
            state,
        };
        let mut may_be_done = begun.is_some_and(|record| record.state == APPLYING);
        let mut beside = self.driver.begin(Mode::Loose).await?;
        match begun {
            None => self.record(&mut *beside, module, step, &progress(0, APPLYING)).await?,
            Some(record) if first < total && record.checksum == checksum(&statements[..first]) => {
                self.count(&mut *beside, module, step, &progress(first, APPLYING)).await?;
            }
            Some(_) => {
                let message = format!("its first {first} statements are done, and were changed since");
                return Err(DbError::new(code::MIGRATION, message)
                    .with_hint("put them back as they were; what follows them may be changed"));
            }
        }
        for (at, statement) in statements.iter().enumerate().skip(first) {
            let definition = raw::Definition::of(&statement.sql, self.driver.dialect());
            let mut session = self.driver.begin(Mode::Write).await?;
            match self.run_own(&mut *session, statement.clone()).await {
                Err(error) if may_be_done && definition.is_some_and(|one| says_done(one, &error)) => {}
                Err(error) => {
                    self.count(&mut *beside, module, step, &progress(at, REFUSED)).await?;
                    return Err(at_statement(error, at, total));
                }
                Ok(_) => {}
            }
            may_be_done = false;
            let state = if at + 1 == total { APPLIED } else { APPLYING };
            self.count(&mut *session, module, step, &progress(at + 1, state)).await?;
            session.commit().await?;
        }
        Ok(())
    }

    async fn record(
        &self,
        session: &mut dyn Session,
        module: &str,
        step: &Migration,
        progress: &Progress,
    ) -> Result<(), DbError> {
        let sql = "INSERT INTO penstock_migrations (statements, checksum, state, module, number, name) \
                   VALUES (?, ?, ?, ?, ?, ?)";
        let mut values = progress.values(module, step);
        values.push(Cell::Text(step.name().to_owned()));
        self.run_text(session, sql, &values).await.map(drop)
    }

    async fn count(
        &self,
        session: &mut dyn Session,
        module: &str,
        step: &Migration,
        progress: &Progress,
    ) -> Result<(), DbError> {
        let sql = "UPDATE penstock_migrations SET statements = ?, checksum = ?, state = ? \
                   WHERE module = ? AND number = ?";
        self.run_text(session, sql, &progress.values(module, step)).await.map(drop)
    }

    /// One statement of our own, as the dialect takes it.
    async fn run_text(
        &self,
        session: &mut dyn Session,
        sql: &str,
        values: &[Cell],
    ) -> Result<Vec<Vec<Cell>>, DbError> {
        let mut last = Vec::new();
        for statement in self.script(sql, values).await?.statements {
            last = session.run(statement).await?.rows;
        }
        Ok(last)
    }
}

fn checksum(statements: &[Statement]) -> String {
    let mut hasher = blake3::Hasher::new();
    for statement in statements {
        hasher.update(statement.sql.as_bytes());
        hasher.update(b";");
    }
    hasher.finalize().to_hex().to_string()
}

fn record(row: Vec<Cell>) -> Result<Record, DbError> {
    let Ok(
        [
            Cell::Integer(number),
            Cell::Text(name),
            Cell::Text(checksum),
            Cell::Integer(statements),
            Cell::Text(state),
        ],
    ) = <[Cell; 5]>::try_from(row)
    else {
        return Err(DbError::new(code::MIGRATION, "table \"penstock_migrations\" is not as it was made"));
    };
    let statements = usize::try_from(statements).unwrap_or_default();
    Ok(Record { number, name, checksum, statements, state })
}

/// The first step that is not done, if what is recorded fits to what there is.
fn next<'a>(migrations: &'a Migrations, records: &'a [Record]) -> Result<Option<Next<'a>>, DbError> {
    let refused = |message: String, hint: &str| DbError::new(code::MIGRATION, message).with_hint(hint);
    let newest = migrations.steps().last().map_or(0, Migration::number);
    let known = |number: i64| migrations.steps().iter().any(|step| step.number() == number);
    if let Some(lost) = records.iter().find(|record| record.number < newest && !known(record.number)) {
        let message = format!("{:?} was applied before, and is not there any more", lost.name);
        return Err(refused(message, "put its file back"));
    }
    let last = records.last();
    for step in migrations.steps() {
        let Some(record) = records.iter().find(|record| record.number == step.number()) else {
            if let Some(last) = last.filter(|last| last.number > step.number()) {
                let message = format!("{:?} is new, and {:?} is applied already", step.name(), last.name);
                return Err(refused(message, "give it a number above all that are applied"));
            }
            return Ok(Some(Next { step, begun: None }));
        };
        if record.state != APPLIED {
            return Ok(Some(Next { step, begun: Some(record) }));
        }
        if record.checksum != step.checksum() {
            let message = format!("the text of {:?} was changed after it was applied", step.name());
            return Err(refused(
                message,
                "put its old text back, and what is new into a migration of its own",
            ));
        }
    }
    Ok(None)
}

/// Whether a definition is refused since it was made before.
fn says_done(definition: raw::Definition, error: &DbError) -> bool {
    let codes: &[&str] = match definition {
        raw::Definition::Create => &[code::EXISTS],
        raw::Definition::Alter => &[code::EXISTS, code::COLUMN_EXISTS, code::NO_OBJECT],
        raw::Definition::Drop => &[code::NO_TABLE, code::NO_OBJECT],
        raw::Definition::Other => &[],
    };
    codes.contains(&error.code.as_str())
}

fn at_statement(mut error: DbError, at: usize, total: usize) -> DbError {
    error.message = format!("statement {} of {total}: {}", at + 1, error.message);
    error
}

fn of(migrations: &Migrations, step: Option<&Migration>, mut error: DbError) -> DbError {
    let step = step.map_or_else(|| "migrations".to_owned(), |step| format!("migration {:?}", step.name()));
    error.message = format!("{step} of module {:?}: {}", migrations.module(), error.message);
    error
}
