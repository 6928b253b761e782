//! The lines themselves.

use super::bits::{BitWriter, Bits};
use super::code::{self, DISTANCES, LITERALS, MATCHES, MAX_DISTANCE, MAX_MATCH};
use super::crc::{self, Crc, Past};
use super::number::Number;

/// What stands between an id and its value.
const CLOSING: &[u8; 3] = b"\"} ";
/// The shortest match there is (RFC 1951, 3.2.5).
const MIN_MATCH: usize = 3;
/// Longer lines are not matched with others: only numbers of hundreds of digits make such.
const MAX_LINE: usize = 512;
/// The longest id.
const MAX_ID: usize = 255;
// The farthest match reaches from behind an id to behind the one before.
const _: () = assert!(MAX_LINE + MAX_ID < MAX_DISTANCE);

/// An id, with the bits that it has in every stream and its share of every checksum.
#[derive(Clone, Copy, Debug)]
pub struct Precoded {
    /// Its first bits lowest.
    bits: [u64; 3],
    /// How many bits; 0 when there are too many to keep.
    bit_len: u8,
    share: u32,
}

impl Precoded {
    /// Works out an id. The usual ones, of 32 hex digits and four hyphens, have at most 176 bits; one with more than 192 is written byte by
    /// byte each time.
    #[must_use]
    pub fn new(id: &str) -> Self {
        let mut precoded = Self { bits: [0; 3], bit_len: 0, share: crc::share(id.as_bytes()) };
        let mut written = BitWriter::default();
        id.bytes().for_each(|byte| written.write(LITERALS[byte as usize]));
        let bit_len = written.len();
        if bit_len <= 192 {
            written.align();
            let words = written.bytes.chunks(8);
            for (bits, bytes) in precoded.bits.iter_mut().zip(words) {
                bytes.iter().rev().for_each(|byte| *bits = *bits << 8 | u64::from(*byte));
            }
            precoded.bit_len = bit_len as u8;
        }
        precoded
    }
}

/// How a gzip member begins: no name, no time, no system (RFC 1952, 2.3).
const GZIP_HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// A gzip member that begins with lines; see the room's page.
#[derive(Clone, Debug)]
pub struct Lines {
    out: BitWriter,
    crc: Crc,
    len: u64,
    /// How lines begin.
    prefix: Vec<u8>,
    prefix_share: PrefixShare,
    last: Last,
    /// Of `"} ` followed by a number of bytes and a line break.
    closing_shares: [u32; 17],
}

/// What a prefix does to a checksum, once it is followed by an id.
#[derive(Clone, Copy, Debug)]
struct PrefixShare {
    /// The id's length.
    id_len: usize,
    share: u32,
    past_both: &'static Past,
}

/// What stands before the next line.
#[derive(Clone, Copy, Debug)]
enum Last {
    /// Nothing that is like it.
    Other,
    /// A line whose prefix begins with so many bytes of the present one.
    Similar(Line, usize),
    /// A line with the same prefix.
    Same(Line),
}

#[derive(Clone, Copy, Debug)]
struct Line {
    /// Prefix and line break included.
    len: usize,
    value: u128,
    value_len: u32,
    /// That many bytes, and the line break behind them, are still to be written: they equal what is one line back, and the next line's
    /// match may begin with them.
    owed: usize,
}

impl Default for Lines {
    /// No line yet; only the heads of the member and of its block.
    fn default() -> Self {
        let mut out = BitWriter::default();
        out.bytes.extend_from_slice(&GZIP_HEADER);
        code::begin_block(&mut out);
        let closing_share = |value_len| Past::bytes(value_len + 1).moved(crc::share(CLOSING));
        Self {
            out,
            crc: Crc::default(),
            len: 0,
            prefix: Vec::new(),
            prefix_share: PrefixShare { id_len: 0, share: 0, past_both: Past::bytes(0) },
            last: Last::Other,
            closing_shares: std::array::from_fn(closing_share),
        }
    }
}

impl Lines {
    /// Writes whole lines of any kind, byte by byte.
    pub fn text(&mut self, text: &[u8]) {
        self.pay();
        self.literals(text);
        self.crc.update(text);
        self.len += text.len() as u64;
        self.last = Last::Other;
    }

    /// Says how lines begin from here on.
    pub fn prefix(&mut self, prefix: &[u8]) {
        if let Last::Same(last) | Last::Similar(last, _) = self.last {
            // Only what the last line's own prefix has counts, so a prefix without lines is forgotten.
            let limit = if let Last::Similar(_, shared) = self.last { shared } else { usize::MAX };
            let shared = self.prefix.iter().zip(prefix).take_while(|(a, b)| a == b).count();
            self.last = Last::Similar(last, shared.min(limit));
        }
        self.prefix.clear();
        self.prefix.extend_from_slice(prefix);
        self.prefix_share.id_len = usize::MAX;
    }

