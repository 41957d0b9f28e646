//! Logins of administrators: a password against a token, which is kept as a digest alone.
//!
//! The digest is made of the token and of the hash of the password, so that a changed password ends every
//! session that was opened with the old one. Whether the user is still an administrator is looked up anew with
//! each request.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use penstock_core::{Secret, Timestamp, UserId};

use crate::password::{self, PasswordError};
use crate::{ControlError, ControlStore, KeyDigest, Records, Session, User};

/// How long a session lasts. A working day: whoever comes back the next one logs in again.
pub const SESSION: Duration = Duration::from_hours(12);

/// Why nobody was logged in.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// No such user, no password, or another one: they are not told apart.
    #[error("no user of that name has that password")]
    Refused,
    /// The password is right, and the user may not use the admin API.
    #[error("this user is not an administrator, or is disabled")]
    NoAdministrator,
    /// The stored hash cannot be used.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The operating system gives no random numbers.
    #[error("no random numbers for a session: {0}")]
    NoRandom(String),
    /// The store refused.
    #[error(transparent)]
    Store(#[from] ControlError),
}

/// Someone who is logged in.
#[derive(Clone, Debug)]
pub struct LoggedIn {
    /// Who.
    pub user: Arc<User>,
    /// What the client shows from now on.
    pub token: Secret<String>,
    /// When the session ends by itself.
    pub expires_at: Timestamp,
}

/// Opens a session. An unknown user costs the time of a known one.
pub async fn log_in(
    store: &dyn ControlStore,
    name: &str,
    password: Secret<String>,
    now: Timestamp,
) -> Result<LoggedIn, LoginError> {
    let records = store.load().await?.records;
    let user = records.users.shared().find(|user| user.name == name).cloned();
    let hash = user.as_ref().and_then(|user| user.password.clone());
    // tens of milliseconds of work, for which a thread of its own may block
    let checked = tokio::task::spawn_blocking(move || {
        // the hash is compared with, and goes nowhere
        let Some(hash) = hash else {
            password::burn(&password);
            return Ok(false);
        };
        password::verify(&password, hash.expose())
    });
    let right = checked.await.map_err(|error| PasswordError::Failed(error.to_string()))??;
    let user = user.filter(|_| right).ok_or(LoginError::Refused)?;
    if !may_administer(&user, &records) {
        return Err(LoginError::NoAdministrator);
    }
    let mut random = [0_u8; 32];
    getrandom::fill(&mut random).map_err(|error| LoginError::NoRandom(error.to_string()))?;
    let token = Secret::new(format!("{}.{}", user.id, URL_SAFE_NO_PAD.encode(random)));
    let expires_at = now.plus(SESSION);
    let digest = digest(token.expose(), &user);
    store.open_session(&Session { digest, user_id: user.id, created_at: now, expires_at }).await?;
    Ok(LoggedIn { user, token, expires_at })
}

/// Whose session a token is, if it is one that still holds: of a user who is enabled and an administrator in
/// these records.
pub async fn session(
    store: &dyn ControlStore,
    records: &Records,
    token: &str,
    now: Timestamp,
) -> Result<Option<Arc<User>>, ControlError> {
    let Some(user) = holder(records, token) else { return Ok(None) };
    let session = store.session(&digest(token, user)).await?;
    let holds = session.is_some_and(|session| session.user_id == user.id && now < session.expires_at);
    Ok(Some(Arc::clone(user)).filter(|user| holds && may_administer(user, records)))
}

/// Ends the session of a token; one that is not there is none to end.
pub async fn log_out(store: &dyn ControlStore, records: &Records, token: &str) -> Result<(), ControlError> {
    match holder(records, token) {
        Some(user) => store.end_session(&digest(token, user)).await,
        None => Ok(()),
    }
}

/// The user that a token names.
fn holder<'a>(records: &'a Records, token: &str) -> Option<&'a Arc<User>> {
    let id = token.split_once('.')?.0.parse().ok().map(UserId)?;
    records.users.get(id)
}

/// Whether a user may use the admin API.
pub(crate) fn may_administer(user: &User, records: &Records) -> bool {
    let in_org = records.orgs.get(user.org_id).is_some_and(|org| org.enabled);
    let in_team = user.team_id.is_none_or(|id| records.teams.get(id).is_some_and(|team| team.enabled));
    user.enabled && user.is_admin && in_org && in_team
}

fn digest(token: &str, user: &User) -> String {
    // the hash is part of what is hashed, and goes nowhere
    let password = user.password.as_ref().map_or("", |hash| hash.expose());
    KeyDigest::of(&format!("{token}\n{password}")).to_string()
}
