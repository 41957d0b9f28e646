//! Random chains, and whether a database answers them as the [model](super::model) does.
//!
//! A session is a sequence of chains on tables of its own: what one writes, the next one reads. It follows
//! from its seed alone, so every database is given the same ones, and a failure is met again by its seed.
//! Where the answers differ, the session is cut down to the chains that it takes.

mod call;
mod calls;
mod conditions;
mod play;
mod shapes;
mod values;

use penstock_storage::db::Database;
use proptest::collection::vec;
use proptest::strategy::{Strategy as _, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::Failure;
use call::Call;

/// The most chains of a session: enough to fill the tables, few enough to be cut down quickly.
const LONGEST: usize = 200;
/// So many shorter sessions are tried to find what a failure takes.
const ATTEMPTS: usize = 400;

/// Plays the session of this seed on `database` and on the model, and gives its number of chains.
///
/// # Errors
///
/// If the two answer differently: with the seed, and the fewest chains that were found to show it.
pub async fn agree(database: &dyn Database, seed: u64) -> Result<usize, Failure> {
    let mut tree = session(seed)?;
    let calls = tree.current();
    let Err(mut failure) = play::play(database, &calls, &format!("{seed}")).await else {
        return Ok(calls.len());
    };
    let mut fewest = calls;
    for attempt in 0..ATTEMPTS {
        let calls = tree.current();
        let is_moved = match play::play(database, &calls, &format!("{seed}_{attempt}")).await {
            Ok(()) => tree.complicate(),
            Err(other) => {
                (failure, fewest) = (other, calls);
                tree.simplify()
            }
        };
        if !is_moved {
            break;
        }
    }
    let chains: Vec<String> = fewest.iter().map(ToString::to_string).collect();
    Err(Failure::new(format!("session {seed}: {failure}\n  {}", chains.join("\n  "))))
}

fn session(seed: u64) -> Result<impl ValueTree<Value = Vec<Call>>, Failure> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), random);
    vec(calls::call(), 0..=LONGEST).new_tree(&mut runner).map_err(Failure::new)
}
