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

use aws_sdk_cognitosync::Client;

pub(super) use ceiling::Ceiling;
pub(super) use keyring::Keyring;

use super::credentials::without_keys;
use super::http::Network;
use super::lease::{Lease, Load, Loaded};
use super::sync::Sync;
use super::{CREDENTIALS_WAIT, create_client};
use crate::api::{CallError, Failure, Reply, Request};
use crate::clock::Clock;
use crate::identity::IdentityId;

/// The properties that pools must have in common to share the clients of their guests.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct GuestsKey {
    pub(super) region: String,
    /// Names the authorities that are trusted.
    pub(super) profile: Option<String>,
    pub(super) endpoint_url: Option<String>,
    pub(super) cognito_identity_endpoint_url: Option<String>,
    pub(super) timeout: Duration,
}

/// The clients of both services, without credentials.
#[derive(Clone)]
pub(super) struct Clients {
    sync: Client,
    identity: aws_sdk_cognitoidentity::Client,
}

/// Makes the calls about the identities of one pool.
#[derive(Clone)]
pub(super) struct Guests {
    pub(super) clients: Arc<Lease<Clients>>,
    pub(super) keyring: Arc<Keyring>,
    pub(super) ceiling: Arc<Ceiling>,
    /// Of the pool's polls.
    pub(super) interval: Duration,
    /// Of one call.
    pub(super) timeout: Duration,
}

/// The clients of a key, made anew now and then, since a bundle of authorities may change.
pub(super) fn lease(key: &GuestsKey, network: &Network, clock: Clock) -> Lease<Clients> {
    let wait = key.timeout.mul_f64(CREDENTIALS_WAIT);
    let (key, network) = (key.clone(), network.clone());
    let time = network.new_time();
    let load = move || -> Load<Clients> {
        let (key, network, time) = (key.clone(), network.clone(), time.clone());
        Box::pin(async move {
            let sdk = without_keys(&key.region, key.profile.as_deref(), &network, time).await?;
            let identity_endpoint = key.cognito_identity_endpoint_url.as_deref();
            let value = Clients {
                sync: create_client(&sdk, key.endpoint_url.as_deref(), key.timeout),
                identity: exchange::client(&sdk, identity_endpoint, key.timeout),
            };
            let expires_at = None;
            Ok(Loaded { value, expires_at })
        })
    };
    Lease::new(load, wait, clock)
}

impl Guests {
    /// Whether an exchange has to come before the next call about an identity.
    pub(super) fn needs_exchange(&self, identity: IdentityId<'_>, clock: &Clock) -> bool {
        !self.keyring.has_good(identity, clock.now().mono)
    }

    /// Exchanges the id of an identity for its keys, within the part of the timeout that a call
    /// waits for credentials. The wait for the ceiling is a part of that.
    pub(super) async fn exchange(
        &self,
        identity: IdentityId<'_>,
        clock: &Clock,
    ) -> Result<(), CallError> {
        let exchange = async {
            let lent = self.clients.get().await?;
            self.ceiling.pass(clock).await;
            let exchanged = exchange::exchange(&lent.value.identity, identity, clock).await;
            if let Err(error) = &exchanged
                && error.failure == Failure::Configuration
            {
                self.clients.refuse(&lent);
            }
            exchanged
        };
        let wait = self.timeout.mul_f64(CREDENTIALS_WAIT);
        let exchanged = tokio::time::timeout(wait, exchange).await;
        let (keys, life) = exchanged.unwrap_or_else(|_| {
            let cause = format!(
                "no keys within {} s (0.8 of poll.timeout)",
                wait.as_secs_f64()
            );
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
        let keys = self.keyring.get(identity);
        let keys = keys.ok_or(Failure::Credentials)?;
        let lent = self.clients.get().await?;
        let sync = Sync {
            client: &lent.value.sync,
            keys: Some(keys),
            clock,
        };
        let reply = sync.call(request).await;
        match reply.as_ref().map_err(|error| error.failure) {
            Err(Failure::Credentials) => self.keyring.drop_refused(identity),
            Err(Failure::Configuration) => self.clients.refuse(&lent),
            _ => {}
        }
        reply
    }

    /// A poll of an identity has ended.
    pub(super) fn poll_ended(&self, identity: IdentityId<'_>) {
        self.keyring.poll_ended(identity, self.interval);
    }
}
