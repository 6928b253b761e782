//! From the SDK's answers to ours. A number that cannot be makes the whole answer
//! [`Failure::Malformed`]; one that is not given stays not given.

use aws_sdk_cognitosync::operation::describe_identity_pool_usage::DescribeIdentityPoolUsageOutput;
use aws_sdk_cognitosync::operation::describe_identity_usage::DescribeIdentityUsageOutput;
use aws_sdk_cognitosync::operation::list_datasets::ListDatasetsOutput;
use aws_smithy_types::DateTime;

use crate::api::{Answer, Continuation, Dataset, Failure, PoolUsage, Reply, Usage};
use crate::identity::{IdentityId, PoolId};

/// The largest number that a Prometheus sample holds exactly.
const MAX_EXACT: i64 = 1 << 53;
/// A date may be ahead of our clock by this many seconds, a day: clocks differ, and ages are cut
/// off at 0.
const MAX_CLOCK_SKEW: f64 = 86_400.0;

/// The usage of `identity`, if that is what the answer is about. `now` is in seconds since 1970.
pub(super) fn identity(
    output: DescribeIdentityUsageOutput,
    pool: &PoolId,
    identity: IdentityId<'_>,
    dataset_count_given: bool,
    now: f64,
) -> Result<Usage, Failure> {
    let usage = output.identity_usage.ok_or(Failure::Malformed)?;
    about(usage.identity_id.as_deref(), identity.as_str())?;
    about(usage.identity_pool_id.as_deref(), pool.as_str())?;
    let datasets = u32::try_from(usage.dataset_count).map_err(|_| Failure::Malformed)?;
    let usage = Usage {
        datasets: dataset_count_given.then_some(datasets),
        storage_bytes: count(usage.data_storage)?,
        last_modified: date(usage.last_modified_date, now)?,
    };
    if usage == Usage::default() {
        Err(Failure::Malformed)
    } else {
        Ok(usage)
    }
}

/// The usage of `pool`, if that is what the answer is about. `now` is in seconds since 1970.
pub(super) fn pool(
    output: DescribeIdentityPoolUsageOutput,
    pool: &PoolId,
    now: f64,
) -> Result<PoolUsage, Failure> {
    let usage = output.identity_pool_usage.ok_or(Failure::Malformed)?;
    about(usage.identity_pool_id.as_deref(), pool.as_str())?;
    let usage = PoolUsage {
        storage_bytes: count(usage.data_storage)?,
        sync_sessions: count(usage.sync_sessions_count)?,
        last_modified: date(usage.last_modified_date, now)?,
    };
    if usage == PoolUsage::default() {
        Err(Failure::Malformed)
    } else {
        Ok(usage)
    }
}

/// A page of the datasets of `identity`, added to those before it. A token that comes back would
/// never end the list. `now` is in seconds since 1970.
pub(super) fn datasets(
    output: ListDatasetsOutput,
    identity: IdentityId<'_>,
    page: Option<&Continuation>,
    now: f64,
) -> Result<Reply, Failure> {
    let mut datasets = match page.map(|page| &page.so_far) {
        None => Vec::new(),
        Some(Answer::Datasets(so_far)) => so_far.clone(),
        Some(Answer::Identity(_) | Answer::Pool(_)) => return Err(Failure::Malformed),
    };
    // Without the list, the answer is about nothing; an identity without datasets has an empty one.
    for dataset in output.datasets.ok_or(Failure::Malformed)? {
        about(dataset.identity_id.as_deref(), identity.as_str())?;
        datasets.push(Dataset {
            name: dataset.dataset_name,
            storage_bytes: count(dataset.data_storage)?,
            records: count(dataset.num_records)?,
            last_modified: date(dataset.last_modified_date, now)?,
        });
    }
    let so_far = Answer::Datasets(datasets);
    match output.next_token.filter(|token| !token.is_empty()) {
        None => Ok(Reply::Done(so_far)),
        Some(token) if page.is_some_and(|page| page.token == token) => Err(Failure::Malformed),
        Some(token) => Ok(Reply::More(Continuation { token, so_far })),
    }
}

fn about(told: Option<&str>, asked: &str) -> Result<(), Failure> {
    match told {
        Some(told) if !told.eq_ignore_ascii_case(asked) => Err(Failure::Malformed),
        _ => Ok(()),
    }
}

fn count(number: Option<i64>) -> Result<Option<u64>, Failure> {
    let checked = number.map(|number| {
        u64::try_from(number)
            .ok()
            .filter(|_| number <= MAX_EXACT)
            .ok_or(Failure::Malformed)
    });
    checked.transpose()
}

fn date(date: Option<DateTime>, now: f64) -> Result<Option<f64>, Failure> {
    let seconds = date.map(|date| date.as_secs_f64());
    match seconds {
        Some(seconds) if !(0.0..=now + MAX_CLOCK_SKEW).contains(&seconds) => {
            Err(Failure::Malformed)
        }
        _ => Ok(seconds),
    }
}
