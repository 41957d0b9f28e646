//! Many new rows in few statements, where nobody asks for what was written.

use super::write::{Cells, Write};
use super::{Cell, Column};
use crate::db::DbError;

/// How much a statement carries.
#[derive(Clone, Copy, Default)]
struct Size {
    parameters: usize,
    bytes: usize,
}

impl Size {
    /// The dialects take 32,766 and more.
    const PARAMETERS: usize = 8192;
    /// MySQL takes 16 MiB in one packet.
    const BYTES: usize = 1 << 20;

    fn of(row: &Cells<'_>) -> Self {
        let bytes = |(_, cell): &(&Column, Cell)| match cell {
            Cell::Text(text) => text.len(),
            Cell::Bytes(bytes) => bytes.len(),
            _ => 8,
        };
        Self { parameters: row.len(), bytes: row.iter().map(bytes).sum() }
    }

    const fn has_room_for(self, more: Self) -> bool {
        self.parameters + more.parameters <= Self::PARAMETERS && self.bytes + more.bytes <= Self::BYTES
    }

    const fn add(&mut self, more: Self) {
        self.parameters += more.parameters;
        self.bytes += more.bytes;
    }
}

impl<'a> Write<'a> {
    /// New rows that nobody asks back for: as many in one statement as have the same columns, and fit.
    pub(super) async fn insert_blocks(&mut self, rows: Vec<Cells<'a>>) -> Result<Vec<Vec<Cell>>, DbError> {
        let (mut block, mut size): (Vec<Cells<'a>>, Size) = Default::default();
        for given in rows {
            let is_refused = self.require_key(&given);
            let row = self.with_id(given);
            let more = Size::of(&row);
            let is_like = block.first().is_some_and(|first| {
                first.len() == row.len() && first.iter().zip(&row).all(|((a, _), (b, _))| a.name == b.name)
            });
            // what is wrong with the rows before comes first
            if is_refused.is_err() || !is_like || row.is_empty() || !size.has_room_for(more) {
                self.insert_block(&mut block).await?;
                size = Size::default();
            }
            is_refused?;
            size.add(more);
            block.push(row);
        }
        self.insert_block(&mut block).await?;
        Ok(Vec::new())
    }

    async fn insert_block(&mut self, block: &mut Vec<Cells<'a>>) -> Result<(), DbError> {
        if !block.is_empty() {
            self.session.run(self.render.insert(block, None, &[])?).await?;
            block.clear();
        }
        Ok(())
    }
}
