//! What is probably a mistake in a web configuration.

use std::fmt;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::login::MAX_PADDED_COST;

/// Something in a web configuration that is probably a mistake. Displayed as `file: what`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebConfigWarning {
    file: PathBuf,
    warning: Warning,
}

#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(super) enum Warning {
    #[error("passwords are sent in clear, for there is no tls_server_config")]
    PasswordsInClear,
    #[error(
        "a hash of basic_auth_users costs more than {MAX_PADDED_COST}: each login with it takes \
         seconds, and how long failures take shows that the user exists"
    )]
    VeryCostlyHash,
    #[error("rate_limit.burst is 0, so that every request is refused")]
    NoBurst,
    #[error("TLS 1.0 and 1.1 are not served, whatever min_version says")]
    OldVersions,
    #[error("{0} is not served: it encrypts in CBC mode or has no forward secrecy")]
    CipherSuite(String),
    #[error("client_allowed_sans has no effect, for client_auth_type asks for no certificate")]
    AllowedNames,
}

impl WebConfigWarning {
    pub(super) fn new(file: &Path, warning: &Warning) -> Self {
        Self {
            file: file.to_owned(),
            warning: warning.clone(),
        }
    }
}

impl fmt::Display for WebConfigWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file.display(), self.warning)
    }
}
