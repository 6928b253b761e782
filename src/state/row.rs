//! The rows of the file: keys and values, as bytes. Values are in postcard's format.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::times::{ClockSteps, Restoring, offset};
use crate::api::{Dataset, Failure, PoolUsage, Usage};
use crate::clock::Mono;
use crate::discovery::Passes;
use crate::identity::Hex;
use crate::limits::Listing;
use crate::schedule::{BudgetStanding, DialStanding, HandStanding, Standing};
use crate::store::{AsOf, Changes, Failures, Kept, KeptPool};

/// A value that cannot be read.
pub(super) type InvalidRow = postcard::Error;

/// A pool's number in the file, which begins the keys of its identities.
pub(super) type PoolNumber = u16;

/// In a pool's number, in keys: the rest of the key is text, since it is no GUID.
const IS_TEXT: u16 = 1 << 15;
/// The same: the row is about the list that an identity was discovered in.
const IS_DISCOVERED: u16 = 1 << 14;

/// The most pools that may have a number.
pub(super) const MAX_POOLS: usize = IS_DISCOVERED as usize;

/// The key of an identity: what stands behind its region's colon, packed, so that keys have the
/// order of ids where all are GUIDs.
pub(super) fn key(pool: PoolNumber, hex: &Hex) -> Vec<u8> {
    match hex {
        Hex::Guid(guid) => [&pool.to_be_bytes()[..], guid].concat(),
        Hex::Text(text) => [&(pool | IS_TEXT).to_be_bytes()[..], text.as_bytes()].concat(),
    }
}

/// The key of the row about the list that an identity was discovered in.
pub(super) fn discovered_key(pool: PoolNumber, hex: &Hex) -> Vec<u8> {
    key(pool | IS_DISCOVERED, hex)
}

/// What a key says.
#[derive(Debug, PartialEq)]
pub(super) struct Key {
    pub(super) pool: PoolNumber,
    pub(super) hex: Hex,
    /// Whether the row is about the list that the identity was discovered in.
    pub(super) is_discovered: bool,
}

/// What a key says; `None` if it is no key.
pub(super) fn parse_key(key: &[u8]) -> Option<Key> {
    let (number, rest) = key.split_first_chunk()?;
    let number = u16::from_be_bytes(*number);
    let hex = if number & IS_TEXT == 0 {
        Hex::Guid(rest.try_into().ok()?)
    } else {
        Hex::Text(str::from_utf8(rest).ok()?.into())
    };
    Some(Key {
        pool: number & !(IS_TEXT | IS_DISCOVERED),
        hex,
        is_discovered: number & IS_DISCOVERED != 0,
    })
}

/// Of an identity.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct IdentityRow {
    /// When the usage was requested, in milliseconds since 1970.
    success: Option<(u64, Usage)>,
    /// Why the last poll since has failed, how many have, and when it was requested, in seconds
    /// since 1970.
    failures: Option<(Failure, u16, u32)>,
    is_missing: bool,
    listing: Option<Listing>,
    changes: Changes,
    /// The last list, when it was requested, in milliseconds since 1970, and its datasets.
    datasets: Option<(u64, Vec<Dataset>)>,
}

/// The row of an identity.
pub(super) fn identity_row(kept: &Kept, times: &ClockSteps) -> Vec<u8> {
    let row = IdentityRow {
        success: kept
            .success
            .map(|success| (times.unix(success.requested_at), success.value)),
        failures: kept
            .failures
            .map(|failures| (failures.last, failures.count, failures.last_at)),
        is_missing: kept.is_missing,
        listing: Some(kept.listing).filter(|listing| *listing != Listing::default()),
        changes: kept.changes,
        datasets: kept
            .datasets
            .as_ref()
            .map(|list| (times.unix(list.requested_at), list.value.to_vec())),
    };
    to_bytes(&row)
}

