//! What to look at of a pool.

use std::time::Duration;

use super::super::humanize::{group_digits, identities_that};
use super::super::pool::Pool;
use super::links::list;
use super::{Attention, Code, Phrase, Severity};
use crate::config::show_duration;
use crate::store::{PoolTrouble, Reasons, State};

/// Of the identities that exist, those that will be full soon are a ticket from this part on, those
/// without current usage and those whose polls fail above it; all as for the alert rules.
const FULL_SOON: f64 = 0.01;
const NOT_WATCHED: f64 = 0.05;
const FAILING: f64 = 0.1;

impl Pool {
    /// What an operator should look at. `is_ready`: whether any poll was answered since the start.
    pub(super) fn attention(&self, is_ready: bool) -> Vec<Attention> {
        let trouble = self.trouble.as_ref().map(|(trouble, _)| *trouble);
        let mut found: Vec<_> = self.trouble_attention(is_ready).into_iter().collect();
        found.extend(self.near_limits_attention());
        found.extend(self.full_soon_attention());
        found.extend(self.discovery_attention());
        if trouble != Some(PoolTrouble::Denied) {
            found.extend(self.failing_attention());
            found.extend(self.stale_attention());
        }
        // Most guests of a discovered pool never synced.
        if trouble != Some(PoolTrouble::NotFound) && self.discovery.is_none() {
            found.extend(self.missing_attention());
        }
        let name = self.name.as_ref().unwrap_or(&self.identity_pool_id);
        let found = found.into_iter();
        found
            .map(|it| it.of_pool(&self.identity_pool_id, name))
            .collect()
    }

    /// The number of identities of which AWS does not say that they do not exist.
    pub(super) fn existing(&self) -> u64 {
        self.identities as u64 - self.in_state(State::Missing)
    }

    fn in_state(&self, state: State) -> u64 {
        self.states.0[state as usize].1
    }

    fn list(&self, parameters: &str) -> String {
        list(&self.identity_pool_id, parameters)
    }

    fn trouble_attention(&self, is_ready: bool) -> Option<Attention> {
        let (trouble, words) = self.trouble.as_ref()?;
        let (code, severity) = match trouble {
            PoolTrouble::NotFound => (Code::PoolNotFound, Severity::Warning),
            PoolTrouble::Denied if is_ready => (Code::PoolDenied, Severity::Warning),
            PoolTrouble::Denied => (Code::PoolDenied, Severity::Critical),
        };
        let found = Attention::new(code, severity, Phrase::new(words, ""));
        Some(found.of_identities(self.identities as u64, &[]))
    }

    fn full_soon_attention(&self) -> Option<Attention> {
        let (window, soon) = *self.full_within.0.first()?;
        let severity = match soon {
            0 => return None,
            _ if soon as f64 >= FULL_SOON * self.existing() as f64 => Severity::Warning,
            _ => Severity::Info,
        };
        let soon_full = format!("will almost surely be full within {window}");
        let phrase = Phrase::new(
            identities_that(soon, [soon_full.as_str(); 2]),
            ", at the growth seen",
        );
        let phrase = phrase.listed(self.list(&format!("surely_full_within={window}&sort=full_at")));
        let found = Attention::new(Code::FullSoon, severity, phrase);
        Some(found.of_identities(soon, &self.examples.full_soon))
    }

    fn discovery_attention(&self) -> Option<Attention> {
        let discovery = self.discovery.as_ref()?;
        let is_overdue = discovery.is_overdue;
        let phrase = match &discovery.failure {
            Some(failure) => Phrase::new(
                "identities cannot be listed",
                format!(": {} ({})", failure.meaning, failure.reason),
            ),
            None if is_overdue && discovery.complete_passes > 0 => {
                Phrase::new("identities were not listed wholly for three intervals", "")
            }
            None => return None,
        };
        let severity = if is_overdue {
            Severity::Warning
        } else {
            Severity::Info
        };
        Some(Attention::new(Code::DiscoveryFailing, severity, phrase))
    }

