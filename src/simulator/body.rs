//! Bodies of responses, as AWS writes them: PascalCase, nulls written out, dates as numbers with
//! an exponent.

use super::dataset::Listed;
use super::request::Request;
use super::written::{Record, Written};
use crate::api::{PoolUsage, Usage};

/// A page of a list.
pub(super) struct Page {
    first: usize,
    size: usize,
}

impl Page {
    /// The requested page; `None` if the token is invalid.
    pub(super) fn of(request: &Request, max_size: usize) -> Option<Self> {
        let first = match &request.next_token {
            Some(token) => token.strip_prefix("from-")?.parse().ok()?,
            None => 0,
        };
        let size = request
            .max_results
            .as_ref()
            .and_then(|size| size.parse().ok());
        Some(Self {
            first,
            size: size.unwrap_or(max_size).clamp(1, max_size.max(1)),
        })
    }

    /// The items on it, and the token of the next.
    fn cut<'a, T>(&self, items: &'a [T]) -> (&'a [T], Option<String>) {
        let rest = items.get(self.first..).unwrap_or_default();
        let (page, rest) = rest.split_at(self.size.min(rest.len()));
        let token = (!rest.is_empty()).then(|| format!("from-{}", self.first + page.len()));
        (page, token)
    }

    /// The answer of `ListDatasets`.
    pub(super) fn of_datasets(&self, identity: &str, all: &[Listed]) -> String {
        let (page, token) = self.cut(all);
        let datasets = page.iter().map(|listed| dataset(identity, listed));
        object(&[
            ("Count", page.len().to_string()),
            ("Datasets", array(datasets)),
            ("NextToken", text(token.as_deref())),
        ])
    }

    /// The answer of `ListRecords`: those after a sync count, and a session in which they can be
    /// written.
    pub(super) fn of_records(
        &self,
        written: &Written,
        exists: bool,
        after: u64,
        session: &str,
    ) -> String {
        let all: Vec<_> = written
            .records
            .iter()
            .filter(|(_, record)| record.sync_count > after)
            .collect();
        let last = all.iter().max_by_key(|(_, record)| record.sync_count);
        let modified_by = last.and_then(|(_, record)| record.modified_by.as_deref());
        let (page, token) = self.cut(&all);
        let records = page.iter().map(|(key, value)| record(key, value));
        // A client that has synchronized it before deletes its copy.
        let deleted = !exists && (1..written.sync_count).contains(&after);
        object(&[
            ("Count", page.len().to_string()),
            ("DatasetDeletedAfterRequestedSyncCount", deleted.to_string()),
            ("DatasetExists", exists.to_string()),
            ("DatasetSyncCount", written.sync_count.to_string()),
            ("LastModifiedBy", text(modified_by)),
            ("MergedDatasetNames", array([].into_iter())),
            ("NextToken", text(token.as_deref())),
            ("Records", array(records)),
            ("SyncSessionToken", quoted(session)),
        ])
    }
}

/// The answer of `DescribeIdentityUsage`.
pub(super) fn identity_usage(pool: &str, identity: &str, usage: &Usage) -> String {
    let usage = object(&[
        ("DataStorage", number(usage.storage_bytes)),
        ("DatasetCount", number(usage.datasets.map(u64::from))),
        ("IdentityId", quoted(identity)),
        ("IdentityPoolId", quoted(pool)),
        ("LastModifiedDate", date(usage.last_modified)),
    ]);
    object(&[("IdentityUsage", usage)])
}

/// The answer of `DescribeIdentityPoolUsage`.
pub(super) fn pool_usage(pool: &str, usage: &PoolUsage) -> String {
    let usage = object(&[
        ("DataStorage", number(usage.storage_bytes)),
        ("IdentityPoolId", quoted(pool)),
        ("LastModifiedDate", date(usage.last_modified)),
        ("SyncSessionsCount", number(usage.sync_sessions)),
    ]);
    object(&[("IdentityPoolUsage", usage)])
}

