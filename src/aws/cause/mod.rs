//! Why there are no credentials, or none that work: the closed list of causes, and what to do about
//! each.

mod origin;
mod read;

use std::error::Error;
use std::fmt::{self, Display, Formatter};

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
    /// The cause of a failed call; `None` if it concerns no credentials and no connection.
    pub(super) fn of_call<E>(error: &SdkError<E, Response>) -> Option<Self>
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        if let SdkError::ServiceError(context) = error {
            let error = context.err();
            let code = error.code().filter(|code| is_about_credentials(code))?;
            return Some(Self::of_refusal(code, error.message().unwrap_or_default()));
        }
        Self::of_connection(error)
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
            Self::NoProfile { .. } | Self::Profile { .. } | Self::File(_) | Self::Plain
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

    /// A word for programs.
    fn kind(&self) -> &'static str {
        match self {
            Self::NoProfile { .. } => "profile_not_defined",
            Self::Profile { .. } => "profile_incomplete",
            Self::File(_) => "file_not_parsable",
            Self::Sso {
                is_absent: true, ..
            } => "sso_not_logged_in",
            Self::Sso { .. } => "sso_expired",
            Self::SsoRole { .. } => "sso_role_refused",
            Self::Login {
                is_absent: true, ..
            } => "login_absent",
            Self::Login { .. } => "login_expired",
            Self::Nothing { .. } => "none_found",
            Self::Role { .. } => "role_refused",
            Self::TokenFile { .. } => "token_file",
            Self::WebIdentity { .. } => "web_identity_refused",
            Self::Helper { .. } => "helper_failed",
            Self::HelperAnswer { .. } => "helper_answer",
            Self::ContainerSilent { .. } => "container_unreachable",
            Self::Container { .. } => "container_refused",
            Self::Instance { .. } => "instance_refused",
            Self::Slow { .. } => "provider_slow",
            Self::Key(_) => "key_unusable",
            Self::Expired { .. } => "key_expired",
            Self::Unknown { .. } => "key_unknown",
            Self::Signature { .. } => "signature_wrong",
            Self::Clock { .. } => "clock_wrong",
            Self::Refused { .. } => "refused",
            Self::Plain => "plain_http",
            Self::Unreached { kind, .. } => kind,
            Self::Other(_) => "other",
        }
    }

    /// What to do about it, in a sentence.
    fn remedy(&self) -> String {
        let remedy = match self {
            Self::NoProfile { profile, .. } => {
                return format!(
                    "define {profile} in one of them, or correct `profile` of the pool or \
                     AWS_PROFILE; AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE name other files"
                );
            }
            Self::Profile { profile, .. } => {
                return format!(
                    "complete the profile {profile}; `aws configure list --profile {profile}` shows what it has"
                );
            }
            Self::Sso {
                session: Some(session),
                ..
            } => {
                return format!(
                    "run `aws sso login --sso-session {session}` as the user that runs the exporter; \
                     a server is better served by a role"
                );
            }
            Self::Sso { profile, .. } => {
                return format!(
                    "run `aws sso login --profile {profile}` as the user that runs the exporter; a \
                     server is better served by a role"
                );
            }
            Self::SsoRole { .. } => {
                "check sso_account_id and sso_role_name, and that the user is assigned this role"
            }
            Self::Login { profile, .. } => {
                return format!(
                    "run `aws login --profile {profile}` as the user that runs the exporter; a \
                     server is better served by a role"
                );
            }
            Self::Nothing { .. } => {
                "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, name a profile (AWS_PROFILE, or \
                 `profile` of the pool), or give the instance, task or pod a role"
            }
            Self::Role { .. } => {
                "check the role's trust policy, which must allow sts:AssumeRole to the caller, and \
                 external_id; the caller's own policy must allow it too; \
                 `cognitosync_exporter iam-policy` prints what is needed"
            }
            Self::TokenFile { .. } => {
                "mount the token where the exporter can read it, and check the name of the file \
                 (AWS_WEB_IDENTITY_TOKEN_FILE, or web_identity_token_file of the profile)"
            }
            Self::WebIdentity { .. } => {
                "check that the role's trust policy names the token's issuer, audience and subject, \
                 and that the token is renewed"
            }
            Self::Helper { profile, .. } => {
                return format!(
                    "run credential_process of profile {profile} as the user that runs the \
                     exporter; what it writes to standard error is not logged"
                );
            }
            Self::HelperAnswer { .. } => {
                "credential_process must write JSON with Version 1, AccessKeyId and SecretAccessKey \
                 to standard output, and nothing else"
            }
            Self::ContainerSilent { .. } => {
                "check AWS_CONTAINER_CREDENTIALS_FULL_URI or _RELATIVE_URI, and that the agent (ECS, \
                 EKS Pod Identity) runs on this node"
            }
            Self::Container { .. } => {
                "check the task's role, or the pod's association with a role, and the authorization \
                 token (AWS_CONTAINER_AUTHORIZATION_TOKEN or _TOKEN_FILE)"
            }
            Self::Instance { .. } => {
                "check that the instance has a role whose trust policy allows ec2.amazonaws.com, and \
                 that a container's hop limit reaches the metadata"
            }
            Self::Slow { .. } => {
                "look at the helper (credential_process), endpoint or STS that provides them; one \
                 load may take 30 s, and the next probe finds what it brought"
            }
            Self::Key(_) => {
                "copy the key again, without line breaks; a variable of the environment is read at \
                 the start, a file at each probe"
            }
            Self::Expired { .. } => {
                "renew the temporary credentials where they come from; files and providers are asked \
                 again at each probe, the environment only at a restart"
            }
            Self::Unknown { .. } => {
                "check that the key exists, is active and is of the region's partition (China and \
                 GovCloud have their own), and that a temporary key has its AWS_SESSION_TOKEN"
            }
            Self::Signature { .. } => {
                "the secret access key does not belong to the access key id: copy both again"
            }
            Self::Clock { .. } => "set the clock of this machine, and keep it by NTP",
            Self::Refused { .. } => "check the key, its secret and its session token",
            Self::File(_) => "correct the file; `aws configure list` reads it too",
            Self::Plain => "use https; plain http is for this machine only",
            Self::Unreached { remedy, .. } => remedy,
            Self::Other(_) => {
                "try `aws sts get-caller-identity` with the same environment and profile"
            }
        };
        remedy.to_owned()
    }
}

