//! The identities that a query selects, in its order: in blocks of text, or the first ones.

use std::collections::BinaryHeap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use super::query::{Format, Query, Sort};
use super::write::{Form, Row, Writer};
use crate::api::Usage;
use crate::clock::Timestamp;
use crate::job::{IdentityIndex, PoolIndex};
use crate::limits::{Bounds, Limit, Standing};
use crate::store::{PoolView, Snapshot, State};
use crate::web::parameters::{InvalidParameter, pools_called};

/// The most rows of a page.
const PAGE_ROWS: usize = 100;

/// A block is complete when it has at least this many bytes, or when this many identities were
/// looked at, so that a block takes a fraction of a millisecond.
const BLOCK_SIZE: usize = 16 << 10;
const BLOCK_IDENTITIES: usize = 1_024;

/// The rows of a list as blocks of text, in order. A block may be empty.
///
/// Without an order this keeps the snapshot only. With one it keeps 16 bytes for each row while it
/// ranks and 4 after that, of the identities in the pools that are listed or of `limit`, whichever
/// are fewer. The order comes out of a heap, so that no step of it takes long.
#[derive(Clone)]
pub(in crate::web) struct Rows {
    snapshot: Arc<Snapshot>,
    /// The number of the first identity of each pool, if all are numbered through.
    firsts: Vec<u32>,
    query: Query,
    /// Whether each pool is listed.
    pools: Vec<bool>,
    now: Timestamp,
    /// Those that were not looked at yet, by number.
    ahead: Range<u32>,
    /// Of those that were ranked.
    counts: Counts,
    /// The first ones in the order so far, the last of them on top.
    ranking: BinaryHeap<Rank>,
    /// Numbers in the order, the first one at the end.
    ranked: Vec<u32>,
    /// The number of rows written.
    written: usize,
    stage: Stage,
}

/// Numbers of identities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::web) struct Counts {
    /// In the pools that are listed.
    pub(in crate::web) listed: u64,
    /// Of these, those whose usage is current.
    pub(in crate::web) watched: u64,
    /// Those that are selected.
    pub(in crate::web) selected: u64,
}

#[derive(Clone, Copy, PartialEq)]
enum Stage {
    Beginning,
    Rows,
    Ended,
}

/// The place of an identity in the order: the two halves of its key, and its number.
type Rank = (u32, u32, u32);

impl Rows {
    /// What a query selects; for a page, the first [`PAGE_ROWS`] of that at most. [`Rows::rank`]
    /// comes before the first block.
    pub(super) fn new(
        snapshot: Arc<Snapshot>,
        mut query: Query,
        now: Timestamp,
    ) -> Result<Self, InvalidParameter> {
        if query.format == Some(Format::Page) {
            query.limit = Some(query.limit().min(PAGE_ROWS));
        }
        let targets = &snapshot.targets;
        let pools = pools_called(query.pool.as_deref(), targets)?;
        let listed = targets
            .pools
            .iter()
            .zip(&pools)
            .filter(|(_, listed)| **listed);
        let identities = listed.map(|(pool, _)| pool.identities.len()).sum();
        let ranks = if query.is_ranked() {
            query.limit().min(identities)
        } else {
            0
        };
        let firsts = targets.pools.iter().scan(0, |next, pool| {
            let first = *next;
            *next += pool.identities.len() as u32;
            Some(first)
        });
        Ok(Self {
            firsts: firsts.collect(),
            ahead: 0..targets.identities() as u32,
            counts: Counts::default(),
            // At their full size, since growing would take up to twice as much.
            ranking: BinaryHeap::with_capacity(ranks),
            ranked: Vec::with_capacity(ranks),
            pools,
            snapshot,
            query,
            now,
            written: 0,
            stage: Stage::Beginning,
        })
    }

    pub(super) fn query(&self) -> &Query {
        &self.query
    }

    /// After [`Rows::rank`], those that stand on a page, in order.
    pub(super) fn ranked(&self) -> impl Iterator<Item = (PoolIndex, IdentityIndex)> {
        self.ranked.iter().rev().map(|number| self.place(*number))
    }

    /// After [`Rows::rank`], how many a page is about, those that do not stand on it included.
    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    pub(super) fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    pub(super) fn now(&self) -> Timestamp {
        self.now
    }

