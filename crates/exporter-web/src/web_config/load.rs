//! From a web configuration's file to its meaning.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::config::{FileText, WebConfig};
use super::error::{Reason, WebConfigError};
use super::headers::{HeaderError, header};
use super::protection::Protection;
use super::read::FileReader;
use super::schema::{self, TlsServerConfig};
use super::stamps::FileStamps;
use super::tls::ServerTls;
use super::warning::{Warning, WebConfigWarning};
use crate::clock::now;
use crate::login::Users;
use crate::rate_limit::RateLimit;
use crate::unwind::catch;

/// A web configuration that was read from a file and is valid.
pub struct WebConfigFile {
    pub(super) path: PathBuf,
    pub(super) config: WebConfig,
    pub(super) stamps: FileStamps,
}

impl WebConfigFile {
    /// Reads and checks a web configuration and all files that it names.
    ///
    /// # Errors
    /// The first problem found.
    pub fn load(path: &Path) -> Result<Self, WebConfigError> {
        let (config, stamps) = read(path);
        Ok(Self {
            path: path.to_owned(),
            config: config.map_err(|reason| WebConfigError::new(path, reason))?,
            stamps,
        })
    }

    /// The file that it was read from.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is asked of clients, in words, such as `TLS, 2 users`. Holds no name and no secret.
    #[must_use]
    pub fn summary(&self) -> String {
        self.config.to_string()
    }

    /// Whether clients have to show who they are: by a password, or by a certificate that a trusted
    /// authority issued.
    #[must_use]
    pub fn has_login(&self) -> bool {
        self.config.has_login()
    }

    /// Whether connections are encrypted.
    #[must_use]
    pub fn has_tls(&self) -> bool {
        self.config.has_tls()
    }

    /// What is probably a mistake.
    pub fn warnings(&self) -> impl Iterator<Item = WebConfigWarning> {
        let warnings = self.config.warnings.iter();
        warnings.map(|warning| WebConfigWarning::new(&self.path, warning))
    }
}

/// Reads a web configuration. The stamps of its files are returned even when it is not valid, so
/// that the next change is noticed.
pub(super) fn read(path: &Path) -> (Result<WebConfig, Reason>, FileStamps) {
    let start = now();
    let mut files = FileReader::for_config(path);
    let config = files.read(path).map_err(Reason::from).and_then(|text| {
        let text = utf8(&text)?;
        catch(|| parse(text, &mut files))?
    });
    (config, files.into_stamps(start))
}

/// Reads the files of a web configuration again. `None` when any of them has changed.
pub(super) fn read_unchanged(earlier: &FileStamps) -> Option<FileStamps> {
    let start = now();
    let mut files = FileReader::for_config(Path::new(""));
    for path in earlier.paths() {
        // A file that cannot be read has its place in the digest, too.
        let _ = files.read(path);
    }
    files.into_stamps(start).unchanged_since(earlier)
}

/// UTF-16 without a mark of its order has a zero in its first character.
fn utf8(bytes: &[u8]) -> Result<&str, Reason> {
    match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [_, 0, ..] | [0, _, ..] => Err(Reason::Utf16),
        _ => std::str::from_utf8(bytes).map_err(|_| Reason::NotUtf8),
    }
}

fn parse(text: &str, files: &mut FileReader) -> Result<WebConfig, Reason> {
    let file = schema::parse(text)?;
    let protection = Protection::of(&file);
    let http = file.http_server_config.unwrap_or_default();
    let headers = http.headers.unwrap_or_default().0;
    let headers: Result<_, HeaderError> = headers
        .iter()
        .map(|(name, value)| header(name, value))
        .collect();
    let headers = headers?;
    let users = Users::new(schema::hashes(text).map_err(|error| Reason::of_users(&error))?);
    let login = !users.is_empty();
    let mut config = WebConfig {
        headers,
        users,
        protection,
        text: FileText::of(text),
        ..WebConfig::default()
    };
    let tls = file.tls_server_config.filter(TlsServerConfig::is_given);
    if let Some(tls) = tls {
        let http2 = http.http2.is_none_or(|http2| http2.0);
        let server = ServerTls::new(&tls, http2, files)?;
        config.warnings.extend(server.warnings);
        config.tls = Some(Arc::new(server.config));
    } else if login {
        config.warnings.push(Warning::PasswordsInClear);
    }
    if config.users.has_very_costly() {
        config.warnings.push(Warning::VeryCostlyHash);
    }
    config.rate_limit = rate_limit(&file.rate_limit.unwrap_or_default());
    if config.rate_limit.is_some_and(|limit| limit.burst == 0) {
        config.warnings.push(Warning::NoBurst);
    }
    Ok(config)
}

fn rate_limit(limit: &schema::RateLimit) -> Option<RateLimit> {
    let interval = limit.interval.map(|interval| interval.0)?;
    (!interval.is_zero()).then(|| RateLimit {
        interval,
        burst: limit.burst.unwrap_or_default(),
    })
}
