//! [`Api`] over the AWS SDK: one signed API call for each request.
//!
//! No type of the SDK leaves this module. The SDK's retries are off, so that the schedule, which
//! enforces the ceiling, counts every call.

mod answer;
mod classify;
mod credentials;
mod helpers;
mod http;
mod json;
mod lease;
mod wire;

use std::collections::HashMap;
use std::error::Error;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_cognitosync::Client;
use aws_sdk_cognitosync::config::StalledStreamProtectionConfig;
use aws_sdk_cognitosync::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::http::Response;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use futures_util::FutureExt;
use tracing::debug;

pub use credentials::Credentials;
pub use http::{Network, NetworkError};

use crate::api::{
    Answer, Api, Call, CallError, Continuation, Failure, FailureClass, Operation, Reply, Request,
};
use crate::clock::Clock;
use crate::config::{self, Account};
use crate::identity::{IdentityId, PoolId};
use crate::redact;
use crate::targets::Targets;
use helpers::Helpers;
use lease::{LOAD_TIMEOUT, Lease, Load, Loaded};

/// Datasets in one page, as AWS's Android client has it. A dataset takes some 450 bytes of an
/// answer at most, so a page stays far below the longest answer that is read.
const MAX_DATASETS_OF_PAGE: i32 = 64;

/// The part of `poll.timeout` that a call waits for credentials, so that a provider that hangs is
/// distinguished from a service that hangs.
const CREDENTIALS_WAIT: f64 = 0.8;

/// Creates clients over one network: one for each region, account, endpoint and timeout.
pub struct Connector {
    credentials: Credentials,
    network: Network,
    clock: Clock,
    clients: HashMap<ClientKey, ClientLease>,
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

/// The APIs of AWS, called through its SDK.
pub struct AwsApi {
    clients: HashMap<PoolId, ClientLease>,
    clock: Clock,
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
        }
    }

    /// Forgets all clients, so that the next [`Connector::connect`] reads credentials anew.
    pub fn forget_clients(&mut self) {
        self.clients.clear();
    }

    /// The clients of all pools. A client with an unchanged key is reused with its credentials.
    /// Credentials are fetched by the first call, not here.
    pub fn connect(&mut self, targets: &Targets, poll: &config::PollSettings) -> AwsApi {
        let mut clients = HashMap::new();
        let mut pool_clients = HashMap::new();
        for pool in &targets.pools {
            let key = ClientKey {
                region: pool.id.region().to_owned(),
                account: pool.settings.account.clone(),
                endpoint_url: pool.settings.endpoint_url.clone(),
                timeout: poll.timeout,
            };
            let client = match clients.get(&key).or_else(|| self.clients.get(&key)) {
                Some(client) => Arc::clone(client),
                None => Arc::new(self.lease(&key)),
            };
            pool_clients.insert(pool.id.clone(), Arc::clone(&client));
            clients.insert(key, client);
        }
        // Drops the clients that no pool uses.
        self.clients = clients;
        AwsApi {
            clients: pool_clients,
            clock: self.clock.clone(),
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
                let value = create_client(&key, &sdk);
                Ok(Loaded { value, expires_at })
            })
        };
        Lease::new(load, wait, self.clock.clone())
    }
}

impl AwsApi {
    async fn describe_identity_usage(
        &self,
        client: &Client,
        pool: &PoolId,
        identity: IdentityId<'_>,
        sent: wire::Sent,
    ) -> Result<Reply, CallError> {
        let raw = wire::RawAnswer::default();
        let call = client
            .describe_identity_usage()
            .identity_pool_id(pool.as_str())
            .identity_id(identity.as_str())
            .customize()
            .interceptor(sent.clone())
            .interceptor(raw.clone());
        let output = call.send().await.map_err(|error| failed(&error, &sent))?;
        let seen = raw.seen()?;
        let (has_count, now) = (seen.has_dataset_count, self.time_of(seen));
        let usage = answer::identity(output, pool, identity, has_count, now)?;
        Ok(Reply::Done(Answer::Identity(usage)))
    }

    async fn describe_identity_pool_usage(
        &self,
        client: &Client,
        pool: &PoolId,
        sent: wire::Sent,
    ) -> Result<Reply, CallError> {
        let raw = wire::RawAnswer::default();
        let call = client
            .describe_identity_pool_usage()
            .identity_pool_id(pool.as_str())
            .customize()
            .interceptor(sent.clone())
            .interceptor(raw.clone());
        let output = call.send().await.map_err(|error| failed(&error, &sent))?;
        let usage = answer::pool(output, pool, self.time_of(raw.seen()?))?;
        Ok(Reply::Done(Answer::Pool(usage)))
    }

