//! Cognito Identity: the operations with which identities and keys for them are found.

mod keys;
mod page;
mod request;
mod role;

use std::iter::Peekable;

use serde_json::{Value, json};

use page::Page;

use super::State;
use super::dataset::{ACCOUNT, CREATED, round_to_milliseconds};
use super::reply::{AwsError, invalid, not_found};
use crate::api::Service;
use crate::identity::{IdentityId, PoolId, hash};

pub(super) use keys::Keys;
pub(super) use request::{Action, Request};
pub use role::GuestRole;

impl Request {
    /// The ARN of what it concerns, as policies see it.
    pub(super) fn resource(&self, region: &str) -> String {
        let service = Service::CognitoIdentity.as_str();
        let pool = self.input.identity_pool_id.as_deref().unwrap_or("*");
        format!("arn:aws:{service}:{region}:{ACCOUNT}:identitypool/{pool}")
    }
}

impl State {
    /// Answers `ListIdentityPools` for a region.
    pub(super) fn list_pools(&self, request: &Request, region: &str) -> Result<Value, AwsError> {
        let page = self.page(request, region)?;
        let pools = self.world.pools_after(page.after.as_deref());
        let pools = pools.filter(|(id, _)| id.split(':').next() == Some(region));
        let pool = |(id, name)| (id, json!({"IdentityPoolId": id, "IdentityPoolName": name}));
        let (pools, token) = cut(&page, pools.map(pool).peekable());
        Ok(with_token(json!({ "IdentityPools": pools }), token))
    }

    /// Answers `ListIdentities` for a signature of this region.
    pub(super) fn list_identities(
        &self,
        request: &Request,
        region: &str,
    ) -> Result<Value, AwsError> {
        let id = request.input.identity_pool_id.as_deref();
        let id = id.ok_or_else(|| invalid("identityPoolId"))?;
        let pool = PoolId::parse(id).map_err(|_| invalid("identityPoolId"))?;
        let page = self.page(request, id)?;
        let unknown = || not_found("IdentityPool", id);
        if pool.region() != region {
            return Err(unknown());
        }
        let all = self.world.identities_after(id, page.after.as_deref());
        let hides_disabled = request.input.hide_disabled == Some(true);
        let listed = all
            .ok_or_else(unknown)?
            .filter(|(_, is_disabled)| !(hides_disabled && *is_disabled))
            .map(|(id, _)| (id, described(id)));
        let (identities, token) = cut(&page, listed.peekable());
        let listed = json!({ "Identities": identities, "IdentityPoolId": id });
        Ok(with_token(listed, token))
    }

    /// Answers `GetCredentialsForIdentity`. `now` is in seconds since 1970.
    pub(super) fn get_credentials(
        &mut self,
        request: &Request,
        now: f64,
    ) -> Result<Value, AwsError> {
        let id = request.input.identity_id.as_deref();
        let id = id.ok_or_else(|| invalid("identityId"))?;
        IdentityId::parse(id).map_err(|_| invalid("identityId"))?;
        let refused = |message: String| Err((400, "NotAuthorizedException", message));
        let found = self.world.pool_of(id);
        let (pool, is_disabled) = found.ok_or_else(|| not_found("Identity", id))?;
        if is_disabled {
            return refused(format!("Access to Identity '{id}' is forbidden."));
        }
        // Everyone here is a guest.
        if request
            .input
            .logins
            .as_ref()
            .is_some_and(|logins| !logins.is_empty())
        {
            return refused("Invalid login token.".to_owned());
        }
        let (access_key, key) = self.keys.hand_out(pool, id, now);
        Ok(json!({
            "Credentials": {
                "AccessKeyId": access_key,
                "Expiration": key.expires,
                "SecretKey": key.secret,
                "SessionToken": key.token,
            },
            "IdentityId": id,
        }))
    }

    fn page<'a>(&self, request: &Request, list: &'a str) -> Result<Page<'a>, AwsError> {
        Page::of(&request.input, list, self.token_generation, self.page_size)
    }
}

/// An identity of a list. Guests have no logins, and nothing modifies them.
fn described(id: &str) -> Value {
    let created = CREATED + (hash(&["created", id]) % 1_000_000_000) as f64 / 1e3;
    let created = round_to_milliseconds(created);
    json!({
        "CreationDate": created,
        "IdentityId": id,
        "LastModifiedDate": created,
        "Logins": [],
    })
}

/// The items of a page, and the token of the next page if there are more.
fn cut<'a>(
    page: &Page<'_>,
    mut items: Peekable<impl Iterator<Item = (&'a str, Value)>>,
) -> (Vec<Value>, Option<String>) {
    let (ids, cut): (Vec<_>, Vec<_>) = items.by_ref().take(page.size).unzip();
    let last = items.peek().and(ids.last());
    (cut, last.map(|last| page.token(last)))
}

/// awsJson1.1 leaves out what is absent.
fn with_token(mut answer: Value, token: Option<String>) -> Value {
    if let Some(token) = token {
        answer["NextToken"] = token.into();
    }
    answer
}

#[cfg(test)]
mod tests;
