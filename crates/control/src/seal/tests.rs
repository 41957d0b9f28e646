use std::marker::PhantomData;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use penstock_core::Secret;
use proptest::prelude::*;
use serde_json::Value;

use super::*;

const PLACE: Binding<'static> = Binding::row("credentials", 7, "secret");

/// A key of 32 equal bytes, and its text: two of them are two keys.
fn key(byte: u8) -> MasterKey {
    MasterKey::from_base64(&STANDARD.encode([byte; 32])).unwrap()
}

fn ring(byte: u8) -> Keyring {
    Keyring::new(key(byte), vec![])
}

fn secret(text: &str) -> Secret<String> {
    Secret::from(text.to_owned())
}

fn parse(text: &str) -> Result<Stored, StoredError> {
    Stored::parse(text.to_owned())
}

fn tampered(place: &Binding<'_>) -> SealError {
    SealError::Tampered { place: place.to_string() }
}

/// A place of any kind, with its row in `id` where it has one.
fn place() -> impl Strategy<Value = (String, Option<i64>, String, String)> {
    (".*", any::<Option<i64>>(), ".*", ".*")
}

fn binding(parts: &(String, Option<i64>, String, String)) -> Binding<'_> {
    match parts.1 {
        Some(id) => Binding::row(&parts.0, id, &parts.3),
        None => Binding::named(&parts.0, &parts.2, &parts.3),
    }
}

/// Texts that look like what is stored, besides any.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![".*", "(open:|sealed:|sealed:1:|open:sealed:1:)[0-9a-f]{16}:[A-Za-z0-9_-]{96}:.{0,60}"]
}

proptest! {
    #[test]
    fn what_is_sealed_opens_in_its_place(text in text(), place in place()) {
        let (ring, place) = (ring(1), binding(&place));
        let stored = ring.seal(&secret(&text), &place).unwrap();
        prop_assert_eq!(stored.key_id(), ring.current());
        prop_assert!(stored.is_sealed() && stored.key_id().is_some());
        prop_assert!(text.len() < 16 || !stored.as_str().contains(&text), "the secret is not in it");
        let read = Stored::parse(stored.as_str().to_owned()).unwrap();
        prop_assert_eq!(&read, &stored);
        let opened = ring.open(&read, &place).unwrap();
        prop_assert_eq!(opened.expose(), &text);
    }

    #[test]
    fn what_is_open_stays_what_it_is(text in text(), place in place()) {
        let (ring, place) = (Keyring::plaintext(), binding(&place));
        let stored = ring.seal(&secret(&text), &place).unwrap();
        prop_assert_eq!(stored.as_str(), format!("open:{text}"));
        prop_assert!(!stored.is_sealed() && stored.key_id().is_none());
        let read = Stored::parse(stored.as_str().to_owned()).unwrap();
        prop_assert_eq!(&read, &stored);
        let opened = ring.open(&read, &place).unwrap();
        prop_assert_eq!(opened.expose(), &text);
    }

    #[test]
    fn files_round_trip(content in prop::collection::vec(any::<u8>(), 0..200), place in place()) {
        let place = binding(&place);
        for ring in [ring(1), Keyring::plaintext()] {
            let stored = ring.seal_bytes(&content, &place).unwrap();
            let opened = ring.open_bytes(&stored, &place).unwrap();
            prop_assert_eq!(opened.expose(), &content);
        }
    }

    #[test]
    fn any_text_and_any_bytes_are_read_or_refused(text in text(), bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(stored) = Stored::parse(text.clone()) {
            prop_assert_eq!(stored.as_str(), text);
        }
        let _ = ring(1).open_bytes(&bytes, &PLACE);
        let _ = ring(1).open_bytes(&[b"penstock sealed 1\n", bytes.as_slice()].concat(), &PLACE);
    }

    #[test]
    fn another_place_refuses(one in place(), other in place()) {
        prop_assume!(binding(&one) != binding(&other));
        let stored = ring(1).seal(&secret("sk-live"), &binding(&one)).unwrap();
        prop_assert_eq!(ring(1).open(&stored, &binding(&other)), Err(tampered(&binding(&other))));
    }
}

