//! The load: as many requests as go (closed), or at a fixed rate (open).
//!
//! Both write requests that were put together beforehand and read answers as cheaply as they can. An
//! answer that is no success, or that breaks off, ends the run with an error.

mod closed;
mod open;

pub(crate) use closed::{Closed, Done, Reading, Until};
pub(crate) use open::{Latencies, Open};

/// What is read at once.
const BUFFER: usize = 64 * 1024;
