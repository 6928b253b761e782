//! What to look at of the identities that are near a limit.

use super::super::humanize::{group_digits, identities_that};
use super::super::near_limit::NearLimit;
use super::super::pool::Pool;
use super::super::used;
use super::examples::OfLimit;
use super::links::list;
use super::{Attention, Code, Named, Phrase, Severity};
use crate::limits::{Limit, NEAR_PERCENT};
use crate::store::State;

/// A pool's share that is the app's trouble and not that of single users, as for the alert rules:
/// so many identities, and one of so many.
const MIN_SHARE: u64 = 3;
const SHARE_OF: u64 = 100;
/// So many speak for the others, while not every identity is known.
const ENOUGH: u64 = 30;

impl Pool {
    /// What to look at of each limit.
    pub(super) fn near_limits_attention(&self) -> impl Iterator<Item = Attention> {
        let limits = self.near_limits.iter().zip(&self.examples.limits);
        limits.flat_map(|(near, examples)| self.of_limit(near, examples))
    }

    fn of_limit(&self, near: &NearLimit, examples: &OfLimit<Vec<Named>>) -> Vec<Attention> {
        let limit = near.limit;
        let of = used::limit(limit, near.value);
        let listed = |selected: &str, sort: &str| {
            let parameters = format!("{selected}&near_limit={}&sort={sort}", limit.as_str());
            list(&self.identity_pool_id, &parameters)
        };
        let only_near = near.certain - near.full - near.above;
        let share = NEAR_PERCENT;
        let possible = format!("near={}&certainty=possible", share as f64 / 100.0);
        let found = [
            Attention::new(
                Code::Full,
                self.severity_of_full(limit, examples.active_full),
                Phrase::new(
                    identities_that(near.full, ["is full", "are full"]),
                    format!(": {of}{}", active(examples.active_full, near.full)),
                )
                .listed(listed("level=full", "nearest")),
            )
            .of_identities(near.full, &examples.full),
            Attention::new(
                Code::LostSightOfFull,
                self.severity_of_lost(examples.active_full + examples.active_lost),
                Phrase::new(
                    identities_that(examples.all_lost, ["was", "were"]) + " full when last seen",
                    match examples.all_lost {
                        1 => format!(", and its usage is not known any more: {of}"),
                        _ => format!(", and their usage is not known any more: {of}"),
                    },
                )
                .listed(list(&self.identity_pool_id, "state=stale")),
            )
            .of_identities(examples.all_lost, &examples.lost),
            Attention::new(
                Code::Near,
                self.severity_of_near(limit, examples.active_full + examples.active_near),
                Phrase::new(
                    identities_that(only_near, ["is near a limit", "are near a limit"]),
                    format!(": {share} % or more of {of}"),
                )
                .listed(listed("level=near", "nearest")),
            )
            .of_identities(only_near, &examples.near),
            Attention::new(
                Code::PossiblyNear,
                Severity::Info,
                Phrase::new(
                    identities_that(near.possible, ["may be near a limit"; 2]),
                    format!(": {share} % or more of {of}"),
                )
                .listed(listed(&possible, "storage")),
            )
            .of_identities(near.possible, &[]),
            Attention::new(
                Code::AboveLimit,
                Severity::Info,
                Phrase::new(
                    identities_that(near.above, ["uses", "use"]),
                    format!(" more than {of}, so AWS has raised the limit: correct `limits`"),
                )
                .listed(listed("level=above", "nearest")),
            )
            .of_identities(near.above, &[]),
        ];
        let found = found.into_iter().filter(|it| it.count > Some(0));
        found.map(|it| it.of_limit(limit)).collect()
    }

    /// One that is full is a ticket, a share of the pool wakes someone.
    fn severity_of_full(&self, limit: Limit, active: u64) -> Severity {
        match limit {
            // An app may have as many datasets as it is allowed for ever.
            Limit::Datasets => Severity::Info,
            _ if self.is_share(active) => Severity::Critical,
            _ if active > 0 => Severity::Warning,
            _ => Severity::Info,
        }
    }

    /// As the full ones, the lost ones among them, would have while all were seen.
    fn severity_of_lost(&self, active: u64) -> Severity {
        let writers = self.modified_within.of("30d") + self.examples.active_stale;
        let seen = self.watched_identities + self.in_state(State::Stale);
        if is_share(active, writers, self.part(seen)) {
            Severity::Critical
        } else {
            Severity::Warning
        }
    }

