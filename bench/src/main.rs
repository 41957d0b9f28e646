//! The benchmark rig as a program; see `penstock_bench`.

use anyhow::Result;
use clap::Parser as _;
use penstock_bench::{Arguments, run};

fn main() -> Result<()> {
    run(&Arguments::parse())
}
