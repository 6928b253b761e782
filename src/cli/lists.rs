//! The flags of `list-pools` and `list-identities`, held to what the configuration's keys of the
//! same names are.

use std::ffi::OsStr;
use std::path::PathBuf;

use clap::builder::{StringValueParser, TypedValueParser};
use clap::error::ErrorKind;
use clap::{Arg, Args};

use crate::config::{
    Account, LIST_RATES, check_endpoint, check_external_id, check_profile, check_region,
    check_role_arn,
};
use crate::identity::{InvalidId, Mistaken, PoolId, canonicalize};

/// Options of `list-identities`.
#[derive(Args, Clone, Debug)]
pub struct ListIdentities {
    /// The pool whose identities are listed
    #[arg(value_name = "POOL_ID", value_parser = Checked(parse_pool))]
    pub pool: PoolId,

    /// List disabled identities too, which were merged into others
    #[arg(long)]
    pub include_disabled: bool,

    #[command(flatten)]
    pub flags: ListFlags,
}

/// What both take.
#[derive(Args, Clone, Debug)]
pub struct ListFlags {
    /// The AWS region [default: that of AWS_REGION or of the profile]
    #[arg(long, value_name = "REGION", value_parser = Checked(parse_region))]
    pub region: Option<String>,

    /// The profile of the shared AWS configuration
    #[arg(long, value_name = "NAME", value_parser = Checked(parse_profile))]
    profile: Option<String>,

    /// The role to assume
    #[arg(long, value_name = "ARN", value_parser = Checked(parse_role_arn))]
    role_arn: Option<String>,

    /// The external id that the role's trust policy requires
    #[arg(long, value_name = "ID", requires = "role_arn", value_parser = Checked(parse_external_id))]
    external_id: Option<String>,

    /// The endpoint of Cognito Identity, if it is not AWS's own
    ///
    /// Plain http is for loopback only.
    #[arg(long, value_name = "URL", value_parser = Checked(parse_endpoint_url))]
    pub endpoint_url: Option<String>,

    /// Maximum API calls per second
    ///
    /// Each lists up to 60.
    #[arg(long, value_name = "NUMBER", default_value = "2", value_parser = Checked(parse_rate))]
    pub rate_limit: f64,

    /// Write to a file, which appears when the list is complete
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

impl ListFlags {
    /// The credentials for its calls.
    #[must_use]
    pub fn account(&self) -> Account {
        Account {
            profile: self.profile.clone(),
            role_arn: self.role_arn.clone(),
            external_id: self.external_id.clone(),
        }
    }
}

impl ListIdentities {
    /// What is wrong with the flags together.
    pub(super) fn conflict(&self) -> Option<&'static str> {
        let region = self.flags.region.as_deref();
        region
            .is_some_and(|region| region != self.pool.region())
            .then_some(
                "--region is not the region of the pool, which its id begins with: leave it out",
            )
    }
}

/// Parses a value by a function. In contrast to clap's own parsers, no message repeats the value:
/// an external id is half a secret, and a URL may hold a password.
#[derive(Clone)]
struct Checked<T>(fn(&str) -> Result<T, String>);

impl<T: Clone + Send + Sync + 'static> TypedValueParser for Checked<T> {
    type Value = T;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<T, clap::Error> {
        let text = StringValueParser::new().parse_ref(command, argument, value)?;
        (self.0)(&text).map_err(|problem| {
            let name = match argument.and_then(Arg::get_long) {
                Some(flag) => format!("--{flag}"),
                None => "POOL_ID".to_owned(),
            };
            let message = format!("{name} {problem}");
            command.clone().error(ErrorKind::ValueValidation, message)
        })
    }
}

fn parse_pool(text: &str) -> Result<PoolId, String> {
    PoolId::parse(&canonicalize(text)).map_err(|error| match (Mistaken::of(text), &error) {
        (Some(mistaken), _) => mistaken.for_pool(),
        (None, InvalidId::NoColon) => {
            format!("{error}: `cognitosync_exporter list-pools` prints ids and names of pools")
        }
        (None, _) => error.to_string(),
    })
}

fn parse_region(text: &str) -> Result<String, String> {
    checked(text, check_region)
}

fn parse_profile(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err("is empty; leave it out instead".to_owned());
    }
    checked(text, check_profile)
}

fn parse_role_arn(text: &str) -> Result<String, String> {
    checked(text, check_role_arn)
}

fn parse_external_id(text: &str) -> Result<String, String> {
    checked(text, check_external_id)
}

fn parse_endpoint_url(text: &str) -> Result<String, String> {
    checked(text, check_endpoint)
}

fn checked<E: ToString>(text: &str, check: fn(&str) -> Result<(), E>) -> Result<String, String> {
    check(text)
        .map(|()| text.to_owned())
        .map_err(|error| error.to_string())
}

fn parse_rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|rate| LIST_RATES.contains(rate));
    let (least, most) = (LIST_RATES.start(), LIST_RATES.end());
    rate.ok_or_else(|| format!("is not a number from {least} to {most}"))
}
