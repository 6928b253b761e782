//! Forecasts against the true future. The real schedule and the real store poll identities whose
//! whole lives are known, a few times a day each, and every forecast is looked at once a day.

use std::time::Duration;

use cognitosync_exporter::clock::Timestamp;
use cognitosync_exporter::exposition::Summary;
use cognitosync_exporter::job::{IdentityIndex, PoolIndex};
use cognitosync_exporter::limits::Standing;
use cognitosync_exporter::store::{CHUNK, PoolView};

use crate::fresh::world::{Identity, LIMIT, World};
use crate::fresh::{START, Settings, watched_run};

const DAY: f64 = 86_400.0;
const WEEK: f64 = 7.0 * DAY;
/// Polls are made for so long. The lives go on for [`LIFE`].
const WATCHED: f64 = 56.0 * DAY;
const LIFE: f64 = 400.0 * DAY;
/// Worlds that are looked at.
const SEEDS: u64 = 6;
/// What is full.
const FULL: f64 = 0.99 * LIMIT;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// Writes by itself, at any time.
    Steady,
    /// Writes in sessions.
    Bursts,
    /// Grows for days, then deletes most.
    Sawtooth,
    /// Replaces what it has, and once adds much.
    Jump,
    /// Adds and removes, and keeps its size.
    Even,
    /// Grows, and stops for ever.
    Stops,
    /// Is new, uploads within an hour what it has, and never writes again.
    Upload,
    /// Does not write.
    Idle,
}

/// Of twenty identities.
const KINDS: [(Kind, usize); 8] = [
    (Kind::Steady, 6),
    (Kind::Bursts, 3),
    (Kind::Sawtooth, 3),
    (Kind::Jump, 2),
    (Kind::Even, 2),
    (Kind::Stops, 1),
    (Kind::Upload, 1),
    (Kind::Idle, 2),
];

struct Dice(fastrand::Rng);

impl Dice {
    fn between(&mut self, from: f64, to: f64) -> f64 {
        from + (to - from) * self.0.f64()
    }

    fn log_between(&mut self, from: f64, to: f64) -> f64 {
        self.between(from.ln(), to.ln()).exp()
    }

    fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.0.f64()).ln()
    }

    fn identity(&mut self, kind: Kind) -> Identity {
        if kind == Kind::Upload {
            return upload(self.between(1.0, 50.0) * DAY);
        }
        let bytes = LIMIT * self.between(0.05, 0.7);
        let mut life = Vec::new();
        let takes = self.log_between(10.0, 150.0);
        let a_day = (FULL - bytes) / takes;
        let writes = if kind == Kind::Bursts {
            self.log_between(0.5, 2.0)
        } else {
            self.log_between(1.0, 50.0)
        };
        let (mut at, mut now) = (0.0, bytes);
        let jump = self.between(5.0, 50.0) * DAY;
        let every = self.between(3.0, 14.0) * DAY;
        let (mut cleans, kept) = (self.between(0.3, 1.0) * every, self.between(0.0, 0.5));
        let peak = LIMIT * self.between(0.5, 0.95);
        while at < LIFE && kind != Kind::Idle {
            at += self.exponential(DAY / writes);
            if kind == Kind::Stops && at > jump {
                break;
            }
            let session = if kind == Kind::Bursts {
                1 + self.0.usize(0..10)
            } else {
                1
            };
            let mean = match kind {
                Kind::Sawtooth => peak * (1.0 - kept) * DAY / every / writes,
                Kind::Jump | Kind::Even => 0.0,
                _ => a_day / writes / if kind == Kind::Bursts { 5.5 } else { 1.0 },
            };
            for write in 0..session {
                now += self.exponential(mean);
                match kind {
                    Kind::Sawtooth if at > cleans => {
                        (now, cleans) = (now * kept, cleans + every);
                    }
                    Kind::Jump if at - jump > 0.0 && now < bytes + 1.0 => {
                        now += self.between(0.3, 0.98) * (FULL - now);
                    }
                    Kind::Even => now = bytes + self.between(-20_000.0, 20_000.0),
                    _ => {}
                }
                now = now.clamp(0.0, LIMIT);
                life.push((at + f64::from(write as u8) * 60.0, now));
            }
        }
        life.sort_by(|a, b| a.0.total_cmp(&b.0));
        Identity {
            modified: -self.exponential(DAY),
            bytes,
            changes: life,
            rate: 0.0,
            write: 0.0,
        }
    }
}

