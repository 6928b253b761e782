//! A scrape as a list of sections, each written a chunk at a time.

use super::identity_names::IdentityNames;
use super::identity_series::IdentitySeries;
use super::pool_series::PoolSeries;
use super::scrape::Scrape;
use super::section::Section;

/// THE order of a scrape. Sections with [`Section::next_gzip`] come first, because what follows the
/// first one without is compressed as text.
pub(super) fn sections() -> Vec<Box<dyn Section>> {
    vec![
        Box::<IdentitySeries>::default(),
        Box::<IdentityNames>::default(),
        Box::<PoolSeries>::default(),
        // The exporter's own metrics.
        Box::new(FixedText::new(|scrape| &scrape.own)),
        Box::new(FixedText::new(|scrape| scrape.format.end().as_bytes())),
    ]
}

/// Text that is known when the scrape begins.
struct FixedText {
    text: fn(&Scrape) -> &[u8],
    written: bool,
}

impl FixedText {
    fn new(text: fn(&Scrape) -> &[u8]) -> Self {
        Self {
            text,
            written: false,
        }
    }
}

impl Section for FixedText {
    fn next(&mut self, scrape: &Scrape, out: &mut Vec<u8>) -> bool {
        if self.written {
            return false;
        }
        out.extend_from_slice((self.text)(scrape));
        self.written = true;
        true
    }
}

/// Sections that are written one after the other.
pub(super) struct Sections {
    list: Vec<Box<dyn Section>>,
    /// The position of the one that is being written.
    current: usize,
}

impl Sections {
    pub(super) fn new(list: Vec<Box<dyn Section>>) -> Self {
        Self { list, current: 0 }
    }

    /// Appends the next chunk of any section; false when all is written.
    pub(super) fn next(&mut self, scrape: &Scrape, out: &mut Vec<u8>) -> bool {
        while let Some(section) = self.list.get_mut(self.current) {
            if section.next(scrape, out) {
                return true;
            }
            self.current += 1;
        }
        false
    }

    /// Writes the next chunk straight as gzip; false when the section whose turn it is does not
    /// know how.
    pub(super) fn next_gzip(&mut self, scrape: &Scrape, lines: &mut deflate::Lines) -> bool {
        while let Some(section) = self.list.get_mut(self.current) {
            match section.next_gzip(scrape, lines) {
                Some(true) => return true,
                Some(false) => self.current += 1,
                None => return false,
            }
        }
        false
    }

    /// The greatest number of lines that will be written straight as gzip.
    pub(super) fn gzip_lines(&self, scrape: &Scrape) -> usize {
        self.list
            .iter()
            .map(|section| section.gzip_lines(scrape))
            .take_while(|lines| *lines > 0)
            .sum()
    }
}
