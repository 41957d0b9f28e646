//! The tables of a bundle beside those of the store.

use std::collections::BTreeSet;

use super::{Parent, SECTIONS, Shape};
use crate::Kind;

fn all() -> Vec<&'static Shape> {
    fn with(shape: &'static Shape, found: &mut Vec<&'static Shape>) {
        found.push(shape);
        shape.lists.iter().for_each(|list| with(list, found));
    }
    let mut found = Vec::new();
    for shape in SECTIONS {
        with(shape, &mut found);
    }
    found
}

#[test]
fn every_column_of_every_record_has_its_place_in_a_bundle() {
    let shapes = all();
    let kinds: BTreeSet<Kind> = shapes.iter().map(|shape| shape.kind).collect();
    assert_eq!(kinds.len(), Kind::ALL.len(), "a kind of record is in no bundle: {kinds:?}");
    for shape in shapes {
        let columns: BTreeSet<_> = shape.kind.table().columns.iter().map(|column| column.name).collect();
        let mut placed: BTreeSet<_> = shape.fields.iter().map(|field| field.column).collect();
        placed.extend(["id", "created_at", "updated_at"]);
        match shape.parent {
            Parent::None => {}
            Parent::Column(column, _) => assert!(placed.insert(column), "{}", shape.list),
            Parent::Scope => placed.extend(["scope", "scope_id"]),
        }
        assert_eq!(placed, columns, "{}", shape.list);
    }
}

#[test]
fn what_tells_entries_apart_are_fields() {
    for shape in all() {
        assert!(!shape.named_by.is_empty(), "{}", shape.list);
        for name in shape.named_by.iter().chain(&shape.short) {
            assert!(shape.field(name).is_some(), "{}.{name}", shape.list);
        }
        let names: BTreeSet<_> = shape.names().collect();
        assert_eq!(names.len(), shape.names().count(), "{}: a name is there twice", shape.list);
    }
}

#[test]
fn what_the_store_seals_is_a_secret_in_a_bundle() {
    for shape in all() {
        for column in shape.kind.table().columns.iter().filter(|column| column.sealed) {
            let mut fields = shape.fields.iter().filter(|field| field.column == column.name);
            assert!(fields.all(|field| field.form.is_secret()), "{}.{}", shape.list, column.name);
        }
    }
}
