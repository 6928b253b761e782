//! [`Api`] over the AWS SDK: one API call for each request.
//!
//! No type of the SDK leaves this module. The SDK's retries are off, so that the schedule, which
//! enforces the ceiling, counts every call.

mod answer;
mod classify;
mod credentials;
mod guests;
mod helpers;
mod http;
mod json;
mod lease;
mod sync;
mod wire;

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_cognitosync::Client;
use aws_sdk_cognitosync::config::{Builder, StalledStreamProtectionConfig};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use tracing::debug;

pub use credentials::Credentials;
pub use http::{Network, NetworkError};

use crate::api::{Api, Call, CallError, Exchange, FailureClass, Operation, Reply, Request, Signer};
use crate::clock::Clock;
use crate::config::{self, Account};
use crate::identity::{IdentityId, PoolId};
use crate::targets::{Pool, Targets};
use guests::{Ceiling, Guests, GuestsKey, Keyring};
use helpers::Helpers;
use lease::{LOAD_TIMEOUT, Lease, Load, Loaded};
use sync::Sync;

/// The part of `poll.timeout` that a call waits for credentials, so that a provider that hangs is
/// distinguished from a service that hangs.
const CREDENTIALS_WAIT: f64 = 0.8;

/// Creates clients over one network: one for each region, account, endpoint and timeout.
pub struct Connector {
    credentials: Credentials,
    network: Network,
    clock: Clock,
    clients: HashMap<ClientKey, ClientLease>,
    guests: GuestClients,
}

/// A client with credentials. It is made anew when they expire and when AWS refuses them.
type ClientLease = Arc<Lease<Client>>;

/// The properties that pools must have in common to share a client.
#[derive(Clone, PartialEq, Eq, Hash)]
struct ClientKey {
    region: String,
    account: Account,
    endpoint_url: Option<String>,
    timeout: Duration,
}

/// What pools polled with their guests' keys share, each by what they have in common.
#[derive(Default)]
struct GuestClients {
    clients: HashMap<GuestsKey, Arc<Lease<guests::Clients>>>,
    /// By region and endpoint.
    ceilings: HashMap<(String, Option<String>), Arc<Ceiling>>,
    /// By pool and endpoint.
    keyrings: HashMap<(PoolId, Option<String>), Arc<Keyring>>,
}

/// The APIs of AWS, called through its SDK.
pub struct AwsApi {
    pools: HashMap<PoolId, PoolClients>,
    clock: Clock,
}

/// Who makes the calls of one pool.
struct PoolClients {
    /// `None` where no call is signed with the account's credentials.
    account: Option<ClientLease>,
    /// For the calls about identities, where guests' keys sign those.
    guests: Option<Guests>,
}

impl Connector {
    /// A connector without clients.
    #[must_use]
    pub fn new(credentials: Credentials, network: Network, clock: Clock) -> Self {
        Self {
            credentials,
            network,
            clock,
            clients: HashMap::new(),
            guests: GuestClients::default(),
        }
    }

    /// Forgets all clients, so that the next [`Connector::connect`] reads credentials anew. The
    /// keys of guests stay.
    pub fn forget_clients(&mut self) {
        self.clients.clear();
        self.guests.clients.clear();
    }

    /// The clients of all pools. A client with an unchanged key is reused with its credentials.
    /// Credentials are fetched by the first call, not here.
    pub fn connect(&mut self, targets: &Targets, poll: &config::PollSettings) -> AwsApi {
        let mut clients = HashMap::new();
        let mut guests = GuestClients::default();
        let mut pools = HashMap::new();
        for pool in &targets.pools {
            let account = pool.settings.has_account().then(|| {
                let key = ClientKey {
                    region: pool.id.region().to_owned(),
                    account: pool.settings.account.clone(),
                    endpoint_url: pool.settings.endpoint_url.clone(),
                    timeout: poll.timeout,
                };
                kept(&mut clients, &self.clients, key, |key| self.lease(key))
            });
            let of_pool = match pool.settings.signer {
                Signer::Account => None,
                Signer::Guest => Some(self.guests_of(pool, poll.timeout, &mut guests)),
            };
            let of_pool = PoolClients {
                account,
                guests: of_pool,
            };
            pools.insert(pool.id.clone(), of_pool);
        }
        // Drops what no pool uses.
        (self.clients, self.guests) = (clients, guests);
        AwsApi {
            pools,
            clock: self.clock.clone(),
        }
    }

    /// What calls about the identities of a pool are made with, where guests' keys sign them. What
    /// is there already is taken over into `all`.
    fn guests_of(&self, pool: &Pool, timeout: Duration, all: &mut GuestClients) -> Guests {
        let region = pool.id.region().to_owned();
        let endpoint = pool.settings.cognito_identity_endpoint_url.clone();
        let key = GuestsKey {
            region: region.clone(),
            profile: pool.settings.account.profile.clone(),
            endpoint_url: pool.settings.endpoint_url.clone(),
            cognito_identity_endpoint_url: endpoint.clone(),
            timeout,
        };
        let known = &self.guests;
        let ceiling = (region, endpoint.clone());
        let keyring = (pool.id.clone(), endpoint);
        Guests {
            clients: kept(&mut all.clients, &known.clients, key, |key| {
                guests::lease(key, &self.network, self.clock.clone())
            }),
            ceiling: kept(&mut all.ceilings, &known.ceilings, ceiling, |_| {
                Ceiling::default()
            }),
            keyring: kept(&mut all.keyrings, &known.keyrings, keyring, |_| {
                Keyring::default()
            }),
            interval: pool.settings.interval,
            timeout,
        }
    }

