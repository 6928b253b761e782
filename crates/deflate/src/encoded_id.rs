//! Ids as the bits that they have in every stream.

use super::bits::MAX_LONG_BITS;
use super::code::LITERALS;
use super::crc;

/// The longest id, in bytes.
pub(super) const MAX_ID: usize = 255;

/// An id with its bits and its share of the checksum, both the same in every stream. 32 bytes.
#[derive(Clone, Copy, Debug)]
pub struct EncodedId {
    /// The first bits lowest.
    pub(super) bits: [u64; 3],
    pub(super) share: u32,
    /// The number of bits; 0 if they do not fit.
    pub(super) bit_len: u8,
    /// The number of bytes.
    pub(super) len: u8,
}

impl EncodedId {
    /// Encodes an id. A UUID, 32 hexadecimal digits and four hyphens, has at most 176 bits. An id
    /// of more than 184 bits is encoded again each time it is written.
    ///
    /// # Panics
    /// If the id has more than 255 bytes.
    #[must_use]
    pub fn new(id: &str) -> Self {
        assert!(id.len() <= MAX_ID, "an id has at most {MAX_ID} bytes");
        let mut encoded = Self {
            bits: [0; 3],
            share: crc::share(id.as_bytes()),
            bit_len: 0,
            len: id.len() as u8,
        };
        let mut bit_len = 0;
        for literal in id.bytes().map(|byte| LITERALS[usize::from(byte)]) {
            if bit_len + literal.len > MAX_LONG_BITS {
                return encoded;
            }
            let (word, offset) = (bit_len as usize / 64, bit_len % 64);
            encoded.bits[word] |= literal.bits << offset;
            if offset + literal.len > 64 {
                encoded.bits[word + 1] |= literal.bits >> (64 - offset);
            }
            bit_len += literal.len;
        }
        encoded.bit_len = bit_len as u8;
        encoded
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_take_32_megabytes() {
        assert_eq!(size_of::<EncodedId>(), 32);
    }

    #[test]
    fn uuids_fit_and_longer_ids_do_not() {
        assert_eq!(EncodedId::new("0").bit_len, 4);
        let most_bits = "ffffffff-ffff-ffff-ffff-ffffffffffff";
        assert_eq!(EncodedId::new(most_bits).bit_len, 176);
        assert_eq!(EncodedId::new(&"0".repeat(46)).bit_len, 184);
        assert_eq!(EncodedId::new(&"0".repeat(47)).bit_len, 0);
    }
}
