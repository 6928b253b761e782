//! How much of what AWS may be called is in use.

use serde::Serialize;

use super::humanize::percent;
use crate::clock::Mono;
use crate::progress::BudgetProgress;
use crate::recent_calls::CallCounts;

/// The calls of all budgets together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct InUse {
    /// Calls per second over the last minute, or over the time since the start.
    pub(super) calls_per_second: f64,
    /// The sum of all ceilings, in calls per second.
    pub(super) ceiling: f64,
    /// The sum of what they may be called at present, in calls per second.
    pub(super) rate: f64,
    /// Which share of these calls AWS throttled, 0 to 1; `None` if there was none.
    pub(super) throttled_ratio: Option<f64>,
    #[serde(skip)]
    budgets: usize,
    /// How many of these make no calls but probes, as their credentials or settings do not work.
    #[serde(skip)]
    refused: usize,
    /// How many of the others cannot reach AWS.
    #[serde(skip)]
    unreached: usize,
}

/// Below this part of the ceilings, throttling holds calls back.
const HELD_BACK: f64 = 0.9;

impl InUse {
    pub(super) fn of(budgets: &[BudgetProgress], now: Mono) -> Self {
        let number = |is: &dyn Fn(&BudgetProgress) -> bool| {
            budgets.iter().filter(|budget| is(budget)).count()
        };
        let counts: CallCounts = budgets.iter().map(|budget| budget.calls.counts(now)).sum();
        Self {
            // From 0: the sum of no floats is -0.
            calls_per_second: budgets
                .iter()
                .fold(0.0, |sum, budget| sum + budget.calls.per_second(now)),
            ceiling: budgets.iter().fold(0.0, |sum, budget| sum + budget.limit),
            rate: budgets.iter().fold(0.0, |sum, budget| sum + budget.rate),
            throttled_ratio: counts.throttled_ratio(),
            budgets: budgets.len(),
            refused: number(&|budget| !budget.credentials_good),
            unreached: number(&|budget| budget.credentials_good && budget.unreached.is_some()),
        }
    }

    /// Such as `using 13 of 80 calls/s, throttled 0 %`, and what holds calls back, to be the end of
    /// a sentence.
    pub(super) fn words(&self) -> String {
        let rate = calls(self.rate);
        let held_back = (self.rate < HELD_BACK * self.ceiling)
            .then(|| format!("held back to {rate} calls/s by throttling"));
        let refused = self.some_budgets(self.refused, ["makes", "make"], "no calls but probes");
        let unreached = self.some_budgets(self.unreached, ["cannot"; 2], "reach AWS");
        let words = [Some(self.calls()), held_back, refused, unreached];
        words.into_iter().flatten().collect::<Vec<_>>().join("; ")
    }

    /// Such as `1 of 3 budgets makes no calls but probes`; `None` if none does.
    fn some_budgets(&self, some: usize, [one, many]: [&str; 2], what: &str) -> Option<String> {
        match (some, self.budgets) {
            (0, _) => None,
            (_, 1) => Some(format!("the budget {one} {what}")),
            (1, all) => Some(format!("1 of {all} budgets {one} {what}")),
            (some, all) => Some(format!("{some} of {all} budgets {many} {what}")),
        }
    }

    fn calls(&self) -> String {
        let ceiling = (self.ceiling * 1e3).round() / 1e3;
        match self.throttled_ratio {
            Some(ratio) => format!(
                "using {} of {ceiling} calls/s, throttled {}",
                calls(self.calls_per_second),
                throttled(ratio)
            ),
            None => format!("using 0 of {ceiling} calls/s, no call in the last minute"),
        }
    }
}

/// A number of calls per second, with one decimal below 10. What is not 0 is not shown as 0.
pub(super) fn calls(per_second: f64) -> String {
    match (per_second * 10.0).round() / 10.0 {
        10.0.. => format!("{per_second:.0}"),
        0.1.. => format!("{per_second:.1}"),
        _ if per_second > 0.0 => "below 0.1".to_owned(),
        _ => "0".to_owned(),
    }
}

