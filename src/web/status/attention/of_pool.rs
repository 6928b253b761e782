//! What to look at of a pool.

use super::super::humanize::identities_that;
use super::super::pool::Pool;
use super::links::list;
use super::{Attention, Code, Phrase, Severity};
use crate::store::PoolTrouble;

/// Of the identities that exist, those that will be full soon are a ticket from this part on, as
/// for the alert rules.
const FULL_SOON: f64 = 0.01;

impl Pool {
    /// What an operator should look at. `was_answered`: whether any poll was, since the start.
    pub(super) fn attention(&self, was_answered: bool) -> Vec<Attention> {
        let trouble = self.trouble.as_ref().map(|(trouble, _)| *trouble);
        let mut found: Vec<_> = self.trouble_attention(was_answered).into_iter().collect();
        found.extend(self.drained_attention());
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

    pub(super) fn list(&self, parameters: &str) -> String {
        list(&self.identity_pool_id, parameters)
    }

    fn trouble_attention(&self, was_answered: bool) -> Option<Attention> {
        let (trouble, words) = self.trouble.as_ref()?;
        let words = words.as_str();
        let (code, severity, words) = match trouble {
            PoolTrouble::NotFound if self.is_listed() => (
                Code::PoolNotFound,
                Severity::Info,
                "no identity has synced to it yet, so Cognito Sync does not know it",
            ),
            PoolTrouble::NotFound => (Code::PoolNotFound, Severity::Warning, words),
            PoolTrouble::Denied if was_answered => (Code::PoolDenied, Severity::Warning, words),
            PoolTrouble::Denied => (Code::PoolDenied, Severity::Critical, words),
        };
        let found = Attention::new(code, severity, Phrase::new(words, ""));
        Some(found.of_identities(self.identities as u64, &[]))
    }

    /// Whether passes list identities of the pool, so that its id, region and account are right.
    fn is_listed(&self) -> bool {
        let discovery = self.discovery.as_ref();
        discovery.is_some_and(|it| it.discovered_identities > 0 && it.failure.is_none())
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
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::super::discovery::{CannotList, Discovery};
    use super::super::super::humanize::Time;
    use super::super::Named;
    use super::super::tests::{DENIED, Known, WELL, many, pool_in, said};
    use super::*;
    use crate::api::Failure;

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
        unknown.discovery = Some(Discovery::default());
        assert_eq!(said(&unknown), expected, "nobody was listed");
        let listed = unknown.discovery.insert(Discovery::default());
        listed.discovered_identities = 3;
        assert_eq!(
            said(&unknown),
            [
                "pool_not_found info: no identity has synced to it yet, so Cognito Sync does not \
                 know it."
            ]
        );
        unknown.discovery.as_mut().unwrap().failure = Some(CannotList {
            reason: Failure::NotFound.as_str(),
            meaning: Failure::NotFound.meaning(),
            next_attempt: Time(0.0),
        });
        assert_eq!(said(&unknown)[..1], expected, "and is there no more");
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
