//! Forecasts against the true future. The real schedule and the real store poll identities whose
//! whole lives are known, a few times a day each, and every forecast is looked at once a day.

use std::time::Duration;

use cognitosync_exporter::job::{IdentityIndex, PoolIndex};

use crate::fresh::world::{Identity, LIMIT, World};
use crate::fresh::{START, Settings, watched_run};

const DAY: f64 = 86_400.0;
const WEEK: f64 = 7.0 * DAY;
/// Polls are made for so long. The lives go on for [`LIFE`].
const WATCHED: f64 = 56.0 * DAY;
const LIFE: f64 = 400.0 * DAY;
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
    /// Does not write.
    Idle,
}

/// Of twenty identities.
const KINDS: [(Kind, usize); 7] = [
    (Kind::Steady, 6),
    (Kind::Bursts, 3),
    (Kind::Sawtooth, 3),
    (Kind::Jump, 2),
    (Kind::Even, 2),
    (Kind::Stops, 1),
    (Kind::Idle, 3),
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
    at: f64,
    said: Option<f64>,
    truth: f64,
}

fn looks(identities: usize, settings: Settings, seed: u64) -> Vec<Look> {
    let mut dice = Dice(fastrand::Rng::with_seed(seed));
    let kinds: Vec<_> = KINDS
        .iter()
        .flat_map(|(kind, times)| std::iter::repeat_n(*kind, *times))
        .collect();
    let kinds: Vec<_> = kinds.into_iter().cycle().take(identities).collect();
    let world = World(kinds.iter().map(|kind| dice.identity(*kind)).collect());
    let (mut looks, mut next) = (Vec::new(), DAY);
    watched_run(
        &world,
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
                    at: passed,
                    said: said.map(|at| at - START - passed),
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
    /// How often a forecast told of a week or less, and how often that was false.
    within_week: (usize, usize),
    /// How often a week or less was left.
    due: usize,
}

impl Worth {
    fn of<'a>(looks: impl Iterator<Item = &'a Look>) -> Self {
        let (mut errors, mut worth) = (
            Vec::new(),
            Self {
                error: f64::NAN,
                within_week: (0, 0),
                due: 0,
            },
        );
        for look in looks {
            worth.due += usize::from(look.truth <= WEEK);
            let Some(said) = look.said else { continue };
            if look.truth < f64::INFINITY {
                errors.push((said / look.truth - 1.0).abs());
            }
            worth.within_week.0 += usize::from(said <= WEEK);
            worth.within_week.1 += usize::from(said <= WEEK && look.truth > WEEK);
        }
        errors.sort_by(f64::total_cmp);
        worth.error = errors.get(errors.len() / 2).copied().unwrap_or(f64::NAN);
        worth
    }
}

#[test]
fn forecasts_are_near_the_truth_and_seldom_false() {
    const IDENTITIES: usize = 400;
    // Six polls a day each on average: the schedule gives more to those who change.
    let settings = Settings {
        rate: 6.0 * IDENTITIES as f64 / DAY,
        interval: Duration::from_secs(300),
        max_age: Duration::from_secs(86_400),
    };
    let looks = looks(IDENTITIES, settings, 1);
    let of = |kind: Kind, from: f64| {
        let looks = looks.iter();
        let worth = Worth::of(looks.filter(|look| look.kind == kind && look.at >= from * DAY));
        println!("{kind:?} from day {from}: {worth:?}");
        worth
    };
    let steady = of(Kind::Steady, 0.0);
    assert!(steady.error < 0.2);
    let (within_week, wrong) = steady.within_week;
    assert!(within_week - wrong > steady.due * 3 / 4, "most are found");
    for kind in [Kind::Bursts, Kind::Stops] {
        of(kind, 0.0);
    }
    // The first teeth of a saw are growth, as far as anybody can tell.
    of(Kind::Sawtooth, 0.0);
    assert_eq!(of(Kind::Sawtooth, 21.0).within_week.1, 0);
    for kind in [Kind::Jump, Kind::Even, Kind::Idle] {
        assert_eq!(of(kind, 0.0).within_week, (0, 0));
    }
    let all = Worth::of(looks.iter());
    println!("of {} looks: {all:?}", looks.len());
    assert!(all.within_week.1 * 50 <= looks.len());
}
