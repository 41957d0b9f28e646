//! What QuickJS offers to C alone: an allocator, and the bytes of an array.
//!
//! QuickJS calls `abort` when there is no memory left to settle a promise with. Under its own limit that is how a
//! script that leaks ends: with the whole process. So the limit is here, and has two sides. Whoever asks for much is
//! refused at the limit, and gets an exception. Whoever asks for little is served beyond it, out of a reserve, and
//! [`Memory::is_exhausted`] tells the interrupt handler, which ends the script in a way that settles nothing.
//!
//! Mechanisms only: how much a script may have and what becomes of it is decided in `penstock-scripting`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rquickjs::allocator::{Allocator, RustAllocator};
use rquickjs::{Result, Runtime, TypedArray};

/// What is refused at the limit. Between two looks of the interrupt handler a script does some 10,000 steps: so many
/// of these are less than the reserve.
const LARGE: usize = 4 << 10;

/// How far beyond the limit small pieces are served.
const RESERVE: usize = 64 << 20;

/// How much memory a runtime has.
#[derive(Clone, Debug)]
pub struct Memory(Arc<Meter>);

#[derive(Debug)]
struct Meter {
    used: AtomicUsize,
    limit: usize,
}

impl Memory {
    /// Memory of so many bytes.
    pub fn new(limit: usize) -> Self {
        Self(Arc::new(Meter { used: AtomicUsize::new(0), limit }))
    }

    /// A runtime that has no other memory.
    pub fn runtime(&self) -> Result<Runtime> {
        Runtime::new_with_alloc(Capped { inner: RustAllocator, memory: self.clone() })
    }

    /// How many bytes are in use.
    pub fn used(&self) -> usize {
        // whoever runs the engine changes it, one at a time; others may look
        self.0.used.load(Ordering::Relaxed)
    }

    /// How many bytes there are.
    pub fn limit(&self) -> usize {
        self.0.limit
    }

    /// Whether more is in use than there should be: the script has to end.
    pub fn is_exhausted(&self) -> bool {
        self.used() > self.0.limit
    }

    /// Whether `more` bytes may be had.
    fn has(&self, more: usize) -> bool {
        let limit = if more > LARGE { self.0.limit } else { self.0.limit + RESERVE };
        more <= limit.saturating_sub(self.used())
    }

    fn add(&self, bytes: usize) {
        self.0.used.store(self.used() + bytes, Ordering::Relaxed);
    }

    fn remove(&self, bytes: usize) {
        self.0.used.store(self.used().saturating_sub(bytes), Ordering::Relaxed);
    }
}

/// The allocator of Rust, within limits.
struct Capped {
    inner: RustAllocator,
    memory: Memory,
}

#[expect(unsafe_code, reason = "the trait is unsafe: what it hands out is used as memory")]
// SAFETY: every piece is one of `RustAllocator`, unchanged, or null
unsafe impl Allocator for Capped {
    fn alloc(&mut self, size: usize) -> *mut u8 {
        if !self.memory.has(size) {
            return std::ptr::null_mut();
        }
        let piece = self.inner.alloc(size);
        self.note(piece);
        piece
    }

    fn calloc(&mut self, count: usize, size: usize) -> *mut u8 {
        if !count.checked_mul(size).is_some_and(|size| self.memory.has(size)) {
            return std::ptr::null_mut();
        }
        let piece = self.inner.calloc(count, size);
        self.note(piece);
        piece
    }

    unsafe fn dealloc(&mut self, piece: *mut u8) {
        // SAFETY: the caller got it from here, and so from `RustAllocator`
        let size = unsafe { RustAllocator::usable_size(piece) };
        self.memory.remove(size);
        // SAFETY: as above
        unsafe { self.inner.dealloc(piece) };
    }

    unsafe fn realloc(&mut self, piece: *mut u8, size: usize) -> *mut u8 {
        // SAFETY: the caller got it from here, and so from `RustAllocator`
        let old = unsafe { RustAllocator::usable_size(piece) };
        // the old piece is there until the new one is
        if size > old && !self.memory.has(if size > LARGE { size } else { size - old }) {
            return std::ptr::null_mut();
        }
        // SAFETY: as above
        let new = unsafe { self.inner.realloc(piece, size) };
        if !new.is_null() {
            self.memory.remove(old);
            self.note(new);
        }
        new
    }

    unsafe fn usable_size(piece: *mut u8) -> usize {
        // SAFETY: the caller got it from here, and so from `RustAllocator`
        unsafe { RustAllocator::usable_size(piece) }
    }
}

impl Capped {
    #[expect(unsafe_code, reason = "reads the size that `RustAllocator` keeps before the piece")]
    fn note(&self, piece: *mut u8) {
        if !piece.is_null() {
            // SAFETY: `RustAllocator` has just made it
            self.memory.add(unsafe { RustAllocator::usable_size(piece) });
        }
    }
}

/// A copy of what an array holds; nothing if it is detached.
#[expect(unsafe_code, reason = "looks at memory that the engine owns")]
pub fn bytes_of(array: &TypedArray<'_, u8>) -> Vec<u8> {
    // SAFETY: nothing of the script runs until the copy is made
    unsafe { array.as_bytes() }.map(<[u8]>::to_vec).unwrap_or_default()
}

#[cfg(test)]
mod tests;
