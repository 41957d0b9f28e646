#![no_main]

use libfuzzer_sys::fuzz_target;
use penstock_fuzz::checks;

fuzz_target!(|data: &[u8]| checks::hold("sse_splitter", data));
