//! Reads the cause from the errors of the SDK's providers. Where their types are private, their
//! phrases are looked for; the tests hold both against the SDK itself.

use std::error::Error;
use std::io;

use aws_config::meta::ProviderChainError;
use aws_credential_types::provider::error::CredentialsError;

use super::asked::Asked;
use super::origin::{files, variable};
use super::{Cause, Origin};
use crate::redact::{causes, redacted};

const TOKEN_FILE: &str = "AWS_WEB_IDENTITY_TOKEN_FILE";

/// What the SDK says, outermost first.
pub(super) struct Said(Vec<String>);

impl Said {
    pub(super) fn of(error: &(dyn Error + 'static)) -> Self {
        Self(causes(error).map(ToString::to_string).collect())
    }

    fn has(&self, phrase: &str) -> bool {
        self.0.iter().any(|text| text.contains(phrase))
    }

    /// What stands behind a phrase.
    pub(super) fn behind(&self, phrase: &str) -> Option<&str> {
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
    pub(in crate::aws) fn of_provider(
        error: &CredentialsError,
        origin: &Origin,
        asked: &Asked,
    ) -> Self {
        if let Some(what) = &origin.unparsable {
            return Self::File(what.clone());
        }
        let (said, attempts) = (Said::of(error), chain(error));
        let cause = of_profile(&said, origin).or_else(|| of_attempt(attempts?, origin));
        if let Some(cause) = cause {
            return cause;
        }
        if let Some(attempts) = attempts {
            return Self::nothing(attempts, origin);
        }
        if let Some(exchange) = asked.take() {
            return Self::of_exchange(exchange, error, origin);
        }
        let cause = of_session(&said, error, origin)
            .or_else(|| of_helper(&said, origin))
            .or_else(|| of_address(&said))
            .or_else(|| of_token_file(&said, error, origin))
            .or_else(|| of_source(error, origin));
        cause.unwrap_or_else(|| match error {
            CredentialsError::CredentialsNotLoaded(_) => Self::Profile {
                profile: origin.profile.clone(),
                why: format!("it names no source of credentials in {}", files()),
            },
            _ => Self::Other(said.sentence()),
        })
    }

    /// Why a role cannot be assumed with the account's own credentials.
    pub(in crate::aws) fn of_role(
        error: &CredentialsError,
        origin: &Origin,
        asked: &Asked,
    ) -> Self {
        match asked.take() {
            Some(exchange) => Self::of_exchange(exchange, error, origin),
            None => Self::Other(sentence(error)),
        }
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
        let profile = redacted(profile);
        // So the SDK says that a key is absent, too.
        let key = said.name_behind("was not defined: `");
        return Some(match key.filter(|_| said.has("` was missing")) {
            Some(key) => Cause::Profile {
                profile,
                why: format!("{key} is not set"),
            },
            None => Cause::NoProfile {
                profile,
                files: files(),
            },
        });
    }
    let why = said.behind("could not be built: ");
    let why = why.or_else(|| said.behind("selected profile "))?;
    let name = said.name_behind("profile `");
    let name = name.or_else(|| said.name_behind("credential source in `"));
    Some(Cause::Profile {
        profile: redacted(name.unwrap_or(&origin.profile)),
        why: redacted(&why.replace(['`', '"', '[', ']'], "")),
    })
}

/// What is wrong with a profile that the environment asks for, by the SDK's chain.
fn of_attempt(attempts: &ProviderChainError<CredentialsError>, origin: &Origin) -> Option<Cause> {
    let mut attempts = attempts.attempts().iter();
    let of_profile_file = attempts.find(|attempt| attempt.name() == "Profile");
    of_profile(&Said::of(of_profile_file?.error()), origin)
}

/// A session of IAM Identity Center or of `aws login`, as it is on this machine.
fn of_session(said: &Said, error: &CredentialsError, origin: &Origin) -> Option<Cause> {
    // Of an unread token the SDK does not pass on why.
    let is_unread = said.has("failed to load the cached SSO token") || said.has("home directory");
    let is_absent = is_unread || causes(error).any(is_not_found);
    if said.has("Login token") || (origin.base_value("login_session").is_some() && is_absent) {
        return Some(origin.login(is_absent));
    }
    let is_sso = ["sso_session", "sso_start_url"].map(|key| origin.base_value(key).is_some());
    let is_over = ["cached SSO token", "SSO token has expired"];
    let is_bad = is_absent || is_over.iter().any(|phrase| said.has(phrase));
    (is_sso.contains(&true) && is_bad).then(|| origin.sso(is_absent))
}

fn is_not_found(error: &(dyn Error + 'static)) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == io::ErrorKind::NotFound)
}

fn of_helper(said: &Said, origin: &Origin) -> Option<Cause> {
    let profile = origin.base_name().to_owned();
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

/// The address of a container's endpoint, which was not asked.
fn of_address(said: &Said) -> Option<Cause> {
    let is_wrong = said.has("URI for ECS provider") || said.has("auth token could not be used");
    is_wrong.then(|| Cause::Container {
        why: "its address or its authorization token is not valid".to_owned(),
    })
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
    let of_profile = origin
        .base_value("web_identity_token_file")
        .map(str::to_owned);
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

/// The source that a profile names, where that has no credentials.
fn of_source(error: &CredentialsError, origin: &Origin) -> Option<Cause> {
    let is_empty = |cause: &(dyn Error + 'static)| {
        let cause = cause.downcast_ref();
        matches!(cause, Some(CredentialsError::CredentialsNotLoaded(_)))
    };
    let source = origin.base_value("credential_source")?;
    causes(error).any(is_empty).then(|| Cause::NoSource {
        profile: origin.base_name().to_owned(),
        source: redacted(source),
    })
}