/// A sentence.
impl Display for Cause {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoProfile { profile, files } => {
                write!(f, "the profile {profile} is not defined in {files}")
            }
            Self::Profile { profile, why } => {
                write!(f, "the profile {profile} gives no credentials: {why}")
            }
            Self::File(what) => write!(f, "a shared file of AWS cannot be read: {what}"),
            Self::Sso {
                profile,
                is_absent: true,
                ..
            } => write!(f, "there is no SSO session for the profile {profile}"),
            Self::Sso { profile, .. } => {
                write!(f, "the SSO session of the profile {profile} has expired")
            }
            Self::SsoRole { profile, code } => {
                write!(f, "SSO gives the profile {profile} no role ({code})")
            }
            Self::Login {
                profile,
                is_absent: true,
            } => write!(
                f,
                "there is no session of `aws login` for the profile {profile}"
            ),
            Self::Login { profile, .. } => write!(
                f,
                "the session of `aws login` of the profile {profile} has expired"
            ),
            Self::Nothing { tried } => write!(f, "no credentials were found; tried: {tried}"),
            Self::Role { role, code } => {
                write!(f, "STS does not let the role {role} be assumed ({code})")
            }
            Self::TokenFile { file, why } => {
                write!(f, "the web identity token {file} cannot be read: {why}")
            }
            Self::WebIdentity { role, code } => write!(
                f,
                "STS does not take the web identity token for the role {role} ({code})"
            ),
            Self::Helper { profile, how } => {
                write!(f, "credential_process of the profile {profile} {how}")
            }
            Self::HelperAnswer { profile, why } => write!(
                f,
                "credential_process of the profile {profile} writes no credentials: {why}"
            ),
            Self::ContainerSilent { why } => {
                write!(f, "the container's credentials cannot be asked for: {why}")
            }
            Self::Container { why } => {
                write!(f, "the container's endpoint gives no credentials: {why}")
            }
            Self::Instance { why } => {
                write!(f, "the instance's metadata gives no credentials: {why}")
            }
            Self::Slow { seconds } => write!(
                f,
                "no provider of credentials has answered within {seconds} s (0.8 of poll.timeout)"
            ),
            Self::Key(what) => f.write_str(what),
            Self::Expired { code } => write!(f, "AWS says that the credentials expired ({code})"),
            Self::Unknown { code } => write!(
                f,
                "AWS does not know the access key, or its session token is not valid ({code})"
            ),
            Self::Signature { code } => write!(f, "AWS says that the signature is wrong ({code})"),
            Self::Clock { code } => write!(
                f,
                "AWS says that the time of the signature is wrong ({code})"
            ),
            Self::Refused { code } => write!(f, "AWS refuses the credentials ({code})"),
            Self::Plain => Display::fmt(&PlainHttp, f),
            Self::Unreached { why, .. } => f.write_str(why),
            Self::Other(words) => f.write_str(words),
        }
    }
}

#[cfg(test)]
mod tests;
