//! The configuration file: reads its text and returns a [`Config`] or all problems.
//!
//! `schema` is the file's shape, `shape` says what is wrong with it, `units` parses durations and
//! sizes, `endpoint` checks URLs, `account` roles and profiles, `validate` checks the meaning.
//! `keys` is the table of all keys, `suggest` knows what was probably meant, `places` finds the
//! lines of problems. Identity files are read by [`crate::discovery`]. The file holds no
//! credentials.

mod account;
mod endpoint;
mod identity_metrics;
pub mod keys;
mod places;
mod problem;
mod regions;
mod schema;
mod shape;
mod suggest;
mod units;
mod validate;

use std::path::{Path, PathBuf};
use std::time::Duration;

pub use account::InvalidAccount;
pub(crate) use account::{check_external_id, check_profile, check_region, check_role_arn};
pub(crate) use endpoint::{check as check_endpoint, is_loopback};
pub use identity_metrics::{IdentityMetric, IdentityMetrics};
pub(crate) use keys::LIST_RATES;
pub(crate) use places::locate;
pub use problem::{Checked, Place, Problem};
pub(crate) use regions::{is_known as is_known_region, similar as similar_region};
pub(crate) use units::{duration as parse_duration, show as show_duration};

use serde::Serialize;

pub use crate::api::Signer;
use crate::identity::PoolId;

/// A whole configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file it was read from. Paths of identity files are relative to its directory.
    pub file: PathBuf,
    /// How calls are made.
    pub poll: PollSettings,
    /// The pools, in the file's order.
    pub pools: Vec<PoolConfig>,
}

/// How calls are made, for all pools: the section `poll`.
#[derive(Clone, Debug, PartialEq)]
pub struct PollSettings {
    /// Time limit of one API call, from connecting to the last byte.
    pub timeout: Duration,
    /// API calls for one answer, or for one page of it, before the poll counts as failed; at least
    /// 1.
    pub attempts: u32,
    /// API calls per second: the ceiling of each budget.
    pub rate_limit: f64,
    /// API calls in flight at once, all budgets together, at least 1.
    pub max_in_flight: usize,
}

impl Default for PollSettings {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(10),
            attempts: 3,
            rate_limit: 10.0,
            max_in_flight: 32,
        }
    }
}

/// One pool, as configured.
#[derive(Clone, Debug)]
pub struct PoolConfig {
    /// Its key in the file: `pools[0]`.
    pub key: String,
    /// Its id; `None` when the file has no valid id there, which is a problem reported already.
    pub id: Option<PoolId>,
    /// Its settings.
    pub settings: PoolSettings,
    /// Identities listed in the configuration itself, in its order.
    pub identities: Vec<ListedIdentity>,
    /// Paths and globs of files with more identities, as written.
    pub identity_files: Vec<String>,
}

impl PoolConfig {
    /// The region of the pool's id, which all its identities must have.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        self.id.as_ref().map(PoolId::region)
    }
}

/// The settings of one pool, with the defaults of `poll` and `limits` filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct PoolSettings {
    /// A display name.
    pub name: Option<String>,
    /// The shortest time between two polls of one identity.
    pub interval: Duration,
    /// The longest time between two polls of one identity; `None`, `auto`, if it follows from the
    /// others.
    pub max_age: Option<Duration>,
    /// Usage older than this is not exported; `None`, `auto`, if it follows from the others.
    pub stale_after: Option<Duration>,
    /// For which identities `ListDatasets` is called in place of `DescribeIdentityUsage`.
    pub datasets: Datasets,
    /// What stops writes.
    pub limits: Limits,
    /// The credentials for its calls.
    pub account: Account,
    /// The endpoint to call, if it is not AWS's own.
    pub endpoint_url: Option<String>,
    /// The same of Cognito Identity.
    pub cognito_identity_endpoint_url: Option<String>,
    /// Whose keys sign the calls about its identities: the key `identity_credentials`.
    pub signer: Signer,
    /// How its identities are discovered, if they are.
    pub discover: Option<Discover>,
    /// Which identities get series of their own.
    pub series: Series,
    /// Which families those series are of.
    pub identity_metrics: IdentityMetrics,
}

