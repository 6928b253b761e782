//! The words for each cause: its kind, the cause in a sentence, and the remedy.

use std::fmt::{self, Display, Formatter};

use super::Cause;
use crate::aws::http::PlainHttp;

impl Cause {
    /// A word for programs.
    pub(super) fn kind(&self) -> &'static str {
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
            Self::Settings { .. } => "settings_wrong",
            Self::Plain => "plain_http",
            Self::Unreached { kind, .. } => kind,
            Self::Other(_) => "other",
        }
    }

    /// What to do about it, in a sentence.
    pub(super) fn remedy(&self) -> String {
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
            Self::Settings { .. } => {
                "check endpoint_url of the pool, the variables that begin with AWS_ENDPOINT_URL and \
                 AWS_USE_, and the same keys of the profile"
            }
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
            Self::Settings { why } => write!(f, "a setting for AWS cannot work: {why}"),
            Self::Plain => Display::fmt(&PlainHttp, f),
            Self::Unreached { why, .. } => f.write_str(why),
            Self::Other(words) => f.write_str(words),
        }
    }
}
