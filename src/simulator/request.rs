//! Requests: restJson1, by Cognito Sync's API model (2014-06-30).

use http::Method;
use http::request::Parts;
use percent_encoding::percent_decode_str;
use serde::Deserialize;

use super::dataset::ACCOUNT;
use super::written::Patch;
use crate::api::{Operation, Service};

const MAX_KEY_BYTES: usize = 1_024;
const MAX_VALUE_BYTES: usize = 1_048_575;
const MAX_DATASET_NAME: usize = 128;

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

impl Action {
    /// AWS's name of the operation.
    pub(super) fn as_str(&self) -> &'static str {
        match self {
            Self::Read(operation) => operation.as_str(),
            Self::OfDataset(_, DatasetAction::ListRecords(_)) => "ListRecords",
            Self::OfDataset(_, DatasetAction::UpdateRecords(_)) => "UpdateRecords",
            Self::OfDataset(_, DatasetAction::Delete) => "DeleteDataset",
        }
    }
}

impl Request {
    /// The ARN of what it concerns, as policies see it. `ListDatasets` concerns no dataset's name.
    pub(super) fn resource(&self, region: &str) -> String {
        let resource = resource(region, &self.pool, self.identity.as_deref());
        match &self.action {
            Action::Read(Operation::ListDatasets) => format!("{resource}/dataset/null"),
            Action::Read(_) => resource,
            Action::OfDataset(name, _) => format!("{resource}/dataset/{name}"),
        }
    }

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

/// The ARN of a pool or of an identity.
pub(super) fn resource(region: &str, pool: &str, identity: Option<&str>) -> String {
    let service = Service::CognitoSync.as_str();
    let pool = format!("arn:aws:{service}:{region}:{ACCOUNT}:identitypool/{pool}");
    match identity {
        Some(identity) => format!("{pool}/identity/{identity}"),
        None => pool,
    }
}

pub(super) fn is_dataset_name(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.:-".contains(&byte);
    (1..=MAX_DATASET_NAME).contains(&name.len()) && name.bytes().all(is_allowed)
}
