//! The keys that sign the calls about a guest's identity: those that Cognito Identity hands out for
//! it to anybody, in exchange for its id.
//!
//! An exchange is not signed, so no credentials are needed, and none are looked for. Its quota is
//! that of the app's logins, so a ceiling of its own comes before it. Keys sign calls about the
//! identity that they were handed out for, and no others.

mod ceiling;
mod exchange;
mod keyring;

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_cognitoidentity::Client as IdentityClient;
use aws_sdk_cognitosync::Client as SyncClient;

use ceiling::Ceiling;
use keyring::Keyring;

use super::client::{CREDENTIALS_WAIT, ClientKey, Clients, InUse, Means};
use super::directory;
use super::lease::Lease;
use super::sync::{self, Sync};
use crate::api::{CallError, Failure, FailureClass, Reply, Request};
use crate::clock::Clock;
use crate::config::Account;
use crate::identity::{IdentityId, PoolId};
use crate::progress::ExchangeProgress;
use crate::targets::{Budget, Pool};

/// What pools have in common that are polled with their guests' keys. Its clients have no
/// credentials.
pub(super) struct GuestClients {
    sync: Clients<SyncClient>,
    identity: Clients<IdentityClient>,
    /// By the label of their budget.
    ceilings: InUse<String, Ceiling>,
    /// What the ceilings count.
    pub(super) progress: Arc<ExchangeProgress>,
    /// By pool and endpoint.
    keyrings: InUse<(PoolId, Option<String>), Keyring>,
}

/// Makes the calls about the identities of one pool.
pub(super) struct Guests {
    sync: Arc<Lease<SyncClient>>,
    identity: Arc<Lease<IdentityClient>>,
    ceiling: Arc<Ceiling>,
    keyring: Arc<Keyring>,
    /// Of the pool's polls.
    interval: Duration,
    /// Of one call.
    timeout: Duration,
}

impl Default for GuestClients {
    fn default() -> Self {
        Self {
            sync: Clients::new(sync::create_client),
            identity: Clients::new(directory::create_client),
            ceilings: InUse::default(),
            progress: Arc::default(),
            keyrings: InUse::default(),
        }
    }
}

impl GuestClients {
    /// Forgets the clients. Keys stay where they are.
    pub(super) fn forget(&mut self) {
        self.sync.forget();
        self.identity.forget();
    }

    /// What calls about the identities of a pool are made with.
    pub(super) fn of_pool(&mut self, pool: &Pool, timeout: Duration, means: &Means) -> Guests {
        let means = Means {
            credentials: None,
            ..means.clone()
        };
        let settings = &pool.settings;
        let region = pool.id.region();
        let key = |endpoint_url: &Option<String>| ClientKey {
            region: region.to_owned(),
            // It names the authorities that are trusted.
            account: Account {
                profile: settings.account.profile.clone(),
                ..Account::default()
            },
            endpoint_url: endpoint_url.clone(),
            timeout,
        };
        let endpoint = &settings.cognito_identity_endpoint_url;
        let ceiling = Budget::of_exchanges(&pool.id, settings).label;
        let keyring = (pool.id.clone(), endpoint.clone());
        Guests {
            sync: self.sync.get(key(&settings.endpoint_url), &means),
            identity: self.identity.get(key(endpoint), &means),
            ceiling: self.ceilings.get(ceiling, |budget| {
                Ceiling::new(budget.clone(), Arc::clone(&self.progress))
            }),
            keyring: self.keyrings.get(keyring, |_| Keyring::default()),
            interval: settings.interval,
            timeout,
        }
    }
}

impl Guests {
    /// Whether an exchange has to come before the next call about an identity.
    pub(super) fn needs_exchange(&self, identity: IdentityId<'_>, clock: &Clock) -> bool {
        self.keyring.needs_exchange(identity, clock.now().mono)
    }

    /// Exchanges the id of an identity for its keys, within the part of the timeout that a call
    /// waits for credentials. The wait for the ceiling is a part of that.
    pub(super) async fn exchange(
        &self,
        identity: IdentityId<'_>,
        clock: &Clock,
    ) -> Result<(), CallError> {
        let exchange = async {
            let passed_at = self.ceiling.pass(clock).await;
            let exchanged = exchange::exchange(&self.identity, identity, clock).await;
            if let Err(error) = &exchanged
                && error.failure.class() == FailureClass::Throttled
            {
                self.ceiling.on_throttled(passed_at);
            }
            exchanged
        };
        let wait = self.timeout.mul_f64(CREDENTIALS_WAIT);
        let exchanged = tokio::time::timeout(wait, exchange).await;
        let (keys, life) = exchanged.unwrap_or_else(|_| {
            let wait = wait.as_secs_f64();
            let cause = format!("no keys within {wait} s (0.8 of poll.timeout)");
            Err(CallError::new(Failure::Timeout, cause))
        })?;
        self.keyring.put(identity, keys, life, clock.now().mono);
        Ok(())
    }

    /// Makes a call with the keys of its identity. Those that AWS refuses are dropped.
    pub(super) async fn call(
        &self,
        request: Request<'_>,
        identity: IdentityId<'_>,
        clock: &Clock,
    ) -> Result<Reply, CallError> {
        let refused = || {
            let cause = "AWS has refused its keys twice; the next exchange is in an hour at most";
            CallError::new(Failure::Credentials, cause.to_owned())
        };
        let keys = self.keyring.get(identity).ok_or_else(refused)?;
        let keys = Some(keys);
        let reply = Sync { keys, clock }.call(&self.sync, request).await;
        match &reply {
            Err(error) if error.failure == Failure::Credentials => {
                self.keyring.drop_refused(identity, clock.now().mono);
            }
            Ok(_) => self.keyring.accepted(identity),
            Err(_) => {}
        }
        reply
    }

    /// A poll of an identity has ended.
    pub(super) fn poll_ended(&self, identity: IdentityId<'_>, clock: &Clock) {
        let now = clock.now().mono;
        self.keyring.poll_ended(identity, self.interval, now);
    }
}
