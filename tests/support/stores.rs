//! Any store there can be, from any bytes: names of all characters, extreme numbers, pools of none,
//! one and many identities.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary includes this and uses its own part of it"
)]
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests may, and clippy does not see that this is one"
)]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cognitosync_exporter::api::{Dataset, Failure, PoolUsage, Usage};
use cognitosync_exporter::clock::{Mono, Timestamp};
use cognitosync_exporter::config::{
    self, Datasets, IdentityMetric, IdentityMetrics, Limits, ListedIdentity, Series,
};
use cognitosync_exporter::exposition::families::Kind;
use cognitosync_exporter::exposition::{
    Blocks, Coding, Exposition, Families, Format, Head, Number, Source,
};
use cognitosync_exporter::job::PoolIndex;
use cognitosync_exporter::loading::Loader;
use cognitosync_exporter::observation::Observation;
use cognitosync_exporter::store::Store;

const REGIONS: [&str; 3] = [
    "us-east-1",
    "r",
    "a-region-with-a-name-of-forty-eight-characters__",
];
const DAY: u64 = 86_400;

/// When a store is looked at.
pub fn now() -> Timestamp {
    Timestamp {
        mono: Mono::START + Duration::from_secs(DAY),
        unix: 1_795_000_000.123,
    }
}

/// Bytes that decide; when there are no more, random ones that follow from them, since a fuzzer's
/// inputs have only some ten.
struct Choices<'a> {
    bytes: &'a [u8],
    more: fastrand::Rng,
}

impl<'a> Choices<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        let mix = |seed: u64, byte: &u8| (seed ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        let seed = bytes.iter().fold(0xcbf2_9ce4_8422_2325, mix);
        Self {
            bytes,
            more: fastrand::Rng::with_seed(seed),
        }
    }

    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.bytes.split_first() else {
            return self.more.u8(..);
        };
        self.bytes = rest;
        *first
    }

    fn number(&mut self) -> u64 {
        u64::from_le_bytes(std::array::from_fn(|_| self.byte()))
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.number() % limit
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize]
    }

    fn maybe<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        (self.byte() % 4 < 3).then(|| make(self))
    }

    /// Any Unicode, quotes and line breaks more often than chance would have them.
    fn name(&mut self) -> String {
        let characters = self.below(12);
        let character = |choices: &mut Self| match choices.byte() % 8 {
            0 => '"',
            1 => '\\',
            2 => '\n',
            3 => char::from_u32(choices.number() as u32 % 0x11_0000).unwrap_or('\u{fffd}'),
            _ => char::from(b' ' + choices.byte() % 95),
        };
        (0..characters).map(|_| character(self)).collect()
    }

    /// Small ones, large ones, and those at the edges of what is written in another way.
    fn whole(&mut self) -> u64 {
        match self.byte() % 6 {
            0 => 0,
            1 => self.below(30),
            2 => self.below(20 << 20),
            3 => 10_u64
                .pow(self.byte() as u32 % 20)
                .wrapping_sub(u64::from(self.byte() % 2)),
            4 => (1 << 53) - u64::from(self.byte() % 2),
            _ => self.number() >> (self.byte() % 64),
        }
    }

    /// Any finite number, dates more often than others.
    fn real(&mut self) -> f64 {
        match self.byte() % 6 {
            0 | 1 => (now().unix * 1e3) as u64 as f64 / 1e3 - self.below(1 << 40) as f64 / 1e3,
            2 => now().unix + self.below(DAY) as f64,
            3 => self.below(1 << 31) as f64,
            4 => self.one_of(&[
                0.0,
                -0.0,
                -1.5,
                1e12,
                1e300,
                f64::MIN_POSITIVE,
                5e-324,
                -1e-7,
                999_999_999_999.999,
            ]),
            _ => Some(f64::from_bits(self.number()))
                .filter(|real| real.is_finite())
                .unwrap_or(0.5),
        }
    }
}

