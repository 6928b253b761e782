//! One identity explained, for people: the template `page.html` beside this file.

use std::cmp::Reverse;

use askama::Template;
use http::StatusCode;
use warp::reply::Response;

use super::explained::{Explained, Listed, Polled, ShownDataset};
use crate::limits::{FULL_PERCENT, Limit};
use crate::store::State;
use crate::web::status::humanize::{bytes, group_digits, humanize_duration, percent};
use crate::web::status::layout::{Layout, html, render};
use crate::web::status::used::{Used, limit};

/// The most polls on the page; the JSON has more.
const MAX_POLLS: usize = 20;

/// The page about an identity in each pool that lists it.
pub(super) fn page(layout: Layout<'_>, identities: &[Explained]) -> Response {
    html(StatusCode::OK, render(&Page { layout, identities }))
}

#[derive(Template)]
#[template(path = "identity/page.html", config = "src/web/status/askama.toml")]
struct Page<'a> {
    layout: Layout<'a>,
    /// The same identity in each pool, at least one.
    identities: &'a [Explained],
}

impl Page<'_> {
    fn id(&self) -> &str {
        let of_any = self.identities.iter();
        of_any
            .filter_map(|one| one.who.identity_id.as_deref())
            .next()
            .unwrap_or_default()
    }

    /// Its name, in the first pool that names it.
    fn name(&self) -> Option<&str> {
        let mut names = self.identities.iter().map(|one| one.who.name.as_deref());
        names.find_map(|name| name)
    }
}

impl Explained {
    /// What its state means, and nothing of an earlier usage where there is none.
    fn state_in_words(&self) -> &'static str {
        if self.state == State::Failing.as_str() && self.last_success.is_none() {
            "the last poll failed, and none has succeeded yet"
        } else {
            self.meaning
        }
    }

    /// Each limit, with what is known of it.
    fn each_limit(&self) -> [(Limit, Option<&Used>); Limit::ALL.len()] {
        let used = |limit| self.limits_used.iter().find(|used| used.limit == limit);
        Limit::ALL.map(|limit| (limit, used(limit)))
    }

    /// A limit in words, such as `1.0 MiB in a dataset`.
    fn limit_in_words(&self, of: Limit) -> String {
        limit(of, of.of(self.limits))
    }

    /// Between what it is polled, and for how long its usage counts, in words. How often that is as
    /// things are stands with the next poll.
    fn cadence(&self) -> String {
        let [interval, max_age, stale_after] = [
            self.interval_seconds,
            self.max_age_seconds,
            self.stale_after_seconds,
        ]
        .map(humanize_duration);
        format!(
            "at most every {interval} (interval), and at least every {max_age} (max_age) where the \
             rate of calls allows it; usage older than {stale_after} is stale (stale_after)"
        )
    }

    /// How often it changes and how much it grows, in words.
    fn changes(&self) -> String {
        let changes = match self.changes_every_seconds {
            Some(seconds) => format!("changes about every {}", humanize_duration(seconds)),
            None => "fewer than two changes were seen".to_owned(),
        };
        match self.growth_bytes_per_day {
            Some(growth) => format!("{changes}, grows by {} a day", bytes(growth.round() as u64)),
            None => changes,
        }
    }

    fn shown_polls(&self) -> &[Polled] {
        &self.last_polls[..self.last_polls.len().min(MAX_POLLS)]
    }
}

impl Used {
    /// The amount, such as `850.0 KiB` or `12 records`, or between what it is.
    fn amount(&self) -> String {
        let count = |amount, noun| {
            let plural = if amount == 1 { "" } else { "s" };
            format!("{} {noun}{plural}", group_digits(amount))
        };
        let show = |amount| match self.limit {
            Limit::DatasetStorage => bytes(amount),
            Limit::DatasetRecords => count(amount, "record"),
            Limit::Datasets => count(amount, "dataset"),
        };
        if self.exact {
            show(self.at_least)
        } else {
            let [least, most] = [self.at_least, self.at_most].map(show);
            format!("between {least} and {most}, since only a list can tell")
        }
    }

    /// What follows from how much of the limit is used, if anything does.
    fn consequence(&self) -> Option<&'static str> {
        if self.above {
            Some("above the configured limit, so AWS allows more: correct limits")
        } else if self.full {
            Some(match self.limit {
                Limit::Datasets => "full: no new dataset can be made",
                Limit::DatasetStorage | Limit::DatasetRecords => {
                    "full: AWS refuses writes, or will soon"
                }
            })
        } else {
            match self.near {
                "certain" => Some("nearly full"),
                "possible" => Some("may be nearly full"),
                _ => None,
            }
        }
    }
}

impl Listed {
    /// The datasets, the fullest first.
    fn fullest_first(&self) -> Vec<&ShownDataset> {
        let mut datasets: Vec<_> = self.datasets.iter().collect();
        datasets.sort_by_key(|dataset| Reverse(dataset.fullness()));
        datasets
    }
}

impl ShownDataset {
    /// The greater of the used ratios of its limits.
    fn used_ratio(&self) -> f64 {
        let ratios = [self.storage_used_ratio, self.records_used_ratio];
        ratios.into_iter().flatten().fold(0.0, f64::max)
    }

    /// The same in millionths.
    fn fullness(&self) -> u64 {
        (self.used_ratio() * 1e6) as u64
    }

    /// What follows from that, if anything does.
    fn fullness_in_words(&self) -> Option<&'static str> {
        if self.used_ratio() > 1.0 {
            Some("above the configured limit")
        } else {
            (self.fullness() >= FULL_PERCENT * 10_000).then_some("full")
        }
    }

    /// What it holds of what is limited; `None` where AWS does not say.
    fn amounts(&self) -> [(&'static str, Option<Amount>); 2] {
        let amount = |ratio: Option<f64>, shown: Option<String>| {
            let (ratio, shown) = ratio.zip(shown)?;
            let words = format!("{shown}, {}", percent(ratio));
            Some(Amount { ratio, words })
        };
        let records = self.records.map(group_digits);
        [
            (
                "Bytes",
                amount(self.storage_used_ratio, self.storage_bytes.map(bytes)),
            ),
            ("Records", amount(self.records_used_ratio, records)),
        ]
    }
}

/// What a dataset holds, and the fraction of its limit that this is.
struct Amount {
    ratio: f64,
    words: String,
}

/// What is limited.
fn heading(limit: Limit) -> &'static str {
    match limit {
        Limit::DatasetStorage => "Bytes in the fullest dataset",
        Limit::DatasetRecords => "Records in the fullest dataset",
        Limit::Datasets => "Datasets",
    }
}

/// How long a poll took.
fn took(seconds: f64) -> String {
    if seconds < 10.0 {
        format!("{:.0} ms", seconds * 1e3)
    } else {
        humanize_duration(seconds)
    }
}

/// The class of the colour of a state.
fn state_colour(state: &str) -> usize {
    State::ALL
        .iter()
        .position(|known| known.as_str() == state)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dataset_above_the_limit_is_not_full() {
        let dataset = |bytes: u64| ShownDataset {
            name: None,
            storage_bytes: Some(bytes),
            storage_used_ratio: Some(bytes as f64 / f64::from(1 << 20)),
            records: None,
            records_used_ratio: None,
            last_modified: None,
        };
        for (bytes, expected) in [
            (1_038_090, None),
            (1_038_091, Some("full")),
            (1 << 20, Some("full")),
            ((1 << 20) + 1, Some("above the configured limit")),
        ] {
            assert_eq!(dataset(bytes).fullness_in_words(), expected, "{bytes}");
        }
    }
}
