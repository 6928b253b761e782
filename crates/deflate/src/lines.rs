//! The gzip member: lines as matches and literals.

use super::CLOSING;
use super::bits::{BitWriter, Bits, LineBits};
use super::code::{self, DISTANCES, LITERALS, MATCHES, MAX_DISTANCE, MAX_MATCH};
use super::crc::{self, Crc};
use super::encoded_id::{EncodedId, MAX_ID};
use super::line_crc::{FixedParts, LineCrc};

/// The shortest match (RFC 1951, 3.2.5).
const MIN_MATCH: usize = 3;
/// Longer lines are not matched with others. With the usual prefixes, only numbers of hundreds of
/// digits make such lines.
const MAX_LINE: usize = 512;
// The greatest distance is that from the end of an id to the end of the previous line's id.
const _: () = assert!(MAX_LINE + MAX_ID < MAX_DISTANCE);

/// The header of a gzip member without name, time and system (RFC 1952, 2.3).
const GZIP_HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// A value of 1 to 16 characters, in a register.
#[derive(Clone, Copy, Debug)]
pub struct ShortValue {
    /// The characters, each one of `-.0123456789`, the first one in the lowest byte. The bytes
    /// after them are 0.
    pub text: u128,
    /// The number of characters.
    pub len: u32,
}

/// A gzip member that begins with lines; see the crate's documentation.
#[derive(Clone, Debug)]
pub struct Lines {
    out: BitWriter,
    crc: Crc,
    /// The number of bytes of text.
    len: u64,
    /// The beginning of each line.
    prefix: Vec<u8>,
    line_crc: Option<LineCrc>,
    previous: Previous,
}

/// The text right before the next line.
#[derive(Clone, Copy, Debug)]
enum Previous {
    /// Nothing that the next line can be matched with.
    Other,
    /// A line that shares as many first bytes with the present prefix, enough for a match.
    Similar(Line, usize),
    /// A line with the present prefix.
    Same(Line),
}

#[derive(Clone, Copy, Debug)]
struct Line {
    /// The number of bytes, prefix and line break included.
    len: usize,
    value: ShortValue,
    /// The number of bytes at the line's end that are not written yet. They equal the bytes one
    /// line back, and so does the next line's prefix, so that one match may cover both. At least
    /// the line break, except for a line that was written as literals.
    pending_match: usize,
}

impl Default for Lines {
    /// A member without lines: its header and that of its block.
    fn default() -> Self {
        let mut out = BitWriter::default();
        out.write_bytes(&GZIP_HEADER);
        code::begin_block(&mut out);
        Self {
            out,
            crc: Crc::default(),
            len: 0,
            prefix: Vec::new(),
            line_crc: None,
            previous: Previous::Other,
        }
    }
}

impl Lines {
    /// Writes whole lines of any kind, as literals.
    pub fn text(&mut self, text: &[u8]) {
        self.flush_pending();
        self.literals(text);
        self.crc.update(text);
        self.len += text.len() as u64;
        self.previous = Previous::Other;
    }

    /// Sets the beginning of each following line.
    pub fn prefix(&mut self, prefix: &[u8]) {
        let shared = self
            .prefix
            .iter()
            .zip(prefix)
            .take_while(|(a, b)| a == b)
            .count();
        self.previous = match self.previous {
            Previous::Same(line) if shared >= MIN_MATCH => Previous::Similar(line, shared),
            // No line was written with the prefix in between.
            Previous::Similar(line, before) if shared.min(before) >= MIN_MATCH => {
                Previous::Similar(line, shared.min(before))
            }
            _ => {
                self.flush_pending();
                Previous::Other
            }
        };
        self.prefix.clear();
        self.prefix.extend_from_slice(prefix);
        self.line_crc = None;
    }

