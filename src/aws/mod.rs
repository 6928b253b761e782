//! [`Api`] over the AWS SDK: one API call for each request.
//!
//! No type of the SDK leaves this module. The SDK's retries are off, so that the schedule, which
//! enforces the ceiling, counts every call.

mod answer;
mod cause;
mod classify;
mod client;
mod credentials;
mod directory;
mod guests;
mod helpers;
mod http;
mod json;
mod lease;
mod region;
mod sync;
mod wire;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_cognitosync::Client;
use tracing::debug;

pub use credentials::Credentials;
pub use directory::AwsDirectory;
pub use http::{Network, NetworkError};
pub use region::default_region;

use crate::api::{Api, Call, CallError, Exchange, Operation, Reply, Request, Signer};
use crate::clock::Clock;
use crate::config::{self, Account};
use crate::identity::{IdentityId, PoolId};
use crate::progress::ExchangeProgress;
use crate::targets::{Pool, Targets};
use client::{ClientKey, Clients, Means};
use guests::{GuestClients, Guests};
use lease::Lease;
use sync::Sync;

/// Creates clients over one network: one for each service, region, account, endpoint and timeout.
pub struct Connector {
    means: Means,
    sync: Clients<Client>,
    directories: Clients<aws_sdk_cognitoidentity::Client>,
    guests: GuestClients,
}

/// The APIs of AWS, called through its SDK.
pub struct AwsApi {
    pools: HashMap<PoolId, PoolClients>,
    clock: Clock,
}

/// Who makes the calls of one pool.
struct PoolClients {
    /// `None` where no call is signed with the account's credentials.
    account: Option<Arc<Lease<Client>>>,
    /// For the calls about identities, where guests' keys sign those.
    guests: Option<Guests>,
}

impl Connector {
    /// A connector without clients.
    #[must_use]
    pub fn new(credentials: Credentials, network: Network, clock: Clock) -> Self {
        Self {
            means: Means {
                credentials: Some(credentials),
                network,
                clock,
            },
            sync: Clients::new(sync::create_client),
            directories: Clients::new(directory::create_client),
            guests: GuestClients::default(),
        }
    }

    /// Forgets all clients, so that those made next read credentials anew. The keys of guests stay.
    pub fn forget_clients(&mut self) {
        self.sync.forget();
        self.directories.forget();
        self.guests.forget();
    }

    /// The clients of all pools. A client in use with an unchanged key is reused with its
    /// credentials. Credentials are fetched by the first call, not here.
    pub fn connect(&mut self, targets: &Targets, poll: &config::PollSettings) -> AwsApi {
        let now = self.means.clock.now().mono;
        self.guests.progress.apply_targets(targets, now);
        let pools = targets.pools.iter();
        let pools = pools.map(|pool| (pool.id.clone(), self.of_pool(pool, poll.timeout)));
        AwsApi {
            pools: pools.collect(),
            clock: self.means.clock.clone(),
        }
    }

    /// The progress of the exchanges of guests' ids for their keys.
    #[must_use]
    pub fn exchanges(&self) -> Arc<ExchangeProgress> {
        Arc::clone(&self.guests.progress)
    }

    fn of_pool(&mut self, pool: &Pool, timeout: Duration) -> PoolClients {
        let account = pool.settings.has_account().then(|| {
            let key = ClientKey {
                region: pool.id.region().to_owned(),
                account: pool.settings.account.clone(),
                endpoint_url: pool.settings.endpoint_url.clone(),
                timeout,
            };
            self.sync.get(key, &self.means)
        });
        let guests = match pool.settings.signer {
            Signer::Account => None,
            Signer::Guest => Some(self.guests.of_pool(pool, timeout, &self.means)),
        };
        PoolClients { account, guests }
    }

    /// Cognito Identity in one region, at this endpoint if it is not AWS's own. `timeout` is of one
    /// call. Like those of [`Connector::connect`], the client is reused while it is in use.
    pub fn directory(
        &mut self,
        region: &str,
        account: &Account,
        cognito_identity_endpoint_url: Option<&str>,
        timeout: Duration,
    ) -> Arc<AwsDirectory> {
        let key = ClientKey {
            region: region.to_owned(),
            account: account.clone(),
            endpoint_url: cognito_identity_endpoint_url.map(str::to_owned),
            timeout,
        };
        let client = self.directories.get(key, &self.means);
        Arc::new(AwsDirectory::new(client))
    }

    /// Finds settings that would keep calls from being made.
    ///
    /// # Errors
    /// When a bundle of certificates cannot be used.
    pub async fn check(&self, targets: &Targets) -> Result<(), NetworkError> {
        for pool in &targets.pools {
            let profile = pool.settings.account.profile.as_deref();
            self.means.network.check(profile).await?;
        }
        Ok(())
    }
}

impl AwsApi {
    fn of_pool(&self, pool: &PoolId) -> &PoolClients {
        let clients = self.pools.get(pool);
        clients.expect("connect() makes clients for each pool, and only those are polled")
    }

    /// Who makes the calls about an identity of a pool, if its guests' keys sign them.
    fn guests<'a>(&'a self, request: Request<'a>) -> Option<(&'a Guests, IdentityId<'a>)> {
        let guests = self.of_pool(request.pool).guests.as_ref();
        guests.zip(request.identity)
    }

    /// Makes a call with the account's credentials.
    async fn call_as_account(&self, request: Request<'_>) -> Result<Reply, CallError> {
        let client = self.of_pool(request.pool).account.as_ref();
        let client = client.expect("targets have no jobs of a pool that need an account it lacks");
        let sync = Sync {
            keys: None,
            clock: &self.clock,
        };
        sync.call(client, request).await
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
            guests.poll_ended(identity, &self.clock);
        }
    }
}

fn log_failure(pool: &PoolId, operation: Operation, error: Option<&CallError>) {
    if let Some(CallError { failure, cause, .. }) = error {
        let (operation, reason) = (operation.as_str(), failure.as_str());
        debug!(%pool, operation, reason, cause, "call failed");
    }
}
