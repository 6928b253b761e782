//! The keys of the configuration: type, default, range and meaning of each. From this table come
//! the JSON Schema, the table in docs/configuration.md, and what messages say of a wrong key.

mod document;

use std::fmt::{self, Display, Formatter};
use std::ops::RangeInclusive;
use std::time::Duration;

pub use document::{markdown, schema};

use super::identity_metrics::IdentityMetric;
use super::units;

/// A section of the file, in which keys stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// The whole file.
    File,
    Poll,
    Limits,
    Pool,
    Discover,
    Identity,
}

impl Section {
    /// All sections, in the order of the document.
    pub const ALL: [Self; 6] = [
        Self::File,
        Self::Poll,
        Self::Limits,
        Self::Pool,
        Self::Discover,
        Self::Identity,
    ];

    /// The section of a path such as `pools[0].limits`; an empty one is the whole file.
    #[must_use]
    pub(super) fn of_path(path: &str) -> Option<Self> {
        let last = path.rsplit('.').next().unwrap_or_default();
        match last.split('[').next().unwrap_or_default() {
            "" => Some(Self::File),
            "poll" => Some(Self::Poll),
            "limits" => Some(Self::Limits),
            "pools" => Some(Self::Pool),
            "discover" => Some(Self::Discover),
            "identities" => Some(Self::Identity),
            _ => None,
        }
    }

    /// What stands before the names of its keys.
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Self::File => "",
            Self::Poll => "poll.",
            Self::Limits => "limits.",
            Self::Pool => "pools[].",
            Self::Discover => "pools[].discover.",
            Self::Identity => "pools[].identities[].",
        }
    }

    /// Where a key of it belongs.
    pub(super) fn place(self) -> &'static str {
        match self {
            Self::File => "at the left margin, in no section",
            Self::Poll => "under `poll`",
            Self::Limits => "under `limits`",
            Self::Pool => "in a pool, beside its `id`",
            Self::Discover => "under `discover` of a pool",
            Self::Identity => "in an entry of `identities`",
        }
    }

    /// Its keys.
    pub fn keys(self) -> impl Iterator<Item = &'static Key> {
        KEYS.iter().filter(move |key| key.section == self)
    }
}

/// What a value may be.
#[derive(Clone, Debug)]
pub enum Kind {
    /// A section, or a list of them.
    Section(Section),
    List(Section),
    Id,
    Duration(RangeInclusive<Duration>),
    /// A duration, or `auto`.
    Age(RangeInclusive<Duration>),
    Whole(RangeInclusive<u32>),
    Number(RangeInclusive<f64>),
    /// A number of bytes.
    Size(RangeInclusive<u64>),
    Choice(&'static [&'static str]),
    Text,
    /// A text that this regular expression matches.
    Pattern(&'static str),
    Choices(&'static [&'static str]),
    Paths,
}

