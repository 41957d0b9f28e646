//! The `penstock` binary: the library, without extensions.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    penstock::run(penstock::Extensions::new())
}