impl Default for PoolSettings {
    fn default() -> Self {
        Self {
            name: None,
            interval: Duration::from_secs(300),
            max_age: None,
            stale_after: None,
            datasets: Datasets::Near,
            limits: Limits::default(),
            account: Account::default(),
            endpoint_url: None,
            cognito_identity_endpoint_url: None,
            signer: Signer::Account,
            discover: None,
            series: Series::Each,
            identity_metrics: IdentityMetrics::ALL,
        }
    }
}

impl PoolSettings {
    /// Whether identities with series of their own can have this metric: largest datasets are known
    /// by lists only.
    #[must_use]
    pub fn can_have(&self, metric: IdentityMetric) -> bool {
        let is_known = metric != IdentityMetric::LargestDataset || self.datasets != Datasets::Off;
        is_known && self.identity_metrics.has(metric)
    }

    /// Whether the account's credentials are used for this pool. A pool that is polled with its
    /// guests' keys may have none, unless it says where they are, or lists identities with them.
    #[must_use]
    pub fn has_account(&self) -> bool {
        self.signer == Signer::Account
            || self.account != Account::default()
            || self.discover.is_some()
    }
}

/// How the identities of a pool are discovered: by `ListIdentities`, again and again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Discover {
    /// Time from the start of one complete pass to that of the next.
    pub interval: Duration,
    /// `ListIdentities` calls per second. Pools of one account and region share the lowest.
    pub rate_limit: f64,
}

impl Default for Discover {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(86_400),
            rate_limit: 2.0,
        }
    }
}

/// For which identities of a pool `ListDatasets` is called in place of `DescribeIdentityUsage`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Datasets {
    /// Those with a dataset that may be near a limit, and each with a dataset once in 7 days.
    Near,
    /// Each with a dataset.
    Each,
    /// None.
    Off,
}

/// What stops writes: AWS refuses those beyond.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Limits {
    /// Datasets of an identity.
    pub datasets: u32,
    /// Bytes in the keys and values of one dataset.
    pub dataset_storage_bytes: u64,
    /// Records of one dataset.
    pub dataset_records: u32,
}

/// Without a raised quota: 20 datasets, each of 1 MB and 1,024 records (AWS developer guide,
/// "Limits"). The megabyte is 2^20: a key has at least 1 byte and a value at most 2^20 - 1 (the
/// service's API model).
impl Default for Limits {
    fn default() -> Self {
        Self {
            datasets: 20,
            dataset_storage_bytes: 1 << 20,
            dataset_records: 1_024,
        }
    }
}

/// The credentials for calls: the SDK's default chain, unless a profile or a role is named.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Account {
    /// A profile of the shared AWS configuration.
    pub profile: Option<String>,
    /// A role to assume, with the credentials of the profile or the default chain.
    pub role_arn: Option<String>,
    /// The external id that the role's trust policy requires.
    pub external_id: Option<String>,
}

/// Which identities of a pool get series of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Series {
    /// All of them.
    Each,
    /// This many, those nearest a limit.
    Top(usize),
    /// None; the pool's own series remain.
    None,
}

impl Series {
    /// How many of so many identities get series of their own.
    #[must_use]
    pub fn count(self, identities: usize) -> usize {
        match self {
            Self::Each => identities,
            Self::Top(max) => max.min(identities),
            Self::None => 0,
        }
    }
}

/// An identity as listed in the configuration: its text, and an optional display name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedIdentity {
    /// Its key in the file: `pools[0].identities[3]`.
    pub key: String,
    /// The id's text, not parsed yet.
    pub id: String,
    /// A display name.
    pub name: Option<String>,
}

/// Parses a configuration; `file` is its name in problems. Problems of meaning come with what could
/// be made of the rest, so that the identity files can be searched for problems too.
///
/// # Errors
/// When the text does not have the right shape.
pub fn parse(file: &Path, text: &str) -> Result<Checked<Config>, Problem> {
    let schema = schema::parse(text).map_err(|error| shape::problem(file, text, &error))?;
    Ok(validate::validate(file, schema))
}
