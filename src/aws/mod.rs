//! [`Api`] over the AWS SDK: one signed API call for each request.
//!
//! No type of the SDK leaves this module. The SDK's retries are off, so that the schedule, which
//! enforces the ceiling, counts every call.

mod answer;
mod classify;
mod client;
mod credentials;
mod directory;
mod helpers;
mod http;
mod json;
mod lease;
mod region;
mod wire;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_cognitosync::Client;
use tracing::debug;

pub use credentials::Credentials;
pub use directory::AwsDirectory;
pub use http::{Network, NetworkError};
pub use region::default_region;

use crate::api::{Answer, Api, Call, CallError, Continuation, Failure, Operation, Reply, Request};
use crate::clock::Clock;
use crate::config::{self, Account};
use crate::identity::{IdentityId, PoolId};
use crate::targets::Targets;
use client::{ClientKey, Clients, Means, failed};
use lease::Lease;

/// Datasets in one page, as AWS's Android client has it. A dataset takes some 450 bytes of an
/// answer at most, so a page stays far below the longest answer that is read.
const MAX_DATASETS_OF_PAGE: i32 = 64;

/// Creates clients over one network: one for each service, region, account, endpoint and timeout.
pub struct Connector {
    means: Means,
    sync: Clients<Client>,
    directories: Clients<aws_sdk_cognitoidentity::Client>,
}

/// The APIs of AWS, called through its SDK.
pub struct AwsApi {
    clients: HashMap<PoolId, Arc<Lease<Client>>>,
    clock: Clock,
}

impl Connector {
    /// A connector without clients.
    #[must_use]
    pub fn new(credentials: Credentials, network: Network, clock: Clock) -> Self {
        Self {
            means: Means {
                credentials,
                network,
                clock,
            },
            sync: Clients::new(create_client),
            directories: Clients::new(directory::create_client),
        }
    }

    /// Forgets all clients, so that those made next read credentials anew.
    pub fn forget_clients(&mut self) {
        self.sync.forget();
        self.directories.forget();
    }

    /// The clients of all pools. A client in use with an unchanged key is reused with its
    /// credentials. Credentials are fetched by the first call, not here.
    pub fn connect(&mut self, targets: &Targets, poll: &config::PollSettings) -> AwsApi {
        let clients = targets.pools.iter().map(|pool| {
            let key = ClientKey {
                region: pool.id.region().to_owned(),
                account: pool.settings.account.clone(),
                endpoint_url: pool.settings.endpoint_url.clone(),
                timeout: poll.timeout,
            };
            (pool.id.clone(), self.sync.get(key, &self.means))
        });
        AwsApi {
            clients: clients.collect(),
            clock: self.means.clock.clone(),
        }
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
}

impl Api for AwsApi {
    fn call<'a>(&'a self, request: Request<'a>) -> Call<'a> {
        Box::pin(async move {
            let pool = request.pool;
            let client = self.clients.get(pool);
            let client =
                client.expect("connect() makes a client for each pool, and only those are polled");
            let reply = client::call(client, |client, sent| async move {
                self.request(&client, request, sent).await
            });
            let reply = reply.await;
            if let Err(CallError { failure, cause }) = &reply {
                let (operation, reason) = (request.operation.as_str(), failure.as_str());
                debug!(%pool, operation, reason, cause, "call failed");
            }
            reply
        })
    }
}

fn create_client(key: &ClientKey, sdk: &SdkConfig) -> Client {
    let mut config = aws_sdk_cognitosync::config::Builder::from(sdk);
    if let Some(endpoint_url) = &key.endpoint_url {
        config = config.endpoint_url(endpoint_url);
    }
    Client::from_conf(config.build())
}