    /// Finds settings that would keep calls from being made.
    ///
    /// # Errors
    /// When a bundle of certificates cannot be used.
    pub async fn check(&self, targets: &Targets) -> Result<(), NetworkError> {
        for pool in &targets.pools {
            let profile = pool.settings.account.profile.as_deref();
            self.network.check(profile).await?;
        }
        Ok(())
    }

    fn lease(&self, key: &ClientKey) -> Lease<Client> {
        let wait = key.timeout.mul_f64(CREDENTIALS_WAIT);
        let credentials = self.credentials.clone();
        let (key, network) = (key.clone(), self.network.clone());
        let time = network.new_time();
        let load = move || -> Load<Client> {
            let (key, credentials) = (key.clone(), credentials.clone());
            let (network, time) = (network.clone(), time.clone());
            Box::pin(async move {
                let helpers = Helpers::new(LOAD_TIMEOUT);
                let sdk = credentials.load(&key.region, &key.account, &network, time);
                let sdk = sdk.await;
                helpers.ended();
                let (sdk, expires_at) = sdk?;
                let value = create_client(&sdk, key.endpoint_url.as_deref(), key.timeout);
                Ok(Loaded { value, expires_at })
            })
        };
        Lease::new(load, wait, self.clock.clone())
    }
}

impl AwsApi {
    fn of_pool(&self, pool: &PoolId) -> &PoolClients {
        let clients = self.pools.get(pool);
        clients.expect("connect() makes clients for each pool, and only those are polled")
    }

    /// Who makes the calls about an identity of a pool, if its guests' keys sign them.
    fn guests<'a>(&'a self, request: Request<'a>) -> Option<(&'a Guests, IdentityId<'a>)> {
        self.of_pool(request.pool)
            .guests
            .as_ref()
            .zip(request.identity)
    }

    /// Makes a call with the account's credentials.
    async fn call_as_account(&self, request: Request<'_>) -> Result<Reply, CallError> {
        let client = self.of_pool(request.pool).account.as_ref();
        let client = client.expect("targets have no jobs of a pool that need an account it lacks");
        let lent = client.get().await?;
        let sync = Sync {
            client: &lent.value,
            keys: None,
            clock: &self.clock,
        };
        let reply = sync.call(request).await;
        if let Err(error) = &reply
            && error.failure.class() == FailureClass::Budget
        {
            client.refuse(&lent);
        }
        reply
    }
}

impl Api for AwsApi {
    fn call<'a>(&'a self, request: Request<'a>) -> Call<'a> {
        Box::pin(async move {
            let reply = match self.guests(request) {
                Some((guests, identity)) => guests.call(request, identity, &self.clock).await,
                None => self.call_as_account(request).await,
            };
            log_failure(request.pool, request.operation, reply.as_ref().err());
            reply
        })
    }

    fn exchange<'a>(&'a self, request: Request<'a>) -> Option<Exchange<'a>> {
        let (guests, identity) = self.guests(request)?;
        guests.needs_exchange(identity, &self.clock).then(|| {
            let exchange = async move {
                let exchanged = guests.exchange(identity, &self.clock).await;
                let operation = Operation::GetCredentialsForIdentity;
                log_failure(request.pool, operation, exchanged.as_ref().err());
                exchanged
            };
            Box::pin(exchange) as Exchange<'a>
        })
    }

    fn poll_ended(&self, pool: &PoolId, identity: IdentityId<'_>) {
        if let Some(guests) = &self.of_pool(pool).guests {
            guests.poll_ended(identity);
        }
    }
}

fn log_failure(pool: &PoolId, operation: Operation, error: Option<&CallError>) {
    if let Some(CallError { failure, cause }) = error {
        let (operation, reason) = (operation.as_str(), failure.as_str());
        debug!(%pool, operation, reason, cause, "call failed");
    }
}

/// The value of a key: of those that are kept already, of those that were known, or a new one.
fn kept<K: Clone + Eq + Hash, T>(
    kept: &mut HashMap<K, Arc<T>>,
    known: &HashMap<K, Arc<T>>,
    key: K,
    new: impl FnOnce(&K) -> T,
) -> Arc<T> {
    let value = kept.get(&key).or_else(|| known.get(&key)).cloned();
    let value = value.unwrap_or_else(|| Arc::new(new(&key)));
    kept.insert(key, Arc::clone(&value));
    value
}

/// A client with the credentials of this configuration.
fn create_client(sdk: &SdkConfig, endpoint_url: Option<&str>, timeout: Duration) -> Client {
    let mut config = Builder::from(sdk)
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts(timeout))
        // The timeouts above include the body.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    if let Some(endpoint_url) = endpoint_url {
        config = config.endpoint_url(endpoint_url);
    }
    Client::from_conf(config.build())
}

/// The timeouts of one call.
fn timeouts(timeout: Duration) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(timeout)
        .read_timeout(timeout)
        .operation_attempt_timeout(timeout)
        .operation_timeout(timeout)
        .build()
}
