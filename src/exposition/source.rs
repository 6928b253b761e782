//! Metrics from other modules.

use super::text::{FamilyWriter, Format, Head};
use crate::clock::Timestamp;

/// Metrics that are not made of the store: the exporter's own. They are written when a scrape
/// begins, as of `now`.
pub trait Source {
    /// Writes all families.
    fn write(&self, now: Timestamp, families: &mut Families<'_>);
}

/// A source of no metrics.
impl Source for () {
    fn write(&self, _: Timestamp, _: &mut Families<'_>) {}
}

/// Writes whole families, one after the other, in the scrape's format.
#[derive(Debug)]
pub struct Families<'a> {
    format: Format,
    out: &'a mut Vec<u8>,
}

impl<'a> Families<'a> {
    /// Families that are appended to `out`.
    pub fn new(format: Format, out: &'a mut Vec<u8>) -> Self {
        Self { format, out }
    }

    /// The writer of the next family. A family without samples leaves no trace.
    pub fn family<'f>(&'f mut self, head: Head<'f>) -> FamilyWriter<'f> {
        FamilyWriter::new(self.format, head, self.out)
    }
}