/// What is known of an identity by its row.
///
/// # Errors
/// When the bytes are no row.
pub(super) fn kept(row: &[u8], times: &Restoring) -> Result<Kept, InvalidRow> {
    let row: IdentityRow = postcard::from_bytes(row)?;
    let now = times.now().unix as u32;
    Ok(Kept {
        success: row.success.map(|(at, value)| AsOf {
            value,
            requested_at: times.timestamp(at),
        }),
        failures: row.failures.map(|(last, count, last_at)| Failures {
            last,
            count,
            last_at: last_at.min(now),
        }),
        is_missing: row.is_missing,
        listing: row.listing.unwrap_or_default(),
        changes: row.changes,
        datasets: row.datasets.map(|(at, datasets)| AsOf {
            value: Arc::from(datasets),
            requested_at: times.timestamp(at),
        }),
    })
}

/// When the usage in an identity's row was requested, in milliseconds since 1970, if there is any.
///
/// # Errors
/// When the bytes are no row.
pub(super) fn requested_at(row: &[u8]) -> Result<Option<u64>, InvalidRow> {
    // The beginning of an [`IdentityRow`].
    let (success, _): (Option<(u64, Usage)>, _) = postcard::take_from_bytes(row)?;
    Ok(success.map(|(at, _)| at))
}

/// Of a pool.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct PoolRow {
    pub(super) number: PoolNumber,
    /// Usage of its identities that is older is stale.
    pub(super) stale_after: Duration,
    usage: Option<(u64, PoolUsage)>,
    failure: Option<Failure>,
    /// If it is discovered.
    pub(super) passes: Option<Passes>,
}

impl PoolRow {
    pub(super) fn new(
        number: PoolNumber,
        stale_after: Duration,
        kept: &KeptPool,
        passes: Option<Passes>,
        times: &ClockSteps,
    ) -> Self {
        Self {
            number,
            stale_after,
            usage: kept
                .usage
                .map(|usage| (times.unix(usage.requested_at), usage.value)),
            failure: kept.failure,
            passes,
        }
    }

    pub(super) fn kept(&self, times: &Restoring) -> KeptPool {
        KeptPool {
            usage: self.usage.map(|(at, value)| AsOf {
                value,
                requested_at: times.timestamp(at),
            }),
            failure: self.failure,
        }
    }
}

/// Where the schedule stands. Times are in milliseconds after the saving, or before it.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct StandingRow(Vec<BudgetRow>);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct BudgetRow {
    label: String,
    rate: f64,
    dials: Vec<DialRow>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct DialRow {
    interval: Duration,
    max_age: Option<Duration>,
    turns: (u32, i64),
    deadlines: Option<(u32, i64)>,
    pass: (i64, Duration),
}

impl StandingRow {
    pub(super) fn new(standing: &Standing, now: Mono) -> Self {
        let hand = |hand: HandStanding| (hand.phase, offset(now, hand.at));
        let dial = |dial: &DialStanding| DialRow {
            interval: dial.interval,
            max_age: dial.max_age,
            turns: hand(dial.turns),
            deadlines: dial.deadlines.map(hand),
            pass: (offset(now, dial.pass.0), dial.pass.1),
        };
        let budget = |budget: &BudgetStanding| BudgetRow {
            label: budget.label.clone(),
            rate: budget.rate,
            dials: budget.dials.iter().map(dial).collect(),
        };
        Self(standing.budgets.iter().map(budget).collect())
    }

    pub(super) fn standing(&self, times: &Restoring) -> Standing {
        let hand = |(phase, offset): (u32, i64)| HandStanding {
            phase,
            at: times.at(offset),
        };
        let dial = |dial: &DialRow| DialStanding {
            interval: dial.interval,
            max_age: dial.max_age,
            turns: hand(dial.turns),
            deadlines: dial.deadlines.map(hand),
            pass: (times.at(dial.pass.0), dial.pass.1),
        };
        let budget = |budget: &BudgetRow| BudgetStanding {
            label: budget.label.clone(),
            rate: budget.rate,
            dials: budget.dials.iter().map(dial).collect(),
        };
        Standing {
            budgets: self.0.iter().map(budget).collect(),
        }
    }
}

/// In postcard's format.
pub(super) fn to_bytes(row: &impl Serialize) -> Vec<u8> {
    postcard::to_allocvec(row).expect("numbers, texts and lists always have a form")
}

/// From postcard's format.
///
/// # Errors
/// When the bytes are not such a row.
pub(super) fn from_bytes<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, InvalidRow> {
    postcard::from_bytes(bytes)
}
