//! What is counted of a pool without a pass over its identities, and what that implies about the
//! pool as a whole.

use std::fmt;

use super::record::Record;
use crate::api::Failure;
use crate::targets;

/// So many answers that agree, or those of all identities, speak for the whole pool.
const ENOUGH: usize = 3;

/// The number of identities whose last poll failed, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reasons([usize; Failure::ALL.len()]);

impl Reasons {
    /// The number of identities that failed for this reason.
    #[must_use]
    pub fn of(&self, failure: Failure) -> usize {
        self.0[failure as usize]
    }

    /// The number of identities that failed.
    #[must_use]
    pub fn sum(&self) -> usize {
        self.0.iter().sum()
    }

    /// The same without one reason.
    #[must_use]
    pub fn without(mut self, failure: Failure) -> Self {
        self.0[failure as usize] = 0;
        self
    }

    /// Counts one identity more.
    pub fn add(&mut self, failure: Failure) {
        self.0[failure as usize] += 1;
    }

    /// The reasons that are not zero, the most frequent first.
    #[must_use]
    pub fn by_number(&self) -> Vec<(Failure, usize)> {
        let all = Failure::ALL.into_iter().zip(self.0);
        let mut reasons: Vec<_> = all.filter(|(_, number)| *number > 0).collect();
        reasons.sort_by_key(|(_, number)| std::cmp::Reverse(*number));
        reasons
    }
}

/// Such as `access_denied=125 throttled=3`.
impl fmt::Display for Reasons {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reasons = self.by_number().into_iter();
        let words = reasons.map(|(failure, number)| format!("{}={number}", failure.as_str()));
        formatter.write_str(&words.collect::<Vec<_>>().join(" "))
    }
}

/// What is wrong with a pool as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolTrouble {
    /// AWS does not know the pool.
    NotFound,
    /// The policy allows no poll of an identity.
    Denied,
}

impl PoolTrouble {
    /// The trouble and its remedy, with the pool's name.
    #[must_use]
    pub fn sentence(self, pool: &targets::Pool) -> String {
        self.words(&format!("pool {}", pool.name_or_id()), pool)
    }

    /// The same with another subject in place of the pool's name, such as `it`.
    #[must_use]
    pub fn words(self, subject: &str, pool: &targets::Pool) -> String {
        let region = pool.id.region();
        match self {
            Self::NotFound if !pool.settings.has_account() => {
                format!("{subject} is not found in {region}: wrong pool id or region")
            }
            Self::NotFound => {
                // In such a pool, guests that never synced are not known to Cognito Sync either.
                let or_empty = match pool.settings.discover {
                    Some(_) => ", or no identity has synced yet",
                    None => "",
                };
                format!(
                    "{subject} is not found in {region} with these credentials: wrong pool id, \
                     region or account{or_empty}"
                )
            }
            Self::Denied => format!(
                "every poll of {subject} is denied (access_denied): iam-policy prints what is \
                 needed"
            ),
        }
    }

    /// That it is over.
    pub(super) fn end(self, pool: &targets::Pool) -> String {
        let name = pool.name_or_id();
        match self {
            Self::NotFound => format!("AWS no longer reports pool {name} as not found"),
            Self::Denied => format!("polls of pool {name} are no longer all denied"),
        }
    }
}

/// What AWS last answered about the pool itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum OwnAnswer {
    /// No poll has finished yet.
    #[default]
    Pending,
    Found,
    NotFound,
    /// Not found, but an identity of it was found since.
    Contradicted,
    /// Every poll has failed for other reasons, or the last one was denied.
    Failed,
}

/// How many identities of a pool are in which state, as far as that is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct PoolHealth {
    /// Number of identities.
    pub(super) identities: usize,
    /// Number of identities of which no poll has finished yet.
    pub(super) pending: usize,
    /// Number of identities whose last poll failed.
    pub(super) failed: Reasons,
    /// Number of identities of which the last answer is usage.
    found: usize,
    /// Number of identities of which the last answer is that they do not exist.
    not_found: usize,
    own_answer: OwnAnswer,
    /// Whether every poll was denied, and since then none was answered.
    is_denied: bool,
    /// Why the last poll of the pool's own usage failed.
    pub(super) pool_failure: Option<Failure>,
}