    /// Writes a line: prefix, id, [`CLOSING`], value, line break. `text` returns the id's text; it
    /// is called only when the encoded bits cannot be used.
    #[inline]
    pub fn line<'a>(&mut self, id: &EncodedId, text: impl FnOnce() -> &'a str, value: ShortValue) {
        let value_len = value.len as usize;
        let len = self.prefix.len() + usize::from(id.len) + CLOSING.len() + value_len + 1;
        if len > MAX_LINE || id.bit_len == 0 {
            return self.literal_line(text(), value);
        }
        let mut out = self.out.line();
        let previous = match self.previous {
            Previous::Same(previous) => {
                copy(
                    &mut out,
                    previous.pending_match + self.prefix.len(),
                    previous.len,
                );
                previous
            }
            Previous::Similar(..) | Previous::Other => {
                out.finish();
                let Some(previous) = self.first_prefix() else {
                    return self.literal_line(text(), value);
                };
                out = self.out.line();
                previous
            }
        };
        out.write_long(id.bits, id.bit_len.into());
        let shared = (value.text ^ previous.value.text).trailing_zeros() / 8;
        let mut pending_match = 1;
        if shared >= 16 {
            pending_match += CLOSING.len() + value_len;
        } else {
            let shared = shared.min(value.len).min(previous.value.len);
            copy(
                &mut out,
                CLOSING.len() + shared as usize,
                len - value_len + previous.value.len as usize,
            );
            digits(&mut out, value.text >> (8 * shared), value.len - shared);
        }
        out.finish();
        self.update_crc(id, value);
        self.len += len as u64;
        self.previous = Previous::Same(Line {
            len,
            value,
            pending_match,
        });
    }

    /// Writes a line like [`Lines::line`] with a value of any text, as literals.
    #[cold]
    pub fn long_line(&mut self, id: &str, value: &[u8]) {
        let mut line = self.prefix.clone();
        line.extend_from_slice(id.as_bytes());
        line.extend_from_slice(CLOSING.as_bytes());
        line.extend_from_slice(value);
        line.push(b'\n');
        self.text(&line);
    }

    /// Writes a prefix that the previous line shares in part, and returns that line. Does nothing
    /// if there is no such line.
    #[cold]
    fn first_prefix(&mut self) -> Option<Line> {
        let Previous::Similar(previous, shared) = self.previous else {
            return None;
        };
        self.flush_pending();
        self.copy(shared, previous.len);
        self.prefix[shared..]
            .iter()
            .for_each(|byte| self.out.write(LITERALS[*byte as usize]));
        Some(previous)
    }

    /// Writes a line as literals; the next one may be matched with it.
    #[cold]
    fn literal_line(&mut self, id: &str, value: ShortValue) {
        let before = self.len;
        self.long_line(id, &value.text.to_le_bytes()[..value.len as usize]);
        let len = (self.len - before) as usize;
        if len <= MAX_LINE && self.prefix.len() >= MIN_MATCH {
            self.previous = Previous::Same(Line {
                len,
                value,
                pending_match: 0,
            });
        }
    }

    /// Adds a line to the checksum.
    #[inline(always)]
    fn update_crc(&mut self, id: &EncodedId, value: ShortValue) {
        if self
            .line_crc
            .as_ref()
            .is_none_or(|line| line.id_len != id.len)
        {
            self.line_crc = Some(LineCrc::new(&self.prefix, id.len));
        }
        let Some(LineCrc { by_value_len, .. }) = &self.line_crc else {
            return;
        };
        let FixedParts {
            past_line,
            past_rest,
            share,
        } = &by_value_len[value.len as usize];
        // Only the first term depends on the line before.
        self.crc.0 = past_line.apply(self.crc.0)
            ^ (past_rest.apply(id.share) ^ share ^ crc::share_of_short(value.text, value.len));
    }

    /// Writes the pending end of the previous line.
    fn flush_pending(&mut self) {
        if let Previous::Same(line) | Previous::Similar(line, _) = &mut self.previous {
            let (pending, distance) = (std::mem::take(&mut line.pending_match), line.len);
            match pending {
                0 => {}
                1 => self.literals(b"\n"),
                _ => self.copy(pending, distance),
            }
        }
    }

    fn copy(&mut self, len: usize, distance: usize) {
        let mut out = self.out.line();
        copy(&mut out, len, distance);
        out.finish();
    }

    fn literals(&mut self, text: &[u8]) {
        text.iter()
            .for_each(|byte| self.out.write(LITERALS[*byte as usize]));
    }

    /// The number of bytes that [`Lines::take`] would return.
    #[must_use]
    pub fn ready(&self) -> usize {
        self.out.len()
    }

    /// Removes and returns the whole bytes written so far.
    pub fn take(&mut self) -> Vec<u8> {
        self.out.take()
    }

    /// Ends the block of lines, on a byte boundary. The caller adds further blocks, the last of
    /// them marked as such, and the [`gzip_trailer`](super::gzip_trailer). Returns the checksum and
    /// the number of bytes of the text so far.
    pub fn end(&mut self) -> (Crc, u64) {
        self.flush_pending();
        self.previous = Previous::Other;
        code::end_block(&mut self.out);
        (self.crc, self.len)
    }
}

/// Writes a match of at most [`MAX_LINE`] bytes.
#[inline(always)]
fn copy(out: &mut LineBits<'_>, mut len: usize, distance: usize) {
    if len > MAX_MATCH {
        // The second match is not shorter than a match may be.
        const { assert!(MAX_LINE <= 2 * MAX_MATCH - MIN_MATCH) };
        let part = MAX_MATCH - MIN_MATCH;
        out.write(MATCHES[part].then(DISTANCES[distance]));
        len -= part;
    }
    out.write(MATCHES[len].then(DISTANCES[distance]));
}

/// Writes the characters of a value as literals.
#[inline(always)]
fn digits(out: &mut LineBits<'_>, text: u128, len: u32) {
    let mut write = |text: u64, len: u32| {
        out.write(Bits {
            bits: code::digits(text) & ((1 << (4 * len)) - 1),
            len: 4 * len,
        });
    };
    write(text as u64, len.min(8));
    if len > 8 {
        write((text >> 64) as u64, len - 8);
    }
}
