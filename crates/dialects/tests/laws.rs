//! The laws of translation, over every dialect that takes part and every fixture of its corpus.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on stops where it is")]

#[path = "laws/arbitrary.rs"]
mod arbitrary;
#[path = "laws/corpus.rs"]
mod corpus;
#[path = "laws/edits.rs"]
mod edits;
#[path = "laws/generated.rs"]
mod generated;
#[path = "laws/loss.rs"]
mod loss;
#[path = "laws/loss_cases.rs"]
mod loss_cases;
#[path = "laws/plain.rs"]
mod plain;
#[path = "laws/provenance.rs"]
mod provenance;
#[path = "laws/requests.rs"]
mod requests;
#[path = "laws/responses.rs"]
mod responses;
#[path = "laws/streams.rs"]
mod streams;