impl PoolHealth {
    /// That of so many identities of which nothing is known.
    pub(super) fn of_unknown(identities: usize) -> Self {
        Self {
            identities,
            pending: identities,
            ..Self::default()
        }
    }

    /// Number of identities whose last poll failed, except missing ones.
    pub(super) fn failing(&self) -> usize {
        self.failed.sum() - self.missing()
    }

    /// Number of identities that AWS reports as not found.
    pub(super) fn missing(&self) -> usize {
        self.failed.of(Failure::NotFound)
    }

    /// An identity of which one record was known has another now.
    pub(super) fn changed(&mut self, before: &Record, after: &Record) {
        self.count(before, |count| count - 1);
        self.count(after, |count| count + 1);
        let polled = self.identities - self.pending;
        let denied = self.failed.of(Failure::AccessDenied);
        let of = |failure| self.failed.of(failure);
        let answered =
            polled - self.failed.sum() + of(Failure::NotFound) + of(Failure::InvalidParameter);
        // Other failures show nothing of the policy.
        self.is_denied = answered == 0
            && denied > 0
            && (self.is_denied || denied == polled && self.is_enough(denied));
    }

    /// Whether so many identities show that it is the pool's trouble.
    fn is_enough(&self, count: usize) -> bool {
        count > 0 && count >= ENOUGH.min(self.identities)
    }

    fn count(&mut self, record: &Record, change: fn(usize) -> usize) {
        match (record.failure(), record.up()) {
            (Some(failure), _) => {
                let failed = &mut self.failed.0[failure as usize];
                *failed = change(*failed);
            }
            (None, None) => self.pending = change(self.pending),
            (None, Some(_)) => {}
        }
        if record.is_missing() {
            self.not_found = change(self.not_found);
        } else if record.last_usage().is_some() {
            self.found = change(self.found);
        }
    }

    /// A poll has returned usage of an identity.
    pub(super) fn identity_found(&mut self) {
        if self.own_answer == OwnAnswer::NotFound {
            self.own_answer = OwnAnswer::Contradicted;
        }
    }

    /// A poll of the pool itself has finished.
    pub(super) fn own_polled(&mut self, failure: Option<Failure>) {
        use OwnAnswer::{Contradicted, Failed, Found, NotFound, Pending};
        self.pool_failure = failure;
        self.own_answer = match (failure, self.own_answer) {
            (None, _) => Found,
            (Some(Failure::NotFound), Contradicted) => Contradicted,
            (Some(Failure::NotFound), _) => NotFound,
            (Some(Failure::AccessDenied), _) | (Some(_), Pending) => Failed,
            (Some(_), answer) => answer,
        };
    }

    /// Takes over what is known of the pool itself.
    pub(super) fn keep_own(&mut self, old: &Self) {
        (self.own_answer, self.pool_failure) = (old.own_answer, old.pool_failure);
        self.is_denied = old.is_denied;
    }

    /// What is wrong with the pool as a whole, as far as the answers show.
    pub(super) fn trouble(&self, pool: &targets::Pool) -> Option<PoolTrouble> {
        let has_own = pool.settings.has_account();
        let identities_count = pool.settings.discover.is_none()
            && match self.own_answer {
                OwnAnswer::Pending => !has_own,
                OwnAnswer::Contradicted | OwnAnswer::Failed => true,
                OwnAnswer::Found | OwnAnswer::NotFound => false,
            };
        let is_not_found = self.own_answer == OwnAnswer::NotFound
            || identities_count && self.found == 0 && self.is_enough(self.not_found);
        if is_not_found {
            Some(PoolTrouble::NotFound)
        } else if self.is_denied {
            Some(PoolTrouble::Denied)
        } else {
            None
        }
    }
}
