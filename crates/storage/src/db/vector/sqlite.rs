//! The cosine as a function of SQLite: vectors are compared where they lie, and only the best rows leave it.

use std::ffi::CStr;

use penstock_sqlite_native::{Scalar, Value};

use super::cosine::{cosine, of_text};

/// `penstock_cosine(vector, embedding)`: nothing where there is no vector. The embedding is numbers of 64
/// bits, the last of which is its length.
pub(in crate::db) struct Cosine;

impl Scalar for Cosine {
    const NAME: &'static CStr = c"penstock_cosine";

    fn call(vector: Value<'_>, embedding: Value<'_>) -> Option<f64> {
        let Value::Bytes(embedding) = embedding else { return None };
        let (length, embedding) = embedding.as_chunks().0.split_last()?;
        let length = f64::from_le_bytes(*length);
        match vector {
            Value::Bytes(bytes) => cosine(bytes.as_chunks().0, embedding, length),
            Value::Text(text) => cosine(&of_text(text)?, embedding, length),
            Value::Other => None,
        }
    }
}
