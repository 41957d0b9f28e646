//! XChaCha20-Poly1305 as the seal uses it: a random nonce, then the ciphertext, then the tag.

use chacha20poly1305::aead::{Aead, AeadInOut, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use penstock_core::Secret;

use super::SealError;

/// A nonce of this length may be drawn at random for every message of a key's life.
const NONCE: usize = 24;
const TAG: usize = 16;

/// What a ciphertext is longer by than its plaintext.
pub(super) const OVERHEAD: usize = NONCE + TAG;

/// A key of this cipher.
pub(super) type Key = Secret<[u8; 32]>;

/// Bytes from the operating system's random source.
pub(super) fn random<const N: usize>() -> Result<[u8; N], SealError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| SealError::NoRandom(error.to_string()))?;
    Ok(bytes)
}

/// Encrypts, and vouches for `associated` along with it.
pub(super) fn encrypt(key: &Key, plaintext: &[u8], associated: &[u8]) -> Result<Vec<u8>, SealError> {
    let nonce = random::<NONCE>()?;
    // large enough from the start: a buffer that grew would leave a copy of the plaintext behind
    let mut sealed = Vec::with_capacity(plaintext.len() + OVERHEAD);
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(plaintext);
    let tag = cipher(key)
        .encrypt_inout_detached(&XNonce::from(nonce), associated, (&mut sealed[NONCE..]).into())
        .expect("no secret and no snapshot has the 256 GiB that end what one nonce can encrypt");
    sealed.extend_from_slice(&tag);
    Ok(sealed)
}

/// The plaintext, if key, bytes and `associated` are those of [`encrypt`].
pub(super) fn decrypt(key: &Key, sealed: &[u8], associated: &[u8]) -> Option<Secret<Vec<u8>>> {
    let (nonce, ciphertext) = sealed.split_first_chunk::<NONCE>()?;
    let payload = Payload { msg: ciphertext, aad: associated };
    cipher(key).decrypt(&XNonce::from(*nonce), payload).ok().map(Secret::new)
}

/// The one place where a key is taken out: into the cipher, which wipes its copy.
fn cipher(key: &Key) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(key.expose().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Appendix A.3.1 of draft-irtf-cfrg-xchacha-03.
    #[test]
    fn the_published_vector_opens() {
        let key = Secret::new(std::array::from_fn(|index| 0x80 + u8::try_from(index).unwrap()));
        let nonce: [u8; NONCE] = std::array::from_fn(|index| 0x40 + u8::try_from(index).unwrap());
        let associated = [0x50, 0x51, 0x52, 0x53, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7];
        let ciphertext = "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb\
             731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452\
             2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9\
             21f9664c97637da9768812f615c68b13b52e\
             c0875924c1c7987947deafd8780acf49";
        let hex = |at: usize| u8::from_str_radix(&ciphertext[at..at + 2], 16).unwrap();
        let mut sealed = nonce.to_vec();
        sealed.extend((0..ciphertext.len()).step_by(2).map(hex));
        let opened = decrypt(&key, &sealed, &associated).unwrap();
        assert_eq!(
            std::str::from_utf8(opened.expose()).unwrap(),
            "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, \
             sunscreen would be it."
        );
    }

    #[test]
    fn nothing_is_as_long_as_the_overhead_and_less_never_opens() {
        let key = Secret::new([7; 32]);
        let sealed = encrypt(&key, b"", b"place").unwrap();
        assert_eq!(sealed.len(), OVERHEAD);
        assert!(decrypt(&key, &sealed, b"place").unwrap().expose().is_empty());
        for length in 0..OVERHEAD {
            assert!(decrypt(&key, &sealed[..length], b"place").is_none(), "{length} bytes");
        }
    }

    #[test]
    fn no_two_ciphertexts_are_the_same() {
        let key = Secret::new([7; 32]);
        assert_ne!(encrypt(&key, b"x", b"").unwrap(), encrypt(&key, b"x", b"").unwrap());
    }
}
