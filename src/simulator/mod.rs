//! A simulator of Cognito Sync and Cognito Identity for `demo`, tests and benches: a [`World`] of
//! identities whose datasets follow a seeded script, and one listener for both services' wire
//! protocols (restJson1 and awsJson1.1).
//!
//! It implements the operations that the exporter can call, those with which apps read and write a
//! dataset, so that writes are refused at the limits, and `ListIdentityPools`. Usage lags behind
//! the datasets, as AWS's seems to. It checks region and service of a request's signature.
//!
//! The signature itself is verified if its key was handed out by `GetCredentialsForIdentity`: such
//! a key is good for one identity, until it expires, and its pool's [`GuestRole`] says for what.
//! Access key ids that begin with `ASIA` and were not handed out are refused. Any other key is
//! accepted, unverified, and may do everything.

mod answer;
mod body;
mod dataset;
mod fault;
mod identity;
mod life;
mod quota;
mod reply;
mod request;
mod rest;
mod signature;
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
pub use identity::GuestRole;
pub use life::{Collecting, Life, TIDY_FOR, TIDY_FROM};
pub use world::World;

use crate::api::Operation;
use crate::clock::{Clock, Mono};
use fault::Faults;
use identity::Keys;
use quota::Quota;

/// Default page size of Cognito Sync's lists. AWS's is not documented; its Android client requests
/// 64.
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
    identity_quota: Option<Quota>,
    page_size: usize,
    /// Of the page tokens of Cognito Identity that are accepted.
    token_generation: u64,
    keys: Keys,
    faults: Faults,
    /// One call in this many fails, chosen by a hash, so that runs are reproducible.
    random_fault_share: Option<u64>,
    call_count: u64,
    in_flight: usize,
    max_in_flight: usize,
    call_log: Option<Vec<Call>>,
}

/// One call of an [`Operation`], in the call log.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// When its head was received.
    pub at: Mono,
    pub operation: Operation,
    /// The pool, or the pool of the identity; empty if `GetCredentialsForIdentity` is called for an
    /// identity of no pool.
    pub pool: String,
    /// `None` for operations of a pool.
    pub identity: Option<String>,
    /// The access key id of the signature, if there is one.
    pub access_key: Option<String>,
    /// The identity that this access key was handed out for, if it was.
    pub keys_of: Option<String>,
    /// The injected fault, if any.
    pub fault: Option<Fault>,
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
            identity_quota: None,
            page_size: DEFAULT_PAGE_SIZE,
            token_generation: 0,
            keys: Keys::default(),
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

    /// Sets the most items in a page. `ListIdentities` and `ListIdentityPools` never give more than
    /// were requested, at most 60.
    pub fn set_page_size(&self, items: usize) {
        self.state().page_size = items;
    }

    /// Refuses all page tokens that Cognito Identity has given out so far.
    pub fn forget_page_tokens(&self) {
        self.state().token_generation += 1;
    }

    /// Throttles calls of Cognito Sync beyond this rate; `None` removes the quota.
    pub fn set_quota(&self, per_second: Option<f64>) {
        let now = self.clock.now().mono;
        self.state().quota = per_second.map(|per_second| Quota::new(per_second, now));
    }

    /// The same for calls of Cognito Identity.
    pub fn set_identity_quota(&self, per_second: Option<f64>) {
        let now = self.clock.now().mono;
        self.state().identity_quota = per_second.map(|per_second| Quota::new(per_second, now));
    }

    /// Sets what the guests of a pool may do with their keys; everything with their own identity
    /// if it is not set.
    pub fn set_guest_role(&self, pool: &str, role: GuestRole) {
        self.world(|world| world.set_guest_role(pool, role));
    }

    /// Sets how long keys live that will be handed out; 1 h if it is not set.
    pub fn set_key_life(&self, life: Duration) {
        self.state().keys.set_life(life);
    }

    /// Ends the life of all keys that were handed out so far.
    pub fn expire_keys(&self) {
        let now = self.clock.now().unix;
        self.state().keys.expire(now);
    }

    /// Every secret key and session token that was handed out so far, for tests that look for them
    /// where they must not be.
    #[must_use]
    pub fn secrets(&self) -> Vec<String> {
        let state = self.state();
        state.keys.secrets().map(str::to_owned).collect()
    }

    /// Sets the fault of all calls about an identity or about a pool itself, of both services;
    /// `None` removes it.
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
