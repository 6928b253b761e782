//! gzip's CRC-32 (RFC 1952, 8) of a text that is known in pieces and never assembled.
//!
//! The checksum of `a` followed by `b` is the checksum of `a`, shifted past as many zero bytes as
//! `b` has, XOR the share of `b`. The share of a piece is its checksum with an initial value of 0.
//! Leading zero bytes do not change a share.

use std::sync::OnceLock;

const POLYNOMIAL: u32 = 0xedb8_8320;
/// The number of positions, counted from the end of a piece, that have a table.
const POSITIONS: usize = 17;

/// `SHARES[n][byte]` is the share of `byte` followed by `n` zero bytes.
static SHARES: [[u32; 256]; POSITIONS] = {
    let mut tables = [[0; 256]; POSITIONS];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 {
                crc >> 1 ^ POLYNOMIAL
            } else {
                crc >> 1
            };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut position = 1;
    while position < POSITIONS {
        byte = 0;
        while byte < 256 {
            let previous = tables[position - 1][byte];
            tables[position][byte] = previous >> 8 ^ tables[0][previous as usize & 0xff];
            byte += 1;
        }
        position += 1;
    }
    tables
};

/// The share of a text.
pub(super) fn share(text: &[u8]) -> u32 {
    advance(0, text)
}

/// The share of 1 to 16 bytes followed by one zero byte. They are the lowest `len` bytes of `text`,
/// the first one lowest.
#[inline(always)]
pub(super) fn share_of_short(text: u128, len: u32) -> u32 {
    // Shifted to the end, so that each byte has the same table for every length. The zero bytes
    // in front change nothing.
    if len <= 8 {
        let bytes = ((text as u64) << (64 - 8 * len)).to_le_bytes();
        (0..8).fold(0, |share, index| {
            share ^ SHARES[8 - index][bytes[index] as usize]
        })
    } else {
        let bytes = (text << (128 - 8 * len)).to_le_bytes();
        (0..16).fold(0, |share, index| {
            share ^ SHARES[16 - index][bytes[index] as usize]
        })
    }
}

fn advance(crc: u32, text: &[u8]) -> u32 {
    text.iter().fold(crc, |crc, byte| {
        crc >> 8 ^ SHARES[0][(crc as u8 ^ byte) as usize]
    })
}

/// Shifts a checksum past a fixed number of zero bytes, with four table lookups.
#[derive(Debug)]
pub(super) struct CrcShift([[u32; 256]; 4]);

/// The number of shifts that can be made: those past 0 to 1,023 bytes.
const SHIFTS: usize = 1_024;

impl CrcShift {
    /// The shift past `n` zero bytes, fewer than [`SHIFTS`]. Made on first use and kept.
    pub(super) fn past(n: usize) -> &'static Self {
        static MADE: [OnceLock<Box<CrcShift>>; SHIFTS] = [const { OnceLock::new() }; SHIFTS];
        MADE[n].get_or_init(|| {
            let zeros = vec![0; n];
            let mut tables = Box::new(Self([[0; 256]; 4]));
            for (position, table) in tables.0.iter_mut().enumerate() {
                for bit in 0..8 {
                    let shifted = advance(1 << (8 * position + bit), &zeros);
                    // CRC is linear: a byte's result is the XOR of its bits' results.
                    for byte in (0..256).filter(|byte| byte >> bit & 1 == 1) {
                        table[byte] ^= shifted;
                    }
                }
            }
            tables
        })
    }

    #[inline]
    pub(super) fn apply(&self, crc: u32) -> u32 {
        let [a, b, c, d] = crc.to_le_bytes();
        self.0[0][a as usize]
            ^ self.0[1][b as usize]
            ^ self.0[2][c as usize]
            ^ self.0[3][d as usize]
    }
}

/// The checksum of the text so far.
#[derive(Clone, Copy, Debug)]
pub struct Crc(pub(super) u32);

impl Default for Crc {
    /// The checksum of an empty text.
    fn default() -> Self {
        Self(u32::MAX)
    }
}

impl Crc {
    /// Adds text.
    pub(super) fn update(&mut self, text: &[u8]) {
        self.0 = advance(self.0, text);
    }

    /// The CRC-32 as gzip stores it.
    #[must_use]
    pub fn value(self) -> u32 {
        !self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"identity_id=\"us-east-1:2a1f8a52\"} 20971520\n";

    #[test]
    fn of_two_pieces_it_is_what_crc32fast_computes_for_the_whole() {
        for at in 0..=TEXT.len() {
            let (head, tail) = TEXT.split_at(at);
            let mut crc = Crc::default();
            crc.update(head);
            crc.0 = CrcShift::past(tail.len()).apply(crc.0) ^ share(tail);
            assert_eq!(crc.value(), crc32fast::hash(TEXT), "{at}");
        }
    }

    #[test]
    fn the_share_of_a_short_text_by_its_positions() {
        for len in 1..=16 {
            let mut padded = [0; 16];
            padded[..len].copy_from_slice(&TEXT[..len]);
            let followed = [&TEXT[..len], &[0]].concat();
            assert_eq!(
                share_of_short(u128::from_le_bytes(padded), len as u32),
                share(&followed),
                "{len}"
            );
        }
    }
}
