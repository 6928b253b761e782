//! One exchange of an identity's id for its keys.

use std::time::Duration;

use aws_credential_types::Credentials as Keys;
use aws_sdk_cognitoidentity::Client;
use aws_sdk_cognitoidentity::operation::get_credentials_for_identity::GetCredentialsForIdentityOutput;

use super::super::client::{call, failed};
use super::super::credentials::trimmed;
use super::super::lease::Lease;
use super::super::wire;
use crate::api::{CallError, Failure, Signer};
use crate::clock::Clock;
use crate::identity::IdentityId;

/// An answer's date is in whole seconds, rounded down.
const DATE_RESOLUTION: f64 = 1.0;

/// The keys of an identity, and how long they live.
pub(super) async fn exchange(
    client: &Lease<Client>,
    identity: IdentityId<'_>,
    clock: &Clock,
) -> Result<(Keys, Duration), CallError> {
    let exchange = |client: Client, sent: wire::Sent| async move {
        let dated = wire::Dated::default();
        let call = client
            .get_credentials_for_identity()
            .identity_id(identity.as_str())
            .customize()
            .interceptor(sent.clone())
            .interceptor(dated.clone());
        let output = call.send().await.map_err(|error| failed(&error, &sent))?;
        let now = dated.date().map(|date| date + DATE_RESOLUTION);
        let now = now.unwrap_or_else(|| clock.now().unix);
        keys(output, identity, now)
    };
    call(client, Signer::Guest, exchange).await
}

/// The keys in an answer, which has to be about this identity, and how long they live. `now` is by
/// the answer's date, in seconds since 1970: by the host's clock, which may be wrong, they might
/// have expired already.
fn keys(
    output: GetCredentialsForIdentityOutput,
    identity: IdentityId<'_>,
    now: f64,
) -> Result<(Keys, Duration), CallError> {
    let malformed = |cause: &str| CallError::new(Failure::Malformed, cause.to_owned());
    let is_of = output.identity_id.as_deref();
    let credentials = output
        .credentials
        .ok_or_else(|| malformed("there are no credentials in the answer"))?;
    // First of all, so that they are wiped whatever follows.
    let keys = Keys::new(
        credentials.access_key_id.unwrap_or_default(),
        credentials.secret_key.unwrap_or_default(),
        credentials.session_token,
        None,
        "guest",
    );
    if !is_of.is_some_and(|id| id.eq_ignore_ascii_case(identity.as_str())) {
        return Err(malformed("the answer is about another identity"));
    }
    let keys = trimmed(&keys).map_err(|unusable| malformed(&unusable))?;
    if keys.session_token().is_none() {
        return Err(malformed("the session token is absent"));
    }
    let expiry = credentials
        .expiration
        .ok_or_else(|| malformed("the time of expiry is absent"))?;
    let life = Duration::try_from_secs_f64(expiry.as_secs_f64() - now);
    Ok((keys, life.unwrap_or_default()))
}

#[cfg(test)]
mod tests;
