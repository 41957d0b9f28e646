//! What a fuzzer once broke stays whole: each file of `fuzz-regressions/<target>/` is tried as the fuzz
//! target of that name tries it.

#[path = "../../../fuzz/src/checks.rs"]
pub mod checks;

use std::path::Path;

#[test]
fn what_a_fuzzer_broke_stays_whole() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz-regressions");
    let mut faults = Vec::new();
    let mut tried = 0;
    for target in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap()) {
        for file in std::fs::read_dir(target.path()).unwrap().map(|entry| entry.unwrap().path()) {
            tried += 1;
            let name = target.file_name().into_string().unwrap();
            let fault = checks::check(&name, &std::fs::read(&file).unwrap()).err();
            faults.extend(fault.map(|fault| format!("{}: {fault}", file.display())));
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    assert!(tried >= 9, "{tried}");
}