    async fn list_datasets(
        &self,
        client: &Client,
        pool: &PoolId,
        identity: IdentityId<'_>,
        page: Option<&Continuation>,
        sent: wire::Sent,
    ) -> Result<Reply, CallError> {
        let raw = wire::RawAnswer::default();
        let call = client
            .list_datasets()
            .identity_pool_id(pool.as_str())
            .identity_id(identity.as_str())
            .max_results(MAX_DATASETS_OF_PAGE)
            .set_next_token(page.map(|page| page.token.clone()))
            .customize()
            .interceptor(sent.clone())
            .interceptor(raw.clone());
        let output = call.send().await.map_err(|error| failed(&error, &sent))?;
        let now = self.time_of(raw.seen()?);
        Ok(answer::datasets(output, identity, page, now)?)
    }

    /// The time by which the dates in an answer are judged, in seconds since 1970: its own date, or
    /// the host's clock if that is ahead.
    fn time_of(&self, seen: wire::Seen) -> f64 {
        let now = self.clock.now().unix;
        seen.date.map_or(now, |date| date.max(now))
    }

    async fn request(
        &self,
        client: &Client,
        request: Request<'_>,
        sent: wire::Sent,
    ) -> Result<Reply, CallError> {
        let Request {
            operation,
            pool,
            identity,
            continuation,
        } = request;
        match (operation, identity) {
            (Operation::DescribeIdentityUsage, Some(identity)) => {
                self.describe_identity_usage(client, pool, identity, sent)
                    .await
            }
            (Operation::DescribeIdentityPoolUsage, None) => {
                self.describe_identity_pool_usage(client, pool, sent).await
            }
            (Operation::ListDatasets, Some(identity)) => {
                self.list_datasets(client, pool, identity, continuation, sent)
                    .await
            }
            // The caller gives an identity exactly if the operation's scope is one.
            (Operation::DescribeIdentityUsage | Operation::ListDatasets, None)
            | (Operation::DescribeIdentityPoolUsage, Some(_))
            // These are no polls.
            | (Operation::ListIdentities | Operation::GetCredentialsForIdentity, _) => {
                Err(Failure::InvalidParameter.into())
            }
        }
    }

    /// Makes a call with a client. A panic inside the SDK is a failure.
    async fn request_with(
        &self,
        client: &Lease<Client>,
        request: Request<'_>,
    ) -> Result<Reply, CallError> {
        let lent = client.get().await?;
        let sent = wire::Sent::default();
        let reply = self.request(&lent.value, request, sent.clone());
        // After a panic it is dropped, and nothing else sees what it left.
        let reply = AssertUnwindSafe(reply).catch_unwind().await;
        let reply = reply.unwrap_or_else(|_| {
            let failure = if sent.any() {
                Failure::Malformed
            } else {
                Failure::Configuration
            };
            Err(CallError::new(
                failure,
                "a panic inside the AWS SDK".to_owned(),
            ))
        });
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
            let pool = request.pool;
            let client = self.clients.get(pool);
            let client =
                client.expect("connect() makes a client for each pool, and only those are polled");
            let reply = self.request_with(client, request).await;
            if let Err(CallError { failure, cause }) = &reply {
                let (operation, reason) = (request.operation.as_str(), failure.as_str());
                debug!(%pool, operation, reason, cause, "call failed");
            }
            reply
        })
    }
}

fn create_client(key: &ClientKey, sdk: &SdkConfig) -> Client {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(key.timeout)
        .read_timeout(key.timeout)
        .operation_attempt_timeout(key.timeout)
        .operation_timeout(key.timeout)
        .build();
    let mut config = aws_sdk_cognitosync::config::Builder::from(sdk)
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts)
        // The timeouts above include the body.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    if let Some(endpoint_url) = &key.endpoint_url {
        config = config.endpoint_url(endpoint_url);
    }
    Client::from_conf(config.build())
}

/// Why a call failed. AWS's message is left out: for a wrong signature it repeats the signed
/// headers, including the session token.
fn failed<E>(error: &SdkError<E, Response>, sent: &wire::Sent) -> CallError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let failure = classify::classify(error, sent.any());
    let cause = match error {
        SdkError::ServiceError(context) => {
            let code = context.err().code().map(redact::code);
            let code = code.unwrap_or_else(|| "no error code".to_owned());
            format!("{code} with status {}", context.raw().status().as_u16())
        }
        _ => redact::error_chain(error),
    };
    CallError::new(failure, cause)
}
