//! Whether the profiles that a configuration names are defined, by the shared AWS configuration of
//! the user that runs this. No call is made.

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::config::{Config, Problem};
use crate::file::{self, ReadError};
use crate::printable::Printable;

/// The largest file of the AWS configuration, in bytes.
const MAX_SIZE: u64 = 16 << 20;

/// A warning for each pool whose profile no file defines.
pub(super) fn warnings(config: &Config) -> Vec<Problem> {
    let named = |pool: &&crate::config::PoolConfig| pool.settings.account.profile.is_some();
    let pools: Vec<_> = config.pools.iter().filter(named).collect();
    if pools.is_empty() {
        return Vec::new();
    }
    let home = env::var_os("HOME");
    let [settings, credentials] = [
        ("AWS_CONFIG_FILE", ".aws/config"),
        ("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials"),
    ]
    .map(|(variable, default)| path_of(env::var_os(variable), home.clone(), default));
    let (mut defined, mut searched) = (BTreeSet::new(), Vec::new());
    for (path, needs_word) in [(settings, true), (credentials, false)] {
        let Some(path) = path else { continue };
        let shown = Printable(path.display()).to_string();
        match file::read(&path, MAX_SIZE) {
            // Names of profiles are ASCII; other bytes may stand in comments.
            Ok(text) => {
                defined.extend(profiles(&String::from_utf8_lossy(&text), needs_word));
                searched.push(shown);
            }
            Err(ReadError::Io(error)) if error.kind() == ErrorKind::NotFound => {
                searched.push(format!("{shown} (absent)"));
            }
            Err(error) => searched.push(format!("{shown}, which cannot be read: {error}")),
        }
    }
    let undefined = pools.into_iter().filter_map(|pool| {
        let profile = pool.settings.account.profile.as_deref()?;
        let message = format!(
            "is a profile that this user's AWS configuration does not define, expected `[profile \
             NAME]` in a config file or `[NAME]` in a credentials file; searched {}",
            searched.join(" and ")
        );
        let key = format!("{}.profile", pool.key);
        (!defined.contains(profile)).then(|| Problem::key(&config.file, key, message))
    });
    undefined.collect()
}

/// The file that a variable names, or else one below the home directory.
fn path_of(named: Option<OsString>, home: Option<OsString>, default: &str) -> Option<PathBuf> {
    let named = named.filter(|path| !path.is_empty()).map(PathBuf::from);
    let (named, home) = (named, home.map(PathBuf::from));
    match named {
        Some(path) => match (path.strip_prefix("~"), &home) {
            (Ok(rest), Some(home)) => Some(home.join(rest)),
            _ => Some(path),
        },
        None => Some(home?.join(Path::new(default))),
    }
}

/// The profiles that a file defines: `[NAME]`, or `[profile NAME]` where all but `default` need the
/// word.
fn profiles(text: &str, needs_word: bool) -> impl Iterator<Item = String> {
    text.lines().filter_map(move |line| {
        let header = line.trim().strip_prefix('[')?.split_once(']')?.0.trim();
        let name = match header.strip_prefix("profile") {
            Some(name) if name.starts_with([' ', '\t']) => name.trim(),
            _ if needs_word && header != "default" => return None,
            _ => header,
        };
        Some(name.trim_matches(['"', '\'']).to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_have_headers() {
        let text =
            "[default]\nregion = a\n[profile a]\n [ profile 'b c' ] # x\n[sso-session d]\n[e]";
        let names = |needs_word| profiles(text, needs_word).collect::<Vec<_>>();
        assert_eq!(names(true), ["default", "a", "b c"]);
        assert_eq!(names(false)[4..], ["e"]);
    }

    #[test]
    fn a_file_is_the_named_one_or_below_the_home_directory() {
        let file = |named: Option<&str>, home: Option<&str>| {
            path_of(named.map(Into::into), home.map(Into::into), ".aws/config")
        };
        assert_eq!(file(Some("/x"), Some("/h")), Some("/x".into()));
        assert_eq!(file(Some("~/x"), Some("/h")), Some("/h/x".into()));
        assert_eq!(file(Some(""), Some("/h")), Some("/h/.aws/config".into()));
        assert_eq!(file(None, None), None);
    }
}
