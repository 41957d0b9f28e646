//! What a cursor answers: a line of JSON for each row, without the bound on their sum that a pipeline has.

use super::batch::{Batch, Ended, Outcome};
use super::wire::{Executed, Line, LineKind, Opened, Refusal};

/// An answer that was read.
pub(super) struct Read {
    /// What the stream on the server is called, which is still open.
    pub(super) baton: Option<String>,
    pub(super) ended: Result<Ended, Refusal>,
}

/// Reads the answer to that batch; `None` if it is none.
pub(super) fn read(batch: &Batch, body: &[u8]) -> Option<Read> {
    let mut lines = body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let Opened { baton } = serde_json::from_slice(lines.next()?).ok()?;
    let mut outcomes: Vec<_> = (0..batch.len()).map(|_| Outcome::Skipped).collect();
    let mut rows = Vec::new();
    let mut at = 0;
    for line in lines {
        let line: Line = serde_json::from_slice(line).ok()?;
        match line.kind {
            LineKind::StepBegin => {
                at = line.step?;
                rows.clear();
            }
            LineKind::Row => rows.push(line.row?),
            LineKind::StepEnd => {
                let affected = line.affected_row_count?;
                let rows = std::mem::take(&mut rows);
                *outcomes.get_mut(at)? = Outcome::Done(Executed { rows, affected });
            }
            LineKind::StepError => *outcomes.get_mut(line.step?)? = Outcome::Refused(line.error?),
            LineKind::Error => return Some(Read { baton, ended: Err(line.error?) }),
            LineKind::Other => {}
        }
    }
    Some(Read { baton, ended: Ok(batch.ended(outcomes)?) })
}
