//! The lines themselves.

use super::bits::{BitWriter, Bits, FewBits, MOST_LONG};
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
    share: u32,
    /// How many bits; 0 when there are too many to keep.
    bit_len: u8,
    len: u8,
}

impl Precoded {
    /// Works out an id of at most 255 bytes. The usual ones, of 32 hex digits and four hyphens,
    /// have at most 176 bits; one with more than 184 is written byte by byte each time.
    #[must_use]
    pub fn new(id: &str) -> Self {
        assert!(id.len() <= MAX_ID, "ids have 55 characters at most");
        let mut precoded = Self {
            bits: [0; 3],
            share: crc::share(id.as_bytes()),
            bit_len: 0,
            len: id.len() as u8,
        };
        let mut written = BitWriter::default();
        id.bytes()
            .for_each(|byte| written.write(LITERALS[byte as usize]));
        let bit_len = written.bit_len();
        if bit_len <= MOST_LONG as usize {
            written.align();
            for (bits, bytes) in precoded.bits.iter_mut().zip(written.take().chunks(8)) {
                bytes
                    .iter()
                    .rev()
                    .for_each(|byte| *bits = *bits << 8 | u64::from(*byte));
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
    ends: Option<Ends>,
    last: Last,
}

/// What lines with the present prefix do to a checksum, but for their id's and their value's own
/// shares.
#[derive(Clone, Copy, Debug)]
struct Ends {
    /// The length of their ids.
    id_len: u8,
    /// By the length of the value.
    by_value_len: [End; 17],
}

#[derive(Clone, Copy, Debug)]
struct End {
    /// Past a whole line.
    past_line: &'static Past,
    /// Past what comes behind an id.
    past_rest: &'static Past,
    /// Of the prefix, what stands between id and value, and the line break.
    share: u32,
}

/// What stands before the next line.
#[derive(Clone, Copy, Debug)]
enum Last {
    /// Nothing that it could be matched with.
    Other,
    /// A line whose prefix begins with so many bytes of the present one, enough for a match.
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
    /// That many bytes of its end are still to be written: they equal what is one line back, and so
    /// does the next line's prefix, so one match may have both. The line break at least, unless all
    /// was written byte by byte.
    owed: usize,
}

impl Default for Lines {
    /// No line yet; only the heads of the member and of its block.
    fn default() -> Self {
        let mut out = BitWriter::default();
        out.write_bytes(&GZIP_HEADER);
        code::begin_block(&mut out);
        Self {
            out,
            crc: Crc::default(),
            len: 0,
            prefix: Vec::new(),
            ends: None,
            last: Last::Other,
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
        let shared = self
            .prefix
            .iter()
            .zip(prefix)
            .take_while(|(a, b)| a == b)
            .count();
        self.last = match self.last {
            Last::Same(last) if shared >= MIN_MATCH => Last::Similar(last, shared),
            // The prefix in between had no line.
            Last::Similar(last, before) if shared.min(before) >= MIN_MATCH => {
                Last::Similar(last, shared.min(before))
            }
            _ => {
                self.pay();
                Last::Other
            }
        };
        self.prefix.clear();
        self.prefix.extend_from_slice(prefix);
        self.ends = None;
    }

    /// Writes a line: prefix, id, `"} ` and a value. The id's text is asked for only if its bits
    /// will not do.
    #[inline]
    pub fn line<'a>(&mut self, id: &Precoded, text: impl FnOnce() -> &'a str, value: Number) {
        let Number::Short {
            text: characters,
            len: value_len,
        } = value
        else {
            return self.odd_line(text(), value);
        };
        let len = self.prefix.len() + usize::from(id.len) + CLOSING.len() + value_len as usize + 1;
        if len > MAX_LINE || id.bit_len == 0 {
            return self.odd_line(text(), value);
        }
        let mut out = self.out.few();
        let last = match self.last {
            Last::Same(last) => {
                copy(&mut out, last.owed + self.prefix.len(), last.len);
                last
            }
            Last::Similar(..) | Last::Other => {
                out.end();
                let Some(last) = self.first_prefix() else {
                    return self.odd_line(text(), value);
                };
                out = self.out.few();
                last
            }
        };
        out.write_long(id.bits, id.bit_len.into());
        let shared = (characters ^ last.value).trailing_zeros() / 8;
        let mut owed = 1;
        if shared >= 16 {
            owed += CLOSING.len() + value_len as usize;
        } else {
            let shared = shared.min(value_len).min(last.value_len);
            copy(
                &mut out,
                CLOSING.len() + shared as usize,
                len - value_len as usize + last.value_len as usize,
            );
            digits(&mut out, characters >> (8 * shared), value_len - shared);
        }
        out.end();
        self.check(id, characters, value_len);
        self.len += len as u64;
        self.last = Last::Same(Line {
            len,
            value: characters,
            value_len,
            owed,
        });
    }

    /// Writes a prefix of which only a part stands in the line before, and returns that; does
    /// nothing if there is no such line.
    #[cold]
    fn first_prefix(&mut self) -> Option<Line> {
        let Last::Similar(last, shared) = self.last else {
            return None;
        };
        self.pay();
        self.copy(shared, last.len);
        self.prefix[shared..]
            .iter()
            .for_each(|byte| self.out.write(LITERALS[*byte as usize]));
        Some(last)
    }

    /// A line that is matched with none.
    #[cold]
    fn odd_line(&mut self, id: &str, value: Number) {
        let mut line = self.prefix.clone();
        line.extend_from_slice(id.as_bytes());
        line.extend_from_slice(CLOSING);
        value.write(&mut line);
        line.push(b'\n');
        self.text(&line);
        if let Number::Short {
            text: value,
            len: value_len,
        } = value
            && line.len() <= MAX_LINE
            && self.prefix.len() >= MIN_MATCH
        {
            self.last = Last::Same(Line {
                len: line.len(),
                value,
                value_len,
                owed: 0,
            });
        }
    }

    /// Takes a line into the checksum.
    #[inline(always)]
    fn check(&mut self, id: &Precoded, value: u128, value_len: u32) {
        if self.ends.as_ref().is_none_or(|ends| ends.id_len != id.len) {
            self.ends = Some(Ends::of(&self.prefix, id.len));
        }
        let Some(Ends { by_value_len, .. }) = &self.ends else {
            return;
        };
        let End {
            past_line,
            past_rest,
            share,
        } = &by_value_len[value_len as usize];
        // Only the first of these waits for the line before.
        self.crc.0 = past_line.moved(self.crc.0)
            ^ (past_rest.moved(id.share) ^ share ^ crc::share_of_short(value, value_len));
    }

    /// Writes what the last line still owes.
    fn pay(&mut self) {
        if let Last::Same(last) | Last::Similar(last, _) = &mut self.last {
            let (owed, back) = (std::mem::take(&mut last.owed), last.len);
            match owed {
                0 => {}
                1 => self.literals(b"\n"),
                _ => self.copy(owed, back),
            }
        }
    }

    fn copy(&mut self, len: usize, distance: usize) {
        let mut out = self.out.few();
        copy(&mut out, len, distance);
        out.end();
    }

    fn literals(&mut self, text: &[u8]) {
        text.iter()
            .for_each(|byte| self.out.write(LITERALS[*byte as usize]));
    }

    /// How many bytes are whole so far.
    #[must_use]
    pub fn ready(&self) -> usize {
        self.out.len()
    }

    /// Takes them.
    pub fn take(&mut self) -> Vec<u8> {
        self.out.take()
    }

    /// Ends the block of lines, with a whole byte; other blocks must follow, the last of them
    /// marked so, and behind them what [`gzip_trailer`](super::gzip_trailer) makes. Returns the
    /// checksum and the length of the text so far.
    pub fn end(&mut self) -> (Crc, u64) {
        self.pay();
        self.last = Last::Other;
        code::end_block(&mut self.out);
        (self.crc, self.len)
    }
}

impl Ends {
    #[cold]
    fn of(prefix: &[u8], id_len: u8) -> Self {
        let prefix_share = Past::bytes(id_len.into()).moved(crc::share(prefix));
        let end = |value_len| {
            let rest = CLOSING.len() + value_len + 1;
            let past_rest = Past::bytes(rest);
            let closing = Past::bytes(value_len + 1).moved(crc::share(CLOSING)) ^ crc::share(b"\n");
            End {
                past_line: Past::bytes(prefix.len() + usize::from(id_len) + rest),
                past_rest,
                share: past_rest.moved(prefix_share) ^ closing,
            }
        };
        Self {
            id_len,
            by_value_len: std::array::from_fn(end),
        }
    }
}

/// A match of at most a line.
#[inline(always)]
fn copy(out: &mut FewBits<'_>, mut len: usize, distance: usize) {
    if len > MAX_MATCH {
        // None is left shorter than a match may be.
        const { assert!(MAX_LINE <= 2 * MAX_MATCH - MIN_MATCH) };
        let part = MAX_MATCH - MIN_MATCH;
        out.write(MATCHES[part].then(DISTANCES[distance]));
        len -= part;
    }
    out.write(MATCHES[len].then(DISTANCES[distance]));
}

/// A value's characters.
#[inline(always)]
fn digits(out: &mut FewBits<'_>, text: u128, len: u32) {
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
