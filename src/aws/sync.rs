//! Calls of Cognito Sync, each signed once.

use std::error::Error;
use std::panic::AssertUnwindSafe;

use aws_credential_types::Credentials as Keys;
use aws_sdk_cognitosync::Client;
use aws_sdk_cognitosync::client::customize::CustomizableOperation;
use aws_sdk_cognitosync::config::Config;
use aws_sdk_cognitosync::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::http::Response;
use futures_util::FutureExt;

use super::{answer, classify, wire};
use crate::api::{Answer, CallError, Continuation, Failure, Operation, Reply, Request};
use crate::clock::Clock;
use crate::identity::{IdentityId, PoolId};
use crate::redact;

/// Datasets in one page, as AWS's Android client has it. A dataset takes some 450 bytes of an
/// answer at most, so a page stays far below the longest answer that is read.
const MAX_DATASETS_OF_PAGE: i32 = 64;

/// Makes calls with one client.
pub(super) struct Sync<'a> {
    pub(super) client: &'a Client,
    /// What signs them in place of the client's own credentials.
    pub(super) keys: Option<Keys>,
    pub(super) clock: &'a Clock,
}

impl Sync<'_> {
    /// Makes a call. A panic inside the SDK is a failure.
    pub(super) async fn call(&self, request: Request<'_>) -> Result<Reply, CallError> {
        let sent = wire::Sent::default();
        caught(self.request(request, sent.clone()), &sent).await
    }

    async fn request(&self, request: Request<'_>, sent: wire::Sent) -> Result<Reply, CallError> {
        let Request {
            operation,
            pool,
            identity,
            continuation,
        } = request;
        match (operation, identity) {
            (Operation::DescribeIdentityUsage, Some(identity)) => {
                self.describe_identity_usage(pool, identity, sent).await
            }
            (Operation::DescribeIdentityPoolUsage, None) => {
                self.describe_identity_pool_usage(pool, sent).await
            }
            (Operation::ListDatasets, Some(identity)) => {
                self.list_datasets(pool, identity, continuation, sent)
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
        pool: &PoolId,
        identity: IdentityId<'_>,
        sent: wire::Sent,
    ) -> Result<Reply, CallError> {
        let raw = wire::RawAnswer::default();
        let call = self
            .client
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
        pool: &PoolId,
        sent: wire::Sent,
    ) -> Result<Reply, CallError> {
        let raw = wire::RawAnswer::default();
        let call = self
            .client
            .describe_identity_pool_usage()
            .identity_pool_id(pool.as_str());
        let call = self.watched(call.customize(), &sent, &raw);
        let output = call.send().await.map_err(|error| failed(&error, &sent))?;
        let usage = answer::pool(output, pool, self.time_of(raw.seen()?))?;
        Ok(Reply::Done(Answer::Pool(usage)))
    }

    async fn list_datasets(
        &self,
        pool: &PoolId,
        identity: IdentityId<'_>,
        page: Option<&Continuation>,
        sent: wire::Sent,
    ) -> Result<Reply, CallError> {
        let raw = wire::RawAnswer::default();
        let call = self
            .client
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

/// The result of a call, of which `sent` tells whether it was sent. A panic inside the SDK is a
/// failure.
pub(super) async fn caught<T>(
    call: impl Future<Output = Result<T, CallError>>,
    sent: &wire::Sent,
) -> Result<T, CallError> {
    // After a panic it is dropped, and nothing else sees what it left.
    let result = AssertUnwindSafe(call).catch_unwind().await;
    result.unwrap_or_else(|_| {
        let failure = if sent.any() {
            Failure::Malformed
        } else {
            Failure::Configuration
        };
        Err(CallError::new(
            failure,
            "a panic inside the AWS SDK".to_owned(),
        ))
    })
}

/// Why a call failed. AWS's message is left out: for a wrong signature it repeats the signed
/// headers, including the session token. So is what cannot be parsed, which may hold keys.
pub(super) fn failed<E>(error: &SdkError<E, Response>, sent: &wire::Sent) -> CallError
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
        SdkError::ResponseError(context) => {
            let status = context.raw().status().as_u16();
            format!("an answer that cannot be parsed, with status {status}")
        }
        _ => redact::error_chain(error),
    };
    CallError::new(failure, cause)
}