    /// The form of the text; `None` of a page.
    fn form(&self) -> Option<Form> {
        match self.query.format {
            Some(Format::Text(form)) => Some(form),
            Some(Format::Page) => None,
            None => Some(Form::default()),
        }
    }

    /// Takes some more steps towards the order. Returns whether it is complete, as it is when there
    /// is none.
    pub(super) fn rank(&mut self) -> bool {
        if !self.query.is_ranked() {
            return true;
        }
        for _ in 0..BLOCK_IDENTITIES {
            if let Some(number) = self.ahead.next() {
                let Some(known) = self.known(number) else {
                    continue;
                };
                let is_watched = known.usage.is_some();
                let key = known.is_selected(&self.query, self.now).then(|| {
                    let sort = self.query.sort;
                    sort.map_or(0, |sort| known.key(sort, self.query.near_limit))
                });
                self.counts.listed += 1;
                self.counts.watched += u64::from(is_watched);
                if let Some(key) = key {
                    self.counts.selected += 1;
                    self.offer(((key >> 32) as u32, key as u32, number));
                }
            } else if let Some((.., number)) = self.ranking.pop() {
                self.ranked.push(number);
            } else {
                self.ranking = BinaryHeap::new();
                return true;
            }
        }
        false
    }

    /// Puts an identity into the order if it is among the first, as many as are wanted.
    fn offer(&mut self, rank: Rank) {
        if self.ranking.len() < self.query.limit() {
            self.ranking.push(rank);
        } else if let Some(mut last) = self.ranking.peek_mut()
            && rank < *last
        {
            *last = rank;
        }
    }

    /// The number of the next identity; `None` after the last. It need not be selected.
    fn next_number(&mut self) -> Option<u32> {
        if self.query.is_ranked() {
            self.ranked.pop()
        } else {
            self.ahead.next()
        }
    }

    fn place(&self, number: u32) -> (PoolIndex, IdentityIndex) {
        let pool = self.firsts.partition_point(|first| *first <= number) - 1;
        let identity = IdentityIndex((number - self.firsts[pool]) as usize);
        (PoolIndex(pool), identity)
    }

    /// The identity of a number, if its pool is listed.
    fn known(&self, number: u32) -> Option<Known<'_>> {
        let (pool, identity) = self.place(number);
        self.pools[pool.0].then(|| Known::of(self.snapshot.pool(pool), identity, self.now))
    }

    /// The same, if it is selected.
    fn selected(&self, number: u32) -> Option<Known<'_>> {
        self.known(number)
            .filter(|known| known.is_selected(&self.query, self.now))
    }

    fn write(&mut self, writer: &mut Writer) {
        if self.stage == Stage::Beginning {
            writer.begin();
            self.stage = Stage::Rows;
        }
        for _ in 0..BLOCK_IDENTITIES {
            if writer.len() >= BLOCK_SIZE {
                return;
            }
            let is_enough = self.written >= self.query.limit();
            let Some(number) = self.next_number().filter(|_| !is_enough) else {
                writer.end();
                self.stage = Stage::Ended;
                return;
            };
            if let Some(known) = self.selected(number) {
                writer.row(&known.row(), self.written == 0);
                self.written += 1;
            }
        }
    }
}

impl Iterator for Rows {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        if self.stage == Stage::Ended {
            return None;
        }
        let mut writer = Writer::new(self.form()?);
        self.write(&mut writer);
        Some(writer.into_text())
    }
}

/// What is known of one identity.
struct Known<'a> {
    pool: PoolView<'a>,
    identity: IdentityIndex,
    now: Timestamp,
    state: State,
    usage: Option<&'a Usage>,
    standing: Option<Standing>,
}

impl<'a> Known<'a> {
    fn of(pool: PoolView<'a>, identity: IdentityIndex, now: Timestamp) -> Self {
        let (record, oldest_shown) = (&pool.records[identity], pool.oldest_shown(now.mono));
        let usage = record.usage(oldest_shown);
        Self {
            pool,
            identity,
            now,
            state: record.state(oldest_shown),
            usage,
            standing: usage.map(|usage| pool.standing(identity, usage)),
        }
    }

