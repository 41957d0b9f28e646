//! Texts and their bytes.

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::Arguments;
use crate::engine::{Failure, Value};

/// As Node reads base64: either alphabet, with padding or without.
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const PADDED: GeneralPurpose = GeneralPurpose::new(&STANDARD, LENIENT.with_encode_padding(true));
const BARE: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, LENIENT.with_encode_padding(false));

pub(super) fn call(operation: &str, mut arguments: Arguments<'_>) -> Result<Value, Failure> {
    match operation {
        "text.bytes" => {
            let (text, encoding) = (arguments.text()?, arguments.text()?);
            Ok(Value::Bytes(encode(&text, &encoding)))
        }
        "bytes.text" => {
            let (bytes, encoding) = (arguments.bytes()?, arguments.text()?);
            Ok(Value::Text(decode(&bytes, &encoding)))
        }
        "bytes.decode" => {
            let (bytes, encoding, is_fatal) = (arguments.bytes()?, arguments.text()?, arguments.flag()?);
            strict(&bytes, &encoding, is_fatal).map(Value::Text)
        }
        _ => {
            let text = arguments.text()?;
            Ok(Value::Text(percent_decoded(&text)))
        }
    }
}

/// The bytes that a text stands for.
fn encode(text: &str, encoding: &str) -> Vec<u8> {
    match encoding {
        "hex" => hex(text),
        "base64" | "base64url" => base64(text),
        // of a character what fits into a byte, as Node has it
        "latin1" => text.encode_utf16().map(|unit| unit.to_le_bytes()[0]).collect(),
        "utf16le" => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        _ => text.as_bytes().to_vec(),
    }
}

/// The text that bytes stand for.
fn decode(bytes: &[u8], encoding: &str) -> String {
    match encoding {
        "hex" => hex_of(bytes),
        "base64" => PADDED.encode(bytes),
        "base64url" => BARE.encode(bytes),
        "latin1" => bytes.iter().map(|byte| char::from(*byte)).collect(),
        "utf16le" => String::from_utf16_lossy(&units(bytes)),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

fn strict(bytes: &[u8], encoding: &str, is_fatal: bool) -> Result<String, Failure> {
    let wrong = || Failure::of_type(format!("the bytes are no {encoding}"));
    match encoding {
        _ if !is_fatal => Ok(decode(bytes, encoding)),
        "utf16le" if bytes.len() % 2 == 1 => Err(wrong()),
        "utf16le" => String::from_utf16(&units(bytes)).map_err(|_| wrong()),
        _ => std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| wrong()),
    }
}

fn units(bytes: &[u8]) -> Vec<u16> {
    bytes.as_chunks::<2>().0.iter().map(|pair| u16::from_le_bytes(*pair)).collect()
}

/// Two digits for each byte.
pub(crate) fn hex_of(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// As far as there are pairs of digits.
fn hex(text: &str) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = text.as_bytes().as_chunks::<2>().0.iter();
    pairs.map_while(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

/// What is not of the alphabet is passed over; the first padding is the end.
fn base64(text: &str) -> Vec<u8> {
    let known = |byte: u8| match byte {
        b'-' => Some(b'+'),
        b'_' => Some(b'/'),
        b'+' | b'/' => Some(byte),
        byte => byte.is_ascii_alphanumeric().then_some(byte),
    };
    let mut bare: Vec<u8> = text.bytes().take_while(|byte| *byte != b'=').filter_map(known).collect();
    if bare.len() % 4 == 1 {
        // six bits are no byte
        bare.pop();
    }
    PADDED.decode(bare).unwrap_or_default()
}

/// What is no escape stays as it is.
fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut decoded, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while at < bytes.len() {
        let escaped = (bytes[at] == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        let byte = escaped.and_then(|digits| hex(digits).first().copied());
        decoded.push(byte.unwrap_or(bytes[at]));
        at += if byte.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&decoded).into_owned()
}
