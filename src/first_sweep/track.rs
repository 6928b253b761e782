//! How far the first sweep has come, and when it ends. Pure.
//!
//! The end is measured: those not asked yet, by the pace since the sweep began. It is never before
//! what the present rate allows, so that throttling shows at once. Before there is enough to
//! measure, it is the earliest time: that at which the rate has called everybody, or the interval
//! is over, since each identity has its turn at a fixed point in it.

use std::time::{Duration, UNIX_EPOCH};

use crate::clock::{Mono, Timestamp};

/// From this part of those to be asked on, the pace is measured.
const MEASURED_PART: f64 = 0.01;
/// From so many on: of fewer, chance decides how close together their turns are.
const MEASURED_COUNT: usize = 10;
/// An end within so many seconds is shown without its date.
const WITHOUT_DATE: f64 = 20.0 * 3_600.0;

/// A first sweep under way.
#[derive(Clone, Debug, PartialEq)]
pub struct Sweep {
    /// Identities that were asked at least once, or restored.
    pub asked: usize,
    /// All identities.
    pub identities: usize,
    /// When it began.
    pub began: Timestamp,
    pub end: End,
}

/// When a first sweep ends, in seconds since 1970.
#[derive(Clone, Debug, PartialEq)]
pub enum End {
    /// By the pace so far.
    About(f64),
    /// By the present rate of calls, of which little was used yet.
    AtTheEarliest(f64),
    /// Not before the credentials or settings of these budgets work.
    Unknown(Vec<String>),
}

/// A budget at one time.
#[derive(Clone, Copy, Debug)]
pub(super) struct BudgetNow<'a> {
    pub(super) label: &'a str,
    pub(super) identities: usize,
    /// Identities that were never asked.
    pub(super) pending: usize,
    /// The longest interval of theirs.
    pub(super) interval: Duration,
    /// Calls per second.
    pub(super) rate: f64,
    pub(super) credentials_good: bool,
}

/// What is remembered from one look to the next.
#[derive(Debug, Default)]
pub(super) struct Track {
    began: Option<Timestamp>,
    measures: Vec<Measure>,
}

/// Since when the pace of a budget is measured, and what there was to do then.
#[derive(Clone, Debug)]
struct Measure {
    label: String,
    identities: usize,
    since: Mono,
    pending: usize,
    /// At the last look.
    last_pending: usize,
}

impl Sweep {
    /// The percentage asked, rounded down to tenths: 100 is never shown before the end.
    #[must_use]
    pub fn percent(&self) -> f64 {
        (self.asked * 1_000 / self.identities.max(1)) as f64 / 10.0
    }

    /// The same in whole percent.
    #[must_use]
    pub fn whole_percent(&self) -> usize {
        self.asked * 100 / self.identities.max(1)
    }

    /// Identities that were never asked.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.identities - self.asked
    }
}

impl End {
    /// Seconds since 1970, if there is an estimate.
    #[must_use]
    pub fn unix(&self) -> Option<f64> {
        match self {
            Self::About(unix) | Self::AtTheEarliest(unix) => Some(*unix),
            Self::Unknown(_) => None,
        }
    }

    /// For people: "ends about 03:38 UTC". In minutes, rounded up.
    #[must_use]
    pub fn words(&self, now: f64) -> String {
        match self {
            Self::About(unix) => format!("ends about {}", minute(*unix, now)),
            Self::AtTheEarliest(unix) => format!("ends at {} at the earliest", minute(*unix, now)),
            Self::Unknown(budgets) => format!(
                "no end in sight, as credentials or settings of {} do not work",
                budgets.join(", ")
            ),
        }
    }

    /// For the log: RFC 3339 in seconds, or `unknown`.
    #[must_use]
    pub fn logged(&self) -> String {
        self.unix()
            .map_or_else(|| "unknown".to_owned(), |unix| rfc3339(unix.ceil()))
    }
}

fn minute(unix: f64, now: f64) -> String {
    let at = rfc3339((unix / 60.0).ceil() * 60.0);
    let (date, time) = (&at[..10], &at[11..16]);
    if unix - now < WITHOUT_DATE {
        format!("{time} UTC")
    } else {
        format!("{date} {time} UTC")
    }
}

fn rfc3339(unix: f64) -> String {
    let since = Duration::from_secs_f64(unix.clamp(0.0, 253_402_300_799.0));
    humantime::format_rfc3339_seconds(UNIX_EPOCH + since).to_string()
}

impl Track {
    /// The sweep as it stands, given all identities and those pending; `None` if none is.
    pub(super) fn look<'a>(
        &mut self,
        now: Timestamp,
        (identities, pending): (usize, usize),
        budgets: impl Iterator<Item = BudgetNow<'a>>,
    ) -> Option<Sweep> {
        if pending == 0 {
            *self = Self::default();
            return None;
        }
        let began = *self.began.get_or_insert(now);
        let mut before = std::mem::take(&mut self.measures);
        let (mut end, mut refused) = (End::AtTheEarliest(now.unix), Vec::new());
        for budget in budgets.filter(|budget| budget.pending > 0) {
            let known = before.iter().position(|it| it.label == budget.label);
            let known = known.map(|index| before.swap_remove(index));
            if !budget.credentials_good {
                // Measured anew from when they work.
                refused.push(budget.label.to_owned());
                continue;
            }
            let measure = Measure::goes_on(known, &budget, now.mono);
            end = later(end, measure.end(&budget, now));
            self.measures.push(measure);
        }
        Some(Sweep {
            asked: identities - pending,
            identities,
            began,
            end: if refused.is_empty() {
                end
            } else {
                End::Unknown(refused)
            },
        })
    }
}

