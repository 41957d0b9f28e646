//! Digests and random bytes.

use sha2::Digest as _;

use super::Arguments;
use crate::engine::{Failure, Value};

/// Random bytes at once, at the most.
const RANDOM: u32 = 1 << 20;

pub(super) fn call(operation: &str, mut arguments: Arguments<'_>) -> Result<Value, Failure> {
    match operation {
        "hash" => {
            let (algorithm, bytes) = (arguments.text()?, arguments.bytes()?);
            Ok(Value::Bytes(match algorithm.as_str() {
                "sha512" => sha2::Sha512::digest(&bytes).to_vec(),
                "sha384" => sha2::Sha384::digest(&bytes).to_vec(),
                "sha1" => sha1::Sha1::digest(&bytes).to_vec(),
                "md5" => md5::Md5::digest(&bytes).to_vec(),
                _ => sha2::Sha256::digest(&bytes).to_vec(),
            }))
        }
        "random" => {
            let count = arguments.number()?;
            if count > RANDOM {
                return Err(Failure::of_type(format!(
                    "expected at most {RANDOM} random bytes, found {count}"
                )));
            }
            random(usize::try_from(count).unwrap_or_default()).map(Value::Bytes)
        }
        _ => {
            let bytes: [u8; 16] = random(16)?.try_into().unwrap_or_default();
            Ok(Value::Text(uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()))
        }
    }
}

fn random(count: usize) -> Result<Vec<u8>, Failure> {
    let mut bytes = vec![0; count];
    getrandom::fill(&mut bytes).map_err(|error| Failure::new(format!("there is no randomness: {error}")))?;
    Ok(bytes)
}
