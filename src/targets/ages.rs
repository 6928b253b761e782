//! How long identities wait at most, by the configuration and by what the ceiling allows.

use std::time::Duration;

use super::{Pool, Targets};
use crate::api::{Operation, Signer};
use crate::config::{Config, Problem, show_duration};

/// The least `max_age` that `auto` is.
const AUTO_MAX_AGE: Duration = Duration::from_secs(86_400);
/// The least `max_age` that `auto` is, in turns for everybody at the ceiling.
const AUTO_MAX_AGE_TURNS: f64 = 5.0;
/// With a `max_age` of fewer turns for everybody, the calls that keep it are dear (simulation in
/// `benches/freshness`: of a day's changes, the mean delay doubles).
const MIN_MAX_AGE_TURNS: f64 = 4.0;
/// In units of the interval, the `stale_after` that `auto` is where the ceiling suffices.
const STALE_AFTER_INTERVALS: u32 = 3;
/// In units of `max_age`, the `stale_after` that `auto` is where it does not.
const STALE_AFTER_MAX_AGES: f64 = 1.5;

impl Targets {
    /// Sets the `max_age` and `stale_after` in force of each pool, for this ceiling.
    ///
    /// `auto` is a `max_age` of a day, or of five turns for everybody, or of the interval, if that
    /// is longer. `auto` is a `stale_after` of three intervals where the ceiling gives everybody a
    /// turn each interval, else of one and a half `max_age`.
    pub fn set_ages(&mut self, rate_limit: f64) {
        for index in 0..self.pools.len() {
            let pool = &self.pools[index];
            let budget = pool.budget();
            let interval = pool.settings.interval;
            let turns = self
                .one_turn(budget, rate_limit)
                .mul_f64(AUTO_MAX_AGE_TURNS);
            let max_age = pool.settings.max_age;
            let max_age = max_age.unwrap_or(AUTO_MAX_AGE.max(turns).max(interval));
            let auto = if self.suffices(budget, rate_limit) {
                interval * STALE_AFTER_INTERVALS
            } else {
                max_age.mul_f64(STALE_AFTER_MAX_AGES)
            };
            let stale_after = pool.settings.stale_after.unwrap_or(auto);
            let pool = &mut self.pools[index];
            (pool.max_age, pool.stale_after) = (max_age, stale_after);
        }
    }

    /// Whether a ceiling gives every job of a budget a turn each interval.
    #[must_use]
    pub fn suffices(&self, budget: usize, rate_limit: f64) -> bool {
        self.calls_per_second(budget) <= self.budgets[budget].ceiling(rate_limit)
    }

    /// How long one turn for every job of a budget takes at a ceiling, rounded up to a second.
    #[must_use]
    pub fn one_turn(&self, budget: usize, rate_limit: f64) -> Duration {
        let ceiling = self.budgets[budget].ceiling(rate_limit);
        Duration::from_secs((self.jobs(budget) as f64 / ceiling).ceil() as u64)
    }

    /// The longest time between two polls of an identity of this pool that a ceiling allows, where
    /// it does not suffice for a turn each interval: `max_age`, if that can be kept.
    #[must_use]
    pub fn kept_age(&self, pool: &Pool, rate_limit: f64) -> Duration {
        let budget = pool.budget();
        if self.calls_for_max_age(budget) <= self.budgets[budget].ceiling(rate_limit) {
            pool.max_age
        } else {
            self.one_turn(budget, rate_limit).max(pool.max_age)
        }
    }

    /// The calls in a second that keep `max_age` of every identity of a budget, where its rate does
    /// not suffice for a turn each interval.
    #[must_use]
    pub fn calls_for_max_age(&self, budget: usize) -> f64 {
        self.of_budget(budget).map(calls_for_deadlines).sum()
    }

    /// What does not fit in a budget whose ceiling does not suffice for a turn each interval.
    pub(super) fn budget_warnings(&self, index: usize, config: &Config) -> Vec<Problem> {
        let budget = &self.budgets[index];
        let needed = self.calls_per_second(index);
        let allowed = budget.ceiling(config.poll.rate_limit);
        if needed <= allowed {
            return Vec::new();
        }
        let (label, stretch) = (&budget.label, (needed / allowed * 10.0).ceil() / 10.0);
        let until_then = "until then the identities whose next change matters most come first";
        let (key, message) = match budget.signer {
            Signer::Account => (
                "poll.rate_limit",
                format!(
                    "is too low for budget {label}, which needs {needed:.3} calls per second to \
                     keep its intervals: raise it to {:.0}, or make the intervals {stretch:.1} \
                     times as long; {until_then}",
                    needed.ceil(),
                ),
            ),
            Signer::Guest => (
                "poll.interval",
                format!(
                    "is too short for budget {label}, which needs {needed:.3} calls per second to \
                     keep its intervals, of {allowed} that it makes at most: make the intervals \
                     {stretch:.1} times as long; {until_then}",
                ),
            ),
        };
        let mut warnings = self.age_warnings(index, config);
        warnings.insert(0, Problem::key(&config.file, key, message));
        warnings
    }

