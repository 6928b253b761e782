//! [`Api`] over the AWS SDK: one signed API call for each request, never more.
//!
//! No type of the SDK leaves this module. There are no retries here: the SDK's own are off, so that
//! the schedule, which keeps the ceiling, sees every call.

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

use crate::api::{Answer, Api, Call, Continuation, Failure, Operation, Reply, Request};
use crate::clock::Clock;
use crate::config::{self, Account};
use crate::identity::{IdentityId, PoolId};
use crate::targets::Targets;

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

/// The APIs of AWS, by way of its SDK.
pub struct AwsApi {
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
    pub async fn connect(&mut self, targets: &Targets, poll: &config::PollSettings) -> AwsApi {
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
        AwsApi {
            clients: of_pools,
            clock: self.clock.clone(),
        }
    }
}

impl AwsApi {
    async fn describe_identity_usage(
        &self,
        pool: &PoolId,
        identity: IdentityId<'_>,
    ) -> Result<Reply, Failure> {
        let dataset_count = wire::DatasetCountPresence::default();
        let call = self
            .client(pool)
            .describe_identity_usage()
            .identity_pool_id(pool.as_str())
            .identity_id(identity.as_str())
            .customize()
            .interceptor(dataset_count.clone());
        let output = call
            .send()
            .await
            .map_err(|error| failure(Operation::DescribeIdentityUsage, pool, &error))?;
        let now = self.clock.now().unix;
        let usage = answer::identity(output, pool, identity, dataset_count.is_given(), now)?;
        Ok(Reply::Done(Answer::Identity(usage)))
    }

    async fn describe_identity_pool_usage(&self, pool: &PoolId) -> Result<Reply, Failure> {
        let call = self
            .client(pool)
            .describe_identity_pool_usage()
            .identity_pool_id(pool.as_str());
        let output = call
            .send()
            .await
            .map_err(|error| failure(Operation::DescribeIdentityPoolUsage, pool, &error))?;
        let usage = answer::pool(output, pool, self.clock.now().unix)?;
        Ok(Reply::Done(Answer::Pool(usage)))
    }

    async fn list_datasets(
        &self,
        pool: &PoolId,
        identity: IdentityId<'_>,
        page: Option<&Continuation>,
    ) -> Result<Reply, Failure> {
        let call = self
            .client(pool)
            .list_datasets()
            .identity_pool_id(pool.as_str())
            .identity_id(identity.as_str())
            .set_next_token(page.map(|page| page.token.clone()));
        let output = call
            .send()
            .await
            .map_err(|error| failure(Operation::ListDatasets, pool, &error))?;
        answer::datasets(output, identity, page, self.clock.now().unix)
    }

    fn client(&self, pool: &PoolId) -> &Client {
        self.clients
            .get(pool)
            .expect("clients are made for all targets, and only targets are asked about")
    }
}

impl Api for AwsApi {
    fn call<'a>(&'a self, request: Request<'a>) -> Call<'a> {
        Box::pin(async move {
            let Request {
                operation,
                pool,
                identity,
                ..
            } = request;
            match (operation, identity) {
                (Operation::DescribeIdentityUsage, Some(identity)) => {
                    self.describe_identity_usage(pool, identity).await
                }
                (Operation::DescribeIdentityPoolUsage, None) => {
                    self.describe_identity_pool_usage(pool).await
                }
                (Operation::ListDatasets, Some(identity)) => {
                    self.list_datasets(pool, identity, request.continuation)
                        .await
                }
                // The caller takes the identity from the operation's scope.
                (Operation::DescribeIdentityUsage | Operation::ListDatasets, None)
                | (Operation::DescribeIdentityPoolUsage, Some(_)) => Err(Failure::InvalidParameter),
            }
        })
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
        .interceptor(wire::EgressGuard);
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