    fn severity_of_near(&self, limit: Limit, active: u64) -> Severity {
        match limit {
            Limit::Datasets => Severity::Info,
            _ if self.is_share(active) => Severity::Warning,
            _ => Severity::Info,
        }
    }

    fn is_share(&self, active: u64) -> bool {
        let writers = self.modified_within.of("30d");
        is_share(active, writers, self.part(self.watched_identities))
    }

    /// Which part of the identities that exist so many are, 0 to 1.
    fn part(&self, identities: u64) -> f64 {
        identities as f64 / self.existing().max(1) as f64
    }
}

/// Whether so many identities that still write are a share of the `writers` known, of a pool of
/// which this part is known. While not everybody is, few have to be a share of all by what is
/// certain.
fn is_share(active: u64, writers: u64, known: f64) -> bool {
    let share = |of: f64| active as f64 * SHARE_OF as f64 >= of;
    let writers = writers as f64;
    active >= MIN_SHARE && share(writers) && (active >= ENOUGH || share(writers / known))
}

/// How many of all have written lately, unless all have.
fn active(active: u64, all: u64) -> String {
    if active == all {
        return String::new();
    }
    match active {
        0 => ", and none has written for 30 days".to_owned(),
        active => format!(
            ", and {} of them wrote within 30 days",
            group_digits(active)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Known, pool_of};
    use super::*;

    /// What is said of a pool with so many identities that have these numbers of datasets and bytes
    /// of storage, all written to so many seconds ago.
    fn said(identities: &[(usize, u32, u64, f64)]) -> Vec<(&'static str, String)> {
        let known = identities
            .iter()
            .flat_map(|(count, datasets, storage, ago)| {
                let known = Known::Usage {
                    datasets: *datasets,
                    storage: *storage,
                    ago: *ago,
                };
                std::iter::repeat_n(known, *count)
            });
        let pool = pool_of(&known.collect::<Vec<_>>());
        let attention = pool.near_limits_attention();
        let said = attention.map(|it| (it.severity.as_str(), it.phrase.head + &it.phrase.tail));
        said.collect()
    }

    const FULL: u64 = 1 << 20;
    const NEAR: u64 = 900_000;
    const DAY: f64 = 86_400.0;

    #[test]
    fn each_kind_in_words() {
        assert_eq!(said(&[(9, 1, 1_000, 0.0)]), []);
        let one = said(&[
            (1, 1, FULL, 0.0),
            (1, 1, NEAR, 0.0),
            (1, 2, NEAR, 0.0),
            (1, 1, 2 * FULL, 0.0),
        ]);
        let expected = [
            ("warning", "1 identity is full: 1.0 MiB in a dataset"),
            (
                "info",
                "1 identity is near a limit: 80 % or more of 1.0 MiB in a dataset",
            ),
            (
                "info",
                "1 identity may be near a limit: 80 % or more of 1.0 MiB in a dataset",
            ),
            (
                "info",
                "1 identity uses more than 1.0 MiB in a dataset, so AWS has raised the limit: \
                 correct `limits`",
            ),
        ];
        assert_eq!(
            one,
            expected.map(|(severity, words)| (severity, words.to_owned()))
        );
        let many = said(&[(2, 20, 0, 0.0), (2, 16, 0, 0.0), (2, 21, 0, 0.0)]);
        let expected = [
            "2 identities are full: 20 datasets",
            "2 identities are near a limit: 80 % or more of 20 datasets",
            "2 identities use more than 20 datasets, so AWS has raised the limit: correct `limits`",
        ];
        assert_eq!(many, expected.map(|words| ("info", words.to_owned())));
    }

    #[test]
    fn one_user_is_a_warning_and_a_share_of_the_pool_is_critical() {
        let others = (299, 1, 0, 0.0);
        for (full, ago, severity, tail) in [
            (1, 0.0, "warning", ""),
            (2, 0.0, "warning", ""),
            (3, 0.0, "warning", ""),
            (4, 0.0, "critical", ""),
            (4, 31.0 * DAY, "info", ", and none has written for 30 days"),
        ] {
            let said = said(&[(full, 1, FULL, ago), others]);
            let words = format!("full: 1.0 MiB in a dataset{tail}");
            assert_eq!(said[0].0, severity, "{full} {ago}");
            assert!(said[0].1.ends_with(&words), "{said:?}");
        }
        // In a pool of three, two are no share yet.
        assert_eq!(said(&[(2, 1, FULL, 0.0), (1, 1, 0, 0.0)])[0].0, "warning");
        let gone = said(&[(2, 1, FULL, 0.0), (1, 1, FULL, 40.0 * DAY)]);
        let words =
            "3 identities are full: 1.0 MiB in a dataset, and 2 of them wrote within 30 days";
        assert_eq!(gone, [("warning", words.to_owned())]);
        assert_eq!(
            said(&[(3, 20, 0, 0.0)])[0].0,
            "info",
            "healthy for ever, perhaps"
        );
    }

    #[test]
    fn near_ones_are_a_warning_when_they_are_a_share_with_the_full_ones() {
        let near = |full, near| {
            let said = said(&[(full, 1, FULL, 0.0), (near, 1, NEAR, 0.0), (297, 1, 0, 0.0)]);
            said.last().unwrap().0
        };
        assert_eq!(near(0, 2), "info");
        assert_eq!(near(0, 3), "warning");
        assert_eq!(near(1, 2), "warning");
    }

    #[test]
    fn few_of_those_polled_so_far_do_not_speak_for_all() {
        let severity = |full: usize, pending: usize| {
            let usage = |storage| Known::Usage {
                datasets: 1,
                storage,
                ago: 0.0,
            };
            let known = [vec![usage(FULL); full], vec![Known::Nothing; pending]].concat();
            let attention = pool_of(&known).near_limits_attention().next();
            attention.unwrap().severity
        };
        assert_eq!(severity(3, 297), Severity::Critical);
        assert_eq!(severity(3, 298), Severity::Warning);
        assert_eq!(severity(30, 9_000), Severity::Critical);
    }

    #[test]
    fn full_ones_that_are_lost_are_as_severe_as_they_were() {
        let full = Known::Usage {
            datasets: 1,
            storage: FULL,
            ago: 0.0,
        };
        let lost = |known: &[(usize, Known)]| {
            let known = known.iter();
            let known = known.flat_map(|(count, known)| std::iter::repeat_n(*known, *count));
            let pool = pool_of(&known.collect::<Vec<_>>());
            let mut attention = pool.near_limits_attention();
            let lost = attention.find(|it| it.code == Code::LostSightOfFull);
            lost.map(|it| (it.severity.as_str(), it.phrase.head + &it.phrase.tail))
        };
        let others = Known::Stale(None);
        assert_eq!(lost(&[(3, full), (9, others)]), None);
        let (fresh, gone) = (Known::FullWhenLastSeen(0.0), 31.0 * DAY);
        let limit = "1.0 MiB in a dataset";
        let one = format!(
            "1 identity was full when last seen, and its usage is not known any more: {limit}"
        );
        assert_eq!(lost(&[(1, fresh), (9, others)]), Some(("warning", one)));
        let four = format!(
            "4 identities were full when last seen, and their usage is not known any more: {limit}"
        );
        assert_eq!(lost(&[(4, fresh), (9, others)]), Some(("critical", four)));
        let severity = |known: &[(usize, Known)]| lost(known).unwrap().0;
        assert_eq!(severity(&[(4, Known::FullWhenLastSeen(gone))]), "warning");
        assert_eq!(severity(&[(2, fresh), (2, full)]), "critical", "as before");
        assert_eq!(severity(&[(3, fresh), (298, Known::Nothing)]), "warning");
    }

    #[test]
    fn each_number_links_to_the_list_of_all() {
        let usage = |datasets, storage| Known::Usage {
            datasets,
            storage,
            ago: 0.0,
        };
        let pool = pool_of(&[usage(1, FULL), usage(1, NEAR), usage(2, NEAR), usage(20, 0)]);
        let links = pool.near_limits_attention().map(|it| it.phrase.list);
        let list = |parameters| Some(format!("api/v1/identities?pool=us-east-1%3A0&{parameters}"));
        assert_eq!(
            links.collect::<Vec<_>>(),
            [
                list("level=full&near_limit=dataset_storage&sort=nearest"),
                list("level=near&near_limit=dataset_storage&sort=nearest"),
                list("near=0.8&certainty=possible&near_limit=dataset_storage&sort=storage"),
                list("level=full&near_limit=datasets&sort=nearest"),
            ]
        );
    }
}
