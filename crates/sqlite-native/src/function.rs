//! Functions that SQL may call, computed where the row lies: its values are looked at and not copied.

use std::ffi::{CStr, c_int};
use std::{ptr, slice};

use libsqlite3_sys as sqlite;
use sqlx::sqlite::LockedSqliteHandle;

use crate::{NativeError, accepted};

/// A value of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// A text, in UTF-8 unless someone wrote something else.
    Text(&'a [u8]),
    /// Bytes.
    Bytes(&'a [u8]),
    /// A number or nothing.
    Other,
}

/// A function of two values that gives a number, or nothing.
pub trait Scalar {
    /// How SQL calls it.
    const NAME: &'static CStr;

    /// The same for the same values, always. A panic ends the process.
    fn call(first: Value<'_>, second: Value<'_>) -> Option<f64>;
}

/// Lets SQL call `F` on this connection; not from a view, a trigger or an index, which a file would keep.
#[expect(unsafe_code, reason = "functions are made through the C interface")]
pub fn add_function<F: Scalar>(handle: &mut LockedSqliteHandle<'_>) -> Result<(), NativeError> {
    let database = handle.as_raw_handle().as_ptr();
    let flags = sqlite::SQLITE_UTF8 | sqlite::SQLITE_DETERMINISTIC | sqlite::SQLITE_DIRECTONLY;
    // SAFETY: the handle is open, and locked for as long as `handle` is borrowed. The name and the callback
    // live for ever; there is no data, and so nothing to destroy.
    let code = unsafe {
        sqlite::sqlite3_create_function_v2(
            database,
            F::NAME.as_ptr(),
            2,
            flags,
            ptr::null_mut(),
            Some(call::<F>),
            None,
            None,
            None,
        )
    };
    accepted("a function", code)
}

/// # Safety
///
/// `context` is that of a call, and `values` are its arguments: so SQLite calls a function.
#[expect(unsafe_code, reason = "SQLite hands over its own values")]
unsafe extern "C" fn call<F: Scalar>(
    context: *mut sqlite::sqlite3_context,
    count: c_int,
    values: *mut *mut sqlite::sqlite3_value,
) {
    // SAFETY: SQLite gives as many arguments as `count` says, which the function was made with
    let values = unsafe { slice::from_raw_parts(values, usize::try_from(count).unwrap_or_default()) };
    let &[first, second] = values else { return };
    // SAFETY: both are arguments of this call, and not used after it
    let first = unsafe { value(first) };
    // SAFETY: the same
    let second = unsafe { value(second) };
    if let Some(number) = F::call(first, second) {
        // SAFETY: the context is that of this call; what is not set is null
        unsafe { sqlite::sqlite3_result_double(context, number) };
    }
}

/// # Safety
///
/// `value` is an argument of a call that lasts for `'a`, and nothing else reads it meanwhile.
#[expect(unsafe_code, reason = "SQLite hands over its own values")]
unsafe fn value<'a>(value: *mut sqlite::sqlite3_value) -> Value<'a> {
    // SAFETY: as this function demands, here and below
    let kind = unsafe { sqlite::sqlite3_value_type(value) };
    let start = match kind {
        // SAFETY: as above; asked for before its length, as SQLite wants it
        sqlite::SQLITE_TEXT => unsafe { sqlite::sqlite3_value_text(value) },
        // SAFETY: as above
        sqlite::SQLITE_BLOB => unsafe { sqlite::sqlite3_value_blob(value) }.cast(),
        _ => return Value::Other,
    };
    // SAFETY: as above
    let length = unsafe { sqlite::sqlite3_value_bytes(value) };
    let bytes = match usize::try_from(length) {
        // no bytes have no place
        Ok(length) if length > 0 && !start.is_null() => {
            // SAFETY: so many bytes stand there until the value is asked for as another type or the call ends
            unsafe { slice::from_raw_parts(start, length) }
        }
        _ => &[],
    };
    if kind == sqlite::SQLITE_TEXT { Value::Text(bytes) } else { Value::Bytes(bytes) }
}
