//! What the status page shows of a pool that is discovered.

use serde::Serialize;

use super::humanize::{Time, group_digits, humanize_duration};
use crate::clock::Timestamp;
use crate::discovery::{Catalog, LastPass, Passes};
use crate::identity::PoolId;
use crate::passes::{PassProgress, PassStanding};

/// A list that is older than so many intervals is a ticket, as for the alert rule.
const OVERDUE_INTERVALS: f64 = 3.0;

/// The passes of `ListIdentities` over a pool.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Discovery {
    pub(super) discovered_identities: usize,
    /// As far back as is known.
    pub(super) complete_passes: u64,
    /// Absent before the first is complete.
    last_pass: Option<Ended>,
    /// Polled identities that the last complete pass did not list; absent before the first.
    not_listed_identities: Option<usize>,
    /// Absent between two passes.
    present_pass: Option<Begun>,
    /// When the next one begins; absent during a pass.
    next_pass: Option<Time>,
    pub(super) failure: Option<CannotList>,
    /// Whether no pass was complete for three intervals, or none has listed an identity yet.
    #[serde(skip)]
    pub(super) is_overdue: bool,
}

#[derive(Clone, Debug, Serialize)]
struct Ended {
    ended: Time,
    seconds: f64,
    listed_identities: usize,
}

#[derive(Clone, Debug, Serialize)]
struct Begun {
    began: Time,
    /// So far.
    listed_identities: usize,
}

/// Why the next page is not known.
#[derive(Clone, Debug, Serialize)]
pub(super) struct CannotList {
    pub(super) reason: &'static str,
    pub(super) meaning: &'static str,
    pub(super) next_attempt: Time,
}

impl Discovery {
    /// `None` for a pool that is not discovered.
    pub(super) fn of(
        pool: &PoolId,
        catalog: &Catalog,
        progress: &PassProgress,
        now: Timestamp,
    ) -> Option<Self> {
        let known = catalog.of_pool(pool)?;
        let not_listed = progress.missed(pool);
        let standing = progress.standing(pool);
        Some(Self::new(known, not_listed, standing, now))
    }

    fn new(
        (discovered_identities, passes): (usize, Passes),
        not_listed_identities: Option<usize>,
        standing: Option<PassStanding>,
        now: Timestamp,
    ) -> Self {
        let ended = |last: LastPass| Ended {
            ended: Time(last.ended),
            seconds: last.ended - last.began,
            listed_identities: last.listed,
        };
        let next_at = standing.map(|standing| Time::of(standing.next_at, now));
        let began = standing.and_then(|standing| {
            Some(Begun {
                began: Time(standing.began?),
                listed_identities: standing.listed,
            })
        });
        let failure = standing.and_then(|standing| {
            let failure = standing.failure?;
            Some(CannotList {
                reason: failure.as_str(),
                meaning: failure.meaning(),
                next_attempt: next_at?,
            })
        });
        let is_overdue = match (&passes.last, standing) {
            (Some(last), Some(standing)) => {
                let interval = standing.interval.as_secs_f64();
                now.unix - last.ended > OVERDUE_INTERVALS * interval
            }
            _ => discovered_identities == 0,
        };
        Self {
            discovered_identities,
            complete_passes: passes.complete,
            last_pass: passes.last.map(ended),
            not_listed_identities,
            next_pass: next_at.filter(|_| began.is_none()),
            present_pass: began,
            failure,
            is_overdue,
        }
    }

    /// What has come of the passes, and how far the present one is.
    pub(super) fn words(&self, now: Time) -> String {
        let known = group_digits(self.discovered_identities as u64);
        let mut words = format!("{known} identities were listed by Cognito Identity");
        words += &match self.complete_passes {
            0 => "; no pass is complete yet.".to_owned(),
            1 => " in 1 complete pass.".to_owned(),
            passes => format!(" in {} complete passes.", group_digits(passes)),
        };
        if let Some(last) = &self.last_pass {
            words += &format!(
                " The last one ended {} after {} with {} identities",
                last.ended.relative(now),
                humanize_duration(last.seconds),
                group_digits(last.listed_identities as u64),
            );
            words += &match self.not_listed_identities {
                None => ".".to_owned(),
                Some(missed) => format!(
                    ", without {} of those that are polled.",
                    group_digits(missed as u64)
                ),
            };
        }
        if let Some(present) = &self.present_pass {
            words += &format!(
                " The present one began {} and has listed {} so far.",
                present.began.relative(now),
                group_digits(present.listed_identities as u64),
            );
        }
        if let Some(next) = self.next_pass {
            words += &format!(" The next one begins {}.", next.relative(now));
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};

    use super::*;
    use crate::api::Failure;
    use crate::clock::Mono;

    const NOW: f64 = 1_700_000_000.0;

    fn shown(passes: Passes, missed: Option<usize>, standing: PassStanding) -> Discovery {
        let now = Timestamp {
            mono: Mono::START,
            unix: NOW,
        };
        Discovery::new((29_500, passes), missed, Some(standing), now)
    }

    #[test]
    fn a_first_pass_that_fails() {
        let standing = PassStanding {
            interval: Duration::from_secs(3_600),
            began: Some(NOW - 360.0),
            listed: 29_500,
            next_at: Mono::START + Duration::from_secs(20),
            failure: Some(Failure::AccessDenied),
        };
        let shown = shown(Passes::default(), None, standing);
        assert_eq!(
            shown.words(Time(NOW)),
            "29,500 identities were listed by Cognito Identity; no pass is complete yet. The \
             present one began 6 min ago and has listed 29,500 so far."
        );
        assert!(!shown.is_overdue, "some are listed");
        let json = serde_json::to_value(&shown).unwrap();
        let absent = ["last_pass", "not_listed_identities", "next_pass"];
        assert!(absent.iter().all(|key| json[key] == Value::Null), "{json}");
        assert_eq!(
            json["failure"],
            json!({
                "reason": "access_denied",
                "meaning": Failure::AccessDenied.meaning(),
                "next_attempt": "2023-11-14T22:13:40.000Z",
            })
        );
    }

    #[test]
    fn between_two_passes() {
        let passes = Passes {
            complete: 3,
            last: Some(LastPass {
                began: NOW - 700.0,
                ended: NOW - 400.0,
                listed: 29_480,
            }),
        };
        let standing = PassStanding {
            interval: Duration::from_secs(3_600),
            began: None,
            listed: 0,
            next_at: Mono::START + Duration::from_secs(2_900),
            failure: None,
        };
        let shown = |passes| shown(passes, Some(22), standing);
        let ended = |ago| Passes {
            last: passes.last.map(|last| LastPass {
                ended: NOW - ago,
                ..last
            }),
            ..passes
        };
        assert!(!shown(ended(10_800.0)).is_overdue);
        assert!(shown(ended(10_801.0)).is_overdue);
        assert_eq!(
            shown(passes).words(Time(NOW)),
            "29,500 identities were listed by Cognito Identity in 3 complete passes. The last one \
             ended 7 min ago after 5 min with 29,480 identities, without 22 of those that are \
             polled. The next one begins in 48 min."
        );
    }
}
