//! Requests: restJson1, by Cognito Sync's API model (2014-06-30).

use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{HeaderMap, Method};
use percent_encoding::percent_decode_str;
use serde::Deserialize;

use super::written::Patch;
use crate::api::Operation;

const MAX_KEY_BYTES: usize = 1_024;
const MAX_VALUE_BYTES: usize = 1_048_575;
const MAX_DATASET_NAME: usize = 128;

/// An AWS error: status, code, message.
pub(super) type AwsError = (u16, &'static str, String);

/// A parsed request.
pub(super) struct Request {
    pub(super) action: Action,
    pub(super) pool: String,
    pub(super) identity: Option<String>,
    /// `nextToken` in the query.
    pub(super) next_token: Option<String>,
    /// `maxResults` in the query.
    pub(super) max_results: Option<String>,
}

/// What is requested.
pub(super) enum Action {
    /// An operation that the exporter can call.
    Read(Operation),
    /// An operation that only apps call, of the dataset with this name.
    OfDataset(String, DatasetAction),
}

pub(super) enum DatasetAction {
    /// `ListRecords`: those after this sync count.
    ListRecords(u64),
    /// `UpdateRecords`, if its body could be read.
    UpdateRecords(Option<Update>),
    /// `DeleteDataset`.
    Delete,
}

/// The body of `UpdateRecords`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Update {
    pub(super) device_id: Option<String>,
    record_patches: Option<Vec<RecordPatch>>,
    pub(super) sync_session_token: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RecordPatch {
    op: String,
    key: String,
    value: Option<String>,
    sync_count: u64,
    device_last_modified_date: Option<f64>,
}

impl Request {
    /// The operation, if the exporter can call it.
    pub(super) fn operation(&self) -> Option<Operation> {
        match self.action {
            Action::Read(operation) => Some(operation),
            Action::OfDataset(..) => None,
        }
    }

    /// `None` if it is none of the service's operations.
    pub(super) fn parse(head: &Parts, body: &[u8]) -> Option<Self> {
        let decode = |text: &str| Some(percent_decode_str(text).decode_utf8().ok()?.into_owned());
        let query = head.uri.query().unwrap_or_default();
        let parameter = |name: &str| {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs
                .find(|(key, _)| *key == name)
                .and_then(|(_, value)| decode(value))
        };
        let segments: Vec<_> = head.uri.path().strip_prefix('/')?.split('/').collect();
        let ["identitypools", pool, ref rest @ ..] = segments[..] else {
            return None;
        };
        let of_dataset = |name: &str, action| Some(Action::OfDataset(decode(name)?, action));
        let (identity, action) = match (&head.method, rest) {
            (&Method::GET, []) => (None, Action::Read(Operation::DescribeIdentityPoolUsage)),
            (&Method::GET, ["identities", identity]) => (
                Some(*identity),
                Action::Read(Operation::DescribeIdentityUsage),
            ),
            (&Method::GET, ["identities", identity, "datasets"]) => {
                (Some(*identity), Action::Read(Operation::ListDatasets))
            }
            (&Method::GET, ["identities", identity, "datasets", name, "records"]) => {
                let after = parameter("lastSyncCount").and_then(|count| count.parse().ok());
                let action = DatasetAction::ListRecords(after.unwrap_or(0));
                (Some(*identity), of_dataset(name, action)?)
            }
            (&Method::POST, ["identities", identity, "datasets", name]) => {
                let update = serde_json::from_slice(body).ok();
                let action = DatasetAction::UpdateRecords(update);
                (Some(*identity), of_dataset(name, action)?)
            }
            (&Method::DELETE, ["identities", identity, "datasets", name]) => {
                (Some(*identity), of_dataset(name, DatasetAction::Delete)?)
            }
            _ => return None,
        };
        Some(Self {
            action,
            pool: decode(pool)?,
            identity: match identity {
                Some(identity) => Some(decode(identity)?),
                None => None,
            },
            next_token: parameter("nextToken"),
            max_results: parameter("maxResults"),
        })
    }
}

impl Update {
    /// Its patches; `None` if one fails to satisfy the model's constraints.
    pub(super) fn into_patches(self) -> Option<Vec<Patch>> {
        let patches = self.record_patches.unwrap_or_default();
        patches.into_iter().map(RecordPatch::into_patch).collect()
    }
}

impl RecordPatch {
    fn into_patch(self) -> Option<Patch> {
        let value = match (self.op.as_str(), self.value) {
            ("replace", Some(value)) if value.len() <= MAX_VALUE_BYTES => Some(value),
            ("remove", _) => None,
            _ => return None,
        };
        (1..=MAX_KEY_BYTES)
            .contains(&self.key.len())
            .then_some(Patch {
                key: self.key,
                value,
                sync_count: self.sync_count,
                device_modified: self.device_last_modified_date,
            })
    }
}

pub(super) fn is_dataset_name(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.:-".contains(&byte);
    (1..=MAX_DATASET_NAME).contains(&name.len()) && name.bytes().all(is_allowed)
}

/// The access key id and the region of a SigV4 signature, from
/// `Credential=KEY/DATE/REGION/SERVICE/aws4_request`.
pub(super) fn parse_signature(headers: &HeaderMap) -> Result<(&str, &str), AwsError> {
    let error = |code, message: &str| (403, code, message.to_owned());
    let header = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let header = header.ok_or_else(|| {
        error(
            "MissingAuthenticationTokenException",
            "Missing Authentication Token",
        )
    })?;
    let credential = header
        .strip_prefix("AWS4-HMAC-SHA256 Credential=")
        .and_then(|rest| rest.split(',').next());
    let scope: Vec<_> = credential.unwrap_or_default().split('/').collect();
    match scope[..] {
        [key, _, region, "cognito-sync", "aws4_request"] => Ok((key, region)),
        [_, _, _, _, _] => Err(error(
            "InvalidSignatureException",
            "Credential should be scoped to correct service",
        )),
        _ => Err(error(
            "IncompleteSignatureException",
            "Authorization header is not of the right form",
        )),
    }
}
