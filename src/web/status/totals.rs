//! The sums over all pools that are shown, for the page.

use super::humanize::group_digits;
use super::pool::{self, Pool};
use crate::store::State;

/// Numbers of identities. All but the first two are about those with current usage.
#[derive(Debug)]
pub(super) struct Totals {
    pools: usize,
    identities: usize,
    /// Those with current usage.
    pub(super) watched: u64,
    /// Those that exist, as far as AWS says, and those that do not.
    existing: u64,
    missing: u64,
    pub(super) full: u64,
    /// Near a limit, and not full.
    pub(super) near: u64,
    /// Those that will be full within 7 days by the date expected.
    pub(super) soon: u64,
    pub(super) wrote_within_day: u64,
    wrote_within_week: u64,
    wrote_within_month: u64,
}

impl Totals {
    pub(super) fn of(pools: &[Pool]) -> Self {
        let sum = |of: &dyn Fn(&Pool) -> u64| pools.iter().map(of).sum();
        Self {
            pools: pools.len(),
            identities: pools.iter().map(|pool| pool.identities).sum(),
            watched: sum(&|pool| pool.watched_identities),
            existing: sum(&|pool| pool.existing()),
            missing: sum(&|pool| pool.in_state(State::Missing)),
            full: sum(&|pool| pool.full_identities),
            near: sum(&|pool| pool.near_identities),
            soon: sum(&|pool| pool.expected_full_within.of("7d")),
            wrote_within_day: sum(&|pool| pool.modified_within.of("1d")),
            wrote_within_week: sum(&|pool| pool.modified_within.of("7d")),
            wrote_within_month: sum(&|pool| pool.modified_within.of("30d")),
        }
    }

    /// Such as `5 pools, 5,000 identities, usage known of 2,245`.
    pub(super) fn scope(&self) -> String {
        let pools = match self.pools {
            1 => "1 pool".to_owned(),
            pools => format!("{} pools", group_digits(pools as u64)),
        };
        let identities = match self.identities {
            1 => "1 identity".to_owned(),
            identities => format!("{} identities", group_digits(identities as u64)),
        };
        let watched = match self.watched {
            0 => "none".to_owned(),
            all if all == self.identities as u64 => "all".to_owned(),
            some => group_digits(some),
        };
        format!("{pools}, {identities}, usage known of {watched}")
    }

    /// Of how many identities the tables over all pools speak.
    pub(super) fn coverage(&self) -> String {
        pool::of_existing(self.watched, self.existing, self.missing)
    }

    /// How many still write, in a sentence.
    pub(super) fn writers(&self) -> String {
        if self.watched == 0 {
            return "Not known: no identity has current usage.".to_owned();
        }
        let [day, week, month] = [
            self.wrote_within_day,
            self.wrote_within_week,
            self.wrote_within_month,
        ]
        .map(group_digits);
        format!(
            "{day} within a day, {week} within 7 days, {month} within 30 days, among the {} whose \
             usage is current.",
            self.coverage()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totals(pools: usize, identities: usize, watched: u64) -> Totals {
        Totals {
            pools,
            identities,
            watched,
            existing: identities as u64,
            missing: 0,
            full: 0,
            near: 0,
            soon: 0,
            wrote_within_day: 1,
            wrote_within_week: 20,
            wrote_within_month: 3_000,
        }
    }

    #[test]
    fn what_is_known_of_how_many() {
        for (pools, identities, watched, expected) in [
            (
                5,
                5_000,
                2_245,
                "5 pools, 5,000 identities, usage known of 2,245",
            ),
            (1, 1, 1, "1 pool, 1 identity, usage known of all"),
            (2, 30, 0, "2 pools, 30 identities, usage known of none"),
        ] {
            assert_eq!(totals(pools, identities, watched).scope(), expected);
        }
    }

    #[test]
    fn nobody_is_known_to_have_stopped_where_nothing_is_known() {
        let expected = "1 within a day, 20 within 7 days, 3,000 within 30 days, among the 4,000 of \
                        5,000 identities whose usage is current.";
        assert_eq!(totals(1, 5_000, 4_000).writers(), expected);
        let expected = "Not known: no identity has current usage.";
        assert_eq!(totals(1, 5_000, 0).writers(), expected);
    }
}
