//! Wraps an answer's parts in gzip without compressing: valid for any decoder, and each part still
//! arrives as itself (RFC 1952 around stored blocks of RFC 1951).

use bytes::Bytes;

use super::render::Part;

const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
const LAST_EMPTY_BLOCK: [u8; 5] = [1, 0, 0, 0xff, 0xff];

pub(super) fn gzip(parts: &mut [Part]) {
    let mut checksum = crc32fast::Hasher::new();
    let mut length = 0_u32;
    let last = parts.len().saturating_sub(1);
    for (index, part) in parts.iter_mut().enumerate() {
        checksum.update(&part.bytes);
        length = length.wrapping_add(u32::try_from(part.bytes.len()).unwrap_or(u32::MAX));
        let mut encoded = if index == 0 { HEADER.to_vec() } else { Vec::new() };
        for block in part.bytes.chunks(usize::from(u16::MAX)) {
            let size = u16::try_from(block.len()).unwrap_or(u16::MAX);
            encoded.push(0);
            encoded.extend(size.to_le_bytes());
            encoded.extend((!size).to_le_bytes());
            encoded.extend(block);
        }
        if index == last {
            encoded.extend(LAST_EMPTY_BLOCK);
            encoded.extend(checksum.clone().finalize().to_le_bytes());
            encoded.extend(length.to_le_bytes());
        }
        part.bytes = Bytes::from(encoded);
    }
}
