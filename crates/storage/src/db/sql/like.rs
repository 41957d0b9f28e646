//! Patterns of `%` and `_`, in the form that makes each dialect compare by case, or not, for every script.
//!
//! What a dialect calls case-insensitive is ASCII on one and depends on a locale on another. So a pattern
//! that is to ignore case names both cases of each letter, which every dialect reads in the same way.

/// One step of a pattern.
enum Step {
    Any,
    One,
    Literal(char),
}

fn steps(pattern: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        steps.push(match character {
            '%' => Step::Any,
            '_' => Step::One,
            '\\' => Step::Literal(characters.next().unwrap_or('\\')),
            other => Step::Literal(other),
        });
    }
    steps
}

/// Both cases of a letter, where each is one character.
fn cases(character: char, fold: bool) -> Vec<char> {
    let mut all = vec![character];
    if fold {
        let (mut upper, mut lower) = (character.to_uppercase(), character.to_lowercase());
        for (first, more) in [(upper.next(), upper.next()), (lower.next(), lower.next())] {
            match (first, more) {
                (Some(one), None) if !all.contains(&one) => all.push(one),
                _ => {}
            }
        }
    }
    all
}

/// For `GLOB`, which compares by case.
pub(super) fn glob(pattern: &str, fold: bool) -> String {
    let mut text = String::new();
    for step in steps(pattern) {
        match step {
            Step::Any => text.push('*'),
            Step::One => text.push('?'),
            Step::Literal(literal) => match cases(literal, fold).as_slice() {
                [one] if !"*?[".contains(*one) => text.push(*one),
                all => {
                    text.push('[');
                    text.extend(all);
                    text.push(']');
                }
            },
        }
    }
    text
}

/// For a regular expression that is anchored at both ends and whose dot matches everything.
pub(super) fn regex(pattern: &str, fold: bool, start: &str, end: &str) -> String {
    let mut text = start.to_owned();
    for step in steps(pattern) {
        match step {
            Step::Any => text.push_str(".*"),
            Step::One => text.push('.'),
            Step::Literal(literal) => match cases(literal, fold).as_slice() {
                [one] if one.is_ascii_punctuation() => text.extend(['\\', *one]),
                [one] => text.push(*one),
                all => {
                    text.push('[');
                    text.extend(all);
                    text.push(']');
                }
            },
        }
    }
    text.push_str(end);
    text
}
