//! Scripts of identities: their datasets as a pure function of the world's age.

use super::dataset::{DATASET_BYTES, DATASET_RECORDS, IDENTITY_DATASETS, round_to_milliseconds};
use crate::api::{Dataset, Usage};
use crate::identity::hash;

const DAY: f64 = 86_400.0;
/// Size of most records, key and value, in bytes. A dataset of them is full of bytes first.
const RECORD_BYTES: u64 = 1_536;
/// Size of a small record, key and value, in bytes. A dataset of them is full of records first.
const SMALL_RECORD_BYTES: u64 = 20;
/// What the datasets beside an identity's fullest hold, as a share of what they may.
const SMALL_SHARE: f64 = 0.02;
/// The part of the identities with a wall that are there from the world's start on, so that a first
/// sweep finds some.
const FULL_AT_START: f64 = 0.5;
/// Identities that reach a wall begin to tidy up at this age, in seconds. Before it, each alert
/// about a limit fires.
pub const TIDY_FROM: f64 = 3_600.0;
/// They tidy up for this long, in seconds, and then fill up again. Meanwhile each alert ends, also
/// one that is held for three hours, and Alertmanager reports it.
pub const TIDY_FOR: f64 = 12_600.0;

/// How the datasets of an identity develop. The number in 0..1 varies it within its kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Life {
    /// Constant usage, in datasets of equal size. Neither its usage nor its date lags.
    Still(Usage),
    /// Constant datasets.
    Datasets(Vec<Dataset>),
    /// One to three datasets; writes every 10 to 60 s, with little change of storage.
    Steady(f64),
    /// One to three datasets. The fullest grows to three quarters of a dataset's bytes in ten
    /// minutes, then shrinks and repeats.
    Growing(f64),
    /// One dataset, full of bytes within a minute. Its writes stop until it tidies up.
    Filling(f64),
    /// One dataset, full of small records within a minute. It goes on replacing them.
    Crowding(f64),
    /// Three to five datasets, of which one is full of bytes within a minute.
    Lopsided(f64),
    /// Three to five datasets with more bytes together than one may hold; none is half full.
    Spread(f64),
    /// Small datasets, of which there are as many as there may be within a minute.
    Merging(f64),
    /// One to three datasets; last wrote days or months ago.
    Quiet(f64),
    /// Created, but without a write.
    Empty,
    /// Never synced, as many guests: Cognito Identity lists it, but Cognito Sync does not know it.
    /// [`super::World::change`] makes it sync.
    NeverSynced,
    /// Exists for a while, is missing for two minutes, and exists again.
    Vanishing(f64),
    /// Grows evenly for weeks.
    Collecting(Collecting),
}

/// Datasets that grow in proportion, of which the first has twice as much as each other. They have
/// grown before the world's start, too.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Collecting {
    /// At least 1.
    pub datasets: usize,
    /// What they hold together at the world's start.
    pub bytes: f64,
    /// Bytes of each write, to all datasets together.
    pub write: f64,
    /// Seconds between two writes.
    pub every: f64,
    /// Size of each record.
    pub record_bytes: f64,
}

impl Collecting {
    /// The part of all bytes that the first dataset has.
    #[must_use]
    pub fn share(&self) -> f64 {
        2.0 / (self.datasets as f64 + 1.0)
    }

    fn contents(&self, age: f64) -> Vec<Content> {
        let written = last_write(age, self.every);
        let bytes = self.bytes + written / self.every * self.write;
        let most = (DATASET_BYTES as f64).min(DATASET_RECORDS as f64 * self.record_bytes);
        let content = |number: usize| {
            let part = if number == 0 { 1.0 } else { 0.5 };
            let bytes = (bytes * self.share() * part).clamp(0.0, most);
            Content {
                bytes: bytes as u64,
                records: (bytes / self.record_bytes) as u64,
                written,
            }
        };
        (0..self.datasets).map(content).collect()
    }
}

/// What one dataset holds.
#[derive(Clone, Copy)]
struct Content {
    bytes: u64,
    records: u64,
    /// The world's age at its last write.
    written: f64,
}

impl Content {
    /// Records of the usual size.
    fn of_bytes(bytes: u64, written: f64) -> Self {
        Self {
            bytes,
            records: bytes.div_ceil(RECORD_BYTES),
            written,
        }
    }

    fn of_share(share: f64, written: f64) -> Self {
        Self::of_bytes((DATASET_BYTES as f64 * share) as u64, written)
    }
}

/// Progress towards a wall.
struct Approach {
    /// From 0 to 1.
    progress: f64,
    /// The world's age at the last write that changed it.
    written: f64,
    /// The world's age at the last attempt to write.
    tried: f64,
}

impl Approach {
    /// Reaches the wall within a minute, or is there from the start on, and before; stays there,
    /// and shrinks for [`TIDY_FOR`].
    fn at(draw: f64, age: f64) -> Self {
        let tried = last_write(age, 5.0);
        let phase = tried.max(0.0) % (TIDY_FROM + TIDY_FOR);
        let takes = if draw < FULL_AT_START {
            0.0
        } else {
            30.0 + 25.0 * draw
        };
        if phase >= TIDY_FROM {
            return Self {
                progress: 0.0,
                written: tried,
                tried,
            };
        }
        let arrived = tried - phase + (takes / 5.0).ceil() * 5.0;
        Self {
            progress: if phase < takes { phase / takes } else { 1.0 },
            written: tried.min(arrived),
            tried,
        }
    }

    /// Between two levels.
    fn between(&self, from: f64, to: f64) -> f64 {
        from + (to - from) * self.progress
    }
}

