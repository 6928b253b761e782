//! Calls of Cognito Sync, each signed once.

use aws_config::SdkConfig;
use aws_credential_types::Credentials as Keys;
use aws_sdk_cognitosync::Client;
use aws_sdk_cognitosync::client::customize::CustomizableOperation;
use aws_sdk_cognitosync::config::{Builder, Config};

use super::client::{ClientKey, call, failed};
use super::lease::Lease;
use super::{answer, wire};
use crate::api::{Answer, CallError, Continuation, Failure, Operation, Reply, Request, Signer};
use crate::clock::Clock;
use crate::identity::{IdentityId, PoolId};

/// Datasets in one page, as AWS's Android client has it. A dataset takes some 450 bytes of an
/// answer at most, so a page stays far below the longest answer that is read.
const MAX_DATASETS_OF_PAGE: i32 = 64;

/// Makes calls that these keys sign.
pub(super) struct Sync<'a> {
    /// A guest's; `None` for those of the account, which the client has.
    pub(super) keys: Option<Keys>,
    pub(super) clock: &'a Clock,
}

impl Sync<'_> {
    /// Makes a call.
    pub(super) async fn call(
        &self,
        client: &Lease<Client>,
        request: Request<'_>,
    ) -> Result<Reply, CallError> {
        let signer = match self.keys {
            Some(_) => Signer::Guest,
            None => Signer::Account,
        };
        let request =
            |client: Client, sent| async move { self.request(&client, request, sent).await };
        call(client, signer, request).await
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
                self.describe_identity_usage(client, pool, identity, sent).await
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
            .identity_id(identity.as_str());
        let call = self.watched(call.customize(), &sent, &raw);
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
            .identity_pool_id(pool.as_str());
        let call = self.watched(call.customize(), &sent, &raw);
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
            .set_next_token(page.map(|page| page.token.clone()));
        let call = self.watched(call.customize(), &sent, &raw);
        let output = call.send().await.map_err(|error| failed(&error, &sent))?;
        let now = self.time_of(raw.seen()?);
        Ok(answer::datasets(output, identity, page, now)?)
    }

    /// The call with interceptors, signed with the keys if there are some.
    fn watched<T, E, B>(
        &self,
        call: CustomizableOperation<T, E, B>,
        sent: &wire::Sent,
        raw: &wire::RawAnswer,
    ) -> CustomizableOperation<T, E, B> {
        let call = call.interceptor(sent.clone()).interceptor(raw.clone());
        match &self.keys {
            Some(keys) => {
                call.config_override(Config::builder().credentials_provider(keys.clone()))
            }
            None => call,
        }
    }

    /// The time by which the dates in an answer are judged, in seconds since 1970: its own date, or
    /// the host's clock if that is ahead.
    fn time_of(&self, seen: wire::Seen) -> f64 {
        let now = self.clock.now().unix;
        seen.date.map_or(now, |date| date.max(now))
    }
}

/// A client of Cognito Sync.
pub(super) fn create_client(key: &ClientKey, sdk: &SdkConfig) -> Client {
    let mut config = Builder::from(sdk);
    if let Some(endpoint_url) = &key.endpoint_url {
        config = config.endpoint_url(endpoint_url);
    }
    Client::from_conf(config.build())
}
