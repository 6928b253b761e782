//! What of a first sweep is logged. Pure.
//!
//! A line when a sweep reaches each of [`PERCENT`], of all identities, so that a list that grows by
//! a little has no line but perhaps the last. Sweeps that are over in a moment have none.

use std::time::Duration;

use super::track::Sweep;
use crate::clock::{Mono, Timestamp};

/// The percentages that are logged. The last is the end.
const PERCENT: [usize; 6] = [1, 10, 25, 50, 75, 100];
/// A sweep of so many identities is logged.
const MANY: usize = 1_000;
/// The same of one that takes so long, if it is the first since the start.
const LONG: Duration = Duration::from_secs(60);
/// After the first, those to be asked must also be one in so many of all.
const ONE_IN: usize = 100;

/// What is logged.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Milestone {
    Reached(Sweep),
    /// The end, with the time that it took.
    Complete(Duration),
}

/// What was logged.
#[derive(Debug, Default)]
pub(super) struct Milestones {
    under_way: Option<UnderWay>,
    /// Whether a look has found a sweep at its end, or none.
    had_first: bool,
}

/// A sweep under way.
#[derive(Debug)]
struct UnderWay {
    began: Timestamp,
    /// The most identities that were pending.
    pending: usize,
    /// Of all identities.
    identities: usize,
    /// The greatest of [`PERCENT`] that was logged, or reached when it began.
    passed: usize,
}

impl Milestones {
    /// The line to log, if it is time for one.
    pub(super) fn pass(&mut self, sweep: Option<Sweep>, now: Mono) -> Option<Milestone> {
        let Some(sweep) = sweep else {
            let ended = self.under_way.take();
            let ended = ended.filter(|it| it.is_logged(self.had_first, now));
            self.had_first = true;
            return ended.map(|it| Milestone::Complete(now.since(it.began.mono)));
        };
        let reached = reached(&sweep);
        let same = self.under_way.take().filter(|it| it.began == sweep.began);
        let mut under_way = same.unwrap_or(UnderWay {
            began: sweep.began,
            pending: 0,
            identities: 0,
            passed: reached,
        });
        under_way.pending = under_way.pending.max(sweep.pending());
        under_way.identities = sweep.identities;
        let is_next = reached > under_way.passed && under_way.is_logged(self.had_first, now);
        if is_next {
            under_way.passed = reached;
        }
        self.under_way = Some(under_way);
        is_next.then_some(Milestone::Reached(sweep))
    }
}

impl UnderWay {
    fn is_logged(&self, had_first: bool, now: Mono) -> bool {
        if had_first {
            self.pending >= MANY.max(self.identities / ONE_IN)
        } else {
            self.pending >= MANY || now.since(self.began.mono) >= LONG
        }
    }
}

/// The greatest of [`PERCENT`] that a sweep has reached; 0 before the first.
fn reached(sweep: &Sweep) -> usize {
    let percent = sweep.whole_percent();
    let reached = PERCENT.iter().rev().find(|it| **it <= percent);
    reached.copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::track::End;
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp {
            mono: Mono::START + Duration::from_secs(seconds),
            unix: seconds as f64,
        }
    }

    /// What is logged, as percentages, of looks at (seconds, asked, identities).
    fn logged(milestones: &mut Milestones, looks: &[(u64, usize, usize)]) -> Vec<usize> {
        let began = at(looks[0].0);
        let line = |&(seconds, asked, identities): &(u64, usize, usize)| {
            let sweep = (asked < identities).then_some(Sweep {
                asked,
                identities,
                began,
                end: End::About(0.0),
            });
            let milestone = milestones.pass(sweep, at(seconds).mono);
            Some(match milestone? {
                Milestone::Reached(sweep) => sweep.whole_percent(),
                Milestone::Complete(took) => {
                    assert_eq!(took.as_secs(), seconds - looks[0].0);
                    100
                }
            })
        };
        looks.iter().filter_map(line).collect()
    }

    #[test]
    fn each_threshold_is_logged_once() {
        let looks = (0..=10_000).map(|second| (second, second as usize * 10, 100_000));
        let looks: Vec<_> = looks.chain([(10_001, 100_000, 100_000)]).collect();
        let lines = logged(&mut Milestones::default(), &looks);
        assert_eq!(lines, PERCENT);
    }

    #[test]
    fn several_at_once_are_one_line() {
        let looks = [
            (0, 0, 2_000),
            (1, 1_200, 2_000),
            (2, 1_300, 2_000),
            (3, 2_000, 2_000),
        ];
        assert_eq!(logged(&mut Milestones::default(), &looks), [60, 100]);
    }

    #[test]
    fn few_are_logged_only_if_they_take_long() {
        let quick = [(0, 0, 999), (30, 500, 999), (59, 999, 999)];
        assert_eq!(logged(&mut Milestones::default(), &quick), [0; 0]);
        let slow = [(0, 0, 999), (30, 500, 999), (60, 510, 999), (90, 999, 999)];
        assert_eq!(logged(&mut Milestones::default(), &slow), [51, 100]);
    }

    #[test]
    fn what_was_restored_is_not_logged() {
        let restored = [(0, 30_000, 30_000), (1, 30_000, 30_000)];
        assert_eq!(logged(&mut Milestones::default(), &restored), [0; 0]);
        let in_part = [
            (0, 18_000, 30_000),
            (1, 18_001, 30_000),
            (700, 22_500, 30_000),
        ];
        assert_eq!(logged(&mut Milestones::default(), &in_part), [75]);
    }

    #[test]
    fn a_list_that_grows_by_little_is_not_logged() {
        let mut milestones = Milestones::default();
        logged(&mut milestones, &[(0, 100_000, 100_000)]);
        let little = [
            (100, 100_000, 100_999),
            (300, 100_500, 100_999),
            (900, 100_999, 100_999),
        ];
        assert_eq!(logged(&mut milestones, &little), [0; 0]);
        let much = [
            (1_000, 101_000, 202_000),
            (6_000, 151_500, 202_000),
            (11_000, 202_000, 202_000),
        ];
        assert_eq!(logged(&mut milestones, &much), [75, 100]);
    }
}
