//! What a connection is at, seen from its socket, its requests and its answers, and until when.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::clock::{Clock, Mono};

/// How long a connection may be idle between requests. Prometheus keeps idle ones for five minutes
/// (prometheus/common, `IdleConnTimeout`); it, not we, should be the one to close them.
const IDLE: Duration = Duration::from_secs(330);
/// From a request's first byte to the end of its head; or all of a TLS handshake, from the
/// connection on.
const HEAD: Duration = Duration::from_secs(10);
/// From there until the client has the last byte of its answer. Prometheus gives a scrape 10 s
/// unless told otherwise, and this is more than one of a million identities takes.
const ANSWER: Duration = Duration::from_secs(60);
/// What is under way gets this when the process is to end; with the poller's stop it stays well
/// below 5 s.
const DRAIN: Duration = Duration::from_secs(3);
/// What has just connected and not asked yet gets this: it was let in, so it is answered if it asks
/// at once.
const FIRST: Duration = Duration::from_secs(1);

/// What a connection is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nothing: no byte of a request has come since the last answer.
    Idle,
    /// A request, or a TLS handshake, has begun to come.
    Head,
    /// A request is being answered, or the client does not have all of the answer yet.
    Answer,
    /// Whatever it is, the process is to end.
    Stopping,
}

/// When a request came.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Asked(Mono);

/// Watches one connection.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) clock: Clock,
    state: Mutex<State>,
    /// Somebody else needs its place.
    pub(super) evicted: CancellationToken,
    /// The first request has come.
    pub(super) first: CancellationToken,
    /// It took too long, and is to be reset: the system would go on sending what it still has for a
    /// client that hardly reads.
    reset: AtomicBool,
}

#[derive(Debug)]
struct State {
    /// Since when there are bytes of something that is no whole request.
    head: Option<Mono>,
    /// Requests not yet answered, oldest first, and whether the answer is made.
    requests: Vec<(Asked, bool)>,
    /// Since when there is no request, if there is none.
    idle_since: Mono,
    /// Whether any request was answered.
    served: bool,
    /// Whether bytes may come that are of no request, as in HTTP/2.
    framed: bool,
    /// When it was told that the process is to end.
    stopping: Option<Mono>,
}

impl Watch {
    pub(super) fn new(clock: Clock) -> Self {
        let idle_since = clock.now().mono;
        let state = State {
            head: None,
            requests: Vec::new(),
            idle_since,
            served: false,
            framed: false,
            stopping: None,
        };
        let (evicted, first) = (CancellationToken::new(), CancellationToken::new());
        Self {
            clock,
            state: Mutex::new(state),
            evicted,
            first,
            reset: AtomicBool::new(false),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A TLS handshake is to come.
    pub(super) fn shaking_hands(&self) {
        self.state().head = Some(self.clock.now().mono);
    }

    /// It is done; HTTP/2 follows, or not.
    pub(super) fn shaken_hands(&self, framed: bool) {
        let mut state = self.state();
        (state.head, state.framed, state.idle_since) = (None, framed, self.clock.now().mono);
    }

    /// Bytes have come.
    pub(super) fn heard(&self) {
        let mut state = self.state();
        // In HTTP/2 only the first request can be told from pings and other talk.
        if state.requests.is_empty() && state.head.is_none() && !(state.framed && state.served) {
            state.head = Some(self.clock.now().mono);
        }
    }

    /// A request has come.
    pub(super) fn asked(&self) -> Asked {
        self.first.cancel();
        let asked = Asked(self.clock.now().mono);
        let mut state = self.state();
        state.head = None;
        state.requests.push((asked, false));
        asked
    }

    /// The answer to a request is made; the client may not have all of it.
    pub(super) fn made(&self, asked: Asked) {
        if let Some(request) = self
            .state()
            .requests
            .iter_mut()
            .find(|request| **request == (asked, false))
        {
            request.1 = true;
        }
    }

    /// All that was made has been handed to the system.
    pub(super) fn flushed(&self) {
        let mut state = self.state();
        let before = state.requests.len();
        state.requests.retain(|(_, made)| !made);
        if state.requests.len() < before {
            state.served = true;
            if state.requests.is_empty() {
                state.idle_since = self.clock.now().mono;
            }
        }
    }

    /// The process is to end.
    pub(super) fn stopping(&self) {
        let now = self.clock.now().mono;
        self.state().stopping.get_or_insert(now);
    }

    /// If no request is under way, who has to go first of all such, the least: who was never
    /// answered, then who has been idle for longest.
    pub(super) fn idle(&self) -> Option<(bool, Mono)> {
        let state = self.state();
        state
            .requests
            .is_empty()
            .then_some((state.served, state.idle_since))
    }

    /// Its deadline is over, at this stage.
    pub(super) fn late(&self, stage: Stage) {
        self.reset.store(
            matches!(stage, Stage::Head | Stage::Answer),
            Ordering::Relaxed,
        );
    }

    /// Whether it is to be reset instead of closed.
    pub(super) fn is_to_reset(&self) -> bool {
        self.reset.load(Ordering::Relaxed)
    }

    /// What it must have ended, and when.
    pub(super) fn deadline(&self) -> (Stage, Mono) {
        let state = self.state();
        let (stage, until) = match (state.requests.first(), state.head) {
            (Some((Asked(since), _)), _) => (Stage::Answer, *since + ANSWER),
            (None, Some(since)) => (Stage::Head, since + HEAD),
            (None, None) => (Stage::Idle, state.idle_since + IDLE),
        };
        let left = if stage == Stage::Idle { FIRST } else { DRAIN };
        match state.stopping.map(|since| since + left) {
            Some(end) if end < until => (Stage::Stopping, end),
            _ => (stage, until),
        }
    }
}
