//! The laws of translation, over every dialect that takes part and every fixture of its corpus.

#[path = "laws/corpus.rs"]
mod corpus;
#[path = "laws/loss.rs"]
mod loss;
#[path = "laws/requests.rs"]
mod requests;
#[path = "laws/responses.rs"]
mod responses;
#[path = "laws/streams.rs"]
mod streams;
