//! Keys as names of files and folders, and back.
//!
//! A key is `reports/2024/May.txt`, its file `reports%/2024%/%4day.txt`. Small ASCII letters, digits and the
//! signs of a key stay, any other byte is `%` and two digits, so that names differ on file systems that
//! ignore case or write letters in their own way. A folder ends with `%`, so that `a` and `a/b` can both be
//! there. A name longer than [`PIECE`] goes on in a folder that ends with `%~`. What is not written just so
//! is no blob, such as the folder of temporary files, `%tmp`.

/// File systems allow 255 bytes in a name, those that encrypt names down to 143.
const PIECE: usize = 128;
const FOLDER: &str = "%";
const DIGITS: [u8; 16] = *b"0123456789abcdef";
const GOES_ON: &str = "%~";

/// Where a key is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The folders, from the root.
    pub(super) folders: Vec<String>,
    /// The file in the last of them.
    pub(super) file: String,
}

/// The place of a key.
pub(super) fn place(key: &str) -> Place {
    let (folder, name) = key.rsplit_once('/').unwrap_or(("", key));
    let mut folders = folders(folder);
    let mut pieces = pieces(name);
    let file = pieces.pop().unwrap_or_default();
    folders.extend(pieces.into_iter().map(|piece| piece + GOES_ON));
    Place { folders, file }
}

/// The folders of what stands before a `/` in keys.
pub(super) fn folders(folder: &str) -> Vec<String> {
    let mut folders = Vec::new();
    for segment in folder.split('/').filter(|segment| !segment.is_empty()) {
        let mut pieces = pieces(segment);
        let last = pieces.pop().unwrap_or_default();
        folders.extend(pieces.into_iter().map(|piece| piece + GOES_ON));
        folders.push(last + FOLDER);
    }
    folders
}

fn pieces(segment: &str) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut piece = String::new();
    for byte in segment.bytes() {
        if piece.len() + width(byte, piece.is_empty()) > PIECE {
            pieces.push(std::mem::take(&mut piece));
        }
        if width(byte, piece.is_empty()) == 1 {
            piece.push(char::from(byte));
        } else {
            piece.push('%');
            piece.extend([byte >> 4, byte & 15].map(|half| char::from(DIGITS[usize::from(half)])));
        }
    }
    pieces.push(piece);
    pieces
}

/// One if the byte stays as it is. A dot at the beginning does not: a cut could leave `..`, and a file that
/// begins with one is hidden.
fn width(byte: u8, first: bool) -> usize {
    match byte {
        b'.' if first => 3,
        b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'~' | b'+' | b'=' | b'@' | b',' | b'-' => 1,
        _ => 3,
    }
}

/// What a name in a folder may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Folder,
}

/// Adds what a name stands for to the key so far; `None` if it is none of ours.
pub(super) fn decode(name: &str, key: &mut Vec<u8>) -> Option<Kind> {
    let (text, kind, end) = match (name.strip_suffix(GOES_ON), name.strip_suffix(FOLDER)) {
        (Some(text), _) => (text, Kind::Folder, &b""[..]),
        (None, Some(text)) => (text, Kind::Folder, &b"/"[..]),
        (None, None) => (name, Kind::File, &b""[..]),
    };
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => key.push(digit(bytes.next()?)? << 4 | digit(bytes.next()?)?),
            _ => key.push(byte),
        }
    }
    key.extend_from_slice(end);
    Some(kind)
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(key: &str) -> String {
        let Place { mut folders, file } = place(key);
        folders.push(file);
        folders.join("/")
    }

    #[test]
    fn keys_have_readable_names() {
        for (key, expected) in [
            ("a", "a"),
            ("a/b", "a%/b"),
            ("reports/2024/May.txt", "reports%/2024%/%4day.txt"),
            (".hidden/..b", "%2ehidden%/%2e.b"),
            ("é~", "%c3%a9~"),
            ("~", "~"),
        ] {
            assert_eq!(path(key), expected, "{key}");
        }
    }

    #[test]
    fn every_name_is_short_and_reads_back() {
        let long = ".".repeat(1_024);
        let wide = "語K".repeat(256);
        for key in ["a", "a/b/c", "K~/=+@,-_.x", &long, &wide, &format!("{}/{}", &long[..500], &long[..300])]
        {
            let Place { folders, file } = place(key);
            let mut read = Vec::new();
            for name in &folders {
                assert!(name.len() <= PIECE + 2 && name != "." && name != "..", "{name}");
                assert_eq!(decode(name, &mut read), Some(Kind::Folder), "{name}");
            }
            assert!(file.len() <= PIECE && file != "." && file != "..", "{file}");
            assert_eq!(decode(&file, &mut read), Some(Kind::File), "{file}");
            assert_eq!(String::from_utf8(read).unwrap(), key);
        }
    }

    #[test]
    fn other_names_are_none_of_ours() {
        for name in ["%tmp", "%", "%4", "%4D", "a%4"] {
            let read = decode(name, &mut Vec::new());
            assert!(read.is_none() || name == "%", "{name} was read as {read:?}");
        }
    }
}
