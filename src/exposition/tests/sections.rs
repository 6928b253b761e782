//! A section of a third kind, neither of identities' values nor of pools: a type and a row.

use std::io::Read;
use std::sync::Arc;

use super::super::families::Kind;
use super::super::number::Number;
use super::super::scrape::{Cursor, Scrape};
use super::super::section::Section;
use super::super::sections::sections;
use super::super::text::{FamilyWriter, Head};
use super::super::{Blocks, Coding, Exposition, Format};
use super::{never_polled, now, store};
use crate::job::IdentityIndex;

const HEAD: Head<'_> = Head {
    name: "cognitosync_dataset_records",
    kind: Kind::Gauge,
    help: "Records of a dataset.",
};

/// Two datasets of each identity whose position is a multiple of three.
#[derive(Default)]
struct Datasets {
    cursor: Cursor,
    head_written: bool,
}

impl Section for Datasets {
    fn next(&mut self, scrape: &Scrape, out: &mut Vec<u8>) -> bool {
        let Some(chunk) = self.cursor.next(scrape, |_| true) else {
            return false;
        };
        let mut family = FamilyWriter::resume(scrape.format, HEAD, out, self.head_written);
        chunk.runs(|run| {
            for index in run.positions().filter(|index| index % 3 == 0) {
                let id = chunk.pool.target.identities.id(IdentityIndex(index));
                for dataset in ["notes", "settings"] {
                    let labels = [("identity_id", id.as_str()), ("dataset", dataset)];
                    family.sample(labels, Number::whole(index as u64));
                }
            }
        });
        self.head_written = family.head_written();
        true
    }
}

/// The table of sections with one more row.
fn with_datasets(row: usize) -> Vec<Box<dyn Section>> {
    let mut sections = sections();
    sections.insert(row, Box::<Datasets>::default());
    sections
}

fn text(blocks: Blocks, coding: Coding) -> String {
    let body: Vec<u8> = blocks.flatten().collect();
    let mut text = Vec::new();
    match coding {
        Coding::Identity => text = body,
        Coding::Gzip => {
            let mut gzip = flate2::bufread::GzDecoder::new(&*body);
            gzip.read_to_end(&mut text).unwrap();
        }
        Coding::Zstd => text = zstd::stream::decode_all(&*body).unwrap(),
    }
    String::from_utf8(text).unwrap()
}

#[test]
fn another_section_is_a_row_of_the_table() {
    let exposition = Exposition::new(Arc::new(store("each")));
    for format in [Format::Text, Format::OpenMetrics] {
        let scrape = exposition.scrape(now(), format, &());
        let plain = text(
            Blocks::new(scrape.clone(), Coding::Identity),
            Coding::Identity,
        );
        let blocks = Blocks::with_sections(scrape, Coding::Identity, with_datasets(2));
        let with_datasets = text(blocks, Coding::Identity);
        let name_at = with_datasets.find(HEAD.name).unwrap();
        let line_at = with_datasets[..name_at].rfind('\n').unwrap() + 1;
        let (before, rest) = with_datasets.split_at(line_at);
        let pools = plain.strip_prefix(before).unwrap();
        let lines = rest.strip_suffix(pools).unwrap();
        let sample = "cognitosync_dataset_records{identity_id=\"us-east-1:03\",\
                      dataset=\"settings\"} 3\n";
        assert!(lines.contains(sample), "{lines}");
        assert_eq!(lines.matches("\ncognitosync_dataset_records{").count(), 10);
    }
}

/// Also where it stands among sections that are written straight as gzip.
#[test]
fn another_section_is_the_same_text_in_every_coding_and_row() {
    let exposition = Exposition::new(Arc::new(never_polled(1_000)));
    for row in 0..=sections().len() {
        let scrape = exposition.scrape(now(), Format::Text, &());
        let written = |coding| {
            let blocks = Blocks::with_sections(scrape.clone(), coding, with_datasets(row));
            text(blocks, coding)
        };
        let plain = written(Coding::Identity);
        assert_eq!(plain.matches("\"notes\"").count(), 334);
        assert!(written(Coding::Gzip) == plain, "row {row}");
        assert!(written(Coding::Zstd) == plain, "row {row}");
    }
}
