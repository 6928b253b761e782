//! A writer of bits into bytes, the first bit in the lowest place (RFC 1951, 3.1.1).

/// Up to 64 bits, the first one in the lowest place. Bits from `len` on are 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Bits {
    pub(super) bits: u64,
    pub(super) len: u32,
}

impl Bits {
    /// These bits followed by `next`; at most 64 together.
    #[inline]
    pub(super) const fn then(self, next: Self) -> Self {
        Self {
            bits: self.bits | next.bits << self.len,
            len: self.len + next.len,
        }
    }
}

/// The most bits that one `write` takes.
pub(super) const MAX_BITS: u32 = 56;
/// The most bits that one `write_long` takes.
pub(super) const MAX_LONG_BITS: u32 = 184;

/// How many bytes the buffer grows by.
const GROWTH: usize = 8 << 10;
/// The most bytes that one line takes: two matches before an id and one after it, an id, and a
/// value of 16 characters. Includes space for a whole word after the last byte.
const MAX_LINE_BYTES: usize = 64;

/// A buffer of bytes that is written bit by bit.
#[derive(Clone, Debug, Default)]
pub(super) struct BitWriter {
    /// The bytes written, followed by zeroed space.
    bytes: Vec<u8>,
    /// The number of bytes written.
    end: usize,
    /// The last bits, fewer than eight, which do not fill a byte yet.
    pending: Bits,
}

impl BitWriter {
    /// Writes at most [`MAX_BITS`] bits.
    pub(super) fn write(&mut self, bits: Bits) {
        let mut line = self.line();
        line.write(bits);
        line.finish();
    }

    /// A writer with space for one line.
    #[inline(always)]
    pub(super) fn line(&mut self) -> LineBits<'_> {
        if self.bytes.len() < self.end + MAX_LINE_BYTES {
            self.grow();
        }
        let Self {
            bytes,
            end,
            pending,
        } = self;
        let space = bytes[*end..]
            .first_chunk_mut()
            .expect("the buffer has just been grown");
        LineBits {
            space,
            written: 0,
            pending: *pending,
            end,
            end_pending: pending,
        }
    }

    #[cold]
    fn grow(&mut self) {
        self.bytes.resize(self.end + MAX_LINE_BYTES.max(GROWTH), 0);
    }

    /// Writes whole bytes. The bits written so far must end on a byte boundary.
    pub(super) fn write_bytes(&mut self, bytes: &[u8]) {
        debug_assert_eq!(self.pending.len, 0);
        self.bytes.truncate(self.end);
        self.bytes.extend_from_slice(bytes);
        self.end = self.bytes.len();
    }

    /// Writes zero bits up to the next byte boundary.
    pub(super) fn align(&mut self) {
        let padding = (8 - self.pending.len) % 8;
        self.write(Bits {
            bits: 0,
            len: padding,
        });
    }

    /// The number of whole bytes.
    pub(super) fn len(&self) -> usize {
        self.end
    }

    /// Removes and returns the whole bytes.
    pub(super) fn take(&mut self) -> Vec<u8> {
        self.bytes.truncate(std::mem::take(&mut self.end));
        std::mem::take(&mut self.bytes)
    }
}

/// The bits of one line, collected in registers. It writes whole words and never checks for space:
/// an unpredictable branch would cost as much as a whole line.
pub(super) struct LineBits<'a> {
    space: &'a mut [u8; MAX_LINE_BYTES],
    /// The number of bytes written into `space`.
    written: usize,
    pending: Bits,
    end: &'a mut usize,
    end_pending: &'a mut Bits,
}

impl LineBits<'_> {
    /// Writes at most [`MAX_BITS`] bits.
    #[inline(always)]
    pub(super) fn write(&mut self, bits: Bits) {
        debug_assert!(bits.len <= MAX_BITS);
        let Bits { bits, len } = self.pending.then(bits);
        self.put(0, bits);
        self.written += len as usize / 8;
        self.pending = Bits {
            bits: bits >> (len & !7),
            len: len & 7,
        };
    }

    /// Writes at most [`MAX_LONG_BITS`] bits.
    #[inline(always)]
    pub(super) fn write_long(&mut self, bits: [u64; 3], len: u32) {
        let used = self.pending.len;
        // Two shifts, because one shift by 64 bits, when `used` is 0, would overflow.
        let spilled = |bits: u64| bits >> 1 >> (63 - used);
        self.put(0, self.pending.bits | bits[0] << used);
        self.put(8, spilled(bits[0]) | bits[1] << used);
        self.put(16, spilled(bits[1]) | bits[2] << used);
        let len = used + len;
        self.written += len as usize / 8;
        self.pending = Bits {
            bits: self.space[self.written].into(),
            len: len & 7,
        };
    }

    #[inline(always)]
    fn put(&mut self, offset: usize, word: u64) {
        let at = self.written + offset;
        self.space[at..at + 8].copy_from_slice(&word.to_le_bytes());
    }

    /// Adds the bits to the buffer.
    #[inline(always)]
    pub(super) fn finish(self) {
        *self.end += self.written;
        *self.end_pending = self.pending;
    }
}
