//! A section of a scrape.

use super::scrape::Scrape;

/// A part of a scrape: one or several whole families. It remembers how far it is written; all that
/// it writes comes from the scrape.
///
/// A section is a file with a type that implements this, and a row in [`super::sections`].
pub(super) trait Section: Send + Sync {
    /// Appends the next chunk: at most some hundred lines, so that no other task waits for long.
    /// Returns false, and appends nothing, when there is none left.
    fn next(&mut self, scrape: &Scrape, out: &mut Vec<u8>) -> bool;

    /// Writes the next chunk straight as gzip, and returns whether there was one. `None`, for a
    /// section that does not know how: its text is compressed instead.
    fn next_gzip(&mut self, scrape: &Scrape, lines: &mut deflate::Lines) -> Option<bool> {
        let _ = (scrape, lines);
        None
    }

    /// The greatest number of lines that [`Section::next_gzip`] will write in all.
    fn gzip_lines(&self, scrape: &Scrape) -> usize {
        let _ = scrape;
        0
    }
}
