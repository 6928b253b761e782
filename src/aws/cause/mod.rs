//! Why there are no credentials, or none that work: the closed list of causes, and what to do about
//! each.

mod origin;
mod read;
mod words;

use std::error::Error;

use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::http::Response;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

pub(super) use origin::Origin;

use super::classify::is_about_credentials;
use super::http::{PlainHttp, Unreached};
use crate::api::{CallError, Failure, Remedy};
use crate::redact::{causes, code};

/// A cause that concerns the credentials or the connection of a budget. None of its texts holds a
/// key, a token or an id.
#[derive(Debug)]
pub(super) enum Cause {
    /// No file defines the profile.
    NoProfile { profile: String, files: String },
    /// The profile is defined, and cannot provide credentials.
    Profile { profile: String, why: String },
    /// A shared file cannot be parsed.
    File(String),
    /// The session of IAM Identity Center has ended, or nobody has logged in.
    Sso {
        profile: String,
        session: Option<String>,
        is_absent: bool,
    },
    /// IAM Identity Center gives no role to the user.
    SsoRole { profile: String, code: String },
    /// The session of `aws login` has ended, or nobody has logged in.
    Login { profile: String, is_absent: bool },
    /// Nothing in the SDK's chain has credentials.
    Nothing { tried: String },
    /// STS does not let the role be assumed.
    Role { role: String, code: String },
    /// The token of a web identity cannot be read.
    TokenFile { file: String, why: String },
    /// STS does not take the token of a web identity.
    WebIdentity { role: String, code: String },
    /// The helper (`credential_process`) failed.
    Helper { profile: String, how: String },
    /// What the helper wrote is not what it should be.
    HelperAnswer { profile: String, why: String },
    /// The container's endpoint does not answer.
    ContainerSilent { why: String },
    /// The container's endpoint returned an error.
    Container { why: String },
    /// The instance's metadata returned an error.
    Instance { why: String },
    /// No provider has answered in time.
    Slow { seconds: f64 },
    /// A key that no request can hold.
    Key(String),
    /// AWS does not take the keys: they have expired.
    Expired { code: String },
    /// AWS does not know the key.
    Unknown { code: String },
    /// AWS computes another signature.
    Signature { code: String },
    /// AWS's clock and that of this machine differ.
    Clock { code: String },
    /// AWS does not take the credentials, for another reason.
    Refused { code: String },
    /// A setting of the SDK cannot work.
    Settings { why: String },
    /// A request would have left the machine without TLS.
    Plain,
    /// No connection.
    Unreached {
        why: String,
        kind: &'static str,
        remedy: &'static str,
    },
    /// None of the others, in the words of the SDK.
    Other(String),
}

impl Cause {
    /// The cause of a call that failed so; `None` if it concerns no credentials, no connection and
    /// no setting.
    pub(super) fn of_call<E>(error: &SdkError<E, Response>, failure: Failure) -> Option<Self>
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        if let SdkError::ServiceError(context) = error {
            let error = context.err();
            let code = error.code().filter(|code| is_about_credentials(code))?;
            return Some(Self::of_refusal(code, error.message().unwrap_or_default()));
        }
        let of_settings = || {
            let why = read::sentence(error);
            (failure == Failure::Configuration).then_some(Self::Settings { why })
        };
        Self::of_connection(error).or_else(of_settings)
    }

    /// The cause of an error of a connection.
    fn of_connection(error: &(dyn Error + 'static)) -> Option<Self> {
        if causes(error).any(<dyn Error>::is::<PlainHttp>) {
            return Some(Self::Plain);
        }
        let unreached = causes(error).find_map(<dyn Error>::downcast_ref::<Unreached>);
        unreached.map(|unreached| Self::Unreached {
            why: unreached.to_string(),
            kind: unreached.kind(),
            remedy: unreached.remedy(),
        })
    }

    /// The cause of AWS's refusal of a signature, by its code. The message, which may repeat the
    /// signed headers, is only looked at.
    fn of_refusal(refusal: &str, message: &str) -> Self {
        let code = code(refusal);
        let is_late = [
            "Signature expired",
            "not yet current",
            "is now earlier than",
        ];
        if is_late.iter().any(|text| message.contains(text)) {
            return Self::Clock { code };
        }
        match refusal {
            "ExpiredToken" | "ExpiredTokenException" => Self::Expired { code },
            "RequestExpired" | "RequestTimeTooSkewed" => Self::Clock { code },
            "InvalidSignatureException"
            | "SignatureDoesNotMatch"
            | "IncompleteSignature"
            | "IncompleteSignatureException" => Self::Signature { code },
            "UnrecognizedClientException"
            | "InvalidClientTokenId"
            | "InvalidAccessKeyId"
            | "AuthFailure" => Self::Unknown { code },
            _ => Self::Refused { code },
        }
    }

    /// No provider of credentials has answered within so many seconds.
    pub(super) fn slow(seconds: f64) -> Self {
        Self::Slow { seconds }
    }

    /// A key that cannot be used, for this reason, which does not hold the key.
    pub(super) fn key(why: String) -> Self {
        Self::Key(why)
    }

    /// The error of a call that fails for this cause.
    pub(super) fn error(&self, failure: Failure) -> CallError {
        CallError {
            failure,
            cause: Some(self.to_string()),
            remedy: Some(Remedy {
                kind: self.kind(),
                text: self.remedy(),
            }),
        }
    }

    /// Whether it is the settings that cannot work, so that nothing was sent.
    fn is_configuration(&self) -> bool {
        matches!(
            self,
            Self::NoProfile { .. }
                | Self::Profile { .. }
                | Self::File(_)
                | Self::Plain
                | Self::Settings { .. }
        )
    }

    /// The error of a load of credentials that fails for this cause.
    pub(super) fn of_load(&self) -> CallError {
        self.error(if self.is_configuration() {
            Failure::Configuration
        } else {
            Failure::Credentials
        })
    }
}

#[cfg(test)]
mod tests;