    /// Writes a line: prefix, `id`, `"} ` and a value.
    #[inline]
    pub fn line(&mut self, id: &str, precoded: &Precoded, value: &Number) {
        let Number::Short { text: value, len: value_len } = *value else { return self.odd_line(id, value) };
        let len = self.prefix.len() + id.len() + CLOSING.len() + value_len as usize + 1;
        if len > MAX_LINE || id.len() > MAX_ID || self.prefix.len() < MIN_MATCH {
            return self.odd_line(id, &Number::Short { text: value, len: value_len });
        }
        if let Last::Same(last) = self.last {
            self.copy(last.owed + 1 + self.prefix.len(), last.len);
        } else if self.len > 0 {
            self.first_prefix();
        } else {
            // There is no line break before it that the next line could be matched with.
            return self.odd_line(id, &Number::Short { text: value, len: value_len });
        }
        self.id(id, precoded);
        let mut owed = 0;
        if let Last::Same(last) | Last::Similar(last, _) = self.last {
            let shared = (value ^ last.value).trailing_zeros() / 8;
            if shared >= 16 {
                owed = CLOSING.len() + value_len as usize;
            } else {
                let shared = shared.min(value_len).min(last.value_len);
                self.copy(CLOSING.len() + shared as usize, len - value_len as usize + last.value_len as usize);
                self.value(value >> (8 * shared), value_len - shared);
            }
        } else {
            self.literals(CLOSING);
            self.value(value, value_len);
        }
        self.last = Last::Same(Line { len, value, value_len, owed });
        self.check(id.len(), precoded.share, value, value_len);
        self.len += len as u64;
    }

    /// A line that is like no other.
    #[cold]
    fn odd_line(&mut self, id: &str, value: &Number) {
        let mut line = self.prefix.clone();
        line.extend_from_slice(id.as_bytes());
        line.extend_from_slice(CLOSING);
        value.write(&mut line);
        line.push(b'\n');
        self.text(&line);
    }

    #[cold]
    fn first_prefix(&mut self) {
        self.pay();
        let mut shared = 0;
        if let Last::Similar(last, same) = self.last
            && same >= MIN_MATCH
        {
            self.copy(same, last.len);
            shared = same;
        }
        for index in shared..self.prefix.len() {
            self.out.write(LITERALS[self.prefix[index] as usize]);
        }
    }

    /// Writes what the last line still owes.
    fn pay(&mut self) {
        if let Last::Same(last) | Last::Similar(last, _) = &mut self.last {
            let (owed, back) = (std::mem::take(&mut last.owed), last.len);
            if owed > 0 {
                self.copy(owed, back);
            }
            self.literals(b"\n");
        }
    }

    #[inline]
    fn copy(&mut self, mut len: usize, distance: usize) {
        // None is left shorter than a match may be.
        while len > MAX_MATCH {
            let part = MAX_MATCH.min(len - MIN_MATCH);
            self.out.write(MATCHES[part].then(DISTANCES[distance]));
            len -= part;
        }
        self.out.write(MATCHES[len].then(DISTANCES[distance]));
    }

    #[inline]
    fn id(&mut self, id: &str, precoded: &Precoded) {
        if precoded.bit_len == 0 {
            return self.literals(id.as_bytes());
        }
        let mut left = u32::from(precoded.bit_len);
        for bits in precoded.bits {
            self.out.write(Bits { bits, len: left.min(64) });
            left = left.saturating_sub(64);
        }
    }

    #[inline]
    fn value(&mut self, mut text: u128, len: u32) {
        let mut bits = Bits::default();
        for _ in 0..len {
            let literal = LITERALS[text as u8 as usize];
            if bits.len + literal.len > 64 {
                self.out.write(bits);
                bits = Bits::default();
            }
            bits = bits.then(literal);
            text >>= 8;
        }
        self.out.write(bits);
    }

    fn literals(&mut self, text: &[u8]) {
        text.iter().for_each(|byte| self.out.write(LITERALS[*byte as usize]));
    }

    /// Takes a line into the checksum.
    #[inline]
    fn check(&mut self, id_len: usize, id_share: u32, value: u128, value_len: u32) {
        if self.prefix_share.id_len != id_len {
            self.prefix_share = PrefixShare {
                id_len,
                share: Past::bytes(id_len).moved(crc::share(&self.prefix)),
                past_both: Past::bytes(self.prefix.len() + id_len),
            };
        }
        let PrefixShare { share, past_both, .. } = self.prefix_share;
        let before_closing = past_both.moved(self.crc.0) ^ share ^ id_share;
        let past_rest = Past::bytes(CLOSING.len() + value_len as usize + 1);
        self.crc.0 = past_rest.moved(before_closing)
            ^ self.closing_shares[value_len as usize]
            ^ crc::share_of_line(value, value_len);
    }

    /// The bytes that are whole so far. Whoever takes them must leave none.
    pub fn bytes(&mut self) -> &mut Vec<u8> {
        &mut self.out.bytes
    }

    /// Ends the block of lines, with a whole byte; other blocks must follow, the last of them marked so, and behind them what
    /// [`gzip_trailer`](super::gzip_trailer) makes. Returns the checksum and the length of the text so far.
    pub fn end(&mut self) -> (Crc, u64) {
        self.pay();
        self.last = Last::Other;
        code::end_block(&mut self.out);
        (self.crc, self.len)
    }
}
