//! Packing of stored bytes: compressed when it pays, with a hash that identifies equal contents.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

use super::StoreError;

/// Contents up to this size are stored as they are: compressing them saves no write unit worth its time.
const COMPRESS_ABOVE_BYTES: usize = 1024;
/// Largest unpacked content: a bound against a damaged or hostile item.
const UNPACKED_LIMIT_BYTES: u64 = 64 * 1024 * 1024;

/// Bytes ready to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// `plain` or `gzip`.
    pub encoding: &'static str,
}

/// Compresses content when it pays.
#[must_use]
pub fn pack(content: &[u8]) -> Packed {
    if content.len() > COMPRESS_ABOVE_BYTES {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        if encoder.write_all(content).is_ok()
            && let Ok(bytes) = encoder.finish()
            && bytes.len() < content.len()
        {
            return Packed {
                bytes,
                encoding: "gzip",
            };
        }
    }
    Packed {
        bytes: content.to_vec(),
        encoding: "plain",
    }
}

/// Reads what [`pack`] wrote.
pub fn unpack(what: &str, bytes: &[u8], encoding: &str) -> Result<Vec<u8>, StoreError> {
    match encoding {
        "plain" => Ok(bytes.to_vec()),
        "gzip" => {
            let mut content = Vec::new();
            let read = GzDecoder::new(bytes)
                .take(UNPACKED_LIMIT_BYTES + 1)
                .read_to_end(&mut content);
            match read {
                Ok(count) if count as u64 > UNPACKED_LIMIT_BYTES => Err(StoreError::unreadable(
                    what,
                    "it unpacks to more than 64 MB",
                )),
                Ok(_) => Ok(content),
                Err(_) => Err(StoreError::unreadable(
                    what,
                    "the compressed content is damaged",
                )),
            }
        }
        other => Err(StoreError::unreadable(
            what,
            format!("unknown encoding {other:?}"),
        )),
    }
}

/// Hash of a content: 32 hexadecimal digits.
#[must_use]
pub fn digest(content: &[u8]) -> String {
    use std::fmt::Write;
    Sha256::digest(content)
        .iter()
        .take(16)
        .fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_unpacked() {
        let text = "parcela ".repeat(500);
        for content in [b"".as_slice(), b"{}", text.as_bytes()] {
            let packed = pack(content);
            assert_eq!(
                unpack("a body", &packed.bytes, packed.encoding).unwrap(),
                content
            );
        }
        assert_eq!(pack(text.as_bytes()).encoding, "gzip");
        assert_eq!(pack(b"{}").encoding, "plain");
    }

    #[test]
    fn damage_is_an_error_and_not_a_panic() {
        assert!(unpack("a body", b"not gzip at all", "gzip").is_err());
        assert!(unpack("a body", b"x", "brotli").is_err());
    }
}
