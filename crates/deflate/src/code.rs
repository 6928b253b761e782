//! The Huffman code: the length and the bits of each symbol, and the block header that declares
//! them (RFC 1951, 3.2).
//!
//! The lengths are chosen for lines with a UUID and a number: of 48 symbols in a line, 36 are the
//! id's, about ten are the value's digits, two are matches. All other symbols are rare and long.

use super::bits::{BitWriter, Bits};

/// The end-of-block symbol.
const END_OF_BLOCK: usize = 256;
const SYMBOLS: usize = 286;
const DISTANCE_SYMBOLS: usize = 30;
/// The longest match that DEFLATE knows.
pub(super) const MAX_MATCH: usize = 258;
/// The greatest distance of a match; only lines with numbers of hundreds of digits are longer.
pub(super) const MAX_DISTANCE: usize = 1_024;

/// The length in bits of each literal, of the end of a block, and of each match length symbol.
const LENGTHS: [u8; SYMBOLS] = {
    let mut lengths = [15; SYMBOLS];
    // The characters of numbers all take four bits, so that 16 of them fill 64 bits. Then the
    // other hexadecimal digits.
    set(&mut lengths, b"-.0123456789", 4);
    set(&mut lengths, b"abcdef", 5);
    // Matches of the text before a value and of the digits it shares with the previous value: 3
    // bytes, 4 to 10, 11 to 18.
    lengths[257] = 7;
    set_range(&mut lengths, 258, 264, 9);
    set_range(&mut lengths, 265, 268, 10);
    // Matches of a prefix: 99 to 114 bytes, up to 130, up to 162, up to 194.
    lengths[279] = 8;
    lengths[280] = 7;
    lengths[281] = 7;
    lengths[282] = 8;
    fill(lengths, 15, 14)
};

/// The length in bits of each distance symbol. Most lines have 129 to 192 bytes, some up to 256 or
/// up to 384.
const DISTANCE_LENGTHS: [u8; DISTANCE_SYMBOLS] = {
    let mut lengths = [9; DISTANCE_SYMBOLS];
    lengths[13] = 5;
    lengths[14] = 1;
    lengths[15] = 2;
    lengths[16] = 3;
    fill(lengths, 9, 8)
};

/// The length in bits of each symbol that declares a length in the block header: 0 to 15 are
/// lengths, 16 repeats the previous length 3 to 6 times.
const LENGTH_LENGTHS: [u8; 19] = [0, 5, 5, 5, 4, 4, 0, 4, 4, 3, 5, 0, 0, 0, 3, 3, 2, 0, 0];
/// The order in which the header lists them (RFC 1951, 3.2.7).
const LENGTH_ORDER: [usize; 19] = [
    16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
];

const fn set(lengths: &mut [u8; SYMBOLS], symbols: &[u8], len: u8) {
    let mut i = 0;
    while i < symbols.len() {
        lengths[symbols[i] as usize] = len;
        i += 1;
    }
}

const fn set_range(lengths: &mut [u8; SYMBOLS], first: usize, last: usize, len: u8) {
    let mut symbol = first;
    while symbol <= last {
        lengths[symbol] = len;
        symbol += 1;
    }
}

/// Makes as many of the longest codes one bit shorter as a complete code needs: DEFLATE requires
/// that no code is left unused.
const fn fill<const N: usize>(mut lengths: [u8; N], longest: u8, shorter: u8) -> [u8; N] {
    let mut free: i32 = 1 << longest;
    let mut symbol = 0;
    while symbol < N {
        free -= 1 << (longest - lengths[symbol]);
        symbol += 1;
    }
    symbol = 0;
    while free > 0 {
        if lengths[symbol] == longest {
            lengths[symbol] = shorter;
            free -= 1;
        }
        symbol += 1;
    }
    assert!(free == 0, "too many symbols for these lengths");
    lengths
}

/// The canonical code for these lengths (RFC 1951, 3.2.2), its bits in the order of writing.
const fn canonical<const N: usize>(lengths: [u8; N]) -> [Bits; N] {
    let mut codes = [Bits { bits: 0, len: 0 }; N];
    let (mut len, mut next) = (1, 0_u32);
    while len <= 15 {
        let mut symbol = 0;
        while symbol < N {
            if lengths[symbol] as u32 == len {
                codes[symbol] = Bits {
                    bits: (next.reverse_bits() >> (32 - len)) as u64,
                    len,
                };
                next += 1;
            }
            symbol += 1;
        }
        assert!(len < 15 || next == 1 << 15, "the code is not complete");
        len += 1;
        next <<= 1;
    }
    codes
}

const CODES: [Bits; SYMBOLS] = canonical(LENGTHS);
const DISTANCE_CODES: [Bits; DISTANCE_SYMBOLS] = canonical(DISTANCE_LENGTHS);
const LENGTH_CODES: [Bits; 19] = canonical(LENGTH_LENGTHS);

