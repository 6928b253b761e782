//! The first sweep: until every identity was asked once, or restored. Until then, sums and
//! histograms speak of fewer identities than there are. Identities that a reload adds are asked a
//! first time too, so it may come again.
//!
//! [`FirstSweep`] is how others see it; `track` measures and estimates, `milestones` decides
//! what of it is logged.

mod milestones;
mod track;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::info;

use self::milestones::{Milestone, Milestones};
use self::track::{BudgetNow, Track};
pub use self::track::{End, Sweep};
use crate::clock::{Clock, Timestamp};
use crate::progress::{BudgetProgress, Progress};
use crate::store::{PoolCounts, Store};
use crate::targets::{Pool, Targets};

/// Time between two looks for what is logged. A look takes microseconds.
const INTERVAL: Duration = Duration::from_secs(1);

/// The first sweep as far as it has come. All who look share what was measured.
#[derive(Debug)]
pub struct FirstSweep {
    store: Arc<Store>,
    progress: Arc<Progress>,
    track: Mutex<Track>,
}

/// How it stands at one time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Standing {
    /// All identities that are polled.
    pub identities: usize,
    /// Those whose last poll failed, except missing ones.
    pub failing: usize,
    /// Those that do not exist.
    pub missing: usize,
    /// The budgets whose credentials or settings do not work.
    pub refused: Vec<String>,
    /// Why they do not, as far as that is known, each with its budget.
    pub causes: Vec<String>,
    /// The first sweep, unless every identity was asked.
    pub sweep: Option<Sweep>,
}

impl FirstSweep {
    #[must_use]
    pub fn new(store: Arc<Store>, progress: Arc<Progress>) -> Self {
        Self {
            store,
            progress,
            track: Mutex::new(Track::default()),
        }
    }

    /// How it stands now.
    #[must_use]
    pub fn look(&self, now: Timestamp) -> Standing {
        let budgets = self.progress.budgets();
        // Held while the store is asked, so that looks are in the order of their counts.
        let mut track = self.track.lock().unwrap_or_else(PoisonError::into_inner);
        let (targets, pools) = self.store.counts();
        let draws = budgets
            .iter()
            .map(|budget| BudgetNow::of(budget, &targets, &pools));
        let sum = |count: fn(&PoolCounts) -> usize| pools.iter().map(count).sum();
        let identities = sum(|pool| pool.identities);
        let refused = budgets.iter().filter(|budget| !budget.credentials_good);
        let cause = |budget: &BudgetProgress| {
            let trouble = budget.refused.as_ref()?;
            Some(format!("{}: {}", budget.label, trouble.cause))
        };
        Standing {
            identities,
            failing: sum(|pool| pool.failing),
            missing: sum(|pool| pool.missing),
            sweep: track.look(now, (identities, sum(|pool| pool.pending)), draws),
            causes: budgets.iter().filter_map(cause).collect(),
            refused: refused.map(|budget| budget.label.clone()).collect(),
        }
    }
}

impl<'a> BudgetNow<'a> {
    fn of(budget: &'a BudgetProgress, targets: &Targets, counts: &[PoolCounts]) -> Self {
        let draws = |pool: &Pool| targets.budgets[pool.budget()].label == budget.label;
        let pools = targets.pools.iter().zip(counts);
        let of_budget = pools.filter(|(pool, counts)| counts.pending > 0 && draws(pool));
        let (mut pending, mut interval) = (0, Duration::ZERO);
        for (pool, counts) in of_budget {
            pending += counts.pending;
            interval = interval.max(pool.settings.interval);
        }
        Self {
            label: &budget.label,
            identities: budget.identities,
            pending,
            interval,
            rate: budget.rate,
            credentials_good: budget.credentials_good,
        }
    }
}

/// Logs how far the first sweep has come, until `stop`.
pub async fn log(first_sweep: Arc<FirstSweep>, clock: Clock, stop: CancellationToken) {
    let mut milestones = Milestones::default();
    loop {
        let now = clock.now();
        let mut standing = first_sweep.look(now);
        if let Some(milestone) = milestones.pass(standing.sweep.take(), now.mono) {
            log_line(&milestone, &standing);
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = clock.sleep_until(now.mono + INTERVAL) => {}
        }
    }
}

fn log_line(milestone: &Milestone, standing: &Standing) {
    match milestone {
        Milestone::Reached(sweep) => {
            let Sweep {
                asked, identities, ..
            } = sweep;
            let (percent, ends) = (sweep.whole_percent(), sweep.end.logged());
            info!(asked, identities, percent, %ends, "first sweep");
        }
        Milestone::Complete(took) => {
            let took = humantime::format_duration(Duration::from_secs(took.as_secs()));
            let (identities, failing) = (standing.identities, standing.failing);
            let (asked, percent) = (identities, 100);
            info!(asked, identities, percent, failing, %took, "first sweep complete");
        }
    }
}
