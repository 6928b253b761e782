//! What whole lines do to the checksum.

use super::CLOSING;
use super::crc::{self, CrcShift};

/// What lines with one prefix and one length of id do to a checksum, apart from the shares of their
/// id and their value.
#[derive(Clone, Copy, Debug)]
pub(super) struct LineCrc {
    pub(super) id_len: u8,
    /// By the length of the value.
    pub(super) by_value_len: [FixedParts; 17],
}

/// What a line does to a checksum, apart from the shares of its id and its value.
#[derive(Clone, Copy, Debug)]
pub(super) struct FixedParts {
    /// Past the whole line.
    pub(super) past_line: &'static CrcShift,
    /// Past everything after the id.
    pub(super) past_rest: &'static CrcShift,
    /// The share of the prefix, of the text between id and value, and of the line break.
    pub(super) share: u32,
}

impl LineCrc {
    #[cold]
    pub(super) fn new(prefix: &[u8], id_len: u8) -> Self {
        let prefix_share = CrcShift::past(id_len.into()).apply(crc::share(prefix));
        let fixed_parts = |value_len| {
            let rest = CLOSING.len() + value_len + 1;
            let past_rest = CrcShift::past(rest);
            let closing = CrcShift::past(value_len + 1).apply(crc::share(CLOSING.as_bytes()))
                ^ crc::share(b"\n");
            FixedParts {
                past_line: CrcShift::past(prefix.len() + usize::from(id_len) + rest),
                past_rest,
                share: past_rest.apply(prefix_share) ^ closing,
            }
        };
        Self {
            id_len,
            by_value_len: std::array::from_fn(fixed_parts),
        }
    }
}