#[test]
fn another_row_column_or_table_refuses() {
    let (ring, next) = (ring(1), Keyring::new(key(2), vec![key(1)]));
    let stored = ring.seal(&secret("sk-live"), &PLACE).unwrap();
    let file = ring.seal_bytes(b"content", &PLACE).unwrap();
    let others = [
        Binding::row("credentials", 8, "secret"),
        Binding::row("credentials", 7, "proxy_url"),
        Binding::row("providers", 7, "secret"),
        Binding::named("credentials", "7", "secret"),
    ];
    for place in &others {
        assert_eq!(ring.open(&stored, place), Err(tampered(place)), "{place}");
        assert_eq!(next.rewrap(&stored, place), Err(tampered(place)), "{place}");
        assert_eq!(ring.open_bytes(&file, place), Err(tampered(place)), "{place}");
    }
    assert_eq!(ring.open(&stored, &PLACE), Ok(secret("sk-live")));
}

#[test]
fn every_bit_of_a_sealed_text_counts() {
    let ring = ring(1);
    let stored = ring.seal(&secret("sk-live-123"), &PLACE).unwrap();
    let mut refused = 0;
    for at in 0..stored.as_str().len() {
        for bit in 0..7 {
            let mut bytes = stored.as_str().as_bytes().to_vec();
            bytes[at] ^= 1 << bit;
            let changed = String::from_utf8(bytes).unwrap();
            let opened = Stored::parse(changed.clone()).map_err(SealError::from);
            let opened = opened.and_then(|changed| ring.open(&changed, &PLACE));
            assert!(opened.is_err(), "byte {at}, bit {bit}: {changed}");
            refused += 1;
        }
    }
    assert_eq!(refused, stored.as_str().len() * 7);
    for length in 0..stored.as_str().len() {
        let cut = parse(&stored.as_str()[..length]).map_err(SealError::from);
        assert!(cut.and_then(|cut| ring.open(&cut, &PLACE)).is_err(), "{length} characters");
    }
    for more in ["A", "AA", "AAAA", "=", ":", "\n", " "] {
        let longer = parse(&format!("{}{more}", stored.as_str())).map_err(SealError::from);
        assert!(longer.and_then(|longer| ring.open(&longer, &PLACE)).is_err(), "{more:?}");
    }
}

#[test]
fn every_bit_of_a_sealed_file_counts() {
    let ring = ring(1);
    let sealed = ring.seal_bytes(b"content", &PLACE).unwrap();
    for at in 0..sealed.len() * 8 {
        let mut changed = sealed.clone();
        changed[at / 8] ^= 1 << (at % 8);
        assert!(ring.open_bytes(&changed, &PLACE).is_err(), "bit {at}");
    }
    for length in 0..sealed.len() {
        assert!(ring.open_bytes(&sealed[..length], &PLACE).is_err(), "{length} bytes");
    }
    assert!(ring.open_bytes(&[sealed.as_slice(), b"\0"].concat(), &PLACE).is_err());
    assert_eq!(ring.open_bytes(b"{}", &PLACE), Err(StoredError::File.into()));
}

#[test]
fn parts_of_two_values_do_not_make_a_third() {
    let ring = ring(1);
    let [old, new] = ["old", "new"].map(|text| ring.seal(&secret(text), &PLACE).unwrap());
    let (head, _) = old.as_str().rsplit_once(':').unwrap();
    let (_, body) = new.as_str().rsplit_once(':').unwrap();
    let mixed = parse(&format!("{head}:{body}")).unwrap();
    assert_eq!(ring.open(&mixed, &PLACE), Err(tampered(&PLACE)));
}