/// The answer of `UpdateRecords`.
pub(super) fn updated(written: &Written, keys: &[String]) -> String {
    let records = keys
        .iter()
        .filter_map(|key| Some(record(key, written.records.get(key)?)));
    object(&[("Records", array(records))])
}

/// The answer of `DeleteDataset`.
pub(super) fn deleted(identity: &str, listed: &Listed) -> String {
    object(&[("Dataset", dataset(identity, listed))])
}

fn dataset(identity: &str, listed: &Listed) -> String {
    let dataset = &listed.dataset;
    object(&[
        ("CreationDate", date(Some(listed.created))),
        ("DataStorage", number(dataset.storage_bytes)),
        ("DatasetName", text(dataset.name.as_deref())),
        ("IdentityId", quoted(identity)),
        ("LastModifiedBy", text(listed.modified_by.as_deref())),
        ("LastModifiedDate", date(dataset.last_modified)),
        ("NumRecords", number(dataset.records)),
    ])
}

fn record(key: &str, record: &Record) -> String {
    object(&[
        ("DeviceLastModifiedDate", date(record.device_modified)),
        ("Key", quoted(key)),
        ("LastModifiedBy", text(record.modified_by.as_deref())),
        ("LastModifiedDate", date(Some(record.modified))),
        ("SyncCount", record.sync_count.to_string()),
        ("Value", text(record.value.as_deref())),
    ])
}

fn object(fields: &[(&str, String)]) -> String {
    let fields: Vec<_> = fields
        .iter()
        .map(|(key, value)| format!("\"{key}\":{value}"))
        .collect();
    format!("{{{}}}", fields.join(","))
}

fn array(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(","))
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn text(text: Option<&str>) -> String {
    serde_json::Value::from(text).to_string()
}

fn number(number: Option<u64>) -> String {
    serde_json::Value::from(number).to_string()
}

/// Seconds since 1970 as Java's `Double.toString` writes them: `1.412974081336E9`, `2.0E9`.
fn date(seconds: Option<f64>) -> String {
    let Some(seconds) = seconds else {
        return "null".to_owned();
    };
    let digits = format!("{seconds:E}");
    match digits.split_once('E') {
        Some((whole, exponent)) if !whole.contains('.') => format!("{whole}.0E{exponent}"),
        _ => digits,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Dataset;

    /// The key order of AWS's published answers, too.
    #[test]
    fn answers_are_as_aws_writes_them() {
        let usage = Usage {
            datasets: Some(1),
            storage_bytes: Some(16),
            last_modified: Some(1_412_974_081.336),
        };
        assert_eq!(
            identity_usage("p", "i", &usage),
            "{\"IdentityUsage\":{\"DataStorage\":16,\"DatasetCount\":1,\"IdentityId\":\"i\",\
             \"IdentityPoolId\":\"p\",\"LastModifiedDate\":1.412974081336E9}}"
        );
        let usage = PoolUsage {
            storage_bytes: Some(0),
            ..PoolUsage::default()
        };
        assert_eq!(
            pool_usage("p", &usage),
            "{\"IdentityPoolUsage\":{\"DataStorage\":0,\"IdentityPoolId\":\"p\",\
             \"LastModifiedDate\":null,\"SyncSessionsCount\":null}}"
        );
        let listed = Listed {
            dataset: Dataset {
                name: Some("my_list".to_owned()),
                storage_bytes: Some(16),
                records: Some(1),
                last_modified: Some(1_412_974_057.244),
            },
            created: 1_412_974_057.151,
            modified_by: None,
        };
        let page = Page { first: 0, size: 64 };
        assert_eq!(
            page.of_datasets("i", &[listed]),
            "{\"Count\":1,\"Datasets\":[{\"CreationDate\":1.412974057151E9,\"DataStorage\":16,\
             \"DatasetName\":\"my_list\",\"IdentityId\":\"i\",\"LastModifiedBy\":null,\
             \"LastModifiedDate\":1.412974057244E9,\"NumRecords\":1}],\"NextToken\":null}"
        );
        assert_eq!(date(Some(1.4e9)), "1.4E9");
        assert_eq!(date(Some(2e9)), "2.0E9");
    }
}
