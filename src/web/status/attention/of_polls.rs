//! What to look at of a pool's identities whose usage is not known, or not any more.

use std::time::Duration;

use super::super::humanize::{group_digits, identities_that};
use super::super::pool::Pool;
use super::{Attention, Code, Phrase, Severity};
use crate::config::show_duration;
use crate::store::{Reasons, State};

/// As for the alert rules, it is a ticket when more than this part of the identities that were
/// polled and exist has no current usage.
const NOT_WATCHED: f64 = 0.05;
/// The same when polls of more than this part of those that exist fail, or have long not succeeded.
const FAILING: f64 = 0.1;

impl Pool {
    /// How many of those that were polled and exist have no current usage, and whether so many are
    /// a ticket. Beside the stale ones these are the failing ones that never succeeded.
    fn not_watched(&self) -> (u64, bool) {
        let polled = self.existing() - self.in_state(State::Pending);
        let not_watched = polled - self.watched_identities;
        (
            not_watched,
            not_watched as f64 > NOT_WATCHED * polled as f64,
        )
    }

    pub(super) fn failing_attention(&self) -> Option<Attention> {
        let failing = self.in_state(State::Failing);
        if failing == 0 {
            return None;
        }
        let stale = self.in_state(State::Stale);
        let is_share = (failing + stale) as f64 > FAILING * self.existing() as f64;
        let (not_watched, is_ticket) = self.not_watched();
        let severity = if is_share || is_ticket && not_watched > stale {
            Severity::Warning
        } else {
            Severity::Info
        };
        let head = match failing {
            1 => "polls of 1 identity fail".to_owned(),
            many => format!("polls of {} identities fail", group_digits(many)),
        };
        let phrase = Phrase::new(head, format!(": {}", reasons(&self.failing)));
        let phrase = phrase.listed(self.list("state=failing"));
        let found = Attention::new(Code::PollsFailing, severity, phrase);
        Some(found.of_identities(failing, &self.examples.failing))
    }

    pub(super) fn stale_attention(&self) -> Option<Attention> {
        let stale = self.in_state(State::Stale);
        if stale == 0 {
            return None;
        }
        let (_, is_ticket) = self.not_watched();
        let severity = if is_ticket {
            Severity::Warning
        } else {
            Severity::Info
        };
        let failed = self.stale.sum() as u64;
        let fail = (failed > 0).then(|| {
            let failed = group_digits(failed);
            format!("polls of {failed} fail ({})", reasons(&self.stale))
        });
        let wait = (stale > failed).then(|| {
            let wait = match stale - failed {
                1 => "1 waits".to_owned(),
                many => format!("{} wait", group_digits(many)),
            };
            // Why it is short of calls is said of the budget.
            match self.turns.waits_for() {
                Some(budget) => format!("{wait} for budget {budget}"),
                None => format!("{wait} for the next poll"),
            }
        });
        let why: Vec<_> = fail.into_iter().chain(wait).collect();
        let after = show_duration(Duration::from_secs_f64(self.stale_after_seconds));
        let phrase = Phrase::new(
            identities_that(stale, ["is stale", "are stale"]),
            format!(", so no poll has succeeded for {after}: {}", why.join("; ")),
        );
        let phrase = phrase.listed(self.list("state=stale"));
        let found = Attention::new(Code::Stale, severity, phrase);
        Some(found.of_identities(stale, &self.examples.stale))
    }

    pub(super) fn missing_attention(&self) -> Option<Attention> {
        let missing = self.in_state(State::Missing);
        let they = match missing {
            0 => return None,
            1 => "it does",
            _ => "they do",
        };
        let phrase = Phrase::new(
            identities_that(missing, ["is missing", "are missing"]),
            format!(": AWS reports that {they} not exist"),
        );
        let phrase = phrase.listed(self.list("state=missing"));
        let found = Attention::new(Code::Missing, Severity::Info, phrase);
        Some(found.of_identities(missing, &self.examples.missing))
    }
}

