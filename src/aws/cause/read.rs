//! Reads the cause from the errors of the SDK's providers. Where their types are private, their
//! phrases are looked for; the tests hold both against the SDK itself.

use std::error::Error;
use std::io;

use aws_config::imds::client::error::ImdsError;
use aws_config::meta::ProviderChainError;
use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_types::error::metadata::ErrorMetadata;

use super::origin::{files, variable};
use super::{Cause, Origin};
use crate::aws::classify::is_about_credentials;
use crate::redact::{self, causes, redacted};

/// The variables by which containers name their endpoint.
const CONTAINER: [&str; 2] = [
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
];
const TOKEN_FILE: &str = "AWS_WEB_IDENTITY_TOKEN_FILE";

/// What the SDK says, outermost first.
struct Said(Vec<String>);

impl Said {
    fn of(error: &(dyn Error + 'static)) -> Self {
        Self(causes(error).map(ToString::to_string).collect())
    }

    fn has(&self, phrase: &str) -> bool {
        self.0.iter().any(|text| text.contains(phrase))
    }

    /// What stands behind a phrase.
    fn behind(&self, phrase: &str) -> Option<&str> {
        let behind = |text: &'_ String| text.find(phrase).map(|at| at + phrase.len());
        let found = self.0.iter().find_map(|text| Some((text, behind(text)?)));
        found.map(|(text, at)| text[at..].trim())
    }

    /// What stands between backticks behind a phrase.
    fn name_behind(&self, phrase: &str) -> Option<&str> {
        self.behind(phrase)?.split('`').next()
    }

    /// In one sentence, without the debug output that some texts hold, and without what the SDK
    /// says of every error.
    fn sentence(&self) -> String {
        let plain = |text: &'_ String| {
            let text = text.split(" to request `").next().unwrap_or_default();
            text.split('{').next().unwrap_or_default().to_owned()
        };
        let mut words: Vec<_> = self.0.iter().map(plain).collect();
        let is_said = |words: &str| !matches!(words.trim(), "" | "dispatch failure" | "other");
        words.retain(|words| is_said(words));
        words.dedup();
        redacted(&words.join(": "))
    }
}