#[test]
fn the_wrong_key_and_no_key_are_told_by_their_ids() {
    let stored = ring(1).seal(&secret("sk-live"), &PLACE).unwrap();
    let file = ring(1).seal_bytes(b"content", &PLACE).unwrap();
    let ids = |keys: &[u8]| MasterKeyIds(keys.iter().map(|byte| key(*byte).id()).collect());

    let other = Keyring::new(key(2), vec![key(3)]);
    let unknown = SealError::UnknownKey { wanted: ids(&[1]), given: ids(&[2, 3]) };
    assert_eq!(other.open(&stored, &PLACE), Err(unknown.clone()));
    assert_eq!(other.rewrap(&stored, &PLACE), Err(unknown.clone()));
    assert_eq!(other.open_bytes(&file, &PLACE), Err(unknown.clone()));
    assert_eq!(other.check([key(2).id(), key(1).id(), key(1).id()]), Err(unknown.clone()));
    for byte in [1, 2, 3] {
        assert!(unknown.to_string().contains(&key(byte).id().to_string()), "{unknown}");
    }

    let none = SealError::NoKey { wanted: ids(&[1]) };
    assert_eq!(Keyring::plaintext().open(&stored, &PLACE), Err(none.clone()));
    assert_eq!(Keyring::plaintext().rewrap(&stored, &PLACE), Err(none.clone()));
    assert_eq!(Keyring::plaintext().open_bytes(&file, &PLACE), Err(none.clone()));
    assert_eq!(Keyring::plaintext().check([key(1).id()]), Err(none.clone()));
    assert!(none.to_string().contains(&key(1).id().to_string()), "{none}");

    assert_eq!(other.check([key(3).id(), key(2).id()]), Ok(()));
    assert_eq!(other.check([]), Ok(()));
    assert_eq!(Keyring::plaintext().check([]), Ok(()));
}

#[test]
fn a_rotation_goes_from_key_to_key_and_keeps_the_ciphertext() {
    let first = ring(1).seal(&secret("sk-live"), &PLACE).unwrap();
    assert_eq!(ring(1).rewrap(&first, &PLACE), Ok(None), "there is nothing to do");

    let rotating = Keyring::new(key(2), vec![key(3), key(1)]);
    assert_eq!(rotating.open(&first, &PLACE), Ok(secret("sk-live")), "both are readable meanwhile");
    let second = rotating.rewrap(&first, &PLACE).unwrap().unwrap();
    assert_eq!(second.key_id(), Some(key(2).id()));
    assert_eq!(rotating.rewrap(&second, &PLACE), Ok(None), "a second run has nothing to do");
    let body = |stored: &Stored| stored.as_str().rsplit(':').next().unwrap().to_owned();
    assert_eq!(body(&first), body(&second));
    assert_ne!(first, second);

    assert_eq!(ring(2).open(&second, &PLACE), Ok(secret("sk-live")), "the new key alone will do");
    assert!(matches!(ring(1).open(&second, &PLACE), Err(SealError::UnknownKey { .. })));
}

#[test]
fn a_plaintext_store_is_sealed_value_by_value() {
    let plaintext = Keyring::plaintext();
    for text in ["sk-live", "", "open:x", ring(1).seal(&secret("x"), &PLACE).unwrap().as_str()] {
        let open = plaintext.seal(&secret(text), &PLACE).unwrap();
        assert_eq!(plaintext.rewrap(&open, &PLACE), Ok(None), "{text:?}");
        assert_eq!(ring(1).open(&open, &PLACE), Ok(secret(text)), "it is readable meanwhile: {text:?}");
        let sealed = ring(1).rewrap(&open, &PLACE).unwrap().unwrap();
        assert_eq!(sealed.key_id(), Some(key(1).id()), "{text:?}");
        assert_eq!(ring(1).open(&sealed, &PLACE), Ok(secret(text)));
    }
}

#[test]
fn the_form_is_pinned() {
    let fixture: Value = serde_json::from_str(include_str!("../../fixtures/sealed-0.1.0.json")).unwrap();
    let ring = Keyring::new(MasterKey::from_base64(fixture["master_key"].as_str().unwrap()).unwrap(), vec![]);
    assert_eq!(ring.current().unwrap().to_string(), fixture["master_key_id"].as_str().unwrap());

    let row = &fixture["row"];
    let field = |name: &str| row[name].as_str().unwrap();
    let place = Binding::row(field("table"), row["id"].as_i64().unwrap(), field("column"));
    for form in ["sealed", "open"] {
        let stored = parse(field(form)).unwrap();
        assert_eq!(stored.is_sealed(), form == "sealed");
        assert_eq!(ring.open(&stored, &place), Ok(secret(field("secret"))), "{form}");
    }

    let file = &fixture["file"];
    let field = |name: &str| file[name].as_str().unwrap();
    let place = Binding::named(field("table"), field("name"), field("column"));
    for form in ["sealed", "open"] {
        let opened = ring.open_bytes(&STANDARD.decode(field(form)).unwrap(), &place).unwrap();
        assert_eq!(*opened.expose(), STANDARD.decode(field("content")).unwrap(), "{form}");
    }
}

