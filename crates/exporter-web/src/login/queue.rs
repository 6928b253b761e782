//! The queue for bcrypt checks.
//!
//! Checks run on some of the cores. Each client has a lane of its own, and lanes take turns: a
//! client that floods the server waits in its own lane. Clients whose last login did not fail go
//! before the others, and when all places are taken, the longest lane gives one up. So no number of
//! wrong passwords keeps a right one out for longer than the checks under way take.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::thread::available_parallelism;

use tokio::sync::oneshot;

use crate::peer::Peer;
use crate::sync::lock;

/// Maximum waiting checks of one client, and of all clients.
const MAX_WAITING_PER_PEER: usize = 16;
const MAX_WAITING: usize = 128;
/// Maximum clients that are remembered because their last login failed. The oldest is forgotten.
const MAX_FAILED: usize = 1_024;

/// The checks that wait, and the cores that they wait for. Clones are one queue.
#[derive(Clone)]
pub(super) struct Queue(Arc<Mutex<State>>);

struct State {
    free_cores: usize,
    /// In the order of their turns. None is empty.
    lanes: VecDeque<Lane>,
    /// Clients whose last login failed, the oldest first.
    failed: VecDeque<Peer>,
}

/// The waiting checks of one client, in order.
struct Lane {
    peer: Peer,
    waiting: VecDeque<oneshot::Sender<Turn>>,
}

/// A core for a check, until dropped.
pub(super) struct Turn(Queue);

impl Queue {
    /// A queue for half of the cores; the other half is for the exporter's own work.
    pub(super) fn new() -> Self {
        Self::with_cores(available_parallelism().map_or(1, |cores| (cores.get() / 2).max(1)))
    }

    pub(super) fn with_cores(cores: usize) -> Self {
        Self(Arc::new(Mutex::new(State {
            free_cores: cores,
            lanes: VecDeque::new(),
            failed: VecDeque::new(),
        })))
    }

    /// Waits for a core. `None` when too many checks wait.
    pub(super) async fn turn(&self, peer: Peer) -> Option<Turn> {
        let waiting = lock(&self.0).enter(peer)?;
        self.start_next();
        // It is dropped without a turn when its place is given to another client.
        waiting.await.ok()
    }

    /// Notes whether a client's login failed.
    pub(super) fn checked(&self, peer: Peer, passed: bool) {
        let failed = &mut lock(&self.0).failed;
        failed.retain(|known| *known != peer);
        if !passed {
            failed.push_back(peer);
            if failed.len() > MAX_FAILED {
                failed.pop_front();
            }
        }
    }

    /// Gives free cores to waiting checks.
    fn start_next(&self) {
        loop {
            let next = {
                let mut state = lock(&self.0);
                if state.free_cores == 0 {
                    return;
                }
                let Some(next) = state.next() else { return };
                state.free_cores -= 1;
                next
            };
            // If the client has left, the turn is dropped, which frees the core again.
            drop(next.send(Turn(self.clone())));
        }
    }

    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        lock(&self.0).waiting()
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        lock(&self.0.0).free_cores += 1;
        self.0.start_next();
    }
}

impl State {
    /// A place at the end of the client's lane.
    fn enter(&mut self, peer: Peer) -> Option<oneshot::Receiver<Turn>> {
        self.forget_who_left();
        let own = self.lanes.iter().position(|lane| lane.peer == peer);
        let own_length = own.map_or(0, |own| self.lanes[own].waiting.len());
        if own_length >= MAX_WAITING_PER_PEER {
            return None;
        }
        if self.waiting() >= MAX_WAITING {
            let loser = self.loser(peer, own_length)?;
            self.lanes[loser].waiting.pop_back();
        }
        let (turn, receiver) = oneshot::channel();
        match own {
            Some(own) => self.lanes[own].waiting.push_back(turn),
            None => self.lanes.push_back(Lane {
                peer,
                waiting: VecDeque::from([turn]),
            }),
        }
        self.lanes.retain(|lane| !lane.waiting.is_empty());
        Some(receiver)
    }

    /// The lane that gives up a place to a client with so many: the longest, if it is longer by two
    /// or more; for a client that did not fail, the longest of those that did.
    fn loser(&self, peer: Peer, own_length: usize) -> Option<usize> {
        let longest = |only_failed: bool| {
            let lanes = self.lanes.iter().enumerate();
            let lanes = lanes.filter(|(_, lane)| !only_failed || self.has_failed(lane.peer));
            lanes.max_by_key(|(_, lane)| lane.waiting.len())
        };
        let fair = longest(false).filter(|(_, lane)| lane.waiting.len() > own_length + 1);
        let to_trusted = || {
            let is_trusted = own_length == 0 && !self.has_failed(peer);
            is_trusted.then(|| longest(true)).flatten()
        };
        fair.or_else(to_trusted).map(|(position, _)| position)
    }

