//! `like` and `ilike`: a pattern of `%` and `_`, in which `\` takes the next sign as it is.

/// Whether the whole of `text` is what the pattern says.
pub(super) fn matches(text: &str, pattern: &str, ignores_case: bool) -> bool {
    let text: Vec<char> = text.chars().collect();
    let pattern: Vec<char> = pattern.chars().collect();
    rest(&text, &pattern, ignores_case)
}

fn rest(text: &[char], pattern: &[char], ignores_case: bool) -> bool {
    match pattern {
        [] => text.is_empty(),
        ['%', more @ ..] => (0..=text.len()).any(|at| rest(&text[at..], more, ignores_case)),
        ['_', more @ ..] => !text.is_empty() && rest(&text[1..], more, ignores_case),
        ['\\', wanted, more @ ..] | [wanted, more @ ..] => match text {
            [found, text @ ..] => is(*found, *wanted, ignores_case) && rest(text, more, ignores_case),
            [] => false,
        },
    }
}

/// Whether a sign is the one of the pattern, or its other case if that is one sign too.
fn is(found: char, wanted: char, ignores_case: bool) -> bool {
    let other =
        |mut cases: Box<dyn Iterator<Item = char>>| cases.next() == Some(found) && cases.next().is_none();
    found == wanted
        || ignores_case && (other(Box::new(wanted.to_uppercase())) || other(Box::new(wanted.to_lowercase())))
}