    fn is_selected(&self, query: &Query, now: Timestamp) -> bool {
        let age = self.last_modified().map(|then| now.unix - then);
        let is_within = |full_at: Option<f64>, within: Duration| {
            full_at.is_some_and(|full_at| full_at - now.unix <= within.as_secs_f64())
        };
        query.state.is_none_or(|state| state == self.state)
            && query
                .modified_within
                .is_none_or(|within| age.is_some_and(|age| age <= within.as_secs_f64()))
            && query
                .idle_for
                .is_none_or(|idle_for| age.is_some_and(|age| age >= idle_for.as_secs_f64()))
            && query.is_use_selected(self.standing.as_ref())
            && query
                .full_within
                .is_none_or(|within| is_within(self.full_at(), within))
            && query.surely_full_within.is_none_or(|within| {
                let surely_full_at = self.pool.surely_full_at(self.identity, self.now);
                is_within(surely_full_at, within)
            })
    }

    /// Where this stands in an order: the smaller, the earlier. By [`Sort::Nearest`], of this limit
    /// if there is one.
    fn key(&self, sort: Sort, limit: Option<Limit>) -> u64 {
        let largest_first = |number: Option<u64>| {
            number.map_or(u64::MAX, |number| (u64::MAX - 1).saturating_sub(number))
        };
        let earliest_first =
            |unix: Option<f64>| unix.map_or(u64::MAX, |unix| (unix * 1e3).round() as u64);
        // By a clock ahead of this one, nobody is a later writer than those that write now.
        let written = self.last_modified().map(|unix| unix.min(self.now.unix));
        match sort {
            Sort::Nearest => {
                let used = self.standing.as_ref().and_then(|standing| match limit {
                    Some(limit) => standing.used(limit),
                    None => standing.nearest().map(|(_, used)| used),
                });
                // Of equals those that wrote last, as on the status page.
                let share = used.map(|used| u32::MAX - 1 - ((used * 1e8) as u32).min(u32::MAX - 1));
                let written = written.map_or(0, |unix| unix as u32);
                u64::from(share.unwrap_or(u32::MAX)) << 32 | u64::from(u32::MAX - written)
            }
            Sort::LargestDataset => {
                largest_first(self.largest_dataset().map(|bounds| bounds.at_least))
            }
            Sort::Storage => largest_first(self.usage.and_then(|usage| usage.storage_bytes)),
            Sort::Datasets => {
                let datasets = self.usage.and_then(|usage| usage.datasets);
                largest_first(datasets.map(u64::from))
            }
            Sort::LastModified => earliest_first(self.last_modified()),
            Sort::LatestModified => largest_first(written.map(|unix| (unix * 1e3).round() as u64)),
            Sort::LastSuccess => earliest_first(self.last_success()),
            Sort::FullAt => earliest_first(self.full_at()),
        }
    }

    fn row(&self) -> Row<'a> {
        let identities = &self.pool.target.identities;
        let largest_dataset = self.largest_dataset();
        Row {
            identity_pool_id: self.pool.target.id.as_str(),
            identity_id: identities.id(self.identity).as_str(),
            name: identities.name(self.identity),
            state: self.state.as_str(),
            datasets: self.usage.and_then(|usage| usage.datasets),
            storage_bytes: self.usage.and_then(|usage| usage.storage_bytes),
            largest_dataset_storage_bytes: largest_dataset.map(|bounds| bounds.at_least),
            largest_dataset_records: self
                .usage
                .and_then(|_| self.pool.listings[self.identity].exact_records()),
            exact: largest_dataset.map(Bounds::is_exact),
            last_modified: self.last_modified(),
            last_success: self.last_success(),
            full_at: self.full_at(),
        }
    }

    /// Bytes in the fullest dataset.
    fn largest_dataset(&self) -> Option<Bounds> {
        self.standing.as_ref()?.bounds(Limit::DatasetStorage)
    }

    fn last_modified(&self) -> Option<f64> {
        self.usage?.last_modified
    }

    fn last_success(&self) -> Option<f64> {
        self.pool.records[self.identity].last_success()
    }

    fn full_at(&self) -> Option<f64> {
        self.pool.full_at(self.identity, self.now)
    }
}

#[cfg(test)]
mod tests;