    /// What is odd about the ages of such a budget.
    fn age_warnings(&self, index: usize, config: &Config) -> Vec<Problem> {
        let rate_limit = config.poll.rate_limit;
        let turn = self.one_turn(index, rate_limit);
        let label = &self.budgets[index].label;
        let warning = |key: &str, message| Problem::key(&config.file, key, message);
        let mut warnings = Vec::new();
        let shortest = self.of_budget(index).min_by_key(|pool| pool.max_age);
        if let Some(pool) = shortest {
            let kept = self.kept_age(pool, rate_limit);
            let enough = show_duration(turn.mul_f64(MIN_MAX_AGE_TURNS));
            if kept > pool.max_age {
                warnings.push(warning(
                    "poll.max_age",
                    format!(
                        "{} cannot be kept in budget {label}, where one turn for everybody takes \
                         {turn}: each identity is asked once in {turn} instead; raise \
                         poll.rate_limit, or max_age to {enough} or more",
                        show_duration(pool.max_age),
                        turn = show_duration(turn),
                    ),
                ));
            } else if pool.max_age < turn.mul_f64(MIN_MAX_AGE_TURNS) {
                warnings.push(warning(
                    "poll.max_age",
                    format!(
                        "{} is less than four turns for everybody in budget {label}, so that \
                         keeping it takes most of the calls: raise it to {enough} or more, or \
                         raise poll.rate_limit",
                        show_duration(pool.max_age),
                    ),
                ));
            }
        }
        for pool in self.of_budget(index) {
            let is_set = pool.settings.stale_after.is_some();
            let kept = self.kept_age(pool, rate_limit);
            if is_set && pool.stale_after < kept {
                warnings.push(warning(
                    "poll.stale_after",
                    format!(
                        "{} is shorter than the {} that pass between two polls of an identity at \
                         rest in pool {}, so that its usage would come and go: leave it out, or \
                         raise it",
                        show_duration(pool.stale_after),
                        show_duration(kept),
                        pool.id,
                    ),
                ));
            }
        }
        warnings
    }

    /// The pools whose identities draw on a budget.
    fn of_budget(&self, index: usize) -> impl Iterator<Item = &Pool> {
        self.pools.iter().filter(move |pool| pool.budget() == index)
    }
}

/// The calls in a second that keep the ages of a pool, and poll the pool itself.
fn calls_for_deadlines(pool: &Pool) -> f64 {
    let identities = pool.identities.len() as f64 / pool.max_age.as_secs_f64();
    let is_own = pool.budget_of(Operation::DescribeIdentityPoolUsage) == Some(pool.budget());
    identities + f64::from(u8::from(is_own)) / pool.settings.interval.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::super::tests::warnings;
    use std::path::Path;

    /// Six jobs at a call a second: a turn for everybody takes 6 s.
    #[test]
    fn an_age_that_cannot_be_kept_or_is_dear_is_reported_with_the_remedy() {
        let ages = |ages: &str| {
            let all = warnings(&format!("interval: 2s, rate_limit: 1, {ages}"));
            all[1..].join("\n")
        };
        assert_eq!(ages("max_age: 24s"), "");
        assert_eq!(
            ages("max_age: 23s"),
            "file:1:46: poll.max_age: 23s is less than four turns for everybody in budget r, so \
             that keeping it takes most of the calls: raise it to 24s or more, or raise poll.rate_limit"
        );
        assert_eq!(
            ages("max_age: 3s, stale_after: 6s"),
            "file:1:46: poll.max_age: 3s cannot be kept in budget r, where one turn for everybody \
             takes 6s: each identity is asked once in 6s instead; raise poll.rate_limit, or max_age to \
             24s or more"
        );
        assert_eq!(
            ages("stale_after: 1h"),
            ["r:0", "r:1"]
                .map(|pool| format!(
                    "file:1:50: poll.stale_after: 1h is shorter than the 1d that pass between two polls \
                     of an identity at rest in pool {pool}, so that its usage would come and go: \
                     leave it out, or raise it"
                ))
                .join("\n")
        );
    }

    #[test]
    fn auto_is_a_day_or_five_turns_and_three_intervals_where_the_calls_suffice() {
        let ages = |poll: &str| {
            let text = format!(
                "poll: {{{poll}}}\npools: [{{id: 'r:0', identities: ['r:1', 'r:2', 'r:3']}}]"
            );
            let targets = crate::loading::parse(Path::new("file"), &text)
                .unwrap()
                .targets;
            let pool = &targets.pools[0];
            (pool.max_age.as_secs(), pool.stale_after.as_secs())
        };
        let day = 86_400;
        assert_eq!(ages("interval: 1m"), (day, 180));
        assert_eq!(ages("interval: 2d"), (2 * day, 6 * day));
        // Four jobs: a turn for everybody takes 4,000 s.
        assert_eq!(ages("interval: 1m, rate_limit: 0.001"), (day, 36 * 3_600));
        assert_eq!(
            ages("interval: 1m, rate_limit: 0.001, max_age: 2h"),
            (7_200, 10_800)
        );
        assert_eq!(ages("interval: 1m, stale_after: 5m"), (day, 300));
    }
}
