//! A scrape as the blocks of bytes that go over the wire, one at a time: none is made before
//! somebody wants it, so a scrape of a million identities takes no more memory than one of a
//! thousand, and a slow reader delays nobody.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};

use super::identity_series::TextLines;
use super::scrape::Scrape;
use crate::deflate;

/// A block is done when it has grown to this, in bytes.
const BLOCK: usize = 16 << 10;
/// Of a block of plain text: with room for its last step, a hundred lines.
const CAPACITY: usize = 3 * BLOCK;
/// With fewer lines than this, a gzip body goes wholly through flate2: the code that [`deflate`]
/// writes takes two bytes for a letter, which counts for heads and first lines while there are few
/// others.
const SYNTHESISED_FROM: usize = 2_048;
/// zstd's level; the smallest is what a scrape can afford.
const ZSTD_LEVEL: i32 = 1;
/// zstd's window, as a power of two. Lines are alike, so a larger one finds nothing more; but it
/// would take 2 MiB for each scraper.
const ZSTD_WINDOW: u32 = 17;

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// Not at all.
    Identity,
    /// As one gzip member.
    Gzip,
    /// As one zstd frame.
    Zstd,
}

/// A scrape's blocks, in order. A block is never empty.
pub struct Blocks {
    scrape: Scrape,
    coder: Coder,
    ended: bool,
}

enum Coder {
    Plain(TextLines),
    /// Identities' lines as gzip, without their text ever being written.
    Synthesised(deflate::Lines),
    /// What comes after those, in the same gzip member: with the checksum and the length of the
    /// text so far.
    Behind(DeflateEncoder<Vec<u8>>, crc32fast::Hasher, u64),
    Gzip(GzEncoder<Vec<u8>>, TextLines),
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>, TextLines),
}

impl Blocks {
    /// All blocks of a scrape.
    #[must_use]
    pub fn new(scrape: Scrape, coding: Coding) -> Self {
        let text = TextLines::default();
        let coder = match coding {
            Coding::Identity => Coder::Plain(text),
            Coding::Gzip if scrape.expected_lines() >= SYNTHESISED_FROM => {
                Coder::Synthesised(deflate::Lines::default())
            }
            Coding::Gzip => Coder::Gzip(GzEncoder::new(Vec::new(), Compression::fast()), text),
            Coding::Zstd => {
                let encoder = zstd::stream::write::Encoder::new(Vec::new(), ZSTD_LEVEL);
                let mut encoder = encoder.expect("zstd takes level 1");
                encoder
                    .window_log(ZSTD_WINDOW)
                    .expect("zstd takes windows of 128 KiB");
                Coder::Zstd(encoder, text)
            }
        };
        Self {
            scrape,
            coder,
            ended: false,
        }
    }

    /// How many bytes all blocks of a scrape have together. Writes them all, and keeps none.
    #[must_use]
    pub fn total(scrape: &Scrape, coding: Coding) -> u64 {
        Self::new(scrape.clone(), coding)
            .map(|block| block.len() as u64)
            .sum()
    }

    /// Writes a little more; says whether there is any left.
    fn write(&mut self) -> io::Result<bool> {
        let Self { scrape, coder, .. } = self;
        match coder {
            Coder::Plain(text) => Ok(text.write(scrape)),
            Coder::Gzip(encoder, text) => {
                let more = text.write_through(scrape, encoder)?;
                if !more {
                    encoder.try_finish()?;
                }
                Ok(more)
            }
            Coder::Zstd(encoder, text) => {
                let more = text.write_through(scrape, encoder)?;
                if !more {
                    encoder.do_finish()?;
                }
                Ok(more)
            }
            Coder::Synthesised(lines) => {
                if !scrape.lines(lines) {
                    let (crc, len) = lines.end();
                    let encoder = DeflateEncoder::new(lines.take(), Compression::fast());
                    *coder = Coder::Behind(
                        encoder,
                        crc32fast::Hasher::new_with_initial(crc.value()),
                        len,
                    );
                }
                Ok(true)
            }
            Coder::Behind(encoder, crc, len) => {
                let mut text = Vec::new();
                let more = scrape.rest(&mut text);
                crc.update(&text);
                *len += text.len() as u64;
                encoder.write_all(&text)?;
                if !more {
                    encoder.try_finish()?;
                    let trailer = deflate::gzip_trailer(crc.clone().finalize(), *len);
                    encoder.get_mut().extend_from_slice(&trailer);
                }
                Ok(more)
            }
        }
    }

    /// How many bytes are written and not taken.
    fn ready(&self) -> usize {
        match &self.coder {
            Coder::Plain(text) => text.out.len(),
            Coder::Synthesised(lines) => lines.ready(),
            Coder::Behind(encoder, ..) => encoder.get_ref().len(),
            Coder::Gzip(encoder, _) => encoder.get_ref().len(),
            Coder::Zstd(encoder, _) => encoder.get_ref().len(),
        }
    }

    fn take(&mut self) -> Vec<u8> {
        match &mut self.coder {
            Coder::Plain(text) if self.ended => std::mem::take(&mut text.out),
            Coder::Plain(text) => std::mem::replace(&mut text.out, Vec::with_capacity(CAPACITY)),
            Coder::Synthesised(lines) => lines.take(),
            Coder::Behind(encoder, ..) => std::mem::take(encoder.get_mut()),
            Coder::Gzip(encoder, _) => std::mem::take(encoder.get_mut()),
            Coder::Zstd(encoder, _) => std::mem::take(encoder.get_mut()),
        }
    }
}

impl TextLines {
    fn write(&mut self, scrape: &mut Scrape) -> bool {
        scrape.lines(self) || scrape.rest(&mut self.out)
    }

    fn write_through(&mut self, scrape: &mut Scrape, encoder: &mut impl Write) -> io::Result<bool> {
        let more = self.write(scrape);
        encoder.write_all(&self.out)?;
        self.out.clear();
        Ok(more)
    }
}

impl Iterator for Blocks {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        while !self.ended && self.ready() < BLOCK {
            self.ended = !self
                .write()
                .expect("writing to a Vec fails only when there is no memory");
        }
        Some(self.take()).filter(|block| !block.is_empty())
    }
}
