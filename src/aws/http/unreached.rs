//! Why there is no connection to a host, in words, and what to do about it.

use std::error::Error;
use std::fmt::{self, Display, Formatter};
use std::io::{self, ErrorKind};

use hyper_util::client::legacy;

use super::route::ProxyFailed;
use crate::redact::redacted;

/// No answer was received, since there is no connection to a host.
#[derive(Debug)]
pub(in crate::aws) struct Unreached {
    /// With its port.
    pub(in crate::aws) host: String,
    how: How,
}

#[derive(Debug)]
enum How {
    UnknownName,
    Refused,
    Slow,
    NotTrusted(String),
    Tls(String),
    Proxy(String),
    Broken(String),
}

impl Unreached {
    /// Reads an error of the HTTP client; `None` if there was a connection, and something else is
    /// wrong.
    pub(super) fn of(host: &str, error: &(dyn Error + 'static)) -> Option<Self> {
        let host = host.to_owned();
        how(error).map(|how| Self { host, how })
    }

    pub(super) fn is_timeout(&self) -> bool {
        matches!(self.how, How::Slow)
    }

    /// The kind of trouble, a word for programs.
    pub(in crate::aws) fn kind(&self) -> &'static str {
        match self.how {
            How::UnknownName => "host_unknown",
            How::Refused => "connection_refused",
            How::Slow => "connection_timeout",
            How::NotTrusted(_) => "certificate_not_trusted",
            How::Tls(_) => "tls_failed",
            How::Proxy(_) => "proxy_failed",
            How::Broken(_) => "connection_closed",
        }
    }

    pub(in crate::aws) fn remedy(&self) -> &'static str {
        match self.how {
            How::UnknownName => {
                "check the region in the pool's id, endpoint_url, and the DNS of this machine; behind \
                 a proxy set HTTPS_PROXY"
            }
            How::Refused => {
                "check endpoint_url and its port, and that something listens there; behind a proxy \
                 set HTTPS_PROXY"
            }
            How::Slow => {
                "check that firewalls, routes and security groups let this machine reach the host; \
                 behind a proxy set HTTPS_PROXY"
            }
            How::NotTrusted(_) => {
                "if its authority is a private one, name a file with the authority's certificate in \
                 AWS_CA_BUNDLE, ca_bundle of the profile, or SSL_CERT_FILE"
            }
            How::Tls(_) => "check that the endpoint speaks TLS 1.2 or 1.3 on this port",
            How::Proxy(_) => {
                "check HTTPS_PROXY (address, port, user and password) and that the proxy allows the \
                 host; name hosts that need no proxy in NO_PROXY"
            }
            How::Broken(_) => "look at what stands between: proxies, firewalls, load balancers",
        }
    }
}

impl Display for Unreached {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let host = &self.host;
        match &self.how {
            How::UnknownName => write!(f, "the name of {host} cannot be resolved (DNS)"),
            How::Refused => write!(f, "{host} refuses the connection"),
            How::Slow => write!(f, "no connection to {host} in time"),
            How::NotTrusted(why) => write!(f, "the certificate of {host} is not trusted: {why}"),
            How::Tls(why) => write!(f, "no TLS connection to {host}: {why}"),
            How::Proxy(why) => write!(f, "the proxy opens no tunnel to {host}: {why}"),
            How::Broken(why) => write!(f, "the connection to {host} broke: {why}"),
        }
    }
}

impl Error for Unreached {}

fn how(error: &(dyn Error + 'static)) -> Option<How> {
    let innermost = || {
        let innermost = causes(error).last().map(ToString::to_string);
        let text = redacted(&innermost.unwrap_or_default());
        // The system's words end in its number.
        text.split(" (os error")
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    let certificate = causes(error).find_map(|cause| match cause.downcast_ref() {
        Some(error @ rustls::Error::InvalidCertificate(_)) => Some(error.to_string()),
        _ => None,
    });
    if let Some(reason) = certificate {
        return Some(How::NotTrusted(reason));
    }
    if causes(error).any(<dyn Error>::is::<ProxyFailed>) {
        return Some(How::Proxy(innermost()));
    }
    if causes(error).any(<dyn Error>::is::<rustls::Error>) {
        return Some(How::Tls(innermost()));
    }
    let is_connect = error.downcast_ref().is_some_and(legacy::Error::is_connect);
    let kind = causes(error).find_map(|cause| cause.downcast_ref().map(io::Error::kind));
    // hyper-util's type for it is private.
    if causes(error).any(|cause| cause.to_string() == "dns error") {
        return Some(How::UnknownName);
    }
    match kind {
        Some(ErrorKind::ConnectionRefused) => Some(How::Refused),
        Some(ErrorKind::TimedOut) => Some(How::Slow),
        Some(_) => Some(How::Broken(innermost())),
        None if is_connect => Some(How::Broken(innermost())),
        None => None,
    }
}

/// An error and its causes. Unlike `source()`, an [`io::Error`] leads to the error inside it first.
pub(super) fn causes<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| {
        match error.downcast_ref::<io::Error>() {
            Some(error) => error.get_ref().map(|inner| inner as &(dyn Error + 'static)),
            None => error.source(),
        }
    })
}

#[cfg(test)]
mod tests;
