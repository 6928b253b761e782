//! The queue for bcrypt checks.
//!
//! Checks run on some of the cores. Each client has a lane of its own, and lanes take turns for a
//! core: a client that floods the server waits in its own lane.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::thread::available_parallelism;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::peer::Peer;
use crate::sync::lock;

/// Maximum waiting checks of one client, and of all clients.
const MAX_WAITING_PER_PEER: usize = 16;
const MAX_WAITING: usize = 128;

/// The checks that wait, and the cores that they wait for.
pub(super) struct Queue {
    pub(super) cores: Arc<Semaphore>,
    pub(super) lanes: Mutex<Lanes>,
}

#[derive(Default)]
pub(super) struct Lanes {
    pub(super) waiting: usize,
    pub(super) by_peer: HashMap<Peer, Lane>,
}

/// The checks of one client. The first of them waits for a core.
pub(super) struct Lane {
    front: Arc<Semaphore>,
    waiting: usize,
}

/// An entry in a lane.
struct Waiting {
    queue: Arc<Queue>,
    peer: Peer,
}

/// A core, and the entry that was waiting for it.
pub(super) struct Turn {
    _core: OwnedSemaphorePermit,
    _front: OwnedSemaphorePermit,
    _waiting: Waiting,
}

impl Queue {
    /// A queue for half of the cores; the other half is for the exporter's own work.
    pub(super) fn new() -> Self {
        Self::with_cores(available_parallelism().map_or(1, |cores| (cores.get() / 2).max(1)))
    }

    fn with_cores(cores: usize) -> Self {
        Self {
            cores: Arc::new(Semaphore::new(cores)),
            lanes: Mutex::default(),
        }
    }

    /// Waits for a core. `None` when too many checks wait.
    pub(super) async fn turn(self: &Arc<Self>, peer: Peer) -> Option<Turn> {
        let (waiting, front) = self.enter(peer)?;
        let front = front
            .acquire_owned()
            .await
            .expect("the semaphore is never closed");
        let core = Arc::clone(&self.cores)
            .acquire_owned()
            .await
            .expect("the semaphore is never closed");
        Some(Turn {
            _core: core,
            _front: front,
            _waiting: waiting,
        })
    }

    fn enter(self: &Arc<Self>, peer: Peer) -> Option<(Waiting, Arc<Semaphore>)> {
        let mut lanes = lock(&self.lanes);
        let of_peer = lanes.by_peer.get(&peer).map_or(0, |lane| lane.waiting);
        if of_peer >= MAX_WAITING_PER_PEER || lanes.waiting >= MAX_WAITING {
            return None;
        }
        lanes.waiting += 1;
        let lane = lanes.by_peer.entry(peer).or_insert_with(|| Lane {
            front: Arc::new(Semaphore::new(1)),
            waiting: 0,
        });
        lane.waiting += 1;
        let waiting = Waiting {
            queue: Arc::clone(self),
            peer,
        };
        Some((waiting, Arc::clone(&lane.front)))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut lanes = lock(&self.queue.lanes);
        lanes.waiting -= 1;
        if let Some(lane) = lanes.by_peer.get_mut(&self.peer) {
            lane.waiting -= 1;
            if lane.waiting == 0 {
                lanes.by_peer.remove(&self.peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::task::JoinSet;

    fn peer(last: u8) -> Peer {
        Peer::at([127, 0, 0, last].into())
    }

    #[tokio::test]
    async fn a_client_that_floods_waits_in_a_lane_of_its_own() {
        let queue = Arc::new(Queue::with_cores(1));
        let busy = queue.turn(peer(1)).await.unwrap();
        let mut flood = JoinSet::new();
        for _ in 0..100 {
            let queue = Arc::clone(&queue);
            flood.spawn(async move { queue.turn(peer(2)).await.is_some() });
        }
        tokio::task::yield_now().await;
        let (own, mut other) = (Arc::clone(&queue), JoinSet::new());
        other.spawn(async move { own.turn(peer(3)).await.is_some() });
        tokio::task::yield_now().await;
        assert_eq!(
            lock(&queue.lanes).by_peer[&peer(2)].waiting,
            MAX_WAITING_PER_PEER
        );
        drop(busy);
        assert!(other.join_next().await.unwrap().unwrap());
        let served = flood
            .join_all()
            .await
            .into_iter()
            .filter(|served| *served)
            .count();
        assert_eq!(served, MAX_WAITING_PER_PEER);
    }

    #[tokio::test]
    async fn there_is_an_end_to_waiting() {
        let queue = Arc::new(Queue::with_cores(0));
        let mut waiting = Vec::new();
        for last in 0..MAX_WAITING {
            waiting.push(queue.enter(peer(last as u8)).unwrap());
        }
        assert!(queue.enter(peer(255)).is_none());
        waiting.pop();
        assert!(queue.enter(peer(255)).is_some());
    }
}
