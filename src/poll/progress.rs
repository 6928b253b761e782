//! What the poller lets others see of its work, without a lock.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::Mono;

/// The poller's present state, written by it alone.
#[derive(Debug)]
pub struct Progress {
    beat: AtomicU64,
    oldest_due: AtomicU64,
    budgets: Vec<Budget>,
}

#[derive(Debug)]
struct Budget {
    label: String,
    identities: usize,
    limit: f64,
    rate: AtomicU64,
    credentials_good: AtomicBool,
}

/// How one budget does; rates are in calls per second.
#[derive(Clone, Debug, PartialEq)]
pub struct BudgetProgress<'a> {
    /// The budget's name, as on `/metrics`.
    pub label: &'a str,
    /// The ceiling.
    pub limit: f64,
    /// What may be called at present.
    pub rate: f64,
    /// Whether its credentials are good, as far as is known.
    pub credentials_good: bool,
}

impl Progress {
    /// `budgets` are label, number of identities and ceiling of each.
    pub(super) fn new(now: Mono, budgets: impl Iterator<Item = (String, usize, f64)>) -> Self {
        let budget = |(label, identities, limit): (String, usize, f64)| Budget {
            label,
            identities,
            limit,
            rate: AtomicU64::new(limit.to_bits()),
            credentials_good: AtomicBool::new(true),
        };
        Self {
            beat: AtomicU64::new(now.as_nanos()),
            oldest_due: AtomicU64::new(Mono::NEVER.as_nanos()),
            budgets: budgets.map(budget).collect(),
        }
    }

    pub(super) fn beat(&self, now: Mono, oldest_due: Option<Mono>, budgets: impl Iterator<Item = (f64, bool)>) {
        self.beat.store(now.as_nanos(), Ordering::Relaxed);
        self.oldest_due.store(oldest_due.unwrap_or(Mono::NEVER).as_nanos(), Ordering::Relaxed);
        for (budget, (rate, credentials_good)) in self.budgets.iter().zip(budgets) {
            budget.rate.store(rate.to_bits(), Ordering::Relaxed);
            budget.credentials_good.store(credentials_good, Ordering::Relaxed);
        }
    }

    /// How long ago the poller last went round its loop.
    #[must_use]
    pub fn silent_for(&self, now: Mono) -> Duration {
        now.since(Mono::from_nanos(self.beat.load(Ordering::Relaxed)))
    }

    /// How late the most overdue poll is.
    #[must_use]
    pub fn lag(&self, now: Mono) -> Duration {
        now.since(Mono::from_nanos(self.oldest_due.load(Ordering::Relaxed)))
    }

    /// What polling every identity once takes at the present rates, in seconds. Budgets are polled side by side: the
    /// slowest counts.
    #[must_use]
    pub fn sweep_seconds(&self) -> f64 {
        self.budgets.iter().map(|budget| budget.identities as f64 / budget.rate()).fold(0.0, f64::max)
    }

    /// How all budgets do.
    pub fn budgets(&self) -> impl Iterator<Item = BudgetProgress<'_>> {
        self.budgets.iter().map(|budget| BudgetProgress {
            label: &budget.label,
            limit: budget.limit,
            rate: budget.rate(),
            credentials_good: budget.credentials_good.load(Ordering::Relaxed),
        })
    }
}

impl Budget {
    fn rate(&self) -> f64 {
        f64::from_bits(self.rate.load(Ordering::Relaxed))
    }
}