/// The later end: budgets are polled in parallel.
fn later(one: End, other: End) -> End {
    if other.unix() >= one.unix() {
        other
    } else {
        one
    }
}

impl Measure {
    /// What was measured before, or a new beginning: the first, or one with other targets.
    fn goes_on(known: Option<Self>, budget: &BudgetNow<'_>, now: Mono) -> Self {
        let is_same = |known: &Self| {
            known.identities == budget.identities && budget.pending <= known.last_pending
        };
        let mut measure = known.filter(is_same).unwrap_or_else(|| Self {
            label: budget.label.to_owned(),
            identities: budget.identities,
            since: now,
            pending: budget.pending,
            last_pending: budget.pending,
        });
        measure.last_pending = budget.pending;
        measure
    }

    fn end(&self, budget: &BudgetNow<'_>, now: Timestamp) -> End {
        let elapsed = now.mono.since(self.since).as_secs_f64();
        let by_calls = budget.pending as f64 / budget.rate;
        let done = self.pending - budget.pending;
        let enough = MEASURED_COUNT.max((self.pending as f64 * MEASURED_PART).ceil() as usize);
        if done >= enough {
            let by_pace = budget.pending as f64 * elapsed / done as f64;
            End::About(now.unix + by_calls.max(by_pace))
        } else {
            let rest_of_interval = budget.interval.as_secs_f64() - elapsed;
            End::AtTheEarliest(now.unix + by_calls.max(rest_of_interval))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp {
            mono: Mono::START + Duration::from_secs(seconds),
            unix: 1_700_000_000.0 + seconds as f64,
        }
    }

    fn budget(label: &'static str, identities: usize, pending: usize) -> BudgetNow<'static> {
        BudgetNow {
            label,
            identities,
            pending,
            interval: Duration::from_secs(300),
            rate: 10.0,
            credentials_good: true,
        }
    }

    /// Looks at one budget of 30,000 identities. Returns the end in whole seconds from the start,
    /// and whether it was measured.
    fn look(track: &mut Track, seconds: u64, pending: usize) -> (u64, bool) {
        let budgets = [budget("a", 30_000, pending)].into_iter();
        let sweep = track.look(at(seconds), (30_000, pending), budgets);
        let (unix, is_measured) = match sweep.unwrap().end {
            End::About(unix) => (unix, true),
            End::AtTheEarliest(unix) => (unix, false),
            End::Unknown(_) => panic!("all is good"),
        };
        ((unix - 1_700_000_000.0) as u64, is_measured)
    }

    #[test]
    fn the_end_is_what_the_rate_allows_until_the_pace_is_known() {
        let mut track = Track::default();
        assert_eq!(look(&mut track, 0, 30_000), (3_000, false));
        assert_eq!(look(&mut track, 30, 29_701), (3_000, false));
        // Half of the calls fail and are made again.
        assert_eq!(look(&mut track, 60, 29_700), (6_000, true));
        // Faster than the rate: what was saved up is used.
        assert_eq!(look(&mut track, 100, 28_000), (2_900, true));
    }

    #[test]
    fn with_calls_enough_it_takes_an_interval() {
        let mut track = Track::default();
        assert_eq!(look(&mut track, 0, 500), (300, false));
        assert_eq!(look(&mut track, 1, 496), (300, false));
        assert_eq!(look(&mut track, 90, 350), (300, true));
    }

    #[test]
    fn identities_that_a_reload_adds_are_measured_anew() {
        let mut track = Track::default();
        look(&mut track, 0, 30_000);
        assert_eq!(look(&mut track, 2_000, 15_000), (4_000, true));
        assert_eq!(look(&mut track, 2_001, 20_000), (4_001, false));
        assert!(track.look(at(3_000), (30_000, 0), [].into_iter()).is_none());
        let began = track.look(
            at(3_600),
            (30_000, 40),
            [budget("a", 30_000, 40)].into_iter(),
        );
        assert_eq!(began.unwrap().began, at(3_600));
    }

    #[test]
    fn the_slowest_budget_decides_and_one_that_is_refused_has_no_end() {
        let mut track = Track::default();
        let [small, large] = [budget("a", 10_000, 100), budget("b", 20_000, 18_000)];
        let sweep = track.look(at(0), (30_000, 18_100), [large, small].into_iter());
        let sweep = sweep.unwrap();
        assert_eq!(sweep.end, End::AtTheEarliest(at(1_800).unix));
        assert_eq!((sweep.percent(), sweep.whole_percent()), (39.6, 39));
        let refused = BudgetNow {
            credentials_good: false,
            ..small
        };
        let sweep = track.look(at(60), (30_000, 18_100), [large, refused].into_iter());
        let end = sweep.unwrap().end;
        assert_eq!(end, End::Unknown(vec!["a".to_owned()]));
        assert_eq!(end.logged(), "unknown");
        // What was lost while they were refused is no pace.
        let sweep = track.look(at(9_000), (30_000, 100), [small].into_iter());
        assert_eq!(sweep.unwrap().end, End::AtTheEarliest(at(9_300).unix));
    }

    #[test]
    fn words() {
        let now = at(0).unix;
        for (end, words) in [
            (End::About(now + 61.0), "ends about 22:15 UTC"),
            (
                End::AtTheEarliest(now + 90_000.0),
                "ends at 2023-11-15 23:14 UTC at the earliest",
            ),
            (
                End::Unknown(vec!["us-east-1".to_owned()]),
                "no end in sight, as credentials or settings of us-east-1 do not work",
            ),
        ] {
            assert_eq!(end.words(now), words);
        }
        assert_eq!(End::About(now + 0.2).logged(), "2023-11-14T22:13:21Z");
    }
}
