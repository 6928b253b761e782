//! The configuration file: its text in, a [`Config`] or every problem out.
//!
//! `schema` is the file's shape, `units` its durations and sizes, `validate` its meaning. Identity
//! files are not read here but in [`crate::targets`], and nothing about credentials stands in the
//! file.

mod problem;
mod schema;
mod units;
mod validate;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use problem::{Findings, Place, Problem};
pub(crate) use units::show as show_duration;
pub(crate) use validate::is_loopback;

use serde::Serialize;

use crate::identity::PoolId;

/// A whole configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file it was read from; identity files are relative to its directory.
    pub file: PathBuf,
    /// How calls are made.
    pub poll: Poll,
    /// The pools, in the file's order.
    pub pools: Vec<Pool>,
}

/// How calls are made, for all pools.
#[derive(Clone, Debug, PartialEq)]
pub struct Poll {
    /// The most time for one API call, from connect to the last byte.
    pub timeout: Duration,
    /// API calls in one poll before it counts as failed, at least 1.
    pub attempts: u32,
    /// API calls per second, the ceiling of each budget.
    pub rate_limit: f64,
    /// API calls under way at once, all budgets together, at least 1.
    pub max_in_flight: usize,
}

/// One pool.
#[derive(Clone, Debug)]
pub struct Pool {
    /// Where it stands in the file: `pools[0]`.
    pub key: String,
    /// Its id; `None` when what stands there is no id, which is a problem noted already.
    pub id: Option<PoolId>,
    /// What was set for it.
    pub settings: PoolSettings,
    /// Identities listed in the configuration itself, in its order.
    pub identities: Vec<Listed>,
    /// Paths and globs of files with more identities, as written.
    pub identity_files: Vec<String>,
}

/// What is set for one pool, `poll`'s and `limits`' defaults filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct PoolSettings {
    /// A name for people.
    pub name: Option<String>,
    /// Time between two polls of one identity.
    pub interval: Duration,
    /// Usage older than this is not shown.
    pub stale_after: Duration,
    /// What Cognito Sync allows one identity.
    pub limits: Limits,
    /// Whose credentials ask.
    pub account: Account,
    /// Where to ask, if not AWS's own endpoint.
    pub endpoint_url: Option<String>,
    /// Which identities get series of their own.
    pub series: Series,
}

/// What Cognito Sync allows one identity.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Limits {
    /// Bytes in all datasets of an identity.
    pub storage_bytes: u64,
    /// Datasets of an identity.
    pub datasets: u32,
}

/// Whose credentials ask: the SDK's default chain, unless a profile or a role is named.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Account {
    /// A profile of the shared AWS configuration.
    pub profile: Option<String>,
    /// A role to assume, with the profile's or the chain's credentials.
    pub role_arn: Option<String>,
    /// What the role's trust policy asks for.
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

/// An identity as listed in the configuration: its text, and the name it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Where it stands: `pools[0].identities[3]`.
    pub key: String,
    /// The id's text, not parsed yet.
    pub id: String,
    /// A name for people.
    pub name: Option<String>,
}

/// Reads a configuration file. Problems of meaning are noted in `findings`, and the configuration
/// is what could be made of the rest, so that the identity files can be searched for problems too.
///
/// # Errors
/// When the file cannot be read, or is not of the right shape.
pub fn read(file: &Path, findings: &mut Findings) -> Result<Config, Problem> {
    let text = fs::read_to_string(file)
        .map_err(|error| Problem::whole(file, format!("cannot be read: {error}")))?;
    parse(file, &text, findings)
}

/// Like [`read`], with the text already at hand.
///
/// # Errors
/// When the text is not of the right shape.
pub fn parse(file: &Path, text: &str, findings: &mut Findings) -> Result<Config, Problem> {
    let schema = schema::parse(text).map_err(|error| Problem::shape(file, &error))?;
    Ok(validate::validate(file, schema, findings))
}