/// The store that these bytes decide.
pub fn store(bytes: &[u8]) -> Store {
    let mut choices = Choices::new(bytes);
    let pools = choices.below(4);
    let regions: Vec<_> = (0..=pools).map(|_| choices.one_of(&REGIONS)).collect();
    let text: String = regions
        .iter()
        .enumerate()
        .map(|(pool, region)| format!("- id: '{region}:{pool}'\n"))
        .collect();
    let config = config::parse(Path::new("any"), &format!("pools:\n{text}")).unwrap();
    let config = config.map(|mut config| {
        for (pool, region) in config.pools.iter_mut().zip(&regions) {
            pool.settings.name = choices.maybe(Choices::name);
            pool.settings.limits = Limits {
                datasets: choices.whole().max(1) as u32 | 1,
                dataset_storage_bytes: choices.whole().max(1),
                dataset_records: choices.whole().max(1) as u32 | 1,
            };
            pool.settings.series = match choices.byte() % 5 {
                3 => Series::None,
                4 => Series::Top(choices.below(40) as usize),
                _ => Series::Each,
            };
            let datasets = [Datasets::Near, Datasets::Each, Datasets::Off];
            pool.settings.datasets = choices.one_of(&datasets);
            pool.settings.identity_metrics = identity_metrics(&mut choices);
            let identities =
                [0, 1, choices.below(20), choices.below(1_000)][choices.below(4) as usize];
            // Not all regions leave room for a whole UUID.
            let shape = if region.len() > 9 {
                2
            } else {
                choices.byte() % 3
            };
            for number in 0..identities {
                let hex = match shape {
                    0 => format!("{number:x}"),
                    1 => format!(
                        "{:08x}-{number:04x}-4{:03x}-8000-{:012x}",
                        number * 2_654_435_761 % (1 << 32),
                        number % 4_096,
                        number * number
                    ),
                    // As long as an id may be, of what takes most bits.
                    _ => format!("{number:0>width$x}", width = 54 - region.len()).replace('0', "f"),
                };
                let id = format!("{region}:{hex}");
                pool.identities.push(ListedIdentity {
                    key: String::new(),
                    id,
                    // Line breaks and whole ids are refused there.
                    name: choices.maybe(Choices::name).map(|name| {
                        let is_refused =
                            |c: char| c.is_control() || matches!(c, ':' | '\u{2028}' | '\u{2029}');
                        name.replace(is_refused, " ")
                    }),
                });
            }
        }
        config
    });
    let targets = Loader::default().load_targets(config).unwrap().targets;
    let store = Store::new(Arc::clone(&targets));
    for (pool, target) in targets.pools.iter().enumerate() {
        let pool = PoolIndex(pool);
        let lives: Vec<_> = (0..=choices.below(20))
            .map(|_| (choices.below(1_200), polls(&mut choices)))
            .collect();
        for identity in 0..target.identities.len() {
            // Later ones repeat, a little older.
            let (ago, polls) = &lives[identity % lives.len()];
            let asked = at(ago + identity as u64 / 64);
            for poll in polls {
                store.record(&match poll {
                    Poll::Described(result) => {
                        Observation::of_identity(pool, identity, asked, *result)
                    }
                    Poll::Listed(list) => {
                        Observation::of_datasets(pool, identity, asked, list.clone())
                    }
                });
            }
        }
        let usage = PoolUsage {
            storage_bytes: choices.maybe(Choices::whole),
            sync_sessions: choices.maybe(Choices::whole),
            last_modified: choices.maybe(Choices::real),
        };
        let asked = at(choices.below(1_800));
        store.record(&Observation::of_pool(pool, asked, Ok(usage)));
    }
    store
}

/// All families, or any of them.
fn identity_metrics(choices: &mut Choices<'_>) -> IdentityMetrics {
    if choices.byte().is_multiple_of(2) {
        return IdentityMetrics::ALL;
    }
    let chosen = IdentityMetric::ALL
        .into_iter()
        .filter_map(|metric| choices.maybe(|_| metric));
    chosen.fold(IdentityMetrics::NONE, IdentityMetrics::with)
}

enum Poll {
    Described(Result<Usage, Failure>),
    Listed(Vec<Dataset>),
}

/// The polls of an identity, in order. Some lists are followed by a description that agrees.
fn polls(choices: &mut Choices<'_>) -> Vec<Poll> {
    let mut polls: Vec<Poll> = Vec::new();
    for _ in 0..choices.byte() % 5 {
        let listed = polls.last().and_then(|last| match last {
            Poll::Listed(list) => Some(Usage::of_datasets(list)),
            Poll::Described(_) => None,
        });
        polls.push(match (choices.byte() % 8, listed) {
            (7, _) => Poll::Described(Err(choices.one_of(&Failure::ALL))),
            (4..7, _) => Poll::Listed(datasets(choices)),
            (2..4, Some(listed)) => Poll::Described(Ok(listed)),
            _ => Poll::Described(Ok(usage(choices))),
        });
    }
    polls
}

fn usage(choices: &mut Choices<'_>) -> Usage {
    Usage {
        datasets: choices.maybe(|choices| choices.whole() as u32),
        storage_bytes: choices.maybe(Choices::whole),
        last_modified: choices.maybe(Choices::real),
    }
}

/// None, one or many; numbers may be absent.
fn datasets(choices: &mut Choices<'_>) -> Vec<Dataset> {
    // What is larger is no answer of AWS.
    let number = |choices: &mut Choices<'_>| choices.whole() % ((1 << 53) + 1);
    let dataset = |choices: &mut Choices<'_>| Dataset {
        name: choices.maybe(Choices::name),
        storage_bytes: choices.maybe(number),
        records: choices.maybe(number),
        last_modified: choices.maybe(Choices::real),
    };
    let most = choices.one_of(&[1, 1, 4, 25]);
    (0..=choices.below(most))
        .skip(usize::from(choices.byte().is_multiple_of(4)))
        .map(|_| dataset(choices))
        .collect()
}

/// So many seconds before [`now`].
fn at(ago: u64) -> Timestamp {
    let ago = Duration::from_secs(ago);
    Timestamp {
        mono: now().mono.before(ago),
        unix: now().unix - ago.as_secs_f64(),
    }
}

/// Metrics of the exporter's own.
struct Own;

impl Source for Own {
    fn write(&self, _: Timestamp, families: &mut Families<'_>) {
        let head = Head {
            name: "own_metric",
            kind: Kind::Gauge,
            help: "A metric.",
        };
        families.family(head).sample([], Number::whole(1));
    }
}

/// A store as a whole body.
pub fn body(exposition: &Exposition, format: Format, coding: Coding) -> Vec<u8> {
    Blocks::new(exposition.scrape(now(), format, &Own), coding)
        .flatten()
        .collect()
}