/// One key.
#[derive(Clone, Debug)]
pub struct Key {
    pub section: Section,
    pub name: &'static str,
    pub kind: Kind,
    /// As it is written in the file; `None` if the key has none.
    pub default: Option<&'static str>,
    pub is_required: bool,
    pub meaning: &'static str,
    pub example: &'static str,
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(super) const INTERVALS: RangeInclusive<Duration> = seconds(1)..=seconds(30 * 86_400);
pub(super) const AGES: RangeInclusive<Duration> = seconds(1)..=seconds(365 * 86_400);
pub(super) const TIMEOUTS: RangeInclusive<Duration> = Duration::from_millis(10)..=seconds(300);
/// A pass over a handful of identities takes a second, one over a million more than two hours.
pub(super) const PASS_INTERVALS: RangeInclusive<Duration> = seconds(1)..=seconds(30 * 86_400);
pub(super) const ATTEMPTS: RangeInclusive<u32> = 1..=10;
pub(super) const RATES: RangeInclusive<f64> = 0.001..=100_000.0;
/// Calls per second for pages of lists.
pub(crate) const LIST_RATES: RangeInclusive<f64> = 0.001..=100.0;
pub(super) const IN_FLIGHT: RangeInclusive<u32> = 1..=10_000;
/// Of datasets, of records and of series.
pub(super) const COUNTS: RangeInclusive<u32> = 1..=1_000_000;
/// AWS's own limit of a dataset is a 1,024th of the largest.
pub(super) const DATASET_BYTES: RangeInclusive<u64> = 1..=1 << 30;
pub(super) const DATASETS: &[&str] = &["near", "each", "off"];
pub(super) const SERIES: &[&str] = &["each", "top", "none"];
pub(super) const SIGNERS: &[&str] = &["guest"];
/// The word for a value that follows from the others.
pub(super) const AUTO: &str = "auto";
const METRICS: &[&str] = &IdentityMetric::NAMES;

const fn key(
    section: Section,
    name: &'static str,
    kind: Kind,
    default: Option<&'static str>,
    example: &'static str,
    meaning: &'static str,
) -> Key {
    Key {
        section,
        name,
        kind,
        default,
        is_required: false,
        meaning,
        example,
    }
}

const fn required(key: Key) -> Key {
    Key {
        is_required: true,
        ..key
    }
}

/// All keys, in the order of the document.
#[rustfmt::skip]
pub static KEYS: &[Key] = &[
    key(Section::File, "poll", Kind::Section(Section::Poll), None, "{interval: 5m}",
        "How calls are made, and how often."),
    key(Section::File, "limits", Kind::Section(Section::Limits), None, "{datasets: 40}",
        "What AWS refuses writes beyond: its quotas, where it has raised yours."),
    required(key(Section::File, "pools", Kind::List(Section::Pool), None, "[{id: …}]",
        "The identity pools to poll, at least one.")),

    key(Section::Poll, "interval", Kind::Duration(INTERVALS), Some("5m"), "1m",
        "Shortest time between two polls of one identity."),
    key(Section::Poll, "max_age", Kind::Age(AGES), Some("auto"), "2d",
        "Longest time between two polls of one identity, where the calls do not suffice for a turn \
         each interval. `auto`: one day, or 5 turns for all at the ceiling, or `interval`, \
         whichever is longest."),
    key(Section::Poll, "timeout", Kind::Duration(TIMEOUTS), Some("10s"), "5s",
        "Time limit of one API call, from connecting to the last byte."),
    key(Section::Poll, "attempts", Kind::Whole(ATTEMPTS), Some("3"), "5",
        "API calls in one poll before it counts as failed."),
    key(Section::Poll, "rate_limit", Kind::Number(RATES), Some("10"), "25",
        "API calls per second: the ceiling for each account, region and endpoint."),
    key(Section::Poll, "max_in_flight", Kind::Whole(IN_FLIGHT), Some("32"), "64",
        "API calls in flight at once, all pools together."),
    key(Section::Poll, "stale_after", Kind::Age(AGES), Some("auto"), "3m",
        "Usage older than this leaves `/metrics`. `auto`: 3 × `interval`, or 1.5 × `max_age` where \
         the calls do not suffice."),
    key(Section::Poll, "datasets", Kind::Choice(DATASETS), Some("near"), "each",
        "For which identities `ListDatasets` is called in place of `DescribeIdentityUsage`: `near` \
         (where a dataset may be near a limit, and each identity with a dataset once in 7 days), \
         `each` (every identity with a dataset) or `off`."),

    key(Section::Limits, "datasets", Kind::Whole(COUNTS), Some("20"), "40",
        "Datasets of one identity."),
    key(Section::Limits, "dataset_storage", Kind::Size(DATASET_BYTES), Some("1MiB"), "2MiB",
        "Bytes in the keys and values of one dataset."),
    key(Section::Limits, "dataset_records", Kind::Whole(COUNTS), Some("1024"), "2048",
        "Records of one dataset."),

    required(key(Section::Pool, "id", Kind::Id, None, "us-east-1:7b6bd1a1-…",
        "The id of the identity pool. Its region is the part before the colon. `list-pools` prints \
         the ids of an account.")),
    key(Section::Pool, "name", Kind::Text, None, "production",
        "A name for people: a label of `cognitosync_pool_info`."),
    key(Section::Pool, "interval", Kind::Duration(INTERVALS), None, "1m",
        "Overrides `poll.interval`."),
    key(Section::Pool, "max_age", Kind::Age(AGES), None, "2d",
        "Overrides `poll.max_age`."),
    key(Section::Pool, "stale_after", Kind::Age(AGES), None, "3m",
        "Overrides `poll.stale_after`."),
    key(Section::Pool, "datasets", Kind::Choice(DATASETS), None, "each",
        "Overrides `poll.datasets`."),
    key(Section::Pool, "limits", Kind::Section(Section::Limits), None, "{datasets: 40}",
        "Overrides those of `limits` that it names."),
    key(Section::Pool, "role_arn", Kind::Pattern(ROLE), None,
        "arn:aws:iam::123456789012:role/exporter",
        "A role to assume for the pool's calls."),
    key(Section::Pool, "external_id", Kind::Pattern(EXTERNAL_ID), None, "a1b2c3",
        "What the role's trust policy requires. Needs `role_arn`."),
    key(Section::Pool, "profile", Kind::Text, None, "staging",
        "A profile of the shared AWS configuration (`~/.aws/config`, `~/.aws/credentials`)."),
    key(Section::Pool, "endpoint_url", Kind::Pattern(URL), None, "https://sync.example",
        "The endpoint of Cognito Sync in place of AWS's; plain http for loopback only."),
    key(Section::Pool, "cognito_identity_endpoint_url", Kind::Pattern(URL), None,
        "https://identity.example",
        "The same for Cognito Identity."),
    key(Section::Pool, "identity_credentials", Kind::Choice(SIGNERS), None, "guest",
        "`guest`: each identity is polled with the keys that Cognito Identity hands out for it as \
         a guest, where the account's credentials are unavailable. The metrics need a login then, \
         because the ids are secrets."),
    key(Section::Pool, "discover", Kind::Section(Section::Discover), None, "{interval: 1d}",
        "Discover the pool's identities by `ListIdentities`, beside those named here. Such a pool \
         must have `series`."),
    key(Section::Pool, "series", Kind::Choice(SERIES), Some("each"), "top",
        "Which identities have series of their own: `each`, `top` (those nearest a limit) or \
         `none`."),
    key(Section::Pool, "top", Kind::Whole(COUNTS), Some("100"), "20",
        "With `series: top`, how many identities have series."),
    key(Section::Pool, "identity_metrics", Kind::Choices(METRICS), None, "[datasets, storage]",
        "Which families those series are of. All, unless it is set; Prometheus needs some 4 KB of \
         memory for each series."),
    key(Section::Pool, "identities", Kind::List(Section::Identity), None,
        "[us-east-1:2a1f8a52-…]",
        "Identities to poll: ids, or maps of `id` and `name`."),
    key(Section::Pool, "identity_files", Kind::Paths, None, "['identities/*.txt']",
        "Paths and globs of files with more identities, relative to the configuration file."),

    key(Section::Discover, "interval", Kind::Duration(PASS_INTERVALS), Some("1d"), "6h",
        "Time from the start of one pass to that of the next."),
    key(Section::Discover, "rate_limit", Kind::Number(LIST_RATES), Some("2"), "5",
        "Calls of `ListIdentities` per second. Pools of one account and region share the lowest."),

    required(key(Section::Identity, "id", Kind::Id, None, "us-east-1:2a1f8a52-…",
        "The id of the identity, of the pool's region.")),
    key(Section::Identity, "name", Kind::Text, None, "checkout-canary",
        "A name for people: a label of `cognitosync_identity_info`."),
];

const ROLE: &str = "^arn:aws[a-z-]*:iam::[0-9]{12}:role/.+$";
const EXTERNAL_ID: &str = "^[A-Za-z0-9_+=,.@:/-]{2,1224}$";
const URL: &str = "^https?://[^/@?#]+/?$";

/// The range of a kind in words; empty if there is none.
impl Display for Kind {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let words = |f: &mut Formatter<'_>, words: &[&str]| {
            let words: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
            f.write_str(&words.join(", "))
        };
        match self {
            Self::Duration(range) => durations(f, range),
            Self::Age(range) => {
                write!(f, "`{AUTO}`, or ")?;
                durations(f, range)
            }
            Self::Whole(range) => write!(f, "{} to {}", range.start(), range.end()),
            Self::Number(range) => write!(f, "{} to {}", range.start(), range.end()),
            Self::Size(range) => write!(f, "{} byte to {} GiB", range.start(), range.end() >> 30),
            Self::Choice(names) | Self::Choices(names) => words(f, names),
            Self::Id => f.write_str("`REGION:GUID`"),
            Self::Section(_) | Self::List(_) | Self::Text | Self::Pattern(_) | Self::Paths => {
                Ok(())
            }
        }
    }
}

