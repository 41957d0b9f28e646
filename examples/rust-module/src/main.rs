//! A gateway with a module of its own. Its pipelines name it as they name those that come along:
//!
//! ```sh
//! PENSTOCK_PIPE=cost-guard,house-rules cargo run
//! ```

mod house_rules;

use std::process::ExitCode;

fn main() -> ExitCode {
    penstock::run(penstock::Extensions::new().module(house_rules::HouseRules))
}
