//! What of a pool an operator should look at, in sentences.

use std::time::Duration;

use super::humanize::{group_digits, identities_that};
use super::near_limit::NearLimit;
use super::pool::Pool;
use crate::config::show_duration;
use crate::store::{PoolTrouble, Reasons, State};

impl Pool {
    /// What an operator should look at.
    pub(super) fn attention(&self) -> Vec<String> {
        let trouble = self.trouble.as_ref().map(|(trouble, _)| *trouble);
        let mut lines: Vec<_> = self
            .near_limits
            .iter()
            .flat_map(NearLimit::attention)
            .collect();
        if let Some((window, identities @ 1..)) = self.full_within.0.first() {
            let identities = identities_that(*identities, ["will"; 2]);
            lines.push(format!(
                "{identities} almost surely be full within {window}, at the growth seen"
            ));
        }
        if let Some(failure) = self.discovery.as_ref().and_then(|it| it.failure.as_ref()) {
            lines.push(format!("identities cannot be listed: {}", failure.meaning));
        }
        if trouble != Some(PoolTrouble::Denied) {
            lines.extend(self.failing_words());
            lines.extend(self.stale_words());
        }
        // Most guests of a discovered pool never synced.
        if trouble != Some(PoolTrouble::NotFound) && self.discovery.is_none() {
            lines.extend(self.missing_words());
        }
        let name = self.name.as_ref().unwrap_or(&self.identity_pool_id);
        let lines = lines.into_iter().map(|line| format!("{name}: {line}."));
        let trouble = self.trouble.iter().map(|(_, words)| format!("{words}."));
        trouble.chain(lines).collect()
    }

    fn in_state(&self, state: State) -> u64 {
        self.states.0[state as usize].1
    }

    fn failing_words(&self) -> Option<String> {
        let failing = self.in_state(State::Failing);
        let words = || {
            let identities = identities_that(failing, ["failed"; 2]);
            format!("the last poll of {identities} ({})", reasons(&self.failing))
        };
        (failing > 0).then(words)
    }

    fn stale_words(&self) -> Option<String> {
        let stale = self.in_state(State::Stale);
        if stale == 0 {
            return None;
        }
        let failed = self.stale.sum() as u64;
        let fail = (failed > 0).then(|| {
            let failed = group_digits(failed);
            format!("polls of {failed} fail ({})", reasons(&self.stale))
        });
        let wait = (stale > failed).then(|| {
            let waiting = match stale - failed {
                1 => "1 waits".to_owned(),
                many => format!("{} wait", group_digits(many)),
            };
            let why = self.turns.shortage();
            let why = why.map_or_else(String::new, |why| format!(", since {why}"));
            format!("{waiting} for the next poll{why}")
        });
        let why: Vec<_> = fail.into_iter().chain(wait).collect();
        let after = show_duration(Duration::from_secs_f64(self.stale_after_seconds));
        let identities = identities_that(stale, ["is", "are"]);
        Some(format!(
            "{identities} stale, so no poll has succeeded for {after}: {}",
            why.join("; ")
        ))
    }

    fn missing_words(&self) -> Option<String> {
        let missing = self.in_state(State::Missing);
        let they = if missing == 1 { "it does" } else { "they do" };
        let identities = identities_that(missing, ["is", "are"]);
        let words = || format!("{identities} missing: AWS reports that {they} not exist");
        (missing > 0).then(words)
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
    use std::sync::Arc;

    use super::super::turns::Turns;
    use super::*;
    use crate::api::{Failure, Usage};
    use crate::clock::{Mono, Timestamp};
    use crate::job::PoolIndex;
    use crate::observation::Observation;
    use crate::store::Store;
    use crate::targets::Targets;

    /// What is said a day after these polls; each is of the first so many identities.
    fn said(identities: usize, polls: &[(usize, Result<Usage, Failure>)], turns: Turns) -> String {
        let mut targets = Targets::for_tests(&[("us-east-1:0", identities)]);
        targets.pools[0].settings.name = Some("production".to_owned());
        let store = Store::new(Arc::new(targets));
        let at = |seconds| Timestamp {
            mono: Mono::START + Duration::from_secs(seconds),
            unix: seconds as f64,
        };
        for (count, result) in polls {
            for identity in 0..*count {
                store.record(&Observation::of_identity(
                    PoolIndex(0),
                    identity,
                    at(0),
                    *result,
                ));
            }
        }
        let pool = Pool::of(&store.snapshot().pool(PoolIndex(0)), at(86_400));
        Pool { turns, ..pool }.attention().join(" ")
    }

    #[test]
    fn the_pool_the_number_and_the_reason_are_said() {
        let (ok, denied) = (Ok(Usage::default()), Err(Failure::AccessDenied));
        let turns = || Turns::EachInterval;
        assert_eq!(said(3, &[], turns()), "");
        assert_eq!(
            said(200, &[(200, ok), (200, denied)], turns()),
            "every poll of pool production is denied (access_denied): iam-policy prints what is \
             needed."
        );
        assert_eq!(
            said(9, &[(3, ok), (2, denied)], turns()),
            "production: 3 identities are stale, so no poll has succeeded for 15m: polls of 2 \
             fail (access_denied 2); 1 waits for the next poll."
        );
        let short = Turns::Fewer {
            budget: "us-east-1".to_owned(),
            rate: 0.5,
            needed: 3.3,
        };
        assert_eq!(
            said(2, &[(1, ok)], short),
            "production: 1 identity is stale, so no poll has succeeded for 15m: 1 waits for the \
             next poll, since budget us-east-1 makes 0.5 of the 3.3 calls per second that it \
             needs."
        );
        let throttled = Err(Failure::Throttled);
        assert_eq!(
            said(9, &[(3, throttled), (1, Err(Failure::Timeout))], turns()),
            "production: the last poll of 3 identities failed (throttled 2, timeout 1)."
        );
        assert_eq!(
            said(9, &[(1, Err(Failure::NotFound))], turns()),
            "production: 1 identity is missing: AWS reports that it does not exist."
        );
    }
}
