//! Passwords: Argon2id, kept as a PHC string.
//!
//! Each function here works for tens of milliseconds and in 19 MiB of memory, on purpose: call it from a
//! thread that may block. Whoever finds no such user, or a user without a password, calls [`burn`], so
//! that the time of an answer does not say which names exist.

use std::hint::black_box;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use penstock_core::Secret;

/// KiB of memory, passes and lanes: the OWASP recommendation for Argon2id. More would slow the log-in
/// and make it a lever to exhaust the gateway's memory.
const COST: (u32, u32, u32) = (19_456, 2, 1);

/// What a stored hash may ask for, in KiB, passes and lanes. It may come from elsewhere, and one that
/// asks for gigabytes would stop the gateway.
const LIMIT: (u32, u32, u32) = (262_144, 16, 16);

/// A hash of a password that nobody has, at [`COST`]: what [`burn`] compares with.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$cGVuc3RvY2sgbm9ib2R5IQ$\
    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Why a password could be neither hashed nor compared. A wrong password is not among these.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// What is stored is no hash, so that no password can match. It is not quoted.
    #[error(
        "the stored password is not an Argon2 hash: expected a PHC string such as $argon2id$v=19$m=19456,…"
    )]
    Malformed,
    /// What is stored costs more than a log-in may.
    #[error(
        "the stored password hash asks for m={memory},t={passes},p={lanes}: expected at most \
         m={},t={},p={}; set the password again", LIMIT.0, LIMIT.1, LIMIT.2
    )]
    TooCostly {
        /// KiB of memory.
        memory: u32,
        /// Passes over the memory.
        passes: u32,
        /// Lanes.
        lanes: u32,
    },
    /// The hash could not be computed.
    #[error("no password hash could be computed: {0}")]
    Failed(String),
    /// The operating system gives no random bytes.
    #[error("no random bytes from the operating system: {0}")]
    NoRandom(String),
}

/// The PHC string of a password, with a salt of its own. Nothing is trimmed or refused here: what a
/// password must look like is for who takes it in.
pub fn hash(password: &Secret<String>) -> Result<Secret<String>, PasswordError> {
    let mut salt = [0_u8; 16];
    getrandom::fill(&mut salt).map_err(|error| PasswordError::NoRandom(error.to_string()))?;
    let hash: PasswordHash =
        argon2().hash_password_with_salt(password.expose().as_bytes(), &salt).map_err(failed)?;
    Ok(Secret::new(hash.to_string()))
}

/// Whether this is the password of the hash, compared in constant time. Hashes of other parameters, and
/// of the siblings Argon2i and Argon2d, are verified as they are.
pub fn verify(password: &Secret<String>, phc: &str) -> Result<bool, PasswordError> {
    let hash = read(phc)?;
    match argon2().verify_password(password.expose().as_bytes(), &hash) {
        Ok(()) => Ok(true),
        Err(argon2::password_hash::Error::PasswordInvalid) => Ok(false),
        Err(error) => Err(failed(error)),
    }
}

/// Whether that is a hash with which a password could be compared, at a cost that a log-in may have.
pub fn check(phc: &str) -> Result<(), PasswordError> {
    read(phc).map(drop)
}

fn read(phc: &str) -> Result<PasswordHash, PasswordError> {
    let hash = PasswordHash::new(phc).map_err(|_| PasswordError::Malformed)?;
    // before the comparison, which calls these a wrong password
    let sound = Algorithm::new(hash.algorithm.as_str()).is_ok() && hash.salt.is_some() && hash.hash.is_some();
    let params = Params::try_from(&hash).ok().filter(|_| sound).ok_or(PasswordError::Malformed)?;
    let (memory, passes, lanes) = (params.m_cost(), params.t_cost(), params.p_cost());
    if memory > LIMIT.0 || passes > LIMIT.1 || lanes > LIMIT.2 {
        return Err(PasswordError::TooCostly { memory, passes, lanes });
    }
    Ok(hash)
}

