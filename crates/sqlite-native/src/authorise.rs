//! Asks before each statement: SQLite calls the authoriser while it prepares one, for everything in it.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;

use libsqlite3_sys as sqlite;
use sqlx::sqlite::LockedSqliteHandle;

use crate::{NativeError, accepted};

/// Something that a statement is about to do. Names are as the statement spells them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action<'a> {
    /// To open a file as a database; no name if it is known only when the statement runs.
    Attach(Option<&'a [u8]>),
    /// To close one.
    Detach,
    /// To read or to set a pragma.
    Pragma {
        /// Its name.
        name: &'a [u8],
        /// What it is given.
        argument: Option<&'a [u8]>,
    },
    /// To call a function.
    Function(&'a [u8]),
    /// To make a table, an index, a view or a trigger for this connection only.
    CreateTemporary,
    /// Anything else.
    Other,
}

/// Decides what statements may do.
pub trait Authorise {
    /// Whether a statement may do this. A panic ends the process.
    fn allows(action: Action<'_>) -> bool;
}

/// Lets `A` decide on every statement that the connection prepares from now on.
#[expect(unsafe_code, reason = "the authoriser is set through the C interface")]
pub fn restrict<A: Authorise>(handle: &mut LockedSqliteHandle<'_>) -> Result<(), NativeError> {
    let database = handle.as_raw_handle().as_ptr();
    // SAFETY: the handle is open, and locked for as long as `handle` is borrowed. The callback is a function,
    // which lives for ever, and needs no data.
    let code = unsafe { sqlite::sqlite3_set_authorizer(database, Some(ask::<A>), ptr::null_mut()) };
    accepted("an authoriser", code)
}

/// # Safety
///
/// `first`, `second` and `database` are null, or texts that end with a zero byte and live until this returns: so SQLite
/// calls an authoriser.
#[expect(unsafe_code, reason = "SQLite hands over C strings")]
unsafe extern "C" fn ask<A: Authorise>(
    _data: *mut c_void,
    action: c_int,
    first: *const c_char,
    second: *const c_char,
    database: *const c_char,
    _inside_of: *const c_char,
) -> c_int {
    let [first, second, database] = [first, second, database].map(|text| {
        // SAFETY: as this function demands; the borrow ends before it returns
        (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_bytes())
    });
    let action = match action {
        sqlite::SQLITE_ATTACH => Action::Attach(first),
        sqlite::SQLITE_DETACH => Action::Detach,
        sqlite::SQLITE_PRAGMA => Action::Pragma { name: first.unwrap_or_default(), argument: second },
        sqlite::SQLITE_FUNCTION => Action::Function(second.unwrap_or_default()),
        sqlite::SQLITE_CREATE_TEMP_INDEX
        | sqlite::SQLITE_CREATE_TEMP_TABLE
        | sqlite::SQLITE_CREATE_TEMP_TRIGGER
        | sqlite::SQLITE_CREATE_TEMP_VIEW => Action::CreateTemporary,
        // `CREATE TABLE temp.t` says the same in other words
        sqlite::SQLITE_CREATE_INDEX
        | sqlite::SQLITE_CREATE_TABLE
        | sqlite::SQLITE_CREATE_TRIGGER
        | sqlite::SQLITE_CREATE_VIEW
        | sqlite::SQLITE_CREATE_VTABLE
            if database == Some(b"temp") =>
        {
            Action::CreateTemporary
        }
        _ => Action::Other,
    };
    if A::allows(action) { sqlite::SQLITE_OK } else { sqlite::SQLITE_DENY }
}
