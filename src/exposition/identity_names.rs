//! The section of the identities' names.

use super::families::IDENTITY_INFO;
use super::number::Number;
use super::scrape::{Cursor, Scrape};
use super::section::Section;
use super::text::FamilyWriter;
use crate::job::IdentityIndex;
use crate::targets::Pool;

/// One line for each identity that has a name.
#[derive(Debug, Default)]
pub(super) struct IdentityNames {
    cursor: Cursor,
    head_written: bool,
}

impl Section for IdentityNames {
    fn next(&mut self, scrape: &Scrape, out: &mut Vec<u8>) -> bool {
        let has_names = |pool: &Pool| pool.identities.named() > 0;
        let Some(chunk) = self.cursor.next(scrape, has_names) else {
            return false;
        };
        let (pool, identities) = (&chunk.pool.target.id, &chunk.pool.target.identities);
        let head = IDENTITY_INFO.head();
        let mut family = FamilyWriter::resume(scrape.format, head, out, self.head_written);
        chunk.runs(|run| {
            for index in run.positions().map(IdentityIndex) {
                if let Some(name) = identities.name(index) {
                    let labels = [pool.as_str(), identities.id(index).as_str(), name];
                    family.sample(IDENTITY_INFO.labelled(labels), Number::whole(1));
                }
            }
        });
        self.head_written = family.head_written();
        true
    }
}
