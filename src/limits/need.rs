//! For which identities a list of datasets is worth its call.

use super::listing::hour;
use super::{Certainty, Limit, Listing, Standing};
use crate::api::Usage;
use crate::config::{Datasets, Limits};
use crate::identity::{IdentityId, PoolId, hash};

/// From this percentage of a limit on, lists tell what descriptions leave open.
const LISTED_FROM_PERCENT: u64 = 50;
/// Everybody with a dataset is listed once in so many hours.
const WEEK: u64 = 7 * 24;

/// What a list of an identity's datasets would tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ListNeed {
    /// Nothing, or it may not be called.
    None,
    /// It would renew what is known.
    Routine,
    /// Whether a dataset is near a limit.
    Urgent,
}

/// What a list would tell of an identity: `usage` is its last known usage, `None` if it has none or
/// AWS reports that it does not exist; `weekly_hour` is its [`weekly_hour`]; `now` is in seconds
/// since 1970.
#[must_use]
pub fn list_need(
    usage: Option<&Usage>,
    listing: Listing,
    limits: Limits,
    datasets: Datasets,
    weekly_hour: u64,
    now: f64,
) -> ListNeed {
    let Some(usage) = usage else {
        // A list cannot say that an identity does not exist.
        return ListNeed::None;
    };
    if datasets == Datasets::Off || usage.datasets == Some(0) || listing.needs_description() {
        return ListNeed::None;
    }
    let standing = Standing::of(usage, listing, limits);
    if may_be_near(&standing) {
        return ListNeed::Urgent;
    }
    let is_near_by_list = || {
        may_be_near(&Standing::of(usage, Listing::default(), limits))
            || standing.reaches(Limit::DatasetRecords, LISTED_FROM_PERCENT) == Certainty::Certain
    };
    let is_due = !listing.exists() || passed(weekly_hour, now) < listing.age_hours(now).into();
    if datasets == Datasets::Each || is_due || is_near_by_list() {
        ListNeed::Routine
    } else {
        ListNeed::None
    }
}

/// Whether it is open how near a dataset is to a limit, and it may be from
/// [`LISTED_FROM_PERCENT`] on.
fn may_be_near(standing: &Standing) -> bool {
    [Limit::DatasetStorage, Limit::DatasetRecords]
        .into_iter()
        .any(|limit| {
            let is_open = standing
                .bounds(limit)
                .is_some_and(|bounds| bounds.at_least < bounds.at_most);
            is_open && standing.reaches(limit, LISTED_FROM_PERCENT) != Certainty::Impossible
        })
}

/// The hour of the week, from Thursday 0:00 UTC, in which an identity is listed anew. It depends on
/// its ids only, so that a restart does not move it.
#[must_use]
pub fn weekly_hour(pool: &PoolId, identity: IdentityId<'_>) -> u64 {
    hash(&["list", pool.as_str(), identity.as_str()]) % WEEK
}

/// Full hours since the last time that it was this hour of the week.
fn passed(weekly_hour: u64, now: f64) -> u64 {
    (hour(now) + WEEK - weekly_hour) % WEEK
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::testing::{LIMITS, listed, usage};
    use ListNeed::{None as No, Routine, Urgent};

    const HOUR: f64 = 3_600.0;

    /// At the time of the list.
    fn need(usage: Usage, listing: Listing, datasets: Datasets) -> ListNeed {
        list_need(Some(&usage), listing, LIMITS, datasets, 0, 0.0)
    }

    #[test]
    fn a_description_comes_first_and_after_an_empty_list() {
        let each = |usage: Option<&Usage>, listing| {
            list_need(usage, listing, LIMITS, Datasets::Each, 0, 0.0)
        };
        assert_eq!(each(None, Listing::default()), No);
        assert_eq!(each(Some(&usage(0, 0)), Listing::default()), No);
        let some = usage(1, 10);
        assert_eq!(each(Some(&some), Listing::default()), Routine);
        assert_eq!(each(Some(&some), Listing::default().after_empty_list()), No);
        assert_eq!(each(Some(&some), listed(&[(10, 1)])), Routine);
    }

    #[test]
    fn near_lists_where_the_counts_leave_a_limit_open() {
        let near = |usage, listing| need(usage, listing, Datasets::Near);
        let never = Listing::default();
        assert_eq!(near(usage(2, 499), never), Routine, "never listed");
        assert_eq!(near(usage(2, 500), never), Urgent, "possible at half");
        assert_eq!(near(usage(2, 1_500), never), Urgent, "certain at half only");
        assert_eq!(near(usage(1, 999), never), Routine, "one dataset is exact");
        assert_eq!(near(usage(2, 500), listed(&[(250, 1); 2])), Routine);
        assert_eq!(near(usage(2, 499), listed(&[(250, 1), (249, 1)])), No);
        let outdated = |before, now: Usage, listing: Listing| {
            near(now, listing.after_description(&before, &now))
        };
        let even = listed(&[(250, 1); 2]);
        assert_eq!(outdated(usage(2, 500), usage(2, 501), even), Urgent);
        assert_eq!(outdated(usage(2, 500), usage(2, 300), even), No);
    }

    #[test]
    fn near_follows_records_from_half_their_limit_on() {
        let near = |usage, listing| need(usage, listing, Datasets::Near);
        assert_eq!(near(usage(1, 98), listed(&[(98, 49)])), No);
        assert_eq!(near(usage(1, 100), listed(&[(100, 50)])), Routine);
        let (before, now) = (usage(1, 98), usage(1, 99));
        let outdated = listed(&[(98, 49)]).after_description(&before, &now);
        assert_eq!(near(now, outdated), Urgent, "one more record is possible");
        let now = usage(1, 97);
        let outdated = listed(&[(98, 49)]).after_description(&before, &now);
        assert_eq!(near(now, outdated), No);
    }

    #[test]
    fn off_never_lists() {
        for listing in [Listing::default(), listed(&[(999, 99)])] {
            assert_eq!(need(usage(2, 999), listing, Datasets::Off), No);
        }
    }

    #[test]
    fn once_a_week_at_a_fixed_hour() {
        let usage = usage(1, 10);
        let listing = listed(&[(10, 1)]);
        for weekly_hour in [0, 1, 100, 167] {
            let at = |hours: f64| {
                let now = hours * HOUR;
                list_need(
                    Some(&usage),
                    listing,
                    LIMITS,
                    Datasets::Near,
                    weekly_hour,
                    now,
                )
            };
            let first = if weekly_hour == 0 { 168 } else { weekly_hour } as f64;
            assert_eq!(at(first - 0.01), No, "{weekly_hour}");
            for hours in [first, first + 0.5, first + 1.0, first + 200.0, 60_000.0] {
                assert_eq!(at(hours), Routine, "{weekly_hour} {hours}");
            }
        }
    }

    #[test]
    fn the_hours_are_spread_over_the_week_and_stay() {
        let pool = PoolId::parse("r:0").unwrap();
        let mut counts = [0; WEEK as usize];
        for number in 0..16_800 {
            let id = format!("r:{number:x}");
            let id = IdentityId::parse(&id).unwrap();
            let hour = weekly_hour(&pool, id);
            assert_eq!(hour, weekly_hour(&pool, id));
            counts[hour as usize] += 1;
        }
        assert!(
            counts.iter().all(|count| (50..150).contains(count)),
            "{counts:?}"
        );
    }
}
