//! [`UsageSource`] over the AWS SDK: one signed call for each question, and not one more.
//!
//! No type of the SDK leaves this room. There are no retries here: the SDK's own are off, so that
//! the schedule, which knows the ceiling, sees every call.

mod answer;
mod classify;
mod credentials;
mod wire;

use std::collections::HashMap;
use std::error::Error;
use std::time::Duration;

use aws_sdk_cognitosync::Client;
use aws_sdk_cognitosync::config::StalledStreamProtectionConfig;
use aws_sdk_cognitosync::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_http_client::tls::{self, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::http::Response;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use tracing::debug;

pub use credentials::Credentials;

use crate::clock::Clock;
use crate::config::{self, Account};
use crate::identity::{IdentityId, PoolId};
use crate::targets::Targets;
use crate::usage::{Failure, Operation, PoolUsage, Usage, UsageSource};

/// The SDK's own default; a connection takes no longer anywhere on earth.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(3_100);
/// Idle connections are dropped before AWS's front end does it (after about 20 s), so that none is
/// found half-closed.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(15);

/// Makes clients: one for each region, account and endpoint, all over one HTTP client, each made
/// once.
pub struct Connector {
    http: SharedHttpClient,
    credentials: Credentials,
    clock: Clock,
    clients: HashMap<Key, Client>,
}

/// What pools must have in common to share a client.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    region: String,
    account: Account,
    endpoint_url: Option<String>,
    timeout: Duration,
}

/// Cognito Sync by way of the AWS SDK.
pub struct Cognito {
    clients: HashMap<PoolId, Client>,
    clock: Clock,
}

impl Connector {
    /// A connector that has connected nobody yet.
    #[must_use]
    pub fn new(credentials: Credentials, clock: Clock) -> Self {
        let http = aws_smithy_http_client::Builder::new()
            .tls_provider(tls::Provider::Rustls(CryptoMode::AwsLc))
            .pool_idle_timeout(POOL_IDLE_TIMEOUT)
            .build_https();
        Self {
            http,
            credentials,
            clock,
            clients: HashMap::new(),
        }
    }

    /// The clients of all pools, with those made before where nothing changed: their connections
    /// and credentials stay. Asks nobody for credentials yet.
    pub async fn connect(&mut self, targets: &Targets, poll: &config::Poll) -> Cognito {
        let mut clients = HashMap::new();
        let mut of_pools = HashMap::new();
        for pool in &targets.pools {
            let key = Key {
                region: pool.id.region().to_owned(),
                account: pool.settings.account.clone(),
                endpoint_url: pool.settings.endpoint_url.clone(),
                timeout: poll.timeout,
            };
            let client = match clients.get(&key).or_else(|| self.clients.get(&key)) {
                Some(client) => client.clone(),
                None => client(&key, &self.credentials, &self.http).await,
            };
            of_pools.insert(pool.id.clone(), client.clone());
            clients.insert(key, client);
        }
        // Those that nobody needs any more go.
        self.clients = clients;
        Cognito {
            clients: of_pools,
            clock: self.clock.clone(),
        }
    }
}

impl Cognito {
    fn client(&self, pool: &PoolId) -> &Client {
        self.clients
            .get(pool)
            .expect("clients are made for all targets, and only targets are asked about")
    }
}

impl UsageSource for Cognito {
    async fn identity_usage(
        &self,
        pool: &PoolId,
        identity: IdentityId<'_>,
    ) -> Result<Usage, Failure> {
        let wire = wire::Witness::default();
        let call = self
            .client(pool)
            .describe_identity_usage()
            .identity_pool_id(pool.as_str())
            .identity_id(identity.as_str())
            .customize()
            .interceptor(wire.clone());
        match call.send().await {
            Ok(output) => answer::identity(
                output,
                pool,
                identity,
                wire.dataset_count_given(),
                self.clock.now().unix,
            ),
            Err(error) => Err(failure(Operation::DescribeIdentityUsage, pool, &error)),
        }
    }

    async fn pool_usage(&self, pool: &PoolId) -> Result<PoolUsage, Failure> {
        match self
            .client(pool)
            .describe_identity_pool_usage()
            .identity_pool_id(pool.as_str())
            .send()
            .await
        {
            Ok(output) => answer::pool(output, pool, self.clock.now().unix),
            Err(error) => Err(failure(Operation::DescribeIdentityPoolUsage, pool, &error)),
        }
    }
}

async fn client(key: &Key, credentials: &Credentials, http: &SharedHttpClient) -> Client {
    let sdk = credentials
        .sdk_config(&key.region, &key.account, key.timeout, http)
        .await;
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT.min(key.timeout))
        .read_timeout(key.timeout)
        .operation_attempt_timeout(key.timeout)
        .operation_timeout(key.timeout)
        .build();
    let mut config = aws_sdk_cognitosync::config::Builder::from(&sdk)
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts)
        // The timeouts above bound the body too, and tightly.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .interceptor(wire::Guard);
    if let Some(endpoint_url) = &key.endpoint_url {
        config = config.endpoint_url(endpoint_url);
    }
    Client::from_conf(config.build())
}

/// Names the failure. AWS's own message stays out of the log: of a bad signature it repeats the
/// signed headers, session token included.
fn failure<E>(operation: Operation, pool: &PoolId, error: &SdkError<E, Response>) -> Failure
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let failure = classify::classify(error);
    let (operation, reason) = (operation.as_str(), failure.as_str());
    match error {
        SdkError::ServiceError(context) => {
            let (status, code) = (context.raw().status().as_u16(), context.err().code());
            debug!(%pool, operation, reason, status, code, "call failed");
        }
        _ => debug!(%pool, operation, reason, error = classify::chain(error), "call failed"),
    }
    failure
}
