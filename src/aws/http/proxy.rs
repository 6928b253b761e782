//! The HTTP proxy that the environment names. All calls that leave this machine are https, so only
//! the proxy for https matters. The one that is found is used as a tunnel.

use std::ffi::OsString;
use std::net::IpAddr;

use hyper_util::client::proxy::matcher::Matcher;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use thiserror::Error;

/// Variables with the proxy for https, in the SDK's order. The first with a value counts.
const FOR_HTTPS: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
/// Variables with a proxy for plain http only.
const FOR_HTTP: [&str; 2] = ["HTTP_PROXY", "http_proxy"];
/// Variables with the hosts that are reached without the proxy.
const EXCEPTIONS: [&str; 2] = ["NO_PROXY", "no_proxy"];

/// A proxy setting that cannot be used. The value is left out, since it may hold a password.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum InvalidProxy {
    #[error("{0}: is not UTF-8, expected http://HOST:PORT")]
    NotText(&'static str),
    #[error("{0}: is not a proxy, expected http://HOST:PORT or http://USER:PASSWORD@HOST:PORT")]
    NoProxy(&'static str),
    #[error("{0}: this kind of proxy is not supported, expected http:// or https://")]
    Scheme(&'static str),
}

/// What the environment says of proxies.
#[derive(Debug)]
pub(super) struct ProxySettings {
    /// Which hosts are reached through which proxy.
    pub(super) matcher: Matcher,
    /// The variable with the proxy.
    pub(super) variable: &'static str,
    /// The proxy without its login.
    pub(super) url: String,
    /// The hosts that are reached without it, as they are understood.
    pub(super) exceptions: String,
}

/// The proxy settings in `variables`, if there is a proxy, and warnings about what is not
/// understood.
///
/// # Errors
/// When there is a proxy that cannot be used.
pub(super) fn read(
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<(Option<ProxySettings>, Vec<String>), InvalidProxy> {
    let mut warnings = Vec::new();
    let Some((name, proxy)) = first(&FOR_HTTPS, &variable)? else {
        if let Some((name, _)) = first(&FOR_HTTP, &variable)? {
            warnings.push(format!(
                "{name} has no effect: all calls to AWS are https; name the proxy in HTTPS_PROXY"
            ));
        }
        return Ok((None, warnings));
    };
    let (login, url) = parse(name, &proxy)?;
    let exceptions = match first(&EXCEPTIONS, &variable)? {
        Some((name, list)) => exceptions(name, &list, &mut warnings),
        None => String::new(),
    };
    let (scheme, host) = url.split_once("://").ok_or(InvalidProxy::NoProxy(name))?;
    let settings = ProxySettings {
        matcher: Matcher::builder()
            .https(format!("{scheme}://{login}{host}"))
            .no(&exceptions)
            .build(),
        variable: name,
        url,
        exceptions,
    };
    Ok((Some(settings), warnings))
}

/// The first of `names` with a value.
fn first(
    names: &[&'static str],
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<Option<(&'static str, String)>, InvalidProxy> {
    for name in names {
        let value = variable(name).unwrap_or_default();
        let value = value.to_str().ok_or(InvalidProxy::NotText(name))?.trim();
        if !value.is_empty() {
            return Ok(Some((name, value.to_owned())));
        }
    }
    Ok(None)
}

/// The login, as `USER:PASSWORD@` fit for a URI, or empty; and the proxy without it.
fn parse(name: &'static str, value: &str) -> Result<(String, String), InvalidProxy> {
    let invalid = InvalidProxy::NoProxy(name);
    let (scheme, rest) = value.split_once("://").unwrap_or(("http", value));
    let scheme = scheme.to_ascii_lowercase();
    if !matches!(&*scheme, "http" | "https") {
        return Err(InvalidProxy::Scheme(name));
    }
    // Passwords may hold an `@`, hosts do not.
    let (login, host) = match rest.rsplit_once('@') {
        Some((login, host)) => (Some(login), host),
        None => (None, rest),
    };
    let host = host.strip_suffix('/').unwrap_or(host);
    let url = format!("{scheme}://{host}");
    let uri: http::Uri = url.parse().map_err(|_| invalid)?;
    let authority = uri.authority().ok_or(invalid)?;
    // `http` takes a port that is none for a part of the authority.
    let port = host.rsplit_once(':').filter(|(host, _)| !host.is_empty());
    let bad_port = port.is_some_and(|(_, port)| !port.ends_with(']') && uri.port_u16().is_none());
    if authority.as_str() != host || authority.host().is_empty() || bad_port {
        return Err(invalid);
    }
    let encode = |text: &str| {
        let text: Vec<u8> = percent_decode_str(text).collect();
        let text = String::from_utf8(text).map_err(|_| invalid)?;
        Ok(utf8_percent_encode(&text, NON_ALPHANUMERIC).to_string())
    };
    let login = match login.map(|login| login.split_once(':').unwrap_or((login, ""))) {
        Some((user, password)) => format!("{}:{}@", encode(user)?, encode(password)?),
        None => String::new(),
    };
    Ok((login, url))
}

/// The entries of `NO_PROXY` as the matcher understands them: addresses, networks, domains with
/// their subdomains, and `*`.
fn exceptions(name: &str, list: &str, warnings: &mut Vec<String>) -> String {
    let mut understood = Vec::new();
    for entry in list.split([',', ' ', '\t', '\n', '\r', ';', '|']) {
        if entry.is_empty() {
            continue;
        }
        match exception(entry) {
            Some(host) => understood.push(host),
            None => warnings.push(format!(
                "{name}: `{}` is not understood and has no effect, expected a host, a domain, \
                 an address or a network, all of them without a port or with port 443",
                entry.escape_debug()
            )),
        }
    }
    understood.join(",")
}

fn exception(entry: &str) -> Option<String> {
    if entry == "*" {
        return Some(entry.to_owned());
    }
    if let Some((address, length)) = entry.split_once('/') {
        let address: IpAddr = address.parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let is_network = length.parse::<u8>().is_ok_and(|length| length <= most);
        return is_network.then(|| entry.to_owned());
    }
    let host = entry
        .strip_suffix(":443")
        .filter(|host| !host.ends_with(':'));
    let host = host.unwrap_or(entry);
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    if bare.unwrap_or(host).parse::<IpAddr>().is_ok() {
        return Some(bare.unwrap_or(host).to_owned());
    }
    let domain = host.strip_prefix('*').filter(|rest| rest.starts_with('.'));
    let domain = domain.unwrap_or(host);
    let domain = domain.strip_suffix('.').unwrap_or(domain);
    let is_domain = domain
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'));
    (is_domain && !domain.trim_matches('.').is_empty()).then(|| domain.to_owned())
}

#[cfg(test)]
mod tests;
