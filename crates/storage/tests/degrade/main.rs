//! What modules see of backends that hang, go, are killed, run out of room, and come back.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops where it is")]

mod adapter;
mod full;
mod killed;
mod stalled;
