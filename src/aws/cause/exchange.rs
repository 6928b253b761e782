//! Reads why a provider of credentials, when it was asked, gave none.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_types::error::metadata::ErrorMetadata;

use super::asked::{Exchange, Provider};
use super::read::Said;
use super::{Cause, Origin};
use crate::aws::classify::{is_about_credentials, is_throttling};
use crate::aws::http::{PlainHttp, Unreached};
use crate::redact::{self, causes};

impl Cause {
    /// Why the last request of a load brought no credentials.
    pub(super) fn of_exchange(
        exchange: Exchange,
        error: &CredentialsError,
        origin: &Origin,
    ) -> Self {
        let provider = exchange.provider;
        let Some(status) = exchange.status else {
            return unanswered(provider, error);
        };
        let said = Said::of(error);
        let refusal = refusal(error).or_else(|| refusal_of_host(&said));
        let (code, message) = refusal.unwrap_or_default();
        let what = match &*code {
            "" => format!("status {status}"),
            code => redact::code(code),
        };
        if is_throttling(&code) || status == 429 {
            return Self::Throttled { provider, what };
        }
        if status >= 500 {
            return Self::Unavailable { provider, what };
        }
        match provider {
            Provider::Instance if !is_success(status) || !code.is_empty() => {
                Self::Instance { why: what }
            }
            Provider::Container if !is_success(status) || !code.is_empty() => {
                Self::Container { why: what }
            }
            provider if code.is_empty() => Self::Alien { provider, status },
            Provider::Role(_) | Provider::WebIdentity(_) if code == "RegionDisabledException" => {
                Self::RegionDisabled
            }
            Provider::Role(_) if is_about_credentials(&code) => Self::of_refusal(&code, &message),
            Provider::Role(role) => Self::Role { role, code: what },
            Provider::WebIdentity(role) => Self::WebIdentity { role, code: what },
            Provider::Sso if code == "UnauthorizedException" => origin.sso(false),
            Provider::SsoSession => origin.sso(false),
            Provider::Login => origin.login(false),
            _ => Self::SsoRole {
                profile: origin.base_name().to_owned(),
                code: what,
            },
        }
    }
}

fn is_success(status: u16) -> bool {
    (200..300).contains(&status)
}

fn unanswered(provider: Provider, error: &CredentialsError) -> Cause {
    if causes(error).any(<dyn Error>::is::<PlainHttp>) {
        return Cause::Plain;
    }
    let unreached = causes(error).find_map(<dyn Error>::downcast_ref::<Unreached>);
    match unreached {
        Some(unreached) => Cause::ProviderUnreached {
            provider,
            why: unreached.to_string(),
            kind: unreached.kind(),
            remedy: unreached.common_remedy(),
        },
        None => Cause::Silent { provider },
    }
}

/// The code and the message of a service's error.
fn refusal(error: &CredentialsError) -> Option<(String, String)> {
    causes(error).find_map(|cause| {
        if let Some(generic) = cause.downcast_ref::<ErrorMetadata>() {
            let message = generic.message().unwrap_or_default();
            return Some((generic.code()?.to_owned(), message.to_owned()));
        }
        // The SDK's own types for the errors of an operation are named in their texts.
        let text = cause.to_string();
        let (code, message) = text.split_once(": ").unwrap_or((&text, ""));
        let is_code = code.ends_with("Exception") && !code.contains(' ');
        is_code.then(|| (code.to_owned(), message.to_owned()))
    })
}

/// The code of an error by the metadata of an instance or the endpoint of a container.
fn refusal_of_host(said: &Said) -> Option<(String, String)> {
    let behind = said
        .behind("IMDS/IAM configuration: [")
        .or_else(|| said.behind("credentials from IMDS: "))
        .or_else(|| said.behind("failed to load credentials ["))?;
    let code = behind.split([']', ' ']).next()?;
    Some((code.to_owned(), String::new()))
}
