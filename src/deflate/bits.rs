//! Bits into bytes, the first bit lowest (RFC 1951, 3.1.1).

/// Some bits, the first one lowest; those from `len` on are 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Bits {
    pub(super) bits: u64,
    /// At most 64.
    pub(super) len: u32,
}

impl Bits {
    /// These bits with others behind them, 64 together at most.
    #[inline]
    pub(super) const fn then(self, next: Self) -> Self {
        Self { bits: self.bits | next.bits << self.len, len: self.len + next.len }
    }
}

/// Bytes that grow by bits.
#[derive(Clone, Debug, Default)]
pub(super) struct BitWriter {
    pub(super) bytes: Vec<u8>,
    pending: Bits,
}

impl BitWriter {
    #[inline]
    pub(super) fn write(&mut self, Bits { bits, len }: Bits) {
        let used = self.pending.len;
        self.pending.bits |= bits << used;
        self.pending.len += len;
        if self.pending.len >= 64 {
            self.bytes.extend_from_slice(&self.pending.bits.to_le_bytes());
            // In two steps, because a shift by 64 would be none.
            self.pending = Bits { bits: bits >> 1 >> (63 - used), len: self.pending.len - 64 };
        }
    }

    /// How many bits were written and not taken.
    pub(super) fn len(&self) -> usize {
        8 * self.bytes.len() + self.pending.len as usize
    }

    /// Fills the last byte with zero bits.
    pub(super) fn align(&mut self) {
        let bytes = self.pending.len.div_ceil(8) as usize;
        self.bytes.extend_from_slice(&self.pending.bits.to_le_bytes()[..bytes]);
        self.pending = Bits::default();
    }
}
