//! A simulated Cognito Sync for `demo`, the tests and the benches: a [`World`] of identities that
//! live by a seeded script, behind the service's REST protocol.
//!
//! It answers the operations that the exporter can call. It checks that requests are signed for
//! the right region and service, but not the signature itself: any key will do.

mod fault;
mod rest;
mod world;

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use exporter_web::service::{Incoming, service_fn};
use exporter_web::{Address, BindError, Listener, Server};
use tokio_util::sync::CancellationToken;

pub use fault::Fault;
pub use world::{Life, World};

use crate::api::Operation;
use crate::clock::{Clock, Mono};

/// The most datasets in one page, unless a test wants fewer. AWS's own number is not documented; its
/// Android client asks for 64.
const PAGE_SIZE: usize = 64;
/// More than any exporter may open.
const MAX_CONNECTIONS: usize = 20_000;

/// A simulator that is listening. Clones are handles to the same one.
#[derive(Clone)]
pub struct Simulator {
    state: Arc<Mutex<State>>,
    clock: Clock,
    began: f64,
}

/// What can be changed and read while it runs.
struct State {
    world: World,
    latency: Duration,
    quota: Option<Quota>,
    /// The most items of a list in one answer.
    page_size: usize,
    faults: HashMap<String, Fault>,
    /// One call in this many fails, at random but the same way each time.
    random_faults: Option<u64>,
    calls: u64,
    in_flight: usize,
    most_in_flight: usize,
    journal: Option<Vec<Call>>,
}

/// One call that was answered, or refused, or hit by a fault.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// When its head had arrived.
    pub at: Mono,
    /// What was called.
    pub operation: Operation,
    /// The pool asked about.
    pub pool: String,
    /// The identity asked about; none when the pool itself was.
    pub identity: Option<String>,
    /// The access key id that signed it.
    pub access_key: Option<String>,
    /// The fault that hit it.
    pub fault: Option<Fault>,
}

/// A token bucket of one second's calls, as an AWS account has.
struct Quota {
    per_second: f64,
    left: f64,
    at: Mono,
}

impl Quota {
    fn allows(&mut self, now: Mono) -> bool {
        let earned = now.since(self.at).as_secs_f64() * self.per_second;
        self.left = (self.left + earned).min(self.per_second.max(1.0));
        self.at = now;
        let allows = self.left >= 1.0;
        self.left -= f64::from(u8::from(allows));
        allows
    }
}

impl Simulator {
    /// Listens on a free loopback port. [`Simulator::run`] then answers.
    ///
    /// # Errors
    /// When there is no free port.
    pub async fn bind(world: World, clock: Clock) -> Result<(Self, Listener), BindError> {
        Self::bind_at(world, clock, 0).await
    }

    /// Like [`Simulator::bind`], on a given port.
    ///
    /// # Errors
    /// When the port is taken.
    pub async fn bind_at(
        world: World,
        clock: Clock,
        port: u16,
    ) -> Result<(Self, Listener), BindError> {
        let listener = Listener::bind(&Address::Tcp(Some("127.0.0.1".to_owned()), port)).await?;
        let state = State {
            world,
            latency: Duration::ZERO,
            quota: None,
            page_size: PAGE_SIZE,
            faults: HashMap::new(),
            random_faults: None,
            calls: 0,
            in_flight: 0,
            most_in_flight: 0,
            journal: None,
        };
        let began = clock.now().unix;
        Ok((
            Self {
                state: Arc::new(Mutex::new(state)),
                clock,
                began,
            },
            listener,
        ))
    }

    /// Answers until `stop`.
    pub async fn run(self, listener: Listener, stop: CancellationToken) {
        let service = service_fn(move |request: http::Request<Incoming>| {
            let simulator = self.clone();
            async move {
                simulator
                    .answer(request.method(), request.uri(), request.headers())
                    .await
            }
        });
        let server = Server::builder().max_connections(MAX_CONNECTIONS).build();
        server.serve(listener, service, stop.cancelled()).await;
    }

    /// Looks at the world or changes it.
    pub fn world<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        act(&mut self.state().world)
    }

    /// Every answer takes this much longer.
    pub fn set_latency(&self, latency: Duration) {
        self.state().latency = latency;
    }

    /// Lists come in pages of at most this many items.
    pub fn set_page_size(&self, items: usize) {
        self.state().page_size = items;
    }

    /// More calls per second than this are throttled.
    pub fn set_quota(&self, per_second: Option<f64>) {
        let at = self.clock.now().mono;
        self.state().quota = per_second.map(|per_second| Quota {
            per_second,
            left: per_second,
            at,
        });
    }

    /// Sets or clears the fault that hits all calls about an identity, or about a pool itself.
    pub fn set_fault(&self, id: &str, fault: Option<Fault>) {
        let faults = &mut self.state().faults;
        match fault {
            Some(fault) => faults.insert(id.to_owned(), fault),
            None => faults.remove(id),
        };
    }

    /// One call in `share` is hit by a fault, each time another.
    pub fn set_random_faults(&self, share: Option<u64>) {
        self.state().random_faults = share;
    }

    /// From now on every call is written down.
    pub fn keep_journal(&self) {
        self.state().journal = Some(Vec::new());
    }

    /// Takes the calls written down since the last time.
    #[must_use]
    pub fn take_journal(&self) -> Vec<Call> {
        self.state()
            .journal
            .as_mut()
            .map(std::mem::take)
            .unwrap_or_default()
    }

    /// The most calls that were under way at once.
    #[must_use]
    pub fn most_in_flight(&self) -> usize {
        self.state().most_in_flight
    }

    /// The age of the world in seconds, and its start in seconds since 1970.
    fn age(&self) -> (f64, f64) {
        ((self.clock.now().unix - self.began).max(0.0), self.began)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a simulator listens, as an endpoint URL.
///
/// # Errors
/// When the listener is no TCP port.
pub fn endpoint_url(listener: &Listener) -> io::Result<String> {
    let address: SocketAddr = listener
        .local_address()
        .parse()
        .map_err(|_| io::ErrorKind::InvalidInput)?;
    Ok(format!("http://{address}"))
}
