//! Where an account's credentials should come from, by the environment and the shared files.

use std::env;
use std::error::Error;
use std::path::Path;

use aws_config::profile::{self, Profile, ProfileParseError, ProfileSet};

use super::Cause;
use crate::config::Account;
use crate::redact::redacted;

/// The variables that name the shared files, and where those are without them.
const FILES: [(&str, &str); 2] = [
    ("AWS_CONFIG_FILE", "~/.aws/config"),
    ("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"),
];
/// The longest chain of `source_profile` that is followed.
const MAX_SOURCES: usize = 10;
const KEYS: [&str; 2] = ["aws_access_key_id", "aws_secret_access_key"];

/// What environment and shared files say on the credentials of an account.
#[derive(Debug)]
pub(in crate::aws) struct Origin {
    /// The profile in force.
    pub(super) profile: String,
    /// Whether the pool or the environment names it.
    is_named: bool,
    profiles: Option<ProfileSet>,
    /// File, line and what is wrong, where a shared file cannot be parsed.
    pub(super) unparsable: Option<String>,
}

impl Origin {
    pub(in crate::aws) async fn read(account: &Account) -> Self {
        let of_environment = || env::var("AWS_PROFILE").ok().filter(|name| !name.is_empty());
        let profile = account.profile.clone().or_else(of_environment);
        let profile = profile.unwrap_or_else(|| "default".to_owned());
        // Keys in the environment go before its profile.
        let has_keys = variable("AWS_ACCESS_KEY_ID").is_some();
        let is_named = account.profile.is_some() || !has_keys && profile != "default";
        let nothing_else = (
            &Default::default(),
            &Default::default(),
            &Default::default(),
        );
        let (files, environment, paths) = nothing_else;
        let loaded = profile::load(files, environment, paths, None).await;
        let unparsable = loaded.as_ref().err().map(|error| {
            let parse = error.source().filter(|it| it.is::<ProfileParseError>());
            let said = parse.map_or_else(|| error.to_string(), ToString::to_string);
            // As compilers write it.
            let said = said.replace("error parsing ", "").replace(" on line ", ":");
            redacted(&said)
        });
        Self {
            profile,
            is_named,
            profiles: loaded.ok(),
            unparsable,
        }
    }

    /// Whether no file defines the profile that the pool or the environment names. The SDK's chain
    /// would pass over it and take any other credentials that it finds.
    pub(in crate::aws) fn lacks_profile(&self) -> bool {
        self.is_named && self.profiles.is_some() && !self.is_defined()
    }

    /// Whether a file defines the profile in force.
    pub(super) fn is_defined(&self) -> bool {
        self.get(&self.profile).is_some()
    }

    /// The profile that the first credentials come from, with which roles are assumed. As the SDK
    /// finds it.
    fn base(&self) -> Option<&Profile> {
        let mut profile = self.get(&self.profile)?;
        for sources in 0..MAX_SOURCES {
            let has = |key: &&str| profile.get(key).is_some();
            let has_keys = sources > 0 && KEYS.iter().all(has);
            let is_chained = has(&"role_arn") && !has(&"web_identity_token_file");
            let source = profile.get("source_profile");
            match source.filter(|&name| is_chained && !has_keys && name != profile.name()) {
                Some(name) => profile = self.get(name)?,
                None => break,
            }
        }
        Some(profile)
    }

    /// The name of the profile that the first credentials come from.
    pub(super) fn base_name(&self) -> &str {
        self.base().map_or(&*self.profile, Profile::name)
    }

    /// The value of a key in the profile that the first credentials come from.
    pub(super) fn base_value(&self, key: &str) -> Option<&str> {
        self.base()?.get(key).filter(|value| !value.is_empty())
    }

    /// The session of IAM Identity Center is over, or nobody has logged in.
    pub(super) fn sso(&self, is_absent: bool) -> Cause {
        Cause::Sso {
            profile: self.base_name().to_owned(),
            session: self.base_value("sso_session").map(str::to_owned),
            is_absent,
        }
    }

    /// The same for `aws login`.
    pub(super) fn login(&self, is_absent: bool) -> Cause {
        let profile = self.base_name().to_owned();
        Cause::Login { profile, is_absent }
    }

    fn get(&self, name: &str) -> Option<&Profile> {
        self.profiles.as_ref()?.get_profile(name)
    }
}

/// A variable of the environment that is not empty.
pub(super) fn variable(name: &str) -> Option<String> {
    let value = env::var_os(name).filter(|value| !value.is_empty())?;
    Some(value.to_string_lossy().into_owned())
}

/// The shared files that were read, in words.
pub(super) fn files() -> String {
    let [config, credentials] = FILES.map(|(name, default)| match variable(name) {
        Some(file) if Path::new(&file).is_file() => file,
        Some(file) => format!("{file} ({name}, which names no file)"),
        None => default.to_owned(),
    });
    redacted(&format!("{config} and {credentials}"))
}
