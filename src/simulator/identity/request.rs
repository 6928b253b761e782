//! Requests: awsJson1.1, by Cognito Identity's API model (2014-06-30).

use std::collections::BTreeMap;

use http::request::Parts;
use serde::Deserialize;

use crate::api::Operation;
use crate::simulator::reply::{AwsError, unknown_operation};

/// The header that names the operation, which no request of Cognito Sync has.
const TARGET: &str = "x-amz-target";
const TARGET_PREFIX: &str = "AWSCognitoIdentityService.";

/// A parsed request, whose parameters are not validated yet.
pub(in crate::simulator) struct Request {
    pub(in crate::simulator) action: Action,
    pub(in crate::simulator) input: Input,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::simulator) enum Action {
    ListIdentityPools,
    ListIdentities,
    GetCredentialsForIdentity,
}

/// The parameters of all operations.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(in crate::simulator) struct Input {
    pub(in crate::simulator) identity_pool_id: Option<String>,
    pub(in crate::simulator) identity_id: Option<String>,
    pub(super) max_results: Option<i64>,
    pub(super) next_token: Option<String>,
    pub(super) hide_disabled: Option<bool>,
    pub(super) logins: Option<BTreeMap<String, String>>,
}

impl Action {
    pub(in crate::simulator) fn as_str(self) -> &'static str {
        match self {
            Self::ListIdentityPools => "ListIdentityPools",
            Self::ListIdentities => Operation::ListIdentities.as_str(),
            Self::GetCredentialsForIdentity => Operation::GetCredentialsForIdentity.as_str(),
        }
    }

    /// The operation, if the exporter polls with it.
    pub(in crate::simulator) fn operation(self) -> Option<Operation> {
        match self {
            Self::ListIdentityPools => None,
            Self::ListIdentities => Some(Operation::ListIdentities),
            Self::GetCredentialsForIdentity => Some(Operation::GetCredentialsForIdentity),
        }
    }
}

impl Request {
    /// `None` if the request is not one of this protocol.
    pub(in crate::simulator) fn parse(head: &Parts, body: &[u8]) -> Option<Result<Self, AwsError>> {
        let target = head.headers.get(TARGET)?.as_bytes();
        Some(Self::of_target(target, body))
    }

    fn of_target(target: &[u8], body: &[u8]) -> Result<Self, AwsError> {
        let known = [
            Action::ListIdentityPools,
            Action::ListIdentities,
            Action::GetCredentialsForIdentity,
        ];
        let name = target.strip_prefix(TARGET_PREFIX.as_bytes());
        let is_named = |action: &Action| name == Some(action.as_str().as_bytes());
        let action = known.into_iter().find(is_named);
        let action = action.ok_or_else(unknown_operation)?;
        let input = serde_json::from_slice(body).map_err(|_| {
            let message = "the body is not the operation's input".to_owned();
            (400, "SerializationException", message)
        })?;
        Ok(Self { action, input })
    }
}
