//! [`Api`] over the AWS SDK: one signed API call for each request.
//!
//! No type of the SDK leaves this module. The SDK's retries are off, so that the schedule, which
//! enforces the ceiling, counts every call.

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

/// The SDK's default, which covers the longest round trips.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(3_100);
/// Idle connections are closed before AWS closes them (after about 20 s), so that no call finds a
/// half-closed one.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(15);
/// Datasets in one page, as AWS's Android client has it. A dataset takes some 450 bytes of an
/// answer at most, so a page stays far below the longest answer that is read.
const MAX_DATASETS_OF_PAGE: i32 = 64;

/// Creates clients over one HTTP client: one for each region, account, endpoint and timeout.
pub struct Connector {
    http: SharedHttpClient,
    credentials: Credentials,
    clock: Clock,
    clients: HashMap<ClientKey, Client>,
}

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
    clients: HashMap<PoolId, Client>,
    clock: Clock,
}

impl Connector {
    /// A connector without clients.
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

    /// The clients of all pools. A client with an unchanged key is reused with its connections and
    /// credentials. Credentials are not fetched here.
    pub async fn connect(&mut self, targets: &Targets, poll: &config::PollSettings) -> AwsApi {
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
                Some(client) => client.clone(),
                None => create_client(&key, &self.credentials, &self.http).await,
            };
            pool_clients.insert(pool.id.clone(), client.clone());
            clients.insert(key, client);
        }
        // Drops the clients that no pool uses.
        self.clients = clients;
        AwsApi {
            clients: pool_clients,
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
            .map_err(|error| classify_and_log(Operation::DescribeIdentityUsage, pool, &error))?;
        let now = self.clock.now().unix;
        let usage = answer::identity(output, pool, identity, dataset_count.is_given(), now)?;
        Ok(Reply::Done(Answer::Identity(usage)))
    }

    async fn describe_identity_pool_usage(&self, pool: &PoolId) -> Result<Reply, Failure> {
        let call = self
            .client(pool)
            .describe_identity_pool_usage()
            .identity_pool_id(pool.as_str());
        let output = call.send().await.map_err(|error| {
            classify_and_log(Operation::DescribeIdentityPoolUsage, pool, &error)
        })?;
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
            .max_results(MAX_DATASETS_OF_PAGE)
            .set_next_token(page.map(|page| page.token.clone()));
        let output = call
            .send()
            .await
            .map_err(|error| classify_and_log(Operation::ListDatasets, pool, &error))?;
        answer::datasets(output, identity, page, self.clock.now().unix)
    }

    fn client(&self, pool: &PoolId) -> &Client {
        self.clients
            .get(pool)
            .expect("connect() makes a client for each pool, and only those are polled")
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
                // The caller gives an identity exactly if the operation's scope is one.
                (Operation::DescribeIdentityUsage | Operation::ListDatasets, None)
                | (Operation::DescribeIdentityPoolUsage, Some(_)) => Err(Failure::InvalidParameter),
            }
        })
    }
}

async fn create_client(
    key: &ClientKey,
    credentials: &Credentials,
    http: &SharedHttpClient,
) -> Client {
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
        // The timeouts above include the body.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .interceptor(wire::EgressGuard);
    if let Some(endpoint_url) = &key.endpoint_url {
        config = config.endpoint_url(endpoint_url);
    }
    Client::from_conf(config.build())
}

/// Classifies and logs an error. AWS's message is not logged: for a wrong signature it repeats the
/// signed headers, including the session token.
fn classify_and_log<E>(
    operation: Operation,
    pool: &PoolId,
    error: &SdkError<E, Response>,
) -> Failure
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
        _ => debug!(%pool, operation, reason, error = classify::error_chain(error), "call failed"),
    }
    failure
}
