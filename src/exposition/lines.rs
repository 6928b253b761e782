//! Identities' lines, as text or straight as gzip.

use deflate::{CLOSING, EncodedId, ShortValue};

use super::identity_family::IdentityFamily;
use super::number::Number;
use crate::identity::MAX_LEN;
use crate::job::IdentityIndex;
use crate::targets::Identities;

/// The ids of consecutive identities of one pool.
#[derive(Clone, Copy)]
pub(super) struct Ids<'a> {
    pub(super) identities: &'a Identities,
    /// The position of the first.
    pub(super) start: usize,
    /// Their gzip bits; empty for a [`LineWriter`] that needs none.
    pub(super) encoded: &'a [EncodedId],
}

/// Where the lines go.
pub(super) trait LineWriter {
    /// Whether [`Ids::encoded`] is needed.
    const ENCODED: bool;

    /// Writes whole lines of any kind.
    fn text(&mut self, text: &[u8]);
    /// Sets the beginning of each following line, at most [`MAX_PREFIX`] bytes.
    fn prefix(&mut self, prefix: &[u8]);
    /// Writes a line: prefix, id without its region, [`CLOSING`], value. The id is the one at
    /// `offset` of `ids`.
    fn line(&mut self, ids: Ids<'_>, offset: usize, value: Number);
}

/// Lines as text.
#[derive(Debug)]
pub(super) struct TextLines {
    pub(super) out: Vec<u8>,
    /// The prefix, followed by padding: copying a fixed number of bytes takes a few instructions,
    /// copying any number is a call.
    prefix: [u8; 2 * HALF_PREFIX],
    prefix_len: usize,
}

/// The longest prefix of any identity's line, in bytes.
const MAX_PREFIX: usize = {
    let (mut longest, mut index) = (0, 0);
    while index < IdentityFamily::ALL.len() {
        let family = IdentityFamily::ALL[index].family();
        let [pool_label, identity_label] = family.labels else {
            panic!("an identity's series has the labels of its pool and of itself")
        };
        // name{pool="region:hex",identity="region:
        let len = family.name.len()
            + "{".len()
            + pool_label.len()
            + "=\"".len()
            + MAX_LEN
            + "\",".len()
            + identity_label.len()
            + "=\"".len()
            + (MAX_LEN - 1);
        if len > longest {
            longest = len;
        }
        index += 1;
    }
    longest
};
/// How many bytes of a prefix are copied at once: whole cache lines, half of the longest prefix.
const HALF_PREFIX: usize = MAX_PREFIX.div_ceil(2).next_multiple_of(64);
/// How many bytes are copied for an id: a whole cache line.
const ID_COPY: usize = 64;
const _: () = assert!(ID_COPY >= MAX_LEN);

impl Default for TextLines {
    fn default() -> Self {
        Self {
            out: Vec::new(),
            prefix: [0; 2 * HALF_PREFIX],
            prefix_len: 0,
        }
    }
}

impl LineWriter for TextLines {
    const ENCODED: bool = false;

    fn text(&mut self, text: &[u8]) {
        self.out.extend_from_slice(text);
    }

    fn prefix(&mut self, prefix: &[u8]) {
        self.prefix[..prefix.len()].copy_from_slice(prefix);
        self.prefix_len = prefix.len();
    }

    #[inline]
    fn line(&mut self, ids: Ids<'_>, offset: usize, value: Number) {
        let out = &mut self.out;
        // Copies more bytes than needed and cuts off the excess.
        let (first, second) = self.prefix.split_at(HALF_PREFIX);
        let id_at = out.len() + self.prefix_len;
        push::<HALF_PREFIX>(out, first);
        if self.prefix_len > HALF_PREFIX {
            push::<HALF_PREFIX>(out, second);
        }
        out.truncate(id_at);
        let (tail, id_len) = ids
            .identities
            .hex_and_tail(IdentityIndex(ids.start + offset));
        match tail.first_chunk::<ID_COPY>() {
            Some(bytes) => {
                out.extend_from_slice(bytes);
                out.truncate(id_at + id_len);
            }
            // One of the pool's last identities.
            None => out.extend_from_slice(&tail[..id_len]),
        }
        out.extend_from_slice(CLOSING.as_bytes());
        value.write(out);
        out.push(b'\n');
    }
}

/// Copies the first `N` bytes of `from`.
#[inline]
fn push<const N: usize>(out: &mut Vec<u8>, from: &[u8]) {
    let from: &[u8; N] = from.first_chunk().expect("each half has N bytes");
    out.extend_from_slice(from);
}

impl LineWriter for deflate::Lines {
    const ENCODED: bool = true;

    fn text(&mut self, text: &[u8]) {
        self.text(text);
    }

    fn prefix(&mut self, prefix: &[u8]) {
        self.prefix(prefix);
    }

    #[inline]
    fn line(&mut self, ids: Ids<'_>, offset: usize, value: Number) {
        let hex = || ids.identities.hex(IdentityIndex(ids.start + offset));
        match value {
            Number::Short { text, len } => {
                self.line(&ids.encoded[offset], hex, ShortValue { text, len });
            }
            Number::Whole(_) | Number::Real(_) => {
                let mut text = Vec::new();
                value.write(&mut text);
                self.long_line(hex(), &text);
            }
        }
    }
}
