//! Rigs for the black-box tests and the benches: the real binary, a scripted upstream, a plain client.

pub mod gateway;
pub mod http;
pub mod upstream;