/// Such as `access_denied 125, throttled 3`.
fn reasons(reasons: &Reasons) -> String {
    let reasons = reasons.by_number().into_iter();
    let words = reasons.map(|(failure, identities)| {
        format!("{} {}", failure.as_str(), group_digits(identities as u64))
    });
    words.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::super::super::discovery::Discovery;
    use super::super::super::turns::Turns;
    use super::super::tests::{DENIED, Known, WELL, many, said};
    use crate::api::Failure;

    #[test]
    fn polls_that_fail_are_a_warning_above_a_tenth() {
        assert_eq!(said(&many(&[(10, WELL)])), [""; 0]);
        let one = many(&[(9, WELL), (1, DENIED)]);
        assert_eq!(
            said(&one),
            ["polls_failing info: polls of 1 identity fail: access_denied 1."]
        );
        let throttled = Known::Failing(Failure::Throttled);
        assert_eq!(
            said(&many(&[(8_999, WELL), (1, DENIED), (1_000, throttled)])),
            [
                "polls_failing warning: polls of 1,001 identities fail: throttled 1,000, \
                 access_denied 1."
            ]
        );
    }

    #[test]
    fn failing_ones_that_never_succeeded_are_a_warning_above_a_twentieth() {
        let never = Known::Unseen(Failure::AccessDenied);
        // Those that were not polled yet do not count.
        let of_100 = |kinds: &[(usize, Known)]| {
            let others = 100 - kinds.iter().map(|(count, _)| count).sum::<usize>();
            let rest = [(others, WELL), (30, Known::Nothing), (30, Known::Missing)];
            let mut pool = many(&[kinds, &rest].concat());
            pool.discovery = Some(Discovery::default());
            let said = said(&pool).into_iter();
            let said = said.map(|it| it.split(':').next().unwrap().to_owned());
            said.collect::<Vec<_>>().join(", ")
        };
        assert_eq!(of_100(&[(5, never)]), "polls_failing info");
        assert_eq!(of_100(&[(6, never)]), "polls_failing warning");
        assert_eq!(of_100(&[(6, DENIED)]), "polls_failing info", "known still");
        let stale = Known::Stale(None);
        assert_eq!(
            of_100(&[(4, never), (1, stale)]),
            "polls_failing info, stale info"
        );
        assert_eq!(
            of_100(&[(5, never), (1, stale)]),
            "polls_failing warning, stale warning"
        );
        assert_eq!(
            of_100(&[(3, DENIED), (6, stale)]),
            "polls_failing info, stale warning"
        );
    }

    #[test]
    fn stale_ones_are_a_warning_above_a_twentieth() {
        let waits = Known::Stale(None);
        let fails = Known::Stale(Some(Failure::Timeout));
        let one = many(&[(19, WELL), (1, waits), (99, Known::Nothing)]);
        let words = "so no poll has succeeded for 15m";
        let expected =
            format!("stale info: 1 identity is stale, {words}: 1 waits for the next poll.");
        assert_eq!(said(&one), [expected]);
        let mut two = many(&[(8, WELL), (2, waits), (1, fails)]);
        two.turns = Turns::Fewer {
            budget: "us-east-1".to_owned(),
        };
        let expected = format!(
            "stale warning: 3 identities are stale, {words}: polls of 1 fail (timeout 1); 2 wait \
             for budget us-east-1."
        );
        assert_eq!(said(&two), [expected]);
    }

    #[test]
    fn missing_ones_are_no_news_in_a_pool_that_is_discovered() {
        let missing = |count| many(&[(3, WELL), (count, Known::Missing)]);
        assert_eq!(
            said(&missing(1)),
            ["missing info: 1 identity is missing: AWS reports that it does not exist."]
        );
        let mut two = missing(2);
        assert_eq!(
            said(&two),
            ["missing info: 2 identities are missing: AWS reports that they do not exist."]
        );
        two.discovery = Some(Discovery::default());
        assert_eq!(said(&two), [""; 0]);
    }
}