    /// The check whose turn it is: the first of the first lane, of those of clients that did not
    /// fail if there are any. The lane goes to the end.
    fn next(&mut self) -> Option<oneshot::Sender<Turn>> {
        let trusted = self
            .lanes
            .iter()
            .position(|lane| !self.has_failed(lane.peer));
        let mut lane = self.lanes.remove(trusted.unwrap_or(0))?;
        let next = lane.waiting.pop_front();
        if !lane.waiting.is_empty() {
            self.lanes.push_back(lane);
        }
        next
    }

    fn has_failed(&self, peer: Peer) -> bool {
        self.failed.contains(&peer)
    }

    fn waiting(&self) -> usize {
        self.lanes.iter().map(|lane| lane.waiting.len()).sum()
    }

    fn forget_who_left(&mut self) {
        for lane in &mut self.lanes {
            lane.waiting.retain(|turn| !turn.is_closed());
        }
        self.lanes.retain(|lane| !lane.waiting.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::task::JoinSet;

    fn peer(last: u8) -> Peer {
        Peer::at([127, 0, 0, last].into())
    }

    /// Starts so many checks of a client and lets them enter the queue.
    async fn start(queue: &Queue, checks: usize, last: u8, ended: &mut JoinSet<Option<u8>>) {
        for _ in 0..checks {
            let queue = queue.clone();
            ended.spawn(async move { queue.turn(peer(last)).await.map(|_| last) });
        }
        tokio::task::yield_now().await;
    }

    /// The clients in the order of their turns, those turned away left out.
    async fn turns(mut ended: JoinSet<Option<u8>>) -> Vec<u8> {
        let mut turns = Vec::new();
        while let Some(ended) = ended.join_next().await {
            turns.extend(ended.unwrap());
        }
        turns
    }

    #[tokio::test]
    async fn a_client_that_floods_waits_in_a_lane_of_its_own() {
        let (queue, mut ended) = (Queue::with_cores(1), JoinSet::new());
        let busy = queue.turn(peer(1)).await.unwrap();
        start(&queue, 100, 2, &mut ended).await;
        assert_eq!(queue.waiting(), MAX_WAITING_PER_PEER);
        start(&queue, 1, 3, &mut ended).await;
        drop(busy);
        let turns = turns(ended).await;
        assert_eq!(turns.len(), MAX_WAITING_PER_PEER + 1);
        assert!(turns[..2].contains(&3), "{turns:?}");
    }

    #[tokio::test]
    async fn eight_addresses_that_take_all_places_keep_no_ninth_out() {
        let (queue, mut ended) = (Queue::with_cores(1), JoinSet::new());
        let busy = queue.turn(peer(1)).await.unwrap();
        for last in 2..=9 {
            queue.checked(peer(last), false);
            start(&queue, 20, last, &mut ended).await;
        }
        assert_eq!(queue.waiting(), MAX_WAITING);
        start(&queue, 1, 10, &mut ended).await;
        assert_eq!(queue.waiting(), MAX_WAITING);
        drop(busy);
        assert_eq!(turns(ended).await[0], 10, "who never failed goes first");
    }

    #[tokio::test]
    async fn as_many_addresses_as_places_keep_no_other_out() {
        let (queue, mut ended) = (Queue::with_cores(0), JoinSet::new());
        for last in 0..MAX_WAITING as u8 {
            queue.checked(peer(last), false);
            start(&queue, 1, last, &mut ended).await;
        }
        queue.checked(peer(200), false);
        assert!(queue.turn(peer(200)).await.is_none(), "it has failed too");
        start(&queue, 1, 201, &mut ended).await;
        let lost = ended.join_next().await.unwrap().unwrap();
        assert_eq!((lost, queue.waiting()), (None, MAX_WAITING));
    }

    #[tokio::test]
    async fn a_client_that_leaves_takes_no_place() {
        let (queue, mut ended) = (Queue::with_cores(0), JoinSet::new());
        for last in 0..MAX_WAITING as u8 {
            start(&queue, 1, last, &mut ended).await;
        }
        assert!(queue.turn(peer(200)).await.is_none());
        ended.shutdown().await;
        start(&queue, 1, 200, &mut ended).await;
        assert_eq!(queue.waiting(), 1);
    }

    #[tokio::test]
    async fn a_success_makes_up_for_failures() {
        let queue = Queue::with_cores(0);
        queue.checked(peer(1), false);
        assert!(lock(&queue.0).has_failed(peer(1)));
        queue.checked(peer(1), true);
        assert!(!lock(&queue.0).has_failed(peer(1)));
        (0..=MAX_FAILED as u32).for_each(|address| {
            queue.checked(
                Peer::at(std::net::Ipv4Addr::from_bits(address).into()),
                false,
            );
        });
        assert_eq!(lock(&queue.0).failed.len(), MAX_FAILED);
    }
}
