//! A scrape as the blocks of bytes that are sent.
//!
//! A block is made only when it can be sent, so a scrape of a million identities needs no more
//! memory than one of a thousand, and a slow reader blocks no other.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};

use super::scrape::Scrape;
use super::section::Section;
use super::sections::{Sections, sections};

/// A block is complete when it has at least this many bytes.
const BLOCK_SIZE: usize = 16 << 10;
/// The capacity of a block of plain text: with space for a last chunk of a hundred lines.
const BLOCK_CAPACITY: usize = 3 * BLOCK_SIZE;
/// With fewer lines than this, flate2 compresses the whole gzip body: the fixed code of [`deflate`]
/// takes two bytes for a letter, which is a loss while heads and first lines are a large part.
const MIN_SYNTHESISED_LINES: usize = 2_048;
/// zstd's level: the fastest.
const ZSTD_LEVEL: i32 = 1;
/// zstd's window, as a power of two. A larger one finds no more repetitions in lines that are
/// nearly alike, and would take 2 MiB for each scraper.
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
    sections: Sections,
    coder: Coder,
    /// The text of one chunk on its way to a compressor, kept for its capacity.
    text: Vec<u8>,
    ended: bool,
}

enum Coder {
    Plain(Vec<u8>),
    /// The first sections as gzip, without their text ever being written.
    Synthesised(Box<deflate::Lines>),
    /// The other sections, in the same gzip member.
    AfterSynthesised(GzipRest),
    Gzip(GzEncoder<Vec<u8>>),
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
}

/// The rest of a gzip member that [`deflate`] began.
struct GzipRest {
    encoder: DeflateEncoder<Vec<u8>>,
    /// The checksum and the length of the whole text so far.
    crc: crc32fast::Hasher,
    len: u64,
}

impl Blocks {
    /// All blocks of a scrape.
    #[must_use]
    pub fn new(scrape: Scrape, coding: Coding) -> Self {
        Self::with_sections(scrape, coding, sections())
    }

    pub(super) fn with_sections(
        scrape: Scrape,
        coding: Coding,
        sections: Vec<Box<dyn Section>>,
    ) -> Self {
        let sections = Sections::new(sections);
        let coder = match coding {
            Coding::Identity => Coder::Plain(Vec::new()),
            Coding::Gzip if sections.gzip_lines(&scrape) >= MIN_SYNTHESISED_LINES => {
                Coder::Synthesised(Box::default())
            }
            Coding::Gzip => Coder::Gzip(GzEncoder::new(Vec::new(), Compression::fast())),
            Coding::Zstd => {
                let encoder = zstd::stream::write::Encoder::new(Vec::new(), ZSTD_LEVEL);
                let mut encoder = encoder.expect("zstd has a level 1");
                encoder
                    .window_log(ZSTD_WINDOW)
                    .expect("zstd has windows of 128 KiB");
                Coder::Zstd(encoder)
            }
        };
        Self {
            scrape,
            sections,
            coder,
            text: Vec::new(),
            ended: false,
        }
    }

    /// Writes the next chunk; returns whether there is more.
    fn write(&mut self) -> io::Result<bool> {
        let Self {
            scrape,
            sections,
            coder,
            text,
            ..
        } = self;
        text.clear();
        match coder {
            Coder::Plain(out) => Ok(sections.next(scrape, out)),
            Coder::Synthesised(lines) => {
                if !sections.next_gzip(scrape, lines) {
                    *coder = Coder::AfterSynthesised(GzipRest::new(lines));
                }
                Ok(true)
            }
            Coder::AfterSynthesised(rest) => {
                let more = sections.next(scrape, text);
                rest.write(text)?;
                if !more {
                    rest.finish()?;
                }
                Ok(more)
            }
            Coder::Gzip(encoder) => {
                let more = sections.next(scrape, text);
                encoder.write_all(text)?;
                if !more {
                    encoder.try_finish()?;
                }
                Ok(more)
            }
            Coder::Zstd(encoder) => {
                let more = sections.next(scrape, text);
                encoder.write_all(text)?;
                if !more {
                    encoder.do_finish()?;
                }
                Ok(more)
            }
        }
    }

    /// The number of bytes that [`Blocks::take`] would return.
    fn ready(&self) -> usize {
        match &self.coder {
            Coder::Plain(out) => out.len(),
            Coder::Synthesised(lines) => lines.ready(),
            Coder::AfterSynthesised(rest) => rest.encoder.get_ref().len(),
            Coder::Gzip(encoder) => encoder.get_ref().len(),
            Coder::Zstd(encoder) => encoder.get_ref().len(),
        }
    }

    fn take(&mut self) -> Vec<u8> {
        match &mut self.coder {
            Coder::Plain(out) if self.ended => std::mem::take(out),
            Coder::Plain(out) => std::mem::replace(out, Vec::with_capacity(BLOCK_CAPACITY)),
            Coder::Synthesised(lines) => lines.take(),
            Coder::AfterSynthesised(rest) => std::mem::take(rest.encoder.get_mut()),
            Coder::Gzip(encoder) => std::mem::take(encoder.get_mut()),
            Coder::Zstd(encoder) => std::mem::take(encoder.get_mut()),
        }
    }
}

impl GzipRest {
    fn new(lines: &mut deflate::Lines) -> Self {
        let (crc, len) = lines.end();
        Self {
            encoder: DeflateEncoder::new(lines.take(), Compression::fast()),
            crc: crc32fast::Hasher::new_with_initial(crc.value()),
            len,
        }
    }

    fn write(&mut self, text: &[u8]) -> io::Result<()> {
        self.crc.update(text);
        self.len += text.len() as u64;
        self.encoder.write_all(text)
    }

    fn finish(&mut self) -> io::Result<()> {
        self.encoder.try_finish()?;
        let trailer = deflate::gzip_trailer(self.crc.clone().finalize(), self.len);
        self.encoder.get_mut().extend_from_slice(&trailer);
        Ok(())
    }
}

impl Iterator for Blocks {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        while !self.ended && self.ready() < BLOCK_SIZE {
            self.ended = !self
                .write()
                .expect("writing to a Vec fails only when there is no memory");
        }
        Some(self.take()).filter(|block| !block.is_empty())
    }
}
