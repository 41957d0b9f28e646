//! Statements that run together on the server, and what came of them.

use super::wire::{Condition, Executed, Refusal, Step, Steps, Stmt};

/// Statements, each of which runs if the one before it went well. Those of a transaction are committed if all did,
/// and else rolled back.
#[derive(Debug)]
pub(super) struct Batch {
    steps: Vec<Step>,
    /// How many steps stand before the statements, and how many are theirs.
    before: usize,
    statements: usize,
}

impl Batch {
    /// Statements that write: nobody else writes meanwhile.
    pub(super) fn writing(statements: Vec<Stmt>) -> Self {
        // references are checked only where a connection is told to
        Self::transaction(&["PRAGMA foreign_keys = ON", "BEGIN IMMEDIATE"], statements)
    }

    /// Statements that read, all as of one moment.
    pub(super) fn reading(statements: Vec<Stmt>) -> Self {
        Self::transaction(&["BEGIN"], statements)
    }

    /// One statement, which needs no transaction.
    pub(super) fn single(stmt: Stmt) -> Self {
        Self { steps: vec![Step { condition: None, stmt }], before: 0, statements: 1 }
    }

    fn transaction(begin: &[&str], statements: Vec<Stmt>) -> Self {
        let (before, number) = (begin.len(), statements.len());
        let chain = begin.iter().map(|sql| Stmt::from(*sql)).chain(statements).chain([Stmt::from("COMMIT")]);
        let went_well = |step: usize| Condition::Ok { step };
        let step = |(at, stmt): (usize, Stmt)| Step { condition: at.checked_sub(1).map(went_well), stmt };
        let mut steps: Vec<_> = chain.enumerate().map(step).collect();
        let open = Condition::Not { cond: Box::new(Condition::IsAutocommit) };
        steps.push(Step { condition: Some(open), stmt: Stmt::from("ROLLBACK") });
        Self { steps, before, statements: number }
    }

    pub(super) fn steps(&self) -> Steps<'_> {
        Steps { steps: &self.steps }
    }

    pub(super) fn len(&self) -> usize {
        self.steps.len()
    }

    /// What came of it, by what came of each of its steps; `None` if those are another batch's.
    pub(super) fn ended(&self, outcomes: Vec<Outcome>) -> Option<Ended> {
        if outcomes.len() != self.steps.len() {
            return None;
        }
        let is_done = |outcome: &Outcome| matches!(outcome, Outcome::Done(_));
        // the step after the statements commits them; a statement alone is its own commit
        let last = self.before + self.statements;
        let committed = outcomes.get(last).or(outcomes.last()).is_some_and(is_done);
        let refusal = outcomes.iter().find_map(|outcome| match outcome {
            Outcome::Refused(refusal) => Some(refusal.clone()),
            _ => None,
        });
        let outcomes = outcomes.into_iter().skip(self.before).take(self.statements).collect();
        Some(Ended { outcomes, committed, refusal })
    }
}

/// What came of a step.
#[derive(Debug)]
pub(super) enum Outcome {
    Done(Executed),
    Refused(Refusal),
    /// Its condition did not hold.
    Skipped,
}

/// What came of a batch.
#[derive(Debug)]
pub(super) struct Ended {
    /// Of each statement.
    pub(super) outcomes: Vec<Outcome>,
    /// Whether all of it is there.
    pub(super) committed: bool,
    /// Why it is not, by the first step that failed.
    pub(super) refusal: Option<Refusal>,
}

impl Ended {
    /// Whether another transaction was in the way, so that the same one may well succeed in a moment: the lock was
    /// not to be had, or was taken away from one that held it for too long.
    pub(super) fn is_collision(&self) -> bool {
        let code = self.refusal.as_ref().and_then(|refusal| refusal.code.as_deref()).unwrap_or_default();
        ["SQLITE_BUSY", "SQLITE_LOCKED", "TRANSACTION_"].iter().any(|kind| code.starts_with(kind))
    }
}
