//! Stores with a fault each: the kit is sound only if every one of them fails a case.

pub mod blob;
pub mod control;
pub mod db;
pub mod kv;