/// The bits of each byte as a literal.
pub(super) static LITERALS: [Bits; 256] = {
    let mut literals = [Bits { bits: 0, len: 0 }; 256];
    let mut byte = 0;
    while byte < 256 {
        literals[byte] = CODES[byte];
        byte += 1;
    }
    literals
};

/// The bits of each match length from 3 on, extra bits included (RFC 1951, 3.2.5).
pub(super) static MATCHES: [Bits; MAX_MATCH + 1] = {
    let mut matches = [Bits { bits: 0, len: 0 }; MAX_MATCH + 1];
    let (mut symbol, mut len) = (257, 3);
    while symbol < SYMBOLS - 1 {
        let extra = if symbol < 265 {
            0
        } else {
            (symbol - 261) as u32 / 4
        };
        let mut more = 0;
        while more < 1 << extra && len < MAX_MATCH {
            matches[len] = CODES[symbol].then(Bits {
                bits: more,
                len: extra,
            });
            len += 1;
            more += 1;
        }
        symbol += 1;
    }
    matches[MAX_MATCH] = CODES[SYMBOLS - 1];
    matches
};

/// The bits of each match distance from 1 on, extra bits included (RFC 1951, 3.2.5).
pub(super) static DISTANCES: [Bits; MAX_DISTANCE + 1] = {
    let mut distances = [Bits { bits: 0, len: 0 }; MAX_DISTANCE + 1];
    let (mut symbol, mut distance) = (0, 1);
    while distance <= MAX_DISTANCE {
        let extra = if symbol < 4 {
            0
        } else {
            (symbol - 2) as u32 / 2
        };
        let mut more = 0;
        while more < 1 << extra && distance <= MAX_DISTANCE {
            distances[distance] = DISTANCE_CODES[symbol].then(Bits {
                bits: more,
                len: extra,
            });
            distance += 1;
            more += 1;
        }
        symbol += 1;
    }
    distances
};

/// The bits of eight characters out of `-.0123456789`, four bits each, the first character in the
/// lowest byte of `text` and in the lowest bits of the result. Bits of trailing zero bytes are
/// undefined.
#[inline(always)]
pub(super) fn digits(text: u64) -> u64 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    // Codes of one length follow each other in the order of their symbols. '/' is not among
    // these, so a digit's code is one less than its distance from '-'.
    let codes = text
        .wrapping_sub(0x2d * EACH)
        .wrapping_sub(text >> 4 & EACH);
    // The highest bit of a code is written first.
    let swapped = ((codes & (0x05 * EACH)) << 1) | ((codes >> 1) & (0x05 * EACH));
    let swapped = ((swapped & (0x03 * EACH)) << 2) | ((swapped >> 2) & (0x03 * EACH));
    let pairs = (swapped | swapped >> 4) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs | pairs >> 8) & 0x0000_ffff_0000_ffff;
    (fours | fours >> 16) & 0xffff_ffff
}

/// Writes the header of a block with this code that is not the last block.
pub(super) fn begin_block(out: &mut BitWriter) {
    let mut write = |bits: u64, len| out.write(Bits { bits, len });
    write(0b100, 3);
    write(SYMBOLS as u64 - 257, 5);
    write(DISTANCE_SYMBOLS as u64 - 1, 5);
    write(19 - 4, 4);
    for symbol in LENGTH_ORDER {
        write(u64::from(LENGTH_LENGTHS[symbol]), 3);
    }
    let lengths: Vec<u8> = LENGTHS.into_iter().chain(DISTANCE_LENGTHS).collect();
    for run in lengths.chunk_by(|a, b| a == b) {
        out.write(LENGTH_CODES[run[0] as usize]);
        let mut left = run.len() - 1;
        while left >= 3 {
            let repeated = left.min(6);
            out.write(LENGTH_CODES[16].then(Bits {
                bits: repeated as u64 - 3,
                len: 2,
            }));
            left -= repeated;
        }
        (0..left).for_each(|_| out.write(LENGTH_CODES[run[0] as usize]));
    }
}

/// Writes the end of the block, and an empty stored block, which ends on a byte boundary and is not
/// the last block either (RFC 1951, 3.2.4).
pub(super) fn end_block(out: &mut BitWriter) {
    out.write(CODES[END_OF_BLOCK].then(Bits {
        bits: 0b000,
        len: 3,
    }));
    out.align();
    out.write_bytes(&[0x00, 0x00, 0xff, 0xff]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_literals() {
        for text in ["1", "20971520", "17638656", "-9.007", "12345.67", "8", "9-"] {
            let mut padded = [0; 8];
            padded[..text.len()].copy_from_slice(text.as_bytes());
            let all = text.bytes().fold(Bits::default(), |bits, byte| {
                bits.then(LITERALS[byte as usize])
            });
            assert_eq!(all.len, 4 * text.len() as u32);
            assert_eq!(
                digits(u64::from_le_bytes(padded)) << (64 - all.len),
                all.bits << (64 - all.len),
                "{text}"
            );
        }
    }
}
