//! sqlite-vec, which is linked in and so needs no file to load.

use std::ffi::{c_char, c_int, c_void};
use std::ptr;

use libsqlite3_sys as sqlite;
// it brings the C code; what it says of its entry point leaves the parameters out
use sqlite_vec as _;
use sqlx::sqlite::LockedSqliteHandle;

use crate::{NativeError, accepted};

#[expect(unsafe_code, reason = "the entry point of sqlite-vec")]
unsafe extern "C" {
    /// As `sqlite-vec.h` declares it. The last parameter is for extensions that are loaded from a file.
    fn sqlite3_vec_init(
        database: *mut sqlite::sqlite3,
        message: *mut *mut c_char,
        routines: *const c_void,
    ) -> c_int;
}

/// Adds the functions and virtual tables of sqlite-vec to this connection, and to no other.
#[expect(unsafe_code, reason = "extensions are added through the C interface")]
pub fn add_vectors(handle: &mut LockedSqliteHandle<'_>) -> Result<(), NativeError> {
    let database = handle.as_raw_handle().as_ptr();
    let mut message = ptr::null_mut();
    // SAFETY: the handle is open, and locked for as long as `handle` is borrowed; there is a place for a
    // message; linked in, sqlite-vec calls SQLite itself and does not look at the routines
    let code = unsafe { sqlite3_vec_init(database, &raw mut message, ptr::null()) };
    // SAFETY: null or made by SQLite's allocator, and not used again
    unsafe { sqlite::sqlite3_free(message.cast()) };
    accepted("sqlite-vec", code)
}
