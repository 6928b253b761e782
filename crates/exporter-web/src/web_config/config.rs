//! What a web configuration says.

use std::fmt::{self, Display, Formatter};
use std::sync::Arc;

use http::{HeaderName, HeaderValue};
use tokio_rustls::rustls::ServerConfig;
use zeroize::Zeroizing;

use super::client_auth::ClientAuth;
use super::error::Reason;
use super::protection::Protection;
use super::warning::Warning;
use crate::login::Users;
use crate::rate_limit::RateLimit;

/// A web configuration. The default has no TLS, no login, no headers and no limit.
#[derive(Debug, Default)]
pub(crate) struct WebConfig {
    /// How to speak TLS; `None` for plain HTTP.
    pub(crate) tls: Option<Arc<ServerConfig>>,
    /// Headers of every response.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// The users that may log in. When there is none, no login is needed.
    pub(crate) users: Users,
    /// The limit of all requests together.
    pub(crate) rate_limit: Option<RateLimit>,
    pub(super) protection: Protection,
    pub(super) text: FileText,
    pub(super) warnings: Vec<Warning>,
}

/// The text of the file without white space at its end. Not shown, since it has hashes.
#[derive(Default)]
pub(super) struct FileText(Zeroizing<String>);

impl FileText {
    pub(super) fn of(text: &str) -> Self {
        Self(Zeroizing::new(text.trim_end().to_owned()))
    }

    fn is_cut_off_in(&self, now: &Self) -> bool {
        self.0.len() > now.0.len() && self.0.starts_with(now.0.as_str())
    }
}

impl fmt::Debug for FileText {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "FileText({} bytes)", self.0.len())
    }
}

impl WebConfig {
    /// Whether clients have to show who they are.
    pub(crate) fn has_login(&self) -> bool {
        self.protection.has_login()
    }

    pub(super) fn has_tls(&self) -> bool {
        self.protection.has_tls()
    }

    /// Why `new`, which its files say now, is probably half-written.
    pub(super) fn half_written(&self, new: &Self) -> Option<Reason> {
        if self.text.is_cut_off_in(&new.text) {
            return Some(Reason::CutOff);
        }
        let lost = self.protection.lost_in(&new.protection);
        lost.map(Reason::LessProtection)
    }
}

/// What is asked of clients, in words; no name and no hash.
impl Display for WebConfig {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.tls {
            None => write!(f, "no TLS")?,
            Some(_) => write!(f, "TLS")?,
        }
        match self.protection.client_auth() {
            ClientAuth::No => {}
            mode => write!(f, ", {mode}")?,
        }
        match self.users.len() {
            0 => write!(f, ", no login")?,
            1 => write!(f, ", one user")?,
            users => write!(f, ", {users} users")?,
        }
        match self.rate_limit {
            None => Ok(()),
            Some(RateLimit { interval, burst }) => {
                write!(f, ", {burst} requests and one more each {interval:?}")
            }
        }
    }
}
