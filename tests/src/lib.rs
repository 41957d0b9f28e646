//! Rigs for the black-box tests and the benches: the real binary, a scripted upstream, a plain client.

pub mod collector;
pub mod front;
pub mod gateway;
pub mod http;
pub mod proxy;
pub mod snippets;
pub mod upstream;
