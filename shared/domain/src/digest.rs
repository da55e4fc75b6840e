//! SHA-256 as text, the one spelling used in keys and event ids.

use sha2::{Digest, Sha256};

/// The digest of the parts, with a separator between them, as 64 hexadecimal digits.
#[must_use]
pub fn sha256_hex(parts: &[&[u8]]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let nibbles = hash
        .finalize()
        .into_iter()
        .flat_map(|byte| [byte >> 4, byte & 15]);
    nibbles
        .map(|nibble| char::from(DIGITS[usize::from(nibble)]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_set_apart() {
        assert_ne!(sha256_hex(&[b"ab", b"c"]), sha256_hex(&[b"a", b"bc"]));
        assert_eq!(sha256_hex(&[b"a"]), sha256_hex(&[b"a"]));
        assert_eq!(sha256_hex(&[]).len(), 64);
    }
}
