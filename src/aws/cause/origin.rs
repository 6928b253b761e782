//! Where an account's credentials should come from, by the environment and the shared files.

use std::env;
use std::error::Error;
use std::path::Path;

use aws_config::profile::{self, Profile, ProfileParseError, ProfileSet};

use crate::config::Account;
use crate::redact::redacted;

/// The variables that name the shared files, and where those are without them.
const FILES: [(&str, &str); 2] = [
    ("AWS_CONFIG_FILE", "~/.aws/config"),
    ("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"),
];
/// The longest chain of `source_profile` that is followed.
const MAX_SOURCES: usize = 10;

/// What environment and shared files say on the credentials of an account, read when loading them
/// failed.
#[derive(Debug)]
pub(in crate::aws) struct Origin {
    /// The profile in force.
    pub(super) profile: String,
    /// Whether the pool or the environment asks for it.
    is_asked_for: bool,
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
        let is_asked_for = account.profile.is_some() || !has_keys && profile != "default";
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
            is_asked_for,
            profiles: loaded.ok(),
            unparsable,
        }
    }

    /// Whether the pool or the environment asks for the profile, and the shared files can be read.
    pub(in crate::aws) fn is_asked_for(&self) -> bool {
        self.is_asked_for && self.profiles.is_some()
    }

    /// Whether a file defines the profile in force.
    pub(in crate::aws) fn is_defined(&self) -> bool {
        self.get(&self.profile).is_some()
    }

    /// The value of a key in the profile in force, or in the one that it takes its credentials
    /// from.
    pub(super) fn value(&self, key: &str) -> Option<&str> {
        let mut name = self.profile.as_str();
        for _ in 0..MAX_SOURCES {
            let profile = self.get(name)?;
            if let Some(value) = profile.get(key).filter(|value| !value.is_empty()) {
                return Some(value);
            }
            name = profile.get("source_profile")?;
        }
        None
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
