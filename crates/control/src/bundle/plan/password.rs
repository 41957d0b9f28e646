//! Passwords: a hash as it is, a plain one as the hash that it verifies.

use super::{Planner, Spot};
use crate::bundle::check::joined;
use crate::bundle::entry::{Entry, Given};
use crate::bundle::shape::Field;
use crate::password;
use crate::table::Cell;

impl Planner<'_> {
    /// Sets the password, and says whether that is another one; `None` after a problem.
    pub(super) fn password(
        &mut self,
        field: &Field,
        given: &Given,
        user: i64,
        cell: &mut Cell,
        entry: &Entry,
        spot: &Spot,
    ) -> Option<bool> {
        let Given::Hidden(secret) = given else {
            let differs = *cell != Cell::Null;
            *cell = Cell::Null;
            return Some(differs);
        };
        let secret = self.resolve(secret, field, entry, spot)?;
        let text = secret.expose();
        if text.starts_with("$argon2") {
            if let Err(error) = password::check(text) {
                self.report(entry.line, &joined(&spot.place, field.name), error.to_string());
                return None;
            }
            let differs = *cell != Cell::Text(text.clone());
            *cell = Cell::Text(text.clone());
            return Some(differs);
        }
        if is_foreign_hash(text) {
            let says = "expected a password, or its hash by Argon2, found a hash of another kind";
            self.report(entry.line, &joined(&spot.place, field.name), says);
            return None;
        }
        if let Cell::Text(hash) = &*cell
            && password::verify(&secret, hash).unwrap_or(false)
        {
            return Some(false);
        }
        // the place of the hash, which is made when it comes to it
        *cell = Cell::Text(String::new());
        self.plan.passwords.push((user, secret));
        Some(true)
    }
}

/// `$2b$…`, `$scrypt$…`, `$6$…`: nobody's password, and nothing that could be verified here.
fn is_foreign_hash(text: &str) -> bool {
    let scheme = text.strip_prefix('$').and_then(|rest| rest.split_once('$'));
    scheme.is_some_and(|(scheme, rest)| {
        !scheme.is_empty()
            && rest.contains('$')
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    })
}
