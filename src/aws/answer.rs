//! Converts the SDK's answers. An impossible number makes the whole answer [`Failure::Malformed`].
//! An absent number stays absent.

use aws_sdk_cognitosync::operation::describe_identity_pool_usage::DescribeIdentityPoolUsageOutput;
use aws_sdk_cognitosync::operation::describe_identity_usage::DescribeIdentityUsageOutput;
use aws_sdk_cognitosync::operation::list_datasets::ListDatasetsOutput;
use aws_smithy_types::DateTime;

use crate::api::{Answer, Continuation, Dataset, Failure, PoolUsage, Reply, Usage};
use crate::identity::{IdentityId, PoolId};

/// The largest integer up to which a Prometheus sample is exact.
const MAX_EXACT_INTEGER: i64 = 1 << 53;
/// The most seconds, a day, by which a date may be ahead of `now`. Ages are never negative.
const MAX_CLOCK_SKEW: f64 = 86_400.0;

/// The usage of `identity`. An answer about another identity is malformed. `now` is in seconds
/// since 1970.
pub(super) fn identity(
    output: DescribeIdentityUsageOutput,
    pool: &PoolId,
    identity: IdentityId<'_>,
    dataset_count_given: bool,
    now: f64,
) -> Result<Usage, Failure> {
    let usage = output.identity_usage.ok_or(Failure::Malformed)?;
    check_id(usage.identity_id.as_deref(), identity.as_str())?;
    check_id(usage.identity_pool_id.as_deref(), pool.as_str())?;
    let datasets = u32::try_from(usage.dataset_count).map_err(|_| Failure::Malformed)?;
    let usage = Usage {
        datasets: dataset_count_given.then_some(datasets),
        storage_bytes: check_count(usage.data_storage)?,
        last_modified: check_date(usage.last_modified_date, now)?,
    };
    if usage == Usage::default() {
        Err(Failure::Malformed)
    } else {
        Ok(usage)
    }
}

/// The usage of `pool`. An answer about another pool is malformed. `now` is in seconds since 1970.
pub(super) fn pool(
    output: DescribeIdentityPoolUsageOutput,
    pool: &PoolId,
    now: f64,
) -> Result<PoolUsage, Failure> {
    let usage = output.identity_pool_usage.ok_or(Failure::Malformed)?;
    check_id(usage.identity_pool_id.as_deref(), pool.as_str())?;
    let usage = PoolUsage {
        storage_bytes: check_count(usage.data_storage)?,
        sync_sessions: check_count(usage.sync_sessions_count)?,
        last_modified: check_date(usage.last_modified_date, now)?,
    };
    if usage == PoolUsage::default() {
        Err(Failure::Malformed)
    } else {
        Ok(usage)
    }
}

/// A page of the datasets of `identity`, appended to the pages before it. A repeated token is
/// malformed, because the list would never end. `now` is in seconds since 1970.
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
    // An identity without datasets has an empty list, not an absent one.
    for dataset in output.datasets.ok_or(Failure::Malformed)? {
        check_id(dataset.identity_id.as_deref(), identity.as_str())?;
        datasets.push(Dataset {
            name: dataset.dataset_name,
            storage_bytes: check_count(dataset.data_storage)?,
            records: check_count(dataset.num_records)?,
            last_modified: check_date(dataset.last_modified_date, now)?,
        });
    }
    let so_far = Answer::Datasets(datasets);
    match output.next_token.filter(|token| !token.is_empty()) {
        None => Ok(Reply::Done(so_far)),
        Some(token) if page.is_some_and(|page| page.token == token) => Err(Failure::Malformed),
        Some(token) => Ok(Reply::More(Continuation { token, so_far })),
    }
}

/// Fails if the answer holds an id other than the requested one.
pub(super) fn check_id(found: Option<&str>, requested: &str) -> Result<(), Failure> {
    match found {
        Some(found) if !found.eq_ignore_ascii_case(requested) => Err(Failure::Malformed),
        _ => Ok(()),
    }
}

fn check_count(number: Option<i64>) -> Result<Option<u64>, Failure> {
    let checked = number.map(|number| {
        u64::try_from(number)
            .ok()
            .filter(|_| number <= MAX_EXACT_INTEGER)
            .ok_or(Failure::Malformed)
    });
    checked.transpose()
}

fn check_date(date: Option<DateTime>, now: f64) -> Result<Option<f64>, Failure> {
    let seconds = date.map(|date| date.as_secs_f64());
    match seconds {
        Some(seconds) if !(0.0..=now + MAX_CLOCK_SKEW).contains(&seconds) => {
            Err(Failure::Malformed)
        }
        _ => Ok(seconds),
    }
}
