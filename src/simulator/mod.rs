//! A Cognito Sync simulator for `demo`, tests and benches: a [`World`] of identities whose datasets
//! follow a seeded script, and a REST API with the service's wire protocol.
//!
//! It implements the operations that the exporter can call, and those with which apps read and
//! write a dataset, so that writes are refused at the limits. Usage lags behind the datasets, as
//! AWS's seems to. It checks region and service of a request's signature, but not the signature
//! itself: any key is accepted.

mod body;
mod dataset;
mod fault;
mod life;
mod request;
mod rest;
mod world;
mod written;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use exporter_web::service::{Incoming, service_fn};
use exporter_web::{Address, BindError, Listener, Server};
use http_body_util::{BodyExt, Limited};
use tokio_util::sync::CancellationToken;

pub use fault::Fault;
pub use life::{Collecting, Life};
pub use world::World;

use crate::api::Operation;
use crate::clock::{Clock, Mono};
use fault::Faults;

/// Default page size of lists. AWS's is not documented; its Android client requests 64.
const DEFAULT_PAGE_SIZE: usize = 64;
/// The most bytes in a request's body: a whole dataset, with every byte escaped.
const MAX_REQUEST_BYTES: usize = 8 << 20;
/// More than any exporter opens.
const MAX_CONNECTIONS: usize = 20_000;

/// A simulator. Clones are handles to the same one.
#[derive(Clone)]
pub struct Simulator {
    state: Arc<Mutex<State>>,
    clock: Clock,
    /// In seconds since 1970.
    start: f64,
}

/// The state that can be read and changed while the simulator runs.
struct State {
    world: World,
    latency: Duration,
    quota: Option<Quota>,
    page_size: usize,
    faults: Faults,
    /// One call in this many fails, chosen by a hash, so that runs are reproducible.
    random_fault_share: Option<u64>,
    call_count: u64,
    in_flight: usize,
    max_in_flight: usize,
    call_log: Option<Vec<Call>>,
}

/// One call of an operation that the exporter can make, in the call log.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// When its head was received.
    pub at: Mono,
    pub operation: Operation,
    pub pool: String,
    /// `None` for operations of a pool.
    pub identity: Option<String>,
    /// The access key id of the signature.
    pub access_key: Option<String>,
    /// The injected fault, if any.
    pub fault: Option<Fault>,
}

/// The rate quota of an account: a token bucket for one second's calls.
struct Quota {
    per_second: f64,
    tokens: f64,
    updated_at: Mono,
}

impl Quota {
    /// Takes a token, if there is one.
    fn try_take(&mut self, now: Mono) -> bool {
        let added = now.since(self.updated_at).as_secs_f64() * self.per_second;
        self.tokens = (self.tokens + added).min(self.per_second.max(1.0));
        self.updated_at = now;
        let has_token = self.tokens >= 1.0;
        self.tokens -= f64::from(u8::from(has_token));
        has_token
    }
}

impl Simulator {
    /// Listens on a free loopback port. [`Simulator::run`] serves it.
    ///
    /// # Errors
    /// When there is no free port.
    pub async fn bind(world: World, clock: Clock) -> Result<(Self, Listener), BindError> {
        Self::bind_at(world, clock, 0).await
    }

    /// Like [`Simulator::bind`], on the given port.
    ///
    /// # Errors
    /// When the port is in use.
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
            page_size: DEFAULT_PAGE_SIZE,
            faults: Faults::default(),
            random_fault_share: None,
            call_count: 0,
            in_flight: 0,
            max_in_flight: 0,
            call_log: None,
        };
        let start = clock.now().unix;
        Ok((
            Self {
                state: Arc::new(Mutex::new(state)),
                clock,
                start,
            },
            listener,
        ))
    }

    /// Serves requests until `stop`.
    pub async fn run(self, listener: Listener, stop: CancellationToken) {
        let service = service_fn(move |request: http::Request<Incoming>| {
            let simulator = self.clone();
            async move {
                let (head, body) = request.into_parts();
                let body = Limited::new(body, MAX_REQUEST_BYTES).collect().await;
                let body = body.map_err(io::Error::other)?.to_bytes();
                simulator.answer(&head, &body).await
            }
        });
        let server = Server::builder().max_connections(MAX_CONNECTIONS).build();
        server.serve(listener, service, stop.cancelled()).await;
    }

    /// Calls `act` with the world.
    pub fn world<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        act(&mut self.state().world)
    }

    /// Replaces an identity's life from now on; see [`World::change`].
    pub fn change(&self, pool: &str, identity: &str, life: Life) {
        let (age, _) = self.age_and_start();
        self.world(|world| world.change(pool, identity, life, age));
    }

    /// Sets how far the usage of identities is behind their datasets; 24 s if it is not set.
    pub fn set_usage_lag(&self, lag: Duration) {
        self.world(|world| world.set_usage_lag(lag));
    }

    /// Delays every answer.
    pub fn set_latency(&self, latency: Duration) {
        self.state().latency = latency;
    }

    /// Sets the most items in a page.
    pub fn set_page_size(&self, items: usize) {
        self.state().page_size = items;
    }

    /// Throttles calls beyond this rate; `None` removes the quota.
    pub fn set_quota(&self, per_second: Option<f64>) {
        let updated_at = self.clock.now().mono;
        self.state().quota = per_second.map(|per_second| Quota {
            per_second,
            tokens: per_second,
            updated_at,
        });
    }

    /// Sets the fault of all calls about an identity or about a pool itself; `None` removes it.
    pub fn set_fault(&self, id: &str, fault: Option<Fault>) {
        self.state().faults.set(id, fault);
    }

    /// Sets the fault of one operation: about an identity, in a pool, or, with `None`, everywhere.
    /// Of those that fit a call the first of these counts, before that of [`Self::set_fault`].
    pub fn set_operation_fault(
        &self,
        operation: Operation,
        id: Option<&str>,
        fault: Option<Fault>,
    ) {
        self.state().faults.set_of(operation, id, fault);
    }

    /// Injects varying transient faults into one call in `share`.
    pub fn set_random_faults(&self, share: Option<u64>) {
        self.state().random_fault_share = share;
    }

    /// Starts the call log.
    pub fn keep_call_log(&self) {
        self.state().call_log = Some(Vec::new());
    }

    /// Takes the calls that were logged since the last time.
    #[must_use]
    pub fn take_call_log(&self) -> Vec<Call> {
        self.state()
            .call_log
            .as_mut()
            .map(std::mem::take)
            .unwrap_or_default()
    }

    /// The most calls in flight at any time.
    #[must_use]
    pub fn max_in_flight(&self) -> usize {
        self.state().max_in_flight
    }

    /// Age of the world in seconds, and its start in seconds since 1970.
    fn age_and_start(&self) -> (f64, f64) {
        ((self.clock.now().unix - self.start).max(0.0), self.start)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The endpoint URL of a simulator's listener.
///
/// # Errors
/// When the listener is not a TCP port.
pub fn endpoint_url(listener: &Listener) -> io::Result<String> {
    let address: SocketAddr = listener
        .local_address()
        .parse()
        .map_err(|_| io::ErrorKind::InvalidInput)?;
    Ok(format!("http://{address}"))
}