impl Life {
    /// Of a hundred identities: 2 filling, 2 crowding, 4 lopsided, 2 merging, 4 spread, 30 steady,
    /// 28 quiet, 5 empty, 5 vanishing, 18 growing.
    pub(super) fn from_seed(seed: u64, identity: usize) -> Self {
        let number = hash(&[&seed.to_string(), "life", &identity.to_string()]);
        let draw = (number >> 11) as f64 / (1_u64 << 53) as f64;
        // By position, not at random, so that even few identities have most kinds.
        match identity * 37 % 100 {
            0..2 => Self::Filling(draw),
            2..4 => Self::Crowding(draw),
            4..8 => Self::Lopsided(draw),
            8..10 => Self::Merging(draw),
            10..14 => Self::Spread(draw),
            14..44 => Self::Steady(draw),
            44..72 => Self::Quiet(draw),
            72..77 => Self::Empty,
            77..82 => Self::Vanishing(draw),
            _ => Self::Growing(draw),
        }
    }

    /// Its datasets when the world is `age` seconds old, which is negative before its start; `None`
    /// while Cognito Sync does not know it. `start` is in seconds since 1970.
    pub(super) fn datasets(&self, age: f64, start: f64) -> Option<Vec<Dataset>> {
        let contents = match *self {
            Self::Still(usage) => return Some(of_usage(&usage)),
            Self::Datasets(ref datasets) => return Some(datasets.clone()),
            Self::Steady(draw) => {
                let interval = 10.0 + 50.0 * draw;
                let written = last_write(age, interval);
                let varying = 0.02 * (written / interval).rem_euclid(3.0);
                few(draw, 0.02 + 0.2 * draw + varying, written)
            }
            Self::Growing(draw) => {
                let written = last_write(age, 15.0);
                let grown = (written + 600.0 * draw).rem_euclid(600.0) / 600.0;
                few(draw, 0.1 + 0.65 * grown, written)
            }
            Self::Filling(draw) => {
                let bytes = Approach::at(draw, age);
                vec![Content::of_share(bytes.between(0.4, 1.0), bytes.written)]
            }
            Self::Crowding(draw) => {
                let approach = Approach::at(draw, age);
                let records = approach.between(0.4, 1.0) * DATASET_RECORDS as f64;
                let records = records as u64;
                vec![Content {
                    bytes: records * SMALL_RECORD_BYTES,
                    records,
                    written: approach.tried,
                }]
            }
            Self::Lopsided(draw) => {
                let bytes = Approach::at(draw, age);
                let small = Content::of_share(SMALL_SHARE, last_write(age, 20.0));
                let mut contents = vec![small; several(draw)];
                contents[1] = Content::of_share(bytes.between(0.4, 1.0), bytes.written);
                contents
            }
            Self::Spread(draw) => {
                let content = Content::of_share(0.28 + 0.14 * draw, last_write(age, 30.0));
                vec![content; several(draw)]
            }
            Self::Merging(draw) => {
                let approach = Approach::at(draw, age);
                let datasets = approach.between(0.5, 1.0) * IDENTITY_DATASETS as f64;
                let content = Content::of_bytes(3 * RECORD_BYTES, approach.written);
                vec![content; datasets as usize]
            }
            Self::Quiet(draw) => {
                let written = -DAY * (1.0 + 400.0 * draw * draw);
                few(draw, 0.01 + 0.3 * draw, written)
            }
            Self::Empty => Vec::new(),
            Self::NeverSynced => return None,
            Self::Vanishing(draw) => {
                let exists =
                    (age % 300.0) < 30.0 + 150.0 * draw || age % 300.0 > 150.0 + 150.0 * draw;
                if !exists {
                    return None;
                }
                few(draw, 0.1 + 0.2 * draw, -DAY * draw)
            }
            Self::Collecting(ref collecting) => collecting.contents(age),
        };
        let dataset = |(number, content): (usize, &Content)| Dataset {
            name: Some(name(number)),
            storage_bytes: Some(content.bytes),
            records: Some(content.records),
            last_modified: Some(round_to_milliseconds(start + content.written)),
        };
        Some(contents.iter().enumerate().map(dataset).collect())
    }
}

/// The age at the last write of those that write at each multiple of `interval`. Usage changes only
/// with a write, together with its time.
fn last_write(age: f64, interval: f64) -> f64 {
    (age / interval).floor() * interval
}

/// One to three datasets, of which the first is the fullest.
fn few(draw: f64, share: f64, written: f64) -> Vec<Content> {
    let mut contents = vec![Content::of_share(share, written)];
    let beside = Content::of_share(SMALL_SHARE.min(share), written - DAY);
    contents.resize(1 + (draw * 1e3) as usize % 3, beside);
    contents
}

/// Three to five.
fn several(draw: f64) -> usize {
    3 + (draw * 1e3) as usize % 3
}

fn name(number: usize) -> String {
    format!("dataset-{}", number + 1)
}

/// Datasets that add up to `usage`. Its bytes are divided evenly, and the first dataset takes the
/// remainder.
fn of_usage(usage: &Usage) -> Vec<Dataset> {
    let count = u64::from(usage.datasets.unwrap_or(0));
    let dataset = |number: u64| {
        let remainder = |bytes: u64| if number == 0 { bytes % count } else { 0 };
        let bytes = usage.storage_bytes;
        let storage_bytes = bytes.map(|bytes| bytes / count + remainder(bytes));
        Dataset {
            name: Some(name(number as usize)),
            storage_bytes,
            records: storage_bytes.map(|bytes| bytes.div_ceil(RECORD_BYTES)),
            last_modified: usage.last_modified,
        }
    };
    (0..count).map(dataset).collect()
}
