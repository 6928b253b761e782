//! Addresses to listen on, as text.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use thiserror::Error;

/// An address to listen on: `host:port`, `:port`, `[::1]:port` or `unix:/path`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A TCP port, on the addresses of one host or on all addresses of this one. Port 0 is any
    /// free port.
    Tcp(Option<String>, u16),
    /// A socket in the file system.
    Unix(PathBuf),
}

/// A text that is no [`Address`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("expected HOST:PORT, :PORT, [IPV6]:PORT or unix:/PATH")]
pub struct ParseAddressError;

impl FromStr for Address {
    type Err = ParseAddressError;

    fn from_str(text: &str) -> Result<Self, ParseAddressError> {
        if let Some(path) = text.strip_prefix("unix:") {
            return if path.is_empty() {
                Err(ParseAddressError)
            } else {
                Ok(Self::Unix(path.into()))
            };
        }
        let (host, port) = text.rsplit_once(':').ok_or(ParseAddressError)?;
        let port = port.parse().map_err(|_| ParseAddressError)?;
        let host = match host.strip_prefix('[').map(|host| host.strip_suffix(']')) {
            Some(Some(host)) => host,
            None if !host.contains(':') => host,
            _ => return Err(ParseAddressError),
        };
        Ok(Self::Tcp((!host.is_empty()).then(|| host.to_owned()), port))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(None, port) => write!(f, ":{port}"),
            Self::Tcp(Some(host), port) if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp(Some(host), port) => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let tcp = |host: Option<&str>, port| Ok(Address::Tcp(host.map(str::to_owned), port));
        for (text, address) in [
            (":10520", tcp(None, 10520)),
            ("localhost:0", tcp(Some("localhost"), 0)),
            ("[::1]:80", tcp(Some("::1"), 80)),
            (
                "unix:/run/exporter.sock",
                Ok(Address::Unix("/run/exporter.sock".into())),
            ),
        ] {
            let parsed = text.parse::<Address>();
            assert_eq!(parsed, address, "{text}");
            assert_eq!(parsed.unwrap().to_string(), text);
        }
        for text in [
            "",
            "10520",
            "host",
            "host:",
            "host:99999",
            "::1:80",
            "[::1:80",
            "[::1]",
            "unix:",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
