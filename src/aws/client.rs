//! What the clients of all services have in common: how they are made, kept and called.

use std::collections::HashMap;
use std::error::Error;
use std::future::Future;
use std::hash::Hash;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Weak};
use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::http::Response;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use futures_util::FutureExt;

use super::cause::Cause;
use super::credentials::{Credentials, without_keys};
use super::helpers::Helpers;
use super::http::Network;
use super::lease::{LOAD_TIMEOUT, Lease, Load, Loaded};
use super::{classify, wire};
use crate::api::{CallError, Failure, FailureClass, Signer};
use crate::clock::Clock;
use crate::config::Account;
use crate::redact;

/// The part of `poll.timeout` that a call waits for credentials, so that a provider that hangs is
/// distinguished from a service that hangs.
pub(super) const CREDENTIALS_WAIT: f64 = 0.8;

/// The properties that calls must have in common to share a client of one service.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct ClientKey {
    pub(super) region: String,
    pub(super) account: Account,
    pub(super) endpoint_url: Option<String>,
    /// Of one call.
    pub(super) timeout: Duration,
}

/// What clients are made of.
#[derive(Clone)]
pub(super) struct Means {
    /// `None` where calls need no credentials, or bring their own.
    pub(super) credentials: Option<Credentials>,
    pub(super) network: Network,
    pub(super) clock: Clock,
}

/// What is in use, each by what its users have in common. It is dropped when there are none.
pub(super) struct InUse<K, T>(HashMap<K, Weak<T>>);

impl<K, T> Default for InUse<K, T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Eq + Hash, T> InUse<K, T> {
    /// What is in use by this key, or else a new one.
    pub(super) fn get(&mut self, key: K, new: impl FnOnce(&K) -> T) -> Arc<T> {
        self.0.retain(|_, value| value.strong_count() > 0);
        if let Some(value) = self.0.get(&key).and_then(Weak::upgrade) {
            return value;
        }
        let value = Arc::new(new(&key));
        self.0.insert(key, Arc::downgrade(&value));
        value
    }
}

/// The clients of one service that are in use. Each is leased: made anew when its credentials
/// expire and when AWS refuses them.
pub(super) struct Clients<C> {
    create: fn(&ClientKey, &SdkConfig) -> C,
    leases: InUse<ClientKey, Lease<C>>,
}

impl<C: Clone + Send + 'static> Clients<C> {
    /// None yet. `create` makes one; credentials, time limits and retries are in the `SdkConfig`.
    pub(super) fn new(create: fn(&ClientKey, &SdkConfig) -> C) -> Self {
        Self {
            create,
            leases: InUse::default(),
        }
    }

    /// Forgets all, so that the next ones read credentials anew.
    pub(super) fn forget(&mut self) {
        self.leases = InUse::default();
    }

    /// The client with this key, with its credentials if it is in use. Otherwise the first call
    /// loads them.
    pub(super) fn get(&mut self, key: ClientKey, means: &Means) -> Arc<Lease<C>> {
        let create = self.create;
        let new = |key: &ClientKey| lease(key.clone(), means.clone(), create);
        self.leases.get(key, new)
    }
}

fn lease<C: Clone + Send + 'static>(
    key: ClientKey,
    means: Means,
    create: fn(&ClientKey, &SdkConfig) -> C,
) -> Lease<C> {
    let wait = key.timeout.mul_f64(CREDENTIALS_WAIT);
    let clock = means.clock.clone();
    let time = means.network.new_time();
    let load = move || -> Load<C> {
        let (key, means, time) = (key.clone(), means.clone(), time.clone());
        Box::pin(async move {
            let helpers = Helpers::new(LOAD_TIMEOUT);
            let ClientKey {
                region, account, ..
            } = &key;
            let sdk = match &means.credentials {
                Some(credentials) => {
                    let network = &means.network;
                    credentials.load(region, account, network, time).await
                }
                None => {
                    let profile = account.profile.as_deref();
                    let sdk = without_keys(region, profile, &means.network, time).await;
                    sdk.map(|sdk| (sdk, None))
                }
            };
            helpers.ended();
            let (sdk, expires_at) = sdk?;
            let value = create(&key, &once_within(key.timeout, sdk));
            Ok(Loaded { value, expires_at })
        })
    };
    Lease::new(load, wait, clock)
}

/// Each call is made once, and takes this long at most.
fn once_within(timeout: Duration, sdk: SdkConfig) -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(timeout)
        .read_timeout(timeout)
        .operation_attempt_timeout(timeout)
        .operation_timeout(timeout)
        .build();
    sdk.into_builder()
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts)
        // The timeouts above include the body.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .build()
}

/// Makes a call with a client, which these keys sign. A panic inside the SDK is a failure.
pub(super) async fn call<C, T, F>(
    client: &Lease<C>,
    signer: Signer,
    request: impl FnOnce(C, wire::Sent) -> F,
) -> Result<T, CallError>
where
    C: Clone + Send + 'static,
    F: Future<Output = Result<T, CallError>>,
{
    let lent = client.get().await?;
    let sent = wire::Sent::default();
    let reply = request(lent.value.clone(), sent.clone());
    // After a panic it is dropped, and nothing else sees what it left.
    let reply = AssertUnwindSafe(reply).catch_unwind().await;
    let reply = reply.unwrap_or_else(|_| {
        let failure = if sent.any() {
            Failure::Malformed
        } else {
            Failure::Configuration
        };
        let cause = "a panic inside the AWS SDK".to_owned();
        Err(CallError::new(failure, cause))
    });
    if let Err(error) = &reply
        && error.failure.class_for(signer) == FailureClass::Budget
    {
        client.refuse(&lent);
    }
    reply
}

/// Why a call failed. AWS's message is left out: for a wrong signature it repeats the signed
/// headers, including the session token. So is what cannot be parsed, which may hold keys.
pub(super) fn failed<E>(error: &SdkError<E, Response>, sent: &wire::Sent) -> CallError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let failure = classify::classify(error, sent.any());
    if let Some(cause) = Cause::of_call(error, failure) {
        return cause.error(failure);
    }
    let cause = match error {
        SdkError::ServiceError(context) => {
            let code = context.err().code().map(redact::code);
            let code = code.unwrap_or_else(|| "no error code".to_owned());
            format!("{code} with status {}", context.raw().status().as_u16())
        }
        SdkError::ResponseError(context) => {
            let status = context.raw().status().as_u16();
            format!("an answer that cannot be parsed, with status {status}")
        }
        _ => redact::error_chain(error),
    };
    CallError::new(failure, cause)
}
