//! Metrics of the poller's progress, read anew for each scrape.
//!
//! Not a [`Collector`](prometheus::core::Collector), which is not given the time of the scrape.
//! Nothing is kept between scrapes, so a budget that a reload removes leaves no metric behind, and
//! scrapes at the same time do not wait for each other.

use prometheus::proto::MetricFamily;

use super::by_hand::{gauge, gauges, single};
use crate::clock::Mono;
use crate::exposition::families::{
    API_CREDENTIALS_GOOD, API_RATE, API_RATE_LIMIT, Family, POLL_LAG, SWEEP,
};
use crate::progress::{BudgetProgress, Progress};

/// The families of the poller, and of its budgets and `others`, as of `now`.
pub(super) fn families(
    progress: &Progress,
    others: Vec<BudgetProgress>,
    now: Mono,
) -> [MetricFamily; 5] {
    let mut budgets = progress.budgets();
    budgets.extend(others);
    // As the prometheus crate orders samples, whatever the order of the pools.
    budgets.sort_unstable_by(|a, b| a.label.cmp(&b.label));
    let of_budgets = |family: &Family, value: fn(&BudgetProgress) -> f64| {
        let metric = |budget: &BudgetProgress| gauge(family, &[&budget.label], value(budget));
        gauges(family, budgets.iter().map(metric).collect())
    };
    [
        of_budgets(&API_RATE_LIMIT, |budget| budget.limit),
        of_budgets(&API_RATE, |budget| budget.rate),
        of_budgets(&API_CREDENTIALS_GOOD, |budget| {
            f64::from(u8::from(budget.credentials_good))
        }),
        single(&POLL_LAG, progress.lag(now).as_secs_f64()),
        single(&SWEEP, progress.sweep_seconds()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::targets::Targets;

    #[test]
    fn budgets_are_in_the_order_of_their_labels() {
        let targets = Targets::for_tests(&[("us-east-1:0", 1), ("ap-east-1:0", 1)]);
        let progress = Progress::new(Mono::START, &targets, 10.0);
        let [rate_limit, ..] = families(&progress, Vec::new(), Mono::START);
        let labels = rate_limit
            .get_metric()
            .iter()
            .map(|metric| metric.get_label()[0].value());
        assert_eq!(labels.collect::<Vec<_>>(), ["ap-east-1", "us-east-1"]);
    }
}