/// An error in one sentence.
pub(super) fn sentence(error: &(dyn Error + 'static)) -> String {
    Said::of(error).sentence()
}

impl Cause {
    /// Why an account's own credentials cannot be loaded.
    pub(in crate::aws) fn of_provider(error: &CredentialsError, origin: &Origin) -> Self {
        if let Some(what) = &origin.unparsable {
            return Self::File(what.clone());
        }
        let said = Said::of(error);
        let cause = of_profile(&said, origin)
            .or_else(|| of_session(&said, error, origin))
            .or_else(|| of_helper(&said, origin))
            .or_else(|| of_endpoint(&said, error))
            .or_else(|| Self::of_connection(error))
            .or_else(|| of_token_file(&said, error, origin))
            .or_else(|| of_service(error, origin));
        cause.unwrap_or_else(|| match (error, chain(error)) {
            (CredentialsError::CredentialsNotLoaded(_), Some(attempts)) => {
                Self::nothing(attempts, origin)
            }
            (CredentialsError::CredentialsNotLoaded(_), None) => Self::Profile {
                profile: origin.profile.clone(),
                why: format!("it names none in {}", files()),
            },
            _ => Self::Other(said.sentence()),
        })
    }

    /// Why a role cannot be assumed with the account's own credentials.
    pub(in crate::aws) fn of_role(error: &CredentialsError, role: &str) -> Self {
        Self::of_connection(error).unwrap_or_else(|| match refusal(error) {
            Some((code, message)) if is_about_credentials(&code) => {
                Self::of_refusal(&code, &message)
            }
            Some((code, _)) => Self::Role {
                role: role.to_owned(),
                code: redact::code(&code),
            },
            None => Self::Other(Said::of(error).sentence()),
        })
    }

    /// No file defines the profile that the pool or the environment asks for.
    pub(in crate::aws) fn no_profile(origin: &Origin) -> Self {
        Self::NoProfile {
            profile: redacted(&origin.profile),
            files: files(),
        }
    }

    fn nothing(attempts: &ProviderChainError<CredentialsError>, origin: &Origin) -> Self {
        let tried = |attempt: &aws_config::meta::ProviderAttempt<CredentialsError>| {
            let said = Said::of(attempt.error());
            match attempt.name() {
                "Environment" if variable("AWS_ACCESS_KEY_ID").is_some() => {
                    "environment (AWS_SECRET_ACCESS_KEY is not set)".to_owned()
                }
                "Environment" => "environment (AWS_ACCESS_KEY_ID is not set)".to_owned(),
                "Profile" if origin.is_defined() => {
                    format!("profile {} (has no credentials)", origin.profile)
                }
                "Profile" => format!("profile {} (not in {})", origin.profile, files()),
                "WebIdentityToken" if variable(TOKEN_FILE).is_some() => {
                    "web identity (AWS_ROLE_ARN is not set)".to_owned()
                }
                "WebIdentityToken" => format!("web identity ({TOKEN_FILE} is not set)"),
                "EcsContainer" => "container (no AWS_CONTAINER_CREDENTIALS_ variable)".to_owned(),
                "Ec2InstanceMetadata" if said.has("404") => {
                    "instance metadata (the instance has no role)".to_owned()
                }
                "Ec2InstanceMetadata" if said.has("could not communicate") => {
                    "instance metadata (does not answer)".to_owned()
                }
                "Ec2InstanceMetadata" => "instance metadata (AWS_EC2_METADATA_DISABLED)".to_owned(),
                name => format!("{name} ({})", said.sentence()),
            }
        };
        let tried: Vec<_> = attempts.attempts().iter().map(tried).collect();
        Self::Nothing {
            tried: redacted(&tried.join(", ")),
        }
    }
}

fn chain(error: &CredentialsError) -> Option<&ProviderChainError<CredentialsError>> {
    causes(error).find_map(<dyn Error>::downcast_ref)
}

/// What is wrong with the profile itself.
fn of_profile(said: &Said, origin: &Origin) -> Option<Cause> {
    if said.has("not valid unicode") {
        // The SDK's words repeat the value.
        let what = "a variable of the environment with credentials is no UTF-8 text";
        return Some(Cause::key(what.to_owned()));
    }
    if said.has("was not defined") {
        let profile = said.name_behind("profile `").unwrap_or(&origin.profile);
        return Some(Cause::NoProfile {
            profile: redacted(profile),
            files: files(),
        });
    }
    let why = said.behind("could not be built: ");
    let why = why.or_else(|| said.behind("selected profile "));
    why.map(|why| Cause::Profile {
        profile: origin.profile.clone(),
        why: redacted(&why.replace(['`', '"', '[', ']'], "")),
    })
}

/// A session of IAM Identity Center or of `aws login`.
fn of_session(said: &Said, error: &CredentialsError, origin: &Origin) -> Option<Cause> {
    // Of an unread token the SDK does not pass on why.
    let is_unread = said.has("failed to load the cached SSO token") || said.has("home directory");
    let is_absent = is_unread || causes(error).any(is_not_found);
    let profile = origin.profile.clone();
    if said.has("Login token") || (origin.value("login_session").is_some() && is_absent) {
        return Some(Cause::Login { profile, is_absent });
    }
    let is_sso = ["sso_session", "sso_start_url"].map(|key| origin.value(key).is_some());
    if !is_sso.contains(&true) {
        return None;
    }
    let is_over = [
        "cached SSO token",
        "SSO token has expired",
        "UnauthorizedException",
    ];
    if is_absent || is_over.iter().any(|phrase| said.has(phrase)) {
        return Some(Cause::Sso {
            profile,
            session: origin.value("sso_session").map(str::to_owned),
            is_absent,
        });
    }
    refusal(error).map(|(code, _)| Cause::SsoRole {
        profile,
        code: redact::code(&code),
    })
}

fn is_not_found(error: &(dyn Error + 'static)) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == io::ErrorKind::NotFound)
}

fn of_helper(said: &Said, origin: &Origin) -> Option<Cause> {
    let profile = origin.profile.clone();
    if let Some(status) = said.behind("external process exited with code ") {
        // What it wrote to standard error follows, which may hold secrets.
        let status = status.split(". Stderr").next().unwrap_or_default();
        let how = match status {
            "exit status: 127" => "is not there: its command is not found (exit status 127)".into(),
            "exit status: 126" => "cannot be run (exit status 126)".into(),
            _ => format!("failed ({})", status.replace(':', "")),
        };
        return Some(Cause::Helper { profile, how });
    }
    if said.has("external process, could not parse") || said.has("external process: could not") {
        let field = said.name_behind("Expected field `");
        let field = field.or_else(|| said.name_behind("Invalid field in response: `"));
        let why = match field {
            Some(field) => format!("{field} is absent or wrong"),
            None => "its output is not JSON".to_owned(),
        };
        return Some(Cause::HelperAnswer { profile, why });
    }
    said.has("from external process").then(|| Cause::Helper {
        profile,
        how: "cannot be started".to_owned(),
    })
}

/// The endpoint of a container, or the metadata of an instance.
fn of_endpoint(said: &Said, error: &CredentialsError) -> Option<Cause> {
    if let Some(answer) = causes(error).find_map(<dyn Error>::downcast_ref::<ImdsError>) {
        let status = match answer {
            ImdsError::ErrorResponse(_) => said.behind("from IMDS (code: "),
            _ => None,
        };
        let status = status.and_then(|behind| behind.split(')').next());
        let why = match status {
            Some(status) => format!("status {status}"),
            None => Said::of(answer).sentence(),
        };
        return Some(Cause::Instance { why });
    }
    let of_instance = said.behind("IMDS/IAM configuration: [");
    let of_instance = of_instance.or_else(|| said.behind("credentials from IMDS: "));
    if let Some(code) = of_instance {
        let code = code.split([']', ' ']).next().unwrap_or_default();
        return Some(Cause::Instance {
            why: redact::code(code),
        });
    }
    if let Some(status) = said.behind("from HTTP credential provider: ") {
        let status: String = status.chars().filter(char::is_ascii_digit).collect();
        return Some(Cause::Container {
            why: format!("status {status}"),
        });
    }
    if let Some(code) = said.behind("failed to load credentials [") {
        let code = code.split(']').next().unwrap_or_default();
        return Some(Cause::Container {
            why: redact::code(code),
        });
    }
    let is_configured = CONTAINER.iter().any(|name| variable(name).is_some());
    if said.has("URI for ECS provider") || said.has("auth token could not be used") {
        return Some(Cause::Container {
            why: "its address or its authorization token is not valid".to_owned(),
        });
    }
    if !is_configured || variable("AWS_ACCESS_KEY_ID").is_some() {
        return None;
    }
    match (error, Cause::of_connection(error)) {
        (CredentialsError::Unhandled(_), Some(Cause::Unreached { why, .. })) => {
            Some(Cause::ContainerSilent { why })
        }
        (CredentialsError::Unhandled(_), None) => Some(Cause::Container {
            why: said.sentence(),
        }),
        _ => None,
    }
}

/// The token of a web identity, or of a container's endpoint.
fn of_token_file(said: &Said, error: &CredentialsError, origin: &Origin) -> Option<Cause> {
    let is_text = said.has("WebIdentityToken was not valid UTF-8");
    let unread = causes(error).find_map(<dyn Error>::downcast_ref::<io::Error>);
    let why = match unread {
        Some(error) if error.kind() == io::ErrorKind::NotFound => {
            "there is no such file".to_owned()
        }
        Some(error) => redacted(&error.kind().to_string()),
        None if is_text => "it is not text".to_owned(),
        None => return None,
    };
    let of_profile = origin.value("web_identity_token_file").map(str::to_owned);
    match of_profile.or_else(|| variable(TOKEN_FILE)) {
        Some(file) => Some(Cause::TokenFile {
            file: redacted(&file),
            why,
        }),
        None => Some(Cause::Container {
            why: format!("its authorization token cannot be read: {why}"),
        }),
    }
}

/// A refusal by STS, for the role of a profile or of a web identity.
fn of_service(error: &CredentialsError, origin: &Origin) -> Option<Cause> {
    let (code, message) = refusal(error)?;
    let has_source = ["source_profile", "credential_source"].map(|key| origin.value(key).is_some());
    let web_identity = origin.value("web_identity_token_file").is_some()
        || (variable(TOKEN_FILE).is_some() && !has_source.contains(&true));
    let of_environment = || variable("AWS_ROLE_ARN");
    let role = origin.value("role_arn").map(str::to_owned);
    let role = role.or_else(of_environment).unwrap_or_default();
    Some(if web_identity {
        let code = redact::code(&code);
        Cause::WebIdentity { role, code }
    } else if is_about_credentials(&code) {
        Cause::of_refusal(&code, &message)
    } else {
        let code = redact::code(&code);
        Cause::Role { role, code }
    })
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