/// A share of throttled calls. Only none is shown as 0 %, and only all as 100 %.
pub(super) fn throttled(ratio: f64) -> String {
    if ratio > 0.0 && ratio < 0.01 {
        "below 1 %".to_owned()
    } else {
        percent(ratio)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Trouble;
    use crate::recent_calls::RecentCalls;
    use std::time::Duration;

    fn words(calls_per_second: f64, ceiling: f64, throttled_ratio: Option<f64>) -> String {
        let in_use = InUse {
            calls_per_second,
            ceiling,
            rate: ceiling,
            throttled_ratio,
            budgets: 1,
            refused: 0,
            unreached: 0,
        };
        in_use.words()
    }

    #[test]
    fn the_words_are_true_of_small_numbers_too() {
        for (used, ceiling, ratio, expected) in [
            (13.4, 80.0, 0.0, "using 13 of 80 calls/s, throttled 0 %"),
            (9.96, 80.0, 0.0, "using 10 of 80 calls/s, throttled 0 %"),
            (9.94, 80.0, 0.0, "using 9.9 of 80 calls/s, throttled 0 %"),
            (0.3, 0.5, 0.0, "using 0.3 of 0.5 calls/s, throttled 0 %"),
            (
                1.0 / 60.0,
                10.0 + 0.1 + 0.2,
                0.0,
                "using below 0.1 of 10.3 calls/s, throttled 0 %",
            ),
            (
                13.0,
                80.0,
                1e-4,
                "using 13 of 80 calls/s, throttled below 1 %",
            ),
            (13.0, 80.0, 0.01, "using 13 of 80 calls/s, throttled 1 %"),
            (13.0, 80.0, 0.129, "using 13 of 80 calls/s, throttled 12 %"),
            (
                1234.5,
                2e3,
                0.999,
                "using 1234 of 2000 calls/s, throttled 99 %",
            ),
            (13.0, 80.0, 1.0, "using 13 of 80 calls/s, throttled 100 %"),
        ] {
            assert_eq!(words(used, ceiling, Some(ratio)), expected);
        }
        assert_eq!(
            words(0.0, 80.0, None),
            "using 0 of 80 calls/s, no call in the last minute"
        );
    }

    #[test]
    fn what_holds_calls_back_is_said_too() {
        let at = Mono::START + Duration::from_secs(10);
        let budget = || BudgetProgress::new(String::new(), 0, 10.0, RecentCalls::new(Mono::START));
        let words = |budgets: &[BudgetProgress]| {
            let words = InUse::of(budgets, at).words();
            let (calls, held_back) = words.split_once("in the last minute").unwrap();
            assert!(calls.ends_with("calls/s, no call "), "{calls}");
            held_back.to_owned()
        };
        let throttled = |rate| BudgetProgress { rate, ..budget() };
        assert_eq!(words(&[throttled(8.0), budget()]), "", "nine tenths");
        let expected = "; held back to 18 calls/s by throttling";
        assert_eq!(words(&[throttled(7.9), budget()]), expected);
        let trouble = || Trouble {
            kind: "kind",
            cause: String::new(),
            remedy: String::new(),
        };
        let refused = || BudgetProgress {
            credentials_good: false,
            ..budget()
        };
        let unreached = || BudgetProgress {
            unreached: Some(trouble()),
            ..budget()
        };
        assert_eq!(
            words(&[refused()]),
            "; the budget makes no calls but probes"
        );
        assert_eq!(words(&[unreached()]), "; the budget cannot reach AWS");
        let expected = "; 2 of 4 budgets make no calls but probes; 1 of 4 budgets cannot reach AWS";
        let refused_and_unreached = BudgetProgress {
            unreached: Some(trouble()),
            ..refused()
        };
        let all = [budget(), refused(), refused_and_unreached, unreached()];
        assert_eq!(words(&all), expected);
    }

    #[test]
    fn it_is_the_sum_of_all_budgets() {
        let at = |seconds| Mono::START + Duration::from_secs(seconds);
        let budget = |ceiling, calls: u64, throttled: u64| {
            let mut recent = RecentCalls::new(at(0));
            (0..calls).for_each(|_| recent.on_sent(at(5)));
            (0..throttled).for_each(|_| recent.on_throttled(at(5)));
            BudgetProgress::new(String::new(), 0, ceiling, recent)
        };
        let of = |budgets: &[BudgetProgress]| InUse::of(budgets, at(10)).words();
        let budgets = [budget(80.0, 120, 0), budget(2.0, 10, 13), budget(5.0, 0, 0)];
        assert_eq!(of(&budgets), "using 13 of 87 calls/s, throttled 7 %");
        assert_eq!(
            of(&budgets[2..]),
            "using 0 of 5 calls/s, no call in the last minute"
        );
    }
}
