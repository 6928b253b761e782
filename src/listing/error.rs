//! Why a list is not complete, as one message.

use std::fmt::{self, Display, Formatter};
use std::io;

use thiserror::Error;

use super::output::OutputError;
use super::what::What;
use crate::api::{CallError, Failure, Operation};
use crate::aws::NetworkError;
use crate::config::InvalidAccount;
use crate::policy;

/// Why a list is not complete.
#[derive(Debug, Error)]
pub enum ListError {
    #[error("{0}")]
    Call(Refusal),
    #[error(transparent)]
    Output(#[from] OutputError),
    #[error(transparent)]
    Network(#[from] NetworkError),
    #[error(
        "no region: expected --region, or one in AWS_REGION or in the profile of the shared AWS \
         configuration"
    )]
    NoRegion,
    #[error("the region of the environment or the profile {0}")]
    Region(InvalidAccount),
    #[error("the answer is not from Cognito Identity: {0}")]
    Malformed(String),
    #[error(
        "AWS refuses the tokens of further pages, again and again; none of the list is certain"
    )]
    TokensRefused,
    #[error("{0} pages in a row have brought nothing new: the list has no end")]
    NoEnd(u32),
    #[error("interrupted by {0}: the list is not complete")]
    Interrupted(&'static str),
    /// There is no runtime, or no signal can be heard.
    #[error("cannot start: {0}")]
    Start(#[from] io::Error),
    #[error("a panic while the list was written")]
    Panicked,
}

/// A call that failed for good.
#[derive(Debug)]
pub struct Refusal {
    pub(super) error: CallError,
    pub(super) what: What,
    pub(super) region: String,
    pub(super) role_arn: Option<String>,
}

impl Refusal {
    /// The action and the resource that a policy must allow.
    fn permission(&self) -> (String, String) {
        match &self.what {
            What::Identities { pool, .. } => {
                let operation = Operation::ListIdentities;
                let (service, role) = (operation.service(), self.role_arn.as_deref());
                // arn:aws:iam::123456789012:role/name
                let account = role.and_then(|role| role.split(':').nth(4));
                let action = format!("{}:{}", service.as_str(), operation.as_str());
                (action, policy::arn(pool, service, account))
            }
            What::Pools => (
                "cognito-identity:ListIdentityPools".to_owned(),
                "*".to_owned(),
            ),
        }
    }
}

impl Display for Refusal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let region = &self.region;
        match (self.error.failure, &self.what) {
            (Failure::AccessDenied, _) => {
                let (action, resource) = self.permission();
                write!(
                    f,
                    "access denied: the policy of the credentials must allow {action} on {resource}"
                )?;
            }
            (Failure::NotFound, What::Identities { pool, .. }) => write!(
                f,
                "there is no pool {pool} in this account; list-pools lists those that there are"
            )?,
            (Failure::InvalidParameter, What::Identities { .. }) => {
                f.write_str("AWS takes this for no id of a pool")?;
            }
            (Failure::Credentials, _) => {
                f.write_str("no credentials, or none that AWS accepts")?;
            }
            (Failure::Configuration, _) => f.write_str("the settings for AWS cannot work")?,
            (Failure::Throttled, _) => {
                f.write_str("AWS throttles, and has answered no call for 10 min")?;
            }
            (Failure::Timeout | Failure::Unreachable, _) => {
                write!(f, "no answer from Cognito Identity in {region}")?;
            }
            (Failure::Malformed, _) => f.write_str("the answer is not from Cognito Identity")?,
            (Failure::NotFound | Failure::InvalidParameter | Failure::ServiceError, _) => {
                f.write_str("Cognito Identity returned an error")?;
            }
        }
        if let Some(cause) = &self.error.cause {
            write!(f, " ({cause})")?;
        }
        match &self.error.remedy {
            Some(remedy) => write!(f, ": {}", by_flags(&remedy.text, &self.what)),
            None => Ok(()),
        }
    }
}

/// A remedy that names flags of the command in place of keys of the configuration, which it does
/// not read.
fn by_flags(remedy: &str, what: &What) -> String {
    let region = match what {
        What::Pools => "--region",
        What::Identities { .. } => "the region in POOL_ID",
    };
    [
        ("`profile` of the pool", "--profile"),
        ("the region in the pool's id", region),
        ("endpoint_url of the pool", "--endpoint-url"),
        ("endpoint_url", "--endpoint-url"),
        ("external_id", "--external-id"),
    ]
    .iter()
    .fold(remedy.to_owned(), |text, (key, flag)| {
        text.replace(key, flag)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Remedy;
    use crate::identity::PoolId;

    #[test]
    fn remedies_name_flags_in_place_of_keys() {
        let identities = What::Identities {
            pool: PoolId::parse("us-east-1:0").unwrap(),
            include_disabled: false,
        };
        for (what, region) in [(What::Pools, "--region"), (identities, "POOL_ID")] {
            let text = "check the region in the pool's id, endpoint_url, `profile` of the pool and \
                        external_id";
            let remedy = Remedy {
                kind: "host_unknown",
                text: text.to_owned(),
            };
            let error = CallError {
                remedy: Some(remedy),
                ..CallError::from(Failure::Unreachable)
            };
            let refusal = Refusal {
                error,
                what,
                region: "us-east-1".to_owned(),
                role_arn: None,
            };
            let text = refusal.to_string();
            for part in [region, "--endpoint-url,", "--profile and", "--external-id"] {
                assert!(text.contains(part), "{text}");
            }
        }
    }
}
