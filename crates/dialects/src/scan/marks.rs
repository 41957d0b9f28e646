//! Which bytes of a document mean something: 64 at a time, with whatever vectors the processor has.
//!
//! Bodies are mostly strings, and the inside of a string is passed over here, where it is also checked. What
//! is left to read are the quotes and what stands outside strings. Nothing branches on what a byte of a string is:
//! code in JSON has an escape every few bytes, which no processor foresees.

#![expect(clippy::inline_always, reason = "code that uses vectors is made anew for each kind of processor")]

use fearless_simd::{Simd, prelude::*, u8x64};

/// Bytes that are looked at together, one bit for each.
pub(super) const BLOCK: usize = 64;
/// What may stand behind a back-slash.
const ESCAPES: [u8; 9] = *b"\"\\/bfnrtu";
const BLANKS: [u8; 4] = *b" \t\n\r";

/// What a block holds, a bit for each byte.
#[derive(Clone, Copy, Default)]
pub(super) struct Marks {
    /// Quotes, and what stands outside strings.
    pub(super) tokens: u64,
    /// What must not stand in a string. Behind the first such byte, and behind the first token that is wrong,
    /// marks are of no use.
    pub(super) wrong: u64,
}

/// What one block leaves to the next.
#[derive(Debug, Default)]
pub(super) struct Marker {
    /// Whether the last byte was a back-slash that escapes the next: 1 or 0.
    escape: u64,
    /// All bits, if a string is open.
    inside: u64,
    /// The digits of a `\u` escape that are still to come.
    digits: u64,
    /// Whether the last byte was a blank: 1 or 0.
    blank: u64,
}

impl Marker {
    /// Marks the first `length` bytes of `block`, of which there is at least one.
    #[inline(always)]
    pub(super) fn mark<S: Simd>(&mut self, simd: S, block: &[u8; BLOCK], length: u32) -> Marks {
        let bytes = u8x64::from_slice(simd, block);
        let escape = escapes(bytes.simd_eq(b'\\').to_bitmask(), self.escape);
        let escaped = (escape << 1) | self.escape;
        let quotes = bytes.simd_eq(b'"').to_bitmask() & !escaped;
        let control = bytes.simd_lt(0x20).to_bitmask();
        let wrong_escapes = escaped & !may_be_escaped(simd, bytes);
        let wrong_digits = self.wrong_digits(bytes, escaped, length);
        let last = length - 1;
        let real = u64::MAX >> (u64::BITS - length);
        self.escape = (escape >> last) & 1;
        if quotes == 0 && self.inside != 0 {
            // amid a string, as nearly all blocks of a large body are; only what is outside asks about blanks
            return Marks { tokens: 0, wrong: (control | wrong_escapes | wrong_digits) & real };
        }
        let inside = up_to_next(quotes) ^ self.inside;
        let blank = blanks(simd, bytes);
        // the first blank of several tells that a number is over
        let outside = !inside & !(blank & ((blank << 1) | self.blank));
        self.inside = 0_u64.wrapping_sub((inside >> last) & 1);
        self.blank = (blank >> last) & 1;
        let wrong = (inside & control) | wrong_escapes | wrong_digits;
        Marks { tokens: (quotes | outside) & real, wrong: wrong & real }
    }

    /// What is no hex digit among the four bytes behind each `\u`.
    #[inline(always)]
    fn wrong_digits<S: Simd>(&mut self, bytes: u8x64<S>, escaped: u64, length: u32) -> u64 {
        let u = escaped & bytes.simd_eq(b'u').to_bitmask();
        if u | self.digits == 0 {
            return 0;
        }
        let digits = self.digits | (u << 1) | (u << 2) | (u << 3) | (u << 4);
        let behind = (u >> 63) | (u >> 62) | (u >> 61) | (u >> 60);
        self.digits = digits.unbounded_shr(length) | (behind << (u64::BITS - length));
        let letters = bytes | 0x20;
        let decimal = bytes.simd_ge(b'0') & bytes.simd_le(b'9');
        let letter = letters.simd_ge(b'a') & letters.simd_le(b'f');
        digits & !(decimal | letter).to_bitmask()
    }
}

/// The back-slashes that escape the byte behind them, if `first` says whether the first byte is escaped itself.
/// Of a row of back-slashes every other one escapes; subtraction carries that along the row
/// (Langdale and Lemire, "Parsing gigabytes of JSON per second", 3.1.1).
#[inline(always)]
fn escapes(back_slash: u64, first: u64) -> u64 {
    const ODD: u64 = 0xaaaa_aaaa_aaaa_aaaa;
    let possible = back_slash & !first;
    (((possible << 1) | ODD).wrapping_sub(possible) ^ ODD) & back_slash
}

/// The bits from each odd one up to the next even one.
#[inline(always)]
fn up_to_next(bits: u64) -> u64 {
    [1, 2, 4, 8, 16, 32].into_iter().fold(bits, |bits, shift| bits ^ (bits << shift))
}

/// Which bytes are one of [`ESCAPES`]: those whose two halves name a common bit.
#[inline(always)]
fn may_be_escaped<S: Simd>(simd: S, bytes: u8x64<S>) -> u64 {
    const LOW: [u8; BLOCK] = halves(0);
    const HIGH: [u8; BLOCK] = halves(4);
    let low = u8x64::from_slice(simd, &LOW).swizzle_dyn_within_blocks(bytes & 15);
    let high = u8x64::from_slice(simd, &HIGH).swizzle_dyn_within_blocks(bytes >> 4);
    (low & high).simd_ne(0).to_bitmask()
}

/// For each value of the half of a byte at `shift` the [`ESCAPES`] it occurs in: a bit for each upper
/// half, of which there are few.
const fn halves(shift: usize) -> [u8; BLOCK] {
    let (mut table, mut at) = ([0; BLOCK], 0);
    while at < BLOCK * ESCAPES.len() {
        let (half, escape) = (at % BLOCK, ESCAPES[at / BLOCK]);
        if half % 16 == (escape >> shift) as usize % 16 {
            table[half] |= 1 << (escape >> 4);
        }
        at += 1;
    }
    table
}

/// Which bytes are one of [`BLANKS`]: those that stand in a table at the place that their lower half names.
#[inline(always)]
fn blanks<S: Simd>(simd: S, bytes: u8x64<S>) -> u64 {
    const TABLE: [u8; BLOCK] = {
        let (mut table, mut at) = ([u8::MAX; BLOCK], 0);
        while at < BLOCK * BLANKS.len() {
            let (place, blank) = (at % BLOCK, BLANKS[at / BLOCK]);
            if place % 16 == blank as usize % 16 {
                table[place] = blank;
            }
            at += 1;
        }
        table
    };
    u8x64::from_slice(simd, &TABLE).swizzle_dyn_within_blocks(bytes & 15).simd_eq(bytes).to_bitmask()
}