fn durations(f: &mut Formatter<'_>, range: &RangeInclusive<Duration>) -> fmt::Result {
    let [least, most] = [range.start(), range.end()].map(|limit| units::show(*limit));
    write!(f, "{least} to {most}")
}

#[cfg(test)]
mod tests {
    use super::super::schema;
    use super::*;

    /// The keys that serde takes in a section, by what it says of another one.
    fn parsed(section: Section) -> Vec<String> {
        let text = match section {
            Section::File => "x: 1",
            Section::Poll => "poll: {x: 1}",
            Section::Limits => "limits: {x: 1}",
            Section::Pool => "pools: [{x: 1}]",
            Section::Discover => "pools: [{discover: {x: 1}}]",
            Section::Identity => "pools: [{identities: [{x: 1}]}]",
        };
        let error = schema::parse(text).unwrap_err().to_string();
        let (_, known) = error.split_once("expected ").unwrap();
        let names = known.split('`').skip(1).step_by(2);
        names.map(str::to_owned).collect()
    }

    #[test]
    fn the_table_has_the_keys_of_the_parser() {
        for section in Section::ALL {
            let names: Vec<_> = section.keys().map(|key| key.name).collect();
            // `limits.storage` is there for an error that explains.
            let parsed = parsed(section).into_iter().filter(|name| name != "storage");
            assert_eq!(names, parsed.collect::<Vec<_>>(), "{section:?}");
        }
    }

    #[test]
    fn a_path_has_a_section() {
        for (path, expected) in [
            ("", Some(Section::File)),
            ("poll", Some(Section::Poll)),
            ("pools[3].limits", Some(Section::Limits)),
            ("pools[0]", Some(Section::Pool)),
            ("pools[0].discover", Some(Section::Discover)),
            ("pools[0].identities[12]", Some(Section::Identity)),
            ("pools[0].name", None),
        ] {
            assert_eq!(Section::of_path(path), expected, "{path}");
        }
    }
}