    fn failing_attention(&self) -> Option<Attention> {
        let failing = self.in_state(State::Failing);
        if failing == 0 {
            return None;
        }
        let failing_or_stale = failing + self.in_state(State::Stale);
        let is_share = failing_or_stale as f64 > FAILING * self.existing() as f64;
        let severity = if is_share {
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

    fn stale_attention(&self) -> Option<Attention> {
        let stale = self.in_state(State::Stale);
        if stale == 0 {
            return None;
        }
        let asked = self.existing() - self.in_state(State::Pending);
        let not_watched = asked - self.watched_identities;
        let severity = if not_watched as f64 > NOT_WATCHED * asked as f64 {
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

    fn missing_attention(&self) -> Option<Attention> {
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
    use std::path::Path;

    use super::super::super::discovery::{CannotList, Discovery};
    use super::super::super::humanize::Time;
    use super::super::super::turns::Turns;
    use super::super::Named;
    use super::super::tests::{Known, pool_in, pool_of};
    use super::*;
    use crate::api::Failure;

    /// The code, the severity and the text of each.
    fn said(pool: &Pool) -> Vec<String> {
        let attention = pool.attention(true).into_iter();
        let said = attention.map(|it| {
            let name = "us-east-1:0: ";
            let text = it.text.strip_prefix(name).expect("the pool is named");
            format!("{} {}: {text}", it.code.as_str(), it.severity.as_str())
        });
        said.collect()
    }

    /// Pools of so many identities of each kind.
    fn many(kinds: &[(usize, Known)]) -> Pool {
        let kinds = kinds.iter();
        let known = kinds.flat_map(|(count, known)| std::iter::repeat_n(*known, *count));
        pool_of(&known.collect::<Vec<_>>())
    }

    const WELL: Known = Known::Usage {
        datasets: 1,
        storage: 0,
        ago: 0.0,
    };
    const DENIED: Known = Known::Failing(Failure::AccessDenied);

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

    #[test]
    fn a_pool_in_trouble_as_a_whole_is_one_item() {
        let denied = many(&[(3, DENIED)]);
        assert_eq!(
            said(&denied),
            [
                "pool_denied warning: every poll of it is denied (access_denied): iam-policy \
                 prints what is needed."
            ]
        );
        let severity = |ready| denied.attention(ready)[0].severity;
        assert_eq!(severity(false), Severity::Critical, "nothing was answered");
        assert_eq!(severity(true), Severity::Warning);
        assert_eq!(denied.attention(true)[0].count, Some(3));
        let mut unknown = many(&[(3, Known::Missing)]);
        let trouble = (PoolTrouble::NotFound, "it is not found".to_owned());
        unknown.trouble = Some(trouble);
        let expected = ["pool_not_found warning: it is not found."];
        assert_eq!(said(&unknown), expected);
    }

    #[test]
    fn those_that_will_be_full_are_a_warning_from_a_hundredth_on() {
        let mut pool = many(&[(200, WELL), (1, Known::Missing)]);
        let words = "will almost surely be full within 7d, at the growth seen.";
        pool.full_within.0[0].1 = 1;
        let expected = format!("full_soon info: 1 identity {words}");
        assert_eq!(said(&pool)[0], expected);
        pool.full_within.0[0].1 = 2;
        let expected = format!("full_soon warning: 2 identities {words}");
        assert_eq!(said(&pool)[0], expected);
    }

    #[test]
    fn a_list_that_fails_is_a_warning_when_it_is_overdue() {
        let mut pool = many(&[(3, WELL)]);
        let mut with = |failure, is_overdue, complete_passes| {
            let cannot = |failure: Failure| CannotList {
                reason: failure.as_str(),
                meaning: failure.meaning(),
                next_attempt: Time(0.0),
            };
            let discovery = pool.discovery.insert(Discovery::default());
            discovery.failure = Option::map(failure, cannot);
            discovery.is_overdue = is_overdue;
            discovery.complete_passes = complete_passes;
            said(&pool).join(" ")
        };
        let words = "identities cannot be listed: no complete answer was received within \
                     poll.timeout (timeout).";
        for (is_overdue, severity) in [(false, "info"), (true, "warning")] {
            let expected = format!("discovery_failing {severity}: {words}");
            assert_eq!(with(Some(Failure::Timeout), is_overdue, 1), expected);
        }
        assert_eq!(with(None, true, 0), "", "the first pass");
        assert_eq!(
            with(None, true, 1),
            "discovery_failing warning: identities were not listed wholly for three intervals."
        );
    }

    #[test]
    fn five_are_named_and_all_are_listed() {
        let ids = (0..7).map(|id| match id {
            3 => "{id: 'r:3', name: canary}".to_owned(),
            id => format!("'r:{id}'"),
        });
        let ids = ids.collect::<Vec<_>>().join(", ");
        let text = format!("pools: [{{id: 'r:0', name: 'a b', identities: [{ids}]}}]");
        let loaded = crate::loading::parse(Path::new("file"), &text).unwrap();
        let pool = pool_in(loaded.targets, &[&[WELL][..], &[DENIED; 6]].concat());
        let attention = pool.attention(true);
        let failing = &attention[0];
        let labels: Vec<_> = failing.identities.iter().map(Named::label).collect();
        assert_eq!(labels, ["1", "2", "canary", "4", "5"]);
        assert!(failing.has_more());
        assert_eq!(
            failing.text,
            "a b: polls of 6 identities fail: access_denied 6."
        );
        let list = failing.list().unwrap();
        assert_eq!(list, "api/v1/identities?pool=r%3A0&state=failing");
    }
}
