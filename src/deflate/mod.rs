//! gzip of lines that are nearly alike, without looking for what they have in common.
//!
//! A million identities make six million lines, each like the one before:
//!
//! ```text
//! cognitosync_identity_datasets{identity_pool_id="us-east-1:7b6b…",identity_id="us-east-1:2a1f-…"} 3
//! |------------------------- prefix -----------------------------------------||-- id --||- tail --|
//! ```
//!
//! A general compressor would have the text written first, then hash every byte of it to find what
//! we knew all along. This one writes the compressed stream itself (RFC 1951, DEFLATE, in RFC 1952,
//! gzip) and never makes the text.
//!
//! **The symbols.** DEFLATE says "here is this byte" (a literal) or "copy `length` bytes from
//! `distance` back" (a match). A line is
//!
//! 1. a match of the line break and the prefix, one line length back;
//! 2. the id's bytes as literals: 36 characters of hex, as random as they come;
//! 3. a match of `"} ` and of as many digits as the value shares with the one before, one line
//!    length back;
//! 4. the value's other digits as literals.
//!
//! Where the whole value is that of the line before, 3 and the next line's 1 are one match. The
//! first line behind a header is literals, or a match of what its prefix shares with the line
//! before.
//!
//! **The bits.** Symbols are written in one Huffman code that never changes (`code`), made for such
//! lines: a digit takes four bits. Because it never changes, an id's bits are worked out once, when
//! it is read from the configuration ([`Precoded`]), and a scrape only shifts them into place. One
//! "dynamic" block carries the code and all lines of a scrape, however many: a block has no limit.
//!
//! **The checksum.** gzip ends with the CRC-32 of the text that was never made. CRC is linear over
//! XOR: what a piece of text does to it depends on the piece and on how many bytes follow, on
//! nothing else. So each id's share is worked out once too, a value's share comes from a table for
//! each of its 16 places, and moving all past `n` bytes is four lookups (`crc`).
//!
//! **The rest** of a scrape is of other kinds, and small. It goes through flate2, as more blocks of
//! the same member, behind an empty stored block that brings the stream to a byte's boundary. It is
//! one member, not several one behind the other: curl reads no further than the first.
//!
//! What is deliberately absent: anything about metrics, and any search for matches.

mod bits;
mod code;
mod crc;
mod lines;
mod number;

pub use crc::Crc;
pub use lines::{Lines, Precoded};
pub use number::{Number, thousandths};

/// How a gzip member ends: the text's CRC-32, and its length modulo 2^32.
#[must_use]
pub fn gzip_trailer(crc: u32, len: u64) -> [u8; 8] {
    let mut trailer = [0; 8];
    trailer[..4].copy_from_slice(&crc.to_le_bytes());
    trailer[4..].copy_from_slice(&(len as u32).to_le_bytes());
    trailer
}

#[cfg(test)]
mod tests;
