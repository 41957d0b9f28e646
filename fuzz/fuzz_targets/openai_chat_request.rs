#![no_main]

use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};
use penstock_fuzz::{checks, mutate};

fuzz_target!(|data: &[u8]| checks::hold("openai_chat_request", data));

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    mutate::body(data, size, max_size, seed).unwrap_or_else(|| fuzzer_mutate(data, size, max_size))
});