/// Has 20 KB when it is polled first, and from a time on adds 60 KB each five minutes for an hour.
fn upload(from: f64) -> Identity {
    let after = |write: u8| {
        let (seconds, bytes) = (300.0 * f64::from(write), 60_000.0 * f64::from(write));
        (from + seconds, 20_000.0 + bytes)
    };
    Identity {
        modified: -300.0,
        bytes: 20_000.0,
        changes: (1..=12).map(after).collect(),
        rate: 0.0,
        write: 0.0,
    }
}

/// When an identity is full the first time after a time, in seconds from the first poll.
fn full_from(identity: &Identity, now: f64) -> Option<f64> {
    let after = identity.changes.iter().filter(|(at, _)| *at > now);
    after
        .clone()
        .find(|(_, bytes)| *bytes >= FULL)
        .map(|(at, _)| *at)
}

/// A forecast that was looked at: what it said, and what is true, in seconds from then on.
struct Look {
    kind: Kind,
    said: Option<f64>,
    /// Whether it is counted as full within a week.
    is_counted: bool,
    truth: f64,
}

/// Those that are counted as full within a week.
fn counted(pool: &PoolView<'_>, now: Timestamp) -> Vec<bool> {
    let oldest_shown = pool.oldest_shown(now.mono);
    let limits = pool.target.settings.limits;
    let chunks = 0..pool.records.len().div_ceil(CHUNK);
    let counted: Vec<_> = chunks
        .flat_map(|number| pool.chunk(number))
        .map(|(record, listing, changes)| {
            let usage = record.usage(oldest_shown)?;
            let standing = Standing::of(usage, *listing, limits);
            changes.forecast(record, &standing, now)?.surely_full_at
        })
        .map(|at| at.is_some_and(|at| at - now.unix <= WEEK))
        .collect();
    let sum = counted.iter().filter(|is_counted| **is_counted).count();
    let summary = Summary::of(pool, now, &[]);
    assert_eq!(summary.full_within[0], sum as u64);
    counted
}

/// Looks at identities of all kinds, of which each is polled six times a day on average: the
/// schedule gives more to those that change.
fn looks(identities: usize, seed: u64) -> Vec<Look> {
    let settings = Settings {
        rate: 6.0 * identities as f64 / DAY,
        interval: Duration::from_secs(300),
        max_age: Duration::from_secs(86_400),
    };
    let mut dice = Dice(fastrand::Rng::with_seed(seed));
    let kinds: Vec<_> = KINDS
        .iter()
        .flat_map(|(kind, times)| std::iter::repeat_n(*kind, *times))
        .collect();
    let kinds: Vec<_> = kinds.into_iter().cycle().take(identities).collect();
    let world = World(kinds.iter().map(|kind| dice.identity(*kind)).collect());
    looks_at(&world, &kinds, settings)
}

