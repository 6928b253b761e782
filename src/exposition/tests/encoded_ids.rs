//! Encoded ids belong to one set of targets, and are made once.

use std::sync::Arc;
use std::thread;

use super::super::encoded_ids::EncodedIds;
use super::super::{Blocks, Coding, Exposition, Format, Scrape};
use super::{never_polled, now};
use crate::job::PoolIndex;
use crate::store::CHUNK;
use crate::targets::TargetDiff;

fn scrape(exposition: &Exposition) -> Scrape {
    exposition.scrape(now(), Format::Text, &())
}

#[test]
fn all_scrapes_of_the_same_targets_share_them() {
    let store = Arc::new(never_polled(3 * CHUNK));
    let exposition = Exposition::new(Arc::clone(&store));
    let first = scrape(&exposition).encoded_ids;
    assert!(Arc::ptr_eq(&first, &scrape(&exposition).encoded_ids));
    let (old, new) = (
        Arc::clone(&store.snapshot().targets),
        Arc::clone(&never_polled(2 * CHUNK).snapshot().targets),
    );
    store.apply_targets(&new, &TargetDiff::new(&old, &new));
    let second = scrape(&exposition).encoded_ids;
    assert!(!Arc::ptr_eq(&first, &second));
    assert!(second.belong_to(&new) && !second.belong_to(&old));
    assert!(Arc::ptr_eq(&second, &scrape(&exposition).encoded_ids));
}

#[test]
fn scrapes_at_the_same_time_encode_a_chunk_once() {
    let targets = Arc::clone(&never_polled(3 * CHUNK - 1).snapshot().targets);
    let ids = EncodedIds::new(targets);
    let place = || ids.starting_at(PoolIndex(0), CHUNK + 5).as_ptr().addr();
    let places: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(place)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert!(places.iter().all(|other| *other == places[0]));
    assert_eq!(ids.starting_at(PoolIndex(0), CHUNK + 5).len(), CHUNK - 5);
    assert_eq!(ids.starting_at(PoolIndex(0), 2 * CHUNK).len(), CHUNK - 1);
}

#[test]
fn plain_text_needs_none() {
    let exposition = Exposition::new(Arc::new(never_polled(1_000)));
    let encoded = |coding| {
        let scrape = scrape(&exposition);
        let ids = Arc::clone(&scrape.encoded_ids);
        Blocks::new(scrape, coding).for_each(drop);
        ids.chunks_encoded()
    };
    assert_eq!(encoded(Coding::Identity), 0);
    assert_eq!(encoded(Coding::Zstd), 0);
    assert_eq!(encoded(Coding::Gzip), 1_000_usize.div_ceil(CHUNK));
}
