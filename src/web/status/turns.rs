//! How often a pool's identities have their turns at present.

use super::humanize::humanize_duration;
use crate::progress::BudgetProgress;
use crate::targets::{self, Targets};

/// When polls are later than this, the page says so.
pub(super) const LATE_SECONDS: f64 = 60.0;
/// Of what is needed, a rate suffices from this part on: about AWS's quota it rises and falls by
/// some percent.
pub(super) const SUFFICES: f64 = 0.9;

/// What the budget of a pool allows.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Turns {
    /// A turn for each identity in each interval.
    #[default]
    EachInterval,
    /// Fewer.
    Fewer { budget: String },
    /// None, while its credentials or settings do not work.
    None { budget: String },
}

impl Turns {
    /// Of a pool whose budget is in this state, if that is known.
    pub(super) fn of(
        pool: &targets::Pool,
        targets: &Targets,
        known: Option<&BudgetProgress>,
    ) -> Self {
        let budget = targets.budgets[pool.budget()].label.clone();
        let needed = targets.calls_per_second(pool.budget());
        match known {
            Some(known) if !known.credentials_good => Self::None { budget },
            Some(known) if known.rate < SUFFICES * needed => Self::Fewer { budget },
            // Or the targets have changed since the snapshot.
            _ => Self::EachInterval,
        }
    }

    /// The budget for which identities wait for longer than the interval; `None` if they need not.
    /// Why it is short of calls is said of the budget.
    pub(super) fn waits_for(&self) -> Option<&str> {
        match self {
            Self::EachInterval => None,
            Self::Fewer { budget } | Self::None { budget } => Some(budget),
        }
    }

    /// How late polls are, and against what that is measured: where there are fewer turns than
    /// intervals nobody is late before its `max_age`.
    pub(super) fn lateness<'a>(all: impl Iterator<Item = &'a Self>, late_seconds: f64) -> String {
        let is_fewer = |turns: &&Self| matches!(turns, Self::Fewer { .. });
        let (fewer, each): (Vec<_>, Vec<_>) = all.partition(is_fewer);
        let late = humanize_duration(late_seconds);
        match (late_seconds >= 1.0, fewer.is_empty(), each.is_empty()) {
            (false, true, _) => "No poll is overdue.".to_owned(),
            (false, false, _) => "No identity has waited for longer than its max_age, but there \
                                  are too few calls to poll each once in its interval."
                .to_owned(),
            (true, true, _) => format!("The poll that waits longest is {late} past its turn."),
            (true, false, true) => {
                format!("The identity that waits longest is {late} past its max_age.")
            }
            (true, false, false) => format!(
                "The identity that waits longest is {late} past its turn, or past its max_age \
                 where there are too few calls to poll each once in its interval."
            ),
        }
    }

    /// How often each identity is polled.
    pub(super) fn words(&self, interval: &str, max_age: &str, late_seconds: f64) -> String {
        let is_late = late_seconds > LATE_SECONDS;
        let late = humanize_duration(late_seconds);
        match self {
            Self::EachInterval if is_late => {
                format!("each due once in {interval}; polls are up to {late} late")
            }
            Self::EachInterval => format!("each polled once in {interval}"),
            Self::Fewer { .. } => {
                let at_least = if is_late {
                    format!("polls are up to {late} late")
                } else {
                    format!("each is polled at least once in {max_age}")
                };
                format!(
                    "the present rate of calls is too low to poll each once in {interval}: those \
                     whose next change matters most come first, and {at_least}"
                )
            }
            Self::None { budget } => {
                format!("not polled until the credentials or settings of budget {budget} work")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Mono;
    use crate::recent_calls::RecentCalls;

    #[test]
    fn lateness_says_against_what_it_is_measured() {
        let [each, fewer] = [
            Turns::EachInterval,
            Turns::Fewer {
                budget: "us-east-1".to_owned(),
            },
        ];
        let lateness = |turns: &[&Turns], late| Turns::lateness(turns.iter().copied(), late);
        assert_eq!(lateness(&[&each], 0.9), "No poll is overdue.");
        assert!(lateness(&[&each, &fewer], 0.0).ends_with("once in its interval."));
        for (turns, past) in [
            (&[&each][..], "past its turn."),
            (&[&fewer], "past its max_age."),
            (
                &[&fewer, &each],
                "past its turn, or past its max_age where there",
            ),
        ] {
            let words = lateness(turns, 720.0);
            assert!(words.contains(&format!(" is 12 min {past}")), "{words}");
        }
    }

    #[test]
    fn nothing_is_polled_once_in_an_interval_that_is_late() {
        let targets = Targets::for_tests(&[("us-east-1:0", 3_000)]);
        let turns = |rate, credentials_good| {
            let budget = BudgetProgress {
                label: "us-east-1".to_owned(),
                identities: 3_000,
                limit: 20.0,
                rate,
                late_since: Mono::MAX,
                credentials_good,
                refused: None,
                unreached: None,
                is_throttled: false,
                calls: RecentCalls::new(Mono::START),
            };
            Turns::of(&targets.pools[0], &targets, Some(&budget))
        };
        let words = |turns: Turns, late| turns.words("5m", "1d", late);
        assert_eq!(words(turns(20.0, true), 59.0), "each polled once in 5m");
        assert_eq!(turns(20.0, true).waits_for(), None);
        assert_eq!(
            words(turns(20.0, true), 720.0),
            "each due once in 5m; polls are up to 12 min late"
        );
        // It needs 10 calls per second, which a rate about AWS's quota has on average.
        assert_eq!(turns(9.1, true), Turns::EachInterval);
        assert_eq!(turns(8.9, true).waits_for(), Some("us-east-1"));
        let throttled = turns(0.5, true);
        assert_eq!(throttled.waits_for(), Some("us-east-1"));
        let words_of = |late| throttled.words("5m", "1d", late);
        assert!(words_of(0.0).ends_with("first, and each is polled at least once in 1d"));
        assert!(words_of(720.0).ends_with("first, and polls are up to 12 min late"));
        assert_eq!(
            words(turns(20.0, false), 720.0),
            "not polled until the credentials or settings of budget us-east-1 work"
        );
    }
}