fn looks_at(world: &World, kinds: &[Kind], settings: Settings) -> Vec<Look> {
    let (mut looks, mut next) = (Vec::new(), DAY);
    watched_run(
        world,
        settings,
        WATCHED,
        |_| None,
        |_| 0.0,
        |store, passed, now| {
            if passed < next {
                return;
            }
            next += DAY;
            let snapshot = store.snapshot();
            let pool = snapshot.pool(PoolIndex(0));
            let counted = counted(&pool, now);
            for (index, kind) in kinds.iter().enumerate() {
                let of = &world.0[index];
                let past = of.changes.partition_point(|(at, _)| *at <= passed);
                let bytes = past
                    .checked_sub(1)
                    .map_or(of.bytes, |last| of.changes[last].1);
                if bytes >= FULL {
                    continue;
                }
                let said = pool.full_at(IdentityIndex(index), now);
                looks.push(Look {
                    kind: *kind,
                    said: said.map(|at| at - START - passed),
                    is_counted: counted[index],
                    truth: full_from(of, passed).map_or(f64::INFINITY, |at| at - passed),
                });
            }
        },
    );
    looks
}

/// What forecasts of some identities were worth.
#[derive(Debug)]
struct Worth {
    /// The median of the relative errors of the time that is left.
    error: f64,
    /// How often one was counted as full within a week, and how often that was false.
    said: usize,
    wrong: usize,
    /// How often a week or less was left.
    due: usize,
}

impl Worth {
    fn of<'a>(looks: impl Iterator<Item = &'a Look>) -> Self {
        let (mut errors, mut worth) = (
            Vec::new(),
            Self {
                error: f64::NAN,
                said: 0,
                wrong: 0,
                due: 0,
            },
        );
        for look in looks {
            worth.due += usize::from(look.truth <= WEEK);
            worth.said += usize::from(look.is_counted);
            worth.wrong += usize::from(look.is_counted && look.truth > WEEK);
            let Some(said) = look.said else { continue };
            if look.truth < f64::INFINITY {
                errors.push((said / look.truth - 1.0).abs());
            }
        }
        errors.sort_by(f64::total_cmp);
        worth.error = errors.get(errors.len() / 2).copied().unwrap_or(f64::NAN);
        worth
    }
}

#[test]
fn forecasts_are_near_the_truth_and_seldom_false() {
    let worlds: Vec<_> = std::thread::scope(|scope| {
        let worlds = (1..=SEEDS).map(|seed| scope.spawn(move || looks(400, seed)));
        let worlds: Vec<_> = worlds.collect();
        worlds.into_iter().map(|it| it.join().unwrap()).collect()
    });
    let of = |kind: Kind| {
        let looks = worlds.iter().flatten();
        let worth = Worth::of(looks.filter(|look| look.kind == kind));
        println!("{kind:?}: {worth:?}");
        worth
    };
    let steady = of(Kind::Steady);
    assert!(steady.error < 0.2);
    assert!(
        (steady.said - steady.wrong) * 3 > steady.due,
        "many are found"
    );
    for kind in [Kind::Bursts, Kind::Stops, Kind::Sawtooth] {
        of(kind);
    }
    for kind in [Kind::Jump, Kind::Even, Kind::Upload, Kind::Idle] {
        assert_eq!(of(kind).said, 0, "{kind:?}");
    }
    for (looks, seed) in worlds.iter().zip(1..) {
        let worth = Worth::of(looks.iter());
        println!("seed {seed}, {} looks: {worth:?}", looks.len());
        assert!(worth.said > 0, "seed {seed}");
    }
    let all = Worth::of(worlds.iter().flatten());
    println!("all: {all:?}");
    assert!(all.wrong * 50 <= all.said);
}

#[test]
fn a_new_identity_that_uploads_in_many_polls_is_never_counted() {
    let settings = Settings {
        rate: 10.0 / 300.0,
        interval: Duration::from_secs(300),
        max_age: Duration::from_secs(3_600),
    };
    let days = [1.0, 1.0, 1.3, 2.0, 5.0, 9.0, 9.9, 12.0, 20.0, 30.0];
    let world = World(days.map(|day| upload(day * DAY)).into());
    let looks = looks_at(&world, &[Kind::Upload; 10], settings);
    assert!(looks.iter().any(|look| look.said.is_some()));
    assert!(looks.iter().all(|look| !look.is_counted));
}