/// Spends the time of [`verify`], where there is nothing to compare with.
pub fn burn(password: &Secret<String>) {
    let _ = black_box(verify(black_box(password), NOBODY));
}

fn argon2() -> Argon2<'static> {
    let (memory, passes, lanes) = COST;
    let params = Params::new(memory, passes, lanes, None).expect("the cost is within what Argon2 allows");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn failed(error: argon2::password_hash::Error) -> PasswordError {
    match error {
        argon2::password_hash::Error::OutOfMemory | argon2::password_hash::Error::Internal => {
            PasswordError::Failed(error.to_string())
        }
        _ => PasswordError::Malformed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret<String> {
        Secret::from(text.to_owned())
    }

    #[test]
    fn a_password_matches_its_hash_and_no_other() {
        let phc = hash(&secret("correct horse")).unwrap();
        assert!(phc.expose().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", phc.expose());
        assert_eq!(verify(&secret("correct horse"), phc.expose()), Ok(true));
        for wrong in ["correct hors", "correct horse ", "Correct horse", ""] {
            assert_eq!(verify(&secret(wrong), phc.expose()), Ok(false), "{wrong:?}");
        }
        let again = hash(&secret("correct horse")).unwrap();
        assert_ne!(phc, again, "each hash has a salt of its own");
    }

    #[test]
    fn hashes_from_elsewhere_verify() {
        // the test vectors of the reference implementation: v=19, m=2^8 and 2^16
        let cases = [
            "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
            "$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc",
            "$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA",
        ];
        for phc in cases {
            assert_eq!(verify(&secret("password"), phc), Ok(true), "{phc}");
            assert_eq!(verify(&secret("passwort"), phc), Ok(false), "{phc}");
        }
    }

    #[test]
    fn what_is_no_hash_is_not_a_wrong_password() {
        let sound = hash(&secret("x")).unwrap();
        let sound = sound.expose();
        let cases = [
            "",
            "hunter2",
            "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW",
            "$argon2id$v=19$m=19456,t=2,p=1",
            "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ",
            "$argon2x$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc",
            &sound.replace("v=19", "v=20"),
            &sound.replace("t=2", "t=two"),
            &sound.replace("t=2", "t=0"),
            &sound.replace("m=19456", "m=1"),
            &sound[..sound.len() - 60],
        ];
        for phc in cases {
            assert_ne!(phc, sound);
            let error = verify(&secret("x"), phc);
            assert_eq!(error, Err(PasswordError::Malformed), "{phc:?}");
            assert!(!error.unwrap_err().to_string().contains("hunter2"));
        }
    }

    #[test]
    fn a_hash_that_asks_for_gigabytes_is_refused() {
        let sound = hash(&secret("x")).unwrap();
        for (from, to) in
            [("m=19456", "m=262145"), ("t=2", "t=17"), ("p=1", "p=17"), ("m=19456", "m=4194304")]
        {
            let costly = sound.expose().replace(from, to);
            let error = verify(&secret("x"), &costly);
            assert!(matches!(error, Err(PasswordError::TooCostly { .. })), "{to}: {error:?}");
        }
    }

    #[test]
    fn an_unknown_user_costs_what_a_known_one_does() {
        let nobody = PasswordHash::new(NOBODY).unwrap();
        let somebody = PasswordHash::new(hash(&secret("x")).unwrap().expose()).unwrap();
        assert_eq!(nobody.algorithm, somebody.algorithm);
        assert_eq!(nobody.version, somebody.version);
        assert_eq!(nobody.params, somebody.params);
        let lengths = |hash: &PasswordHash| (hash.salt.unwrap().len(), hash.hash.unwrap().len());
        assert_eq!(lengths(&nobody), lengths(&somebody));
        // it goes all the way, and never answers yes
        assert_eq!(verify(&secret("x"), NOBODY), Ok(false));
        burn(&secret("x"));
    }
}