#[test]
fn texts_of_no_form_are_refused_by_what_is_wrong() {
    let sealed = ring(1).seal(&secret("sk-live"), &PLACE).unwrap();
    let sealed = sealed.as_str();
    let id = key(1).id().to_string();
    let part = |index: usize| sealed.split(':').nth(index).unwrap();
    let cases = [
        (String::new(), StoredError::Form),
        ("sk-live-QUOTED".to_owned(), StoredError::Form),
        ("Open:x".to_owned(), StoredError::Form),
        (format!(" {sealed}"), StoredError::Form),
        ("sealed:".to_owned(), StoredError::Form),
        ("sealed:QUOTED:".to_owned(), StoredError::Form),
        (sealed.replacen(":1:", ":01:", 1), StoredError::Form),
        (sealed.replacen(":1:", ":0:", 1), StoredError::Form),
        (sealed.replacen(":1:", ":2:", 1), StoredError::Version(2)),
        (sealed.replacen(":1:", ":17:", 1), StoredError::Version(17)),
        (sealed.replacen(&id, &id.to_uppercase(), 1), StoredError::KeyId),
        (sealed.replacen(&id, &id[1..], 1), StoredError::KeyId),
        (sealed.replacen(&id, &format!("+{}", &id[1..]), 1), StoredError::KeyId),
        (sealed.replacen(part(3), "", 1), StoredError::WrappedKey),
        (sealed.replacen(part(3), &part(3)[4..], 1), StoredError::WrappedKey),
        (sealed.replacen(part(3), &format!("{}=", part(3)), 1), StoredError::WrappedKey),
        (sealed.replacen(part(4), "", 1), StoredError::Body),
        (sealed.replacen(part(4), "AAAA", 1), StoredError::Body),
        (format!("{sealed}:"), StoredError::Body),
    ];
    for (text, expected) in cases {
        assert_ne!(text, sealed);
        let error = parse(&text).unwrap_err();
        assert_eq!(error, expected, "{text}");
        assert!(!error.to_string().contains("QUOTED"));
    }
}

#[test]
fn bytes_that_are_no_text_do_not_open_as_text() {
    let file = ring(1).seal_bytes(&[0xff, 0xfe], &PLACE).unwrap();
    let envelope = envelope::Envelope::from_bytes(&file["penstock sealed 1\n".len()..]).unwrap();
    assert_eq!(ring(1).open(&Stored::sealed(&envelope), &PLACE), Err(StoredError::NotText.into()));
}

/// Says whether a type can be serialised: the inherent constant, where it exists, goes before that of
/// the trait.
struct Probe<T>(PhantomData<T>);

impl<T: serde::Serialize> Probe<T> {
    const SERIALISES: bool = true;
}

trait Otherwise {
    const SERIALISES: bool = false;
}

impl<T> Otherwise for Probe<T> {}

#[test]
fn nothing_shows_a_secret_by_accident() {
    let open = Keyring::plaintext().seal(&secret("sk-live"), &PLACE).unwrap();
    assert_eq!(format!("{open:?}"), "Stored(open)");
    let id = key(1).id();
    let sealed = ring(1).seal(&secret("sk-live"), &PLACE).unwrap();
    assert_eq!(format!("{sealed:?}"), format!("Stored(sealed under {id})"));
    assert_eq!(
        format!("{:?}", ring(1)),
        format!("Keyring {{ current: Some(MasterKey({id})), previous: [] }}")
    );
    const {
        assert!(Probe::<String>::SERIALISES);
        assert!(!Probe::<Stored>::SERIALISES);
        assert!(!Probe::<MasterKey>::SERIALISES);
        assert!(!Probe::<Keyring>::SERIALISES);
    }
}
