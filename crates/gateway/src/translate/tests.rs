use super::*;

fn loss(path: &str, note: &'static str) -> Loss {
    Loss { path: path.to_owned(), kind: LossKind::Dropped, note: note.into() }
}

#[test]
fn the_header_names_what_was_lost() {
    let losses = [loss("messages[0].cacheControl", ""), loss("topK", "nobody has it")];
    let value = header(&losses).unwrap();
    assert_eq!(value, "dropped messages[0].cacheControl; dropped topK (nobody has it)");
    assert_eq!(header(&[]), None);
}

#[test]
fn names_that_a_client_made_up_cannot_break_the_header() {
    let value = header(&[loss(&format!("a\r\nset-cookie: x; b (c){}", "é".repeat(300)), "")]).unwrap();
    assert_eq!(value, "dropped aset-cookie:xbc");
    let many: Vec<_> = (0..40).map(|at| loss(&format!("x{at}{}", "y".repeat(500)), "")).collect();
    let value = header(&many).unwrap();
    assert!(value.len() < 2_048, "{}", value.len());
    assert!(value.to_str().unwrap().ends_with("; and 24 more"));
}
