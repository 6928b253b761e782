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
            let session = if kind == Kind::Bursts { 1 + self.0.usize(0..10) } else { 1 };
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
    after.clone().find(|(_, bytes)| *bytes >= FULL).map(|(at, _)| *at)
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
    watched_run(&world, settings, WATCHED, |_| None, |_| 0.0, |store, passed, now| {
        if passed < next {
            return;
        }
        next += DAY;
        let snapshot = store.snapshot();
        let pool = snapshot.pool(PoolIndex(0));
        for (index, kind) in kinds.iter().enumerate() {
            let of = &world.0[index];
            let past = of.changes.partition_point(|(at, _)| *at <= passed);
            let bytes = past.checked_sub(1).map_or(of.bytes, |last| of.changes[last].1);
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
    });
    looks
}

fn percent(part: usize, whole: usize) -> f64 {
    100.0 * part as f64 / whole.max(1) as f64
}

#[test]
fn forecasts_are_near_the_truth_and_seldom_false() {
    const IDENTITIES: usize = 400;
    let settings = Settings {
        rate: 6.0 * IDENTITIES as f64 / DAY,
        interval: Duration::from_secs(300),
        max_age: Duration::from_secs(86_400),
    };
    let looks = looks(IDENTITIES, settings, 1);
    for from in [0.0, 14.0, 28.0] {
        println!("from day {from}");
        let looks = || looks.iter().filter(move |look| look.at >= from * DAY);
        for (kind, _) in KINDS {
            let of = || looks().filter(move |look| look.kind == kind);
            let mut errors: Vec<_> = of()
                .filter(|look| look.truth < f64::INFINITY)
                .filter_map(|look| Some((look.said? / look.truth - 1.0).abs()))
                .collect();
            errors.sort_by(f64::total_cmp);
            let median = errors.get(errors.len() / 2);
            let said = of().filter(|look| look.said.is_some_and(|said| said <= WEEK)).count();
            let wrong = |slack: f64| {
                of().filter(|look| look.said.is_some_and(|said| said <= WEEK) && look.truth > slack * WEEK).count()
            };
            let due = of().filter(|look| look.truth <= WEEK).count();
            println!(
                "{kind:?}: {} looks, {} speak, median {median:?}; said {said} false {} ({}) due {due}",
                of().count(), of().filter(|look| look.said.is_some()).count(), wrong(1.0), wrong(1.25)
            );
        }
        let said = looks().filter(|look| look.said.is_some_and(|said| said <= WEEK)).count();
        let wrong = looks().filter(|look| look.said.is_some_and(|said| said <= WEEK) && look.truth > WEEK).count();
        println!("false {} of {said}: {} %, of all looks {} %", wrong, percent(wrong, said), percent(wrong, looks().count()));
    }
}
