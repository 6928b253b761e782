//! CRC-32 as gzip has it (RFC 1952, 8), by pieces: of a text that is known in parts, and never put
//! together.
//!
//! The checksum of `a` followed by `b` is that of `a`, moved past as many zero bytes as `b` has,
//! XOR the share of `b`: what `b` makes of a checksum that begins at 0. Zero bytes in front change
//! no share.

use std::sync::OnceLock;

const POLYNOMIAL: u32 = 0xedb8_8320;
/// A share's table for each place that a byte can have in it, counted from its end.
const PLACES: usize = 17;

/// `PLACE[n][byte]` is the share of `byte` followed by `n` zero bytes.
static PLACE: [[u32; 256]; PLACES] = {
    let mut tables = [[0; 256]; PLACES];
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
    let mut place = 1;
    while place < PLACES {
        byte = 0;
        while byte < 256 {
            let before = tables[place - 1][byte];
            tables[place][byte] = before >> 8 ^ tables[0][before as usize & 0xff];
            byte += 1;
        }
        place += 1;
    }
    tables
};

/// The share of a text.
pub(super) fn share(text: &[u8]) -> u32 {
    advance(0, text)
}

/// The share of 1 to 16 bytes, which are the first `len` of `text` from its lowest byte on, with
/// one byte behind them.
#[inline(always)]
pub(super) fn share_of_short(text: u128, len: u32) -> u32 {
    // Moved to the end, so that each byte has its table whatever the length; zero bytes in front
    // change nothing.
    if len <= 8 {
        let bytes = ((text as u64) << (64 - 8 * len)).to_le_bytes();
        (0..8).fold(0, |share, index| {
            share ^ PLACE[8 - index][bytes[index] as usize]
        })
    } else {
        let bytes = (text << (128 - 8 * len)).to_le_bytes();
        (0..16).fold(0, |share, index| {
            share ^ PLACE[16 - index][bytes[index] as usize]
        })
    }
}

fn advance(crc: u32, text: &[u8]) -> u32 {
    text.iter().fold(crc, |crc, byte| {
        crc >> 8 ^ PLACE[0][(crc as u8 ^ byte) as usize]
    })
}

/// Moves a checksum past a number of zero bytes.
#[derive(Debug)]
pub(super) struct Past([[u32; 256]; 4]);

/// More would be taken in steps.
const MOST: usize = 1_024;

impl Past {
    /// Past that many zero bytes, fewer than 1,024. The first to ask has it made.
    pub(super) fn bytes(n: usize) -> &'static Self {
        static MADE: [OnceLock<Box<Past>>; MOST] = [const { OnceLock::new() }; MOST];
        MADE[n].get_or_init(|| {
            let zeros = vec![0; n];
            let mut tables = Box::new(Self([[0; 256]; 4]));
            for (place, table) in tables.0.iter_mut().enumerate() {
                for bit in 0..8 {
                    let moved = advance(1 << (8 * place + bit), &zeros);
                    // Linear: what a byte becomes is the XOR of what its bits become.
                    for byte in (0..256).filter(|byte| byte >> bit & 1 == 1) {
                        table[byte] ^= moved;
                    }
                }
            }
            tables
        })
    }

    #[inline]
    pub(super) fn moved(&self, crc: u32) -> u32 {
        let [a, b, c, d] = crc.to_le_bytes();
        self.0[0][a as usize]
            ^ self.0[1][b as usize]
            ^ self.0[2][c as usize]
            ^ self.0[3][d as usize]
    }
}

/// The checksum of a text so far.
#[derive(Clone, Copy, Debug)]
pub struct Crc(pub(super) u32);

impl Default for Crc {
    /// Of no text.
    fn default() -> Self {
        Self(u32::MAX)
    }
}

impl Crc {
    /// The text goes on.
    pub(super) fn update(&mut self, text: &[u8]) {
        self.0 = advance(self.0, text);
    }

    /// The checksum as others reckon it, and as gzip writes it.
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
    fn by_pieces_it_is_what_crc32fast_says_of_the_whole() {
        for at in 0..=TEXT.len() {
            let (head, tail) = TEXT.split_at(at);
            let mut crc = Crc::default();
            crc.update(head);
            crc.0 = Past::bytes(tail.len()).moved(crc.0) ^ share(tail);
            assert_eq!(crc.value(), crc32fast::hash(TEXT), "{at}");
        }
    }

    #[test]
    fn the_share_of_a_short_text_by_its_places() {
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
