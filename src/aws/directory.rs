//! [`Directory`] over the AWS SDK: the lists of Cognito Identity, one signed call for each page.

use std::future::Future;
use std::sync::Arc;

use aws_config::SdkConfig;
use aws_sdk_cognitoidentity::Client;
use tracing::debug;

use super::answer::check_id;
use super::client::{ClientKey, call, failed};
use super::lease::Lease;
use super::wire;
use crate::api::{
    CallError, Directory, Failure, IDENTITIES_OF_PAGE, ListedPool, Operation, Page, PageCall,
    Signer,
};
use crate::identity::PoolId;

/// The most that AWS puts on one page (Cognito Identity's API model, `QueryLimit`).
const MAX_OF_PAGE: i32 = IDENTITIES_OF_PAGE as i32;

/// Cognito Identity in one region, by one account's credentials.
pub struct AwsDirectory {
    client: Arc<Lease<Client>>,
}

impl AwsDirectory {
    pub(super) fn new(client: Arc<Lease<Client>>) -> Self {
        Self { client }
    }

    /// A page by one call.
    async fn page<'a, T, F>(
        &'a self,
        operation: &'static str,
        token: Option<&'a str>,
        request: impl FnOnce(Client, Option<String>, wire::Sent) -> F,
    ) -> Result<Page<T>, CallError>
    where
        F: Future<Output = Result<Page<T>, CallError>>,
    {
        let page = call(&self.client, Signer::Account, |client, sent| {
            request(client, token.map(str::to_owned), sent)
        });
        let page = page.await.and_then(|page| ends_or_goes_on(page, token));
        if let Err(CallError { failure, cause, .. }) = &page {
            let reason = failure.as_str();
            debug!(operation, reason, cause, "call failed");
        }
        page
    }
}

impl Directory for AwsDirectory {
    fn identities<'a>(
        &'a self,
        pool: &'a PoolId,
        include_disabled: bool,
        token: Option<&'a str>,
    ) -> PageCall<'a, String> {
        let operation = Operation::ListIdentities.as_str();
        let request = move |client: Client, token, sent: wire::Sent| async move {
            let raw = wire::RawAnswer::default();
            let call = client
                .list_identities()
                .identity_pool_id(pool.as_str())
                .max_results(MAX_OF_PAGE)
                .hide_disabled(!include_disabled)
                .set_next_token(token)
                .customize()
                .interceptor(sent.clone())
                .interceptor(raw.clone());
            let output = call.send().await.map_err(|error| failed(&error, &sent))?;
            raw.seen()?;
            check_id(output.identity_pool_id.as_deref(), pool.as_str())?;
            // A pool without identities has an empty list, not an absent one.
            let identities = output.identities.ok_or(Failure::Malformed)?.into_iter();
            let items = identities.map(|identity| identity.identity_id).collect();
            page(items, output.next_token)
        };
        Box::pin(self.page(operation, token, request))
    }

    fn pools<'a>(&'a self, token: Option<&'a str>) -> PageCall<'a, ListedPool> {
        let request = move |client: Client, token, sent: wire::Sent| async move {
            let raw = wire::RawAnswer::default();
            let call = client
                .list_identity_pools()
                .max_results(MAX_OF_PAGE)
                .set_next_token(token)
                .customize()
                .interceptor(sent.clone())
                .interceptor(raw.clone());
            let output = call.send().await.map_err(|error| failed(&error, &sent))?;
            raw.seen()?;
            let pools = output.identity_pools.ok_or(Failure::Malformed)?.into_iter();
            let items = pools.map(|pool| {
                let name = pool.identity_pool_name.unwrap_or_default();
                pool.identity_pool_id.map(|id| ListedPool { id, name })
            });
            page(items.collect(), output.next_token)
        };
        Box::pin(self.page("ListIdentityPools", token, request))
    }
}

/// A page of items, of which each must have an id.
fn page<T>(items: Option<Vec<T>>, next: Option<String>) -> Result<Page<T>, CallError> {
    let items = items.ok_or(Failure::Malformed)?;
    let next = next.filter(|token| !token.is_empty());
    Ok(Page { items, next })
}

/// A repeated token is malformed, because the list would never end.
fn ends_or_goes_on<T>(page: Page<T>, token: Option<&str>) -> Result<Page<T>, CallError> {
    if token.is_some() && page.next.as_deref() == token {
        return Err(Failure::Malformed.into());
    }
    Ok(page)
}

/// A client of Cognito Identity.
pub(super) fn create_client(key: &ClientKey, sdk: &SdkConfig) -> Client {
    let mut config = aws_sdk_cognitoidentity::config::Builder::from(sdk);
    if let Some(endpoint_url) = &key.endpoint_url {
        config = config.endpoint_url(endpoint_url);
    }
    Client::from_conf(config.build())
}
