//! What is removed, and what never is.

use super::reading::EXAMPLE;
use super::{OPTIONS, PRUNE, Shelf, lines, yaml};

fn shelf() -> Shelf {
    let mut shelf = Shelf::new();
    shelf.apply(&yaml(EXAMPLE), OPTIONS).unwrap();
    shelf
}

#[test]
fn only_lists_that_are_there_are_pruned() {
    let mut shelf = shelf();
    let cases: &[(&str, &[&str])] = &[
        ("penstock: 1", &[]),
        ("users: [ada]", &[]),
        (
            "users: [{name: ada, permissions: [fast], quotas: []}]",
            &["- permission user ada / openai/*", "- quota user ada / day"],
        ),
        ("providers: [{name: openai, models: []}]", &["- model openai / gpt-4o-mini"]),
        ("users: [{name: ada, keys: []}]", &["- key ada / laptop"]),
        ("aliases: [{alias: x, target: fast}]", &["+ alias * x", "- alias * gpt-4(.*)"]),
        ("routes: []\nproviders: []", &["- provider openai", "- route fast"]),
        ("settings: []", &["- settings default"]),
    ];
    for (text, expected) in cases {
        assert_eq!(
            lines(&shelf.plan(&yaml(text), OPTIONS).unwrap())
                .iter()
                .filter(|line| line.starts_with('-'))
                .count(),
            0
        );
        let plan = shelf.apply(&yaml(text), PRUNE).unwrap();
        assert_eq!(lines(&plan), *expected, "{text}");
    }
}

#[test]
fn what_something_needs_is_not_pruned() {
    let mut shelf = shelf();
    shelf
        .apply(&yaml("rule_sets: [{name: house}]\nproviders: [{name: openai, rule_sets: [house]}]"), OPTIONS)
        .unwrap();
    let cases = [
        (
            "providers: []",
            "providers \"openai\": not named, so that pruning would remove it, but the route \"fast\" needs it",
        ),
        (
            "orgs: []",
            "orgs \"acme\": not named, so that pruning would remove it, but the user \"ada\" needs it",
        ),
        ("orgs: [{name: acme, teams: []}]", "teams \"acme / core\": not named"),
        (
            "rule_sets: []",
            "rule_sets \"house\": not named, so that pruning would remove it, but the provider \"openai\" needs it",
        ),
    ];
    for (text, expected) in cases {
        let error = shelf.plan(&yaml(text), PRUNE).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}\nexpected {expected}");
    }
    let moved = "orgs: [default]\nusers: [{name: ada, org: default}]";
    assert_eq!(
        lines(&shelf.apply(&yaml(moved), PRUNE).unwrap()),
        ["~ user ada (org team)", "- organisation acme"]
    );
}

#[test]
fn the_last_administrator_and_the_first_organisation_stay() {
    let mut shelf = Shelf::new();
    shelf
        .apply(
            &yaml("users: [{name: root, is_admin: true}, {name: second, is_admin: true}, {name: bob}]"),
            OPTIONS,
        )
        .unwrap();
    let bundle = yaml("orgs: []\nusers: []");
    let plan = shelf.apply(&bundle, PRUNE).unwrap();
    assert_eq!(lines(&plan), ["- user second", "- user bob"]);
    assert_eq!(plan.notes.len(), 2, "{:?}", plan.notes);
    assert!(
        plan.notes[1].contains("kept the user \"root\": it is the last administrator"),
        "{:?}",
        plan.notes
    );
    let again = shelf.plan(&bundle, PRUNE).unwrap();
    assert!(again.is_empty() && again.notes.len() == 2);
    // another one may take its place
    let plan = shelf.apply(&yaml("users: [{name: eve, is_admin: true}]"), PRUNE).unwrap();
    assert_eq!(lines(&plan), ["+ user eve", "- user root"]);
}

#[test]
fn a_digest_of_a_deleted_key_stays_known() {
    let mut shelf = Shelf::new();
    let digest = crate::KeyDigest::of("sk-old");
    shelf.apply(&yaml(&format!("deleted_keys: [\"{digest}\"]")), OPTIONS).unwrap();
    assert_eq!(lines(&shelf.plan(&yaml("deleted_keys: []"), PRUNE).unwrap()), [""; 0]);
    assert_eq!(shelf.json()["deleted_keys"], serde_json::json!([digest.to_string()]));
}
