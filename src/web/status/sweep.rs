//! What the status page shows of a first sweep under way.

use serde::Serialize;

use super::humanize::{Time, group_digits};
use crate::first_sweep::{self, End};

/// A first sweep: not every identity was asked yet.
#[derive(Clone, Debug, Serialize)]
pub(super) struct FirstSweep {
    /// Identities asked at least once, or restored.
    asked: u64,
    identities: u64,
    /// Rounded down to tenths.
    pub(super) percent: f64,
    began: Time,
    /// Null while credentials do not work.
    ends: Option<Time>,
    /// Whether the end is by the pace so far, not only by the rate of calls.
    measured: bool,
    /// Budgets whose credentials or settings do not work, so that there is no end.
    waits_for: Vec<String>,
    #[serde(skip)]
    ends_words: String,
}

impl FirstSweep {
    pub(super) fn of(sweep: &first_sweep::Sweep, now: Time) -> Self {
        let unix = sweep.end.unix();
        let ends = sweep.end.words(now.0);
        let distance = unix.map(|unix| format!(" ({})", Time(unix).relative(now)));
        Self {
            asked: sweep.asked as u64,
            identities: sweep.identities as u64,
            percent: sweep.percent(),
            began: Time(sweep.began.unix),
            ends: unix.map(Time),
            measured: matches!(sweep.end, End::About(_)),
            waits_for: match &sweep.end {
                End::Unknown(budgets) => budgets.clone(),
                End::About(_) | End::AtTheEarliest(_) => Vec::new(),
            },
            ends_words: ends + &distance.unwrap_or_default(),
        }
    }

    /// What is asked of what, and when it ends.
    pub(super) fn words(&self) -> String {
        let [asked, identities] = [self.asked, self.identities].map(group_digits);
        let (percent, ends) = (self.percent, &self.ends_words);
        format!("{percent} %: {asked} of {identities} identities were polled; it {ends}.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Mono, Timestamp};
    use crate::first_sweep::Sweep;

    #[test]
    fn words() {
        let began = Timestamp {
            mono: Mono::START,
            unix: 1_700_000_000.0,
        };
        let sweep = |end| Sweep {
            asked: 1_299,
            identities: 100_000,
            began,
            end,
        };
        let shown = |end| FirstSweep::of(&sweep(end), Time(began.unix));
        let about = shown(End::About(began.unix + 7_200.5));
        assert_eq!(
            about.words(),
            "1.2 %: 1,299 of 100,000 identities were polled; it ends about 00:14 UTC (in 2 h)."
        );
        let json = serde_json::to_value(&about).unwrap();
        assert_eq!(json["ends"], "2023-11-15T00:13:20.500Z");
        let unknown = shown(End::Unknown(vec!["us-east-1".to_owned()]));
        assert!(
            unknown
                .words()
                .contains("credentials or settings of us-east-1 do not work")
        );
        assert_eq!(unknown.waits_for, ["us-east-1"]);
        let json = serde_json::to_value(&unknown).unwrap();
        assert_eq!(json["ends"], serde_json::Value::Null);
    }
}
