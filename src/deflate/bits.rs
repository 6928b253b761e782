//! Bits into bytes, the first bit lowest (RFC 1951, 3.1.1).

/// Some bits, the first one lowest; those from `len` on are 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Bits {
    pub(super) bits: u64,
    pub(super) len: u32,
}

impl Bits {
    /// These bits with others behind them, 64 together at most.
    #[inline]
    pub(super) const fn then(self, next: Self) -> Self {
        Self {
            bits: self.bits | next.bits << self.len,
            len: self.len + next.len,
        }
    }
}

/// The most bits that are written at once.
pub(super) const MOST: u32 = 56;
/// The most bits of an id that are written at once.
pub(super) const MOST_LONG: u32 = 184;

/// How much room is made at a time, in bytes.
const ROOM: usize = 8 << 10;
/// What a line may have, in bytes: two matches before an id and one behind it, an id, and 16
/// characters; with room for a whole word behind them.
const FEW: usize = 64;

/// Bytes that grow by bits.
#[derive(Clone, Debug, Default)]
pub(super) struct BitWriter {
    /// Written, and room, which is 0.
    bytes: Vec<u8>,
    /// How many are written.
    end: usize,
    /// Fewer than eight bits, which make no byte yet.
    pending: Bits,
}

impl BitWriter {
    /// Writes bits, [`MOST`] of them at most.
    pub(super) fn write(&mut self, bits: Bits) {
        let mut few = self.few();
        few.write(bits);
        few.end();
    }

    /// A writer of as many bits as a line may have.
    #[inline(always)]
    pub(super) fn few(&mut self) -> FewBits<'_> {
        if self.bytes.len() < self.end + FEW {
            self.make_room();
        }
        let Self {
            bytes,
            end,
            pending,
        } = self;
        let place = bytes[*end..].first_chunk_mut().expect("room was made");
        FewBits {
            place,
            written: 0,
            pending: *pending,
            end,
            end_pending: pending,
        }
    }

    #[cold]
    fn make_room(&mut self) {
        self.bytes.resize(self.end + FEW.max(ROOM), 0);
    }

    /// Writes whole bytes, where a byte ends.
    pub(super) fn write_bytes(&mut self, bytes: &[u8]) {
        debug_assert_eq!(self.pending.len, 0);
        self.bytes.truncate(self.end);
        self.bytes.extend_from_slice(bytes);
        self.end = self.bytes.len();
    }

    /// Fills the last byte with zero bits.
    pub(super) fn align(&mut self) {
        let filling = (8 - self.pending.len) % 8;
        self.write(Bits {
            bits: 0,
            len: filling,
        });
    }

    /// How many whole bytes there are.
    pub(super) fn len(&self) -> usize {
        self.end
    }

    /// How many bits were written and not taken.
    pub(super) fn bit_len(&self) -> usize {
        8 * self.end + self.pending.len as usize
    }

    /// The whole bytes.
    pub(super) fn take(&mut self) -> Vec<u8> {
        self.bytes.truncate(std::mem::take(&mut self.end));
        std::mem::take(&mut self.bytes)
    }
}

/// Bits that are written in registers, without asking each time whether there is room, or a whole
/// word: a branch that nobody can predict costs as much as a line should.
pub(super) struct FewBits<'a> {
    place: &'a mut [u8; FEW],
    /// Bytes of it.
    written: usize,
    pending: Bits,
    end: &'a mut usize,
    end_pending: &'a mut Bits,
}

impl FewBits<'_> {
    /// Writes bits, [`MOST`] of them at most.
    #[inline(always)]
    pub(super) fn write(&mut self, bits: Bits) {
        debug_assert!(bits.len <= MOST);
        let Bits { bits, len } = self.pending.then(bits);
        self.put(0, bits);
        self.written += len as usize / 8;
        self.pending = Bits {
            bits: bits >> (len & !7),
            len: len & 7,
        };
    }

    /// Writes [`MOST_LONG`] bits at most.
    #[inline(always)]
    pub(super) fn write_long(&mut self, bits: [u64; 3], len: u32) {
        let used = self.pending.len;
        // In two steps, because a shift by 64 would be none.
        let spilled = |bits: u64| bits >> 1 >> (63 - used);
        self.put(0, self.pending.bits | bits[0] << used);
        self.put(8, spilled(bits[0]) | bits[1] << used);
        self.put(16, spilled(bits[1]) | bits[2] << used);
        let len = used + len;
        self.written += len as usize / 8;
        self.pending = Bits {
            bits: self.place[self.written].into(),
            len: len & 7,
        };
    }

    #[inline(always)]
    fn put(&mut self, behind: usize, word: u64) {
        let at = self.written + behind;
        self.place[at..at + 8].copy_from_slice(&word.to_le_bytes());
    }

    #[inline(always)]
    pub(super) fn end(self) {
        *self.end += self.written;
        *self.end_pending = self.pending;
    }
}
