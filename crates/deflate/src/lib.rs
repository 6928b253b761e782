//! gzip of lines that are nearly alike, without a search for what they have in common.
//!
//! A million ids with eight values each make eight million lines, each like the one before:
//!
//! ```text
//! cognitosync_identity_datasets{identity_pool_id="us-east-1:7b6b…",identity_id="us-east-1:2a1f"} 3
//! |------------------------- prefix -----------------------------------------||-- id -||- tail --|
//! ```
//!
//! A general compressor needs the text, and hashes each byte of it to find the repetitions. The
//! author of such lines knows the repetitions beforehand. This crate writes the compressed stream
//! itself (RFC 1951, DEFLATE, in RFC 1952, gzip) and never assembles the text.
//!
//! **Symbols.** DEFLATE has two kinds of symbols: "this byte" (a literal) and "copy `length` bytes
//! from `distance` back" (a match). A line is
//!
//! 1. a match of the line break and the prefix, one line length back;
//! 2. the id's bytes as literals, since 36 characters of random hexadecimal repeat nothing;
//! 3. a match of [`CLOSING`] and of the first digits that the value shares with the previous value,
//!    one line length back;
//! 4. the other digits of the value as literals.
//!
//! If the value equals that of the previous line, 3 and the next line's 1 are one match. The first
//! line after other text is written as literals, or as a match of the part of its prefix that the
//! previous line shares.
//!
//! **Bits.** All symbols are written in one fixed Huffman code (`code`) made for such lines: a
//! digit takes four bits. Because the code is fixed, an id's bits are the same in every stream:
//! [`EncodedId`] holds them, and writing an id is a few shifts. One "dynamic" block declares the
//! code and holds all lines; the size of a block is not limited.
//!
//! **Checksum.** gzip ends with the CRC-32 of the text, which is never assembled here. CRC is
//! linear over XOR: the effect of a piece of text on the checksum depends only on the piece and on
//! the number of bytes after it. So [`EncodedId`] holds the id's share as well, a value's share
//! comes from one table for each of its 16 positions, and a shift of a checksum past `n` bytes
//! takes four table lookups (`crc`).
//!
//! **Other text** goes through a general compressor, as further blocks of the same gzip member:
//! [`Lines::end`] ends with an empty stored block, which ends on a byte boundary. The result is one
//! member, not a sequence of members: curl reads no further than the first.
//!
//! This crate knows nothing of metrics, and never searches for matches.

mod bits;
mod code;
mod crc;
mod encoded_id;
mod line_crc;
mod lines;

pub use crc::Crc;
pub use encoded_id::EncodedId;
pub use lines::{Lines, ShortValue};

/// The text between an id and its value: the end of a quoted label and of the labels, and a space.
pub const CLOSING: &str = "\"} ";

/// The end of a gzip member: the text's CRC-32, and its length modulo 2^32.
#[must_use]
pub fn gzip_trailer(crc: u32, len: u64) -> [u8; 8] {
    let mut trailer = [0; 8];
    trailer[..4].copy_from_slice(&crc.to_le_bytes());
    trailer[4..].copy_from_slice(&(len as u32).to_le_bytes());
    trailer
}

#[cfg(test)]
mod tests;
