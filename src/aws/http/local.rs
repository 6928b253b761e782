//! Hosts on this machine and on its own link: endpoints on loopback, and the addresses from which
//! EC2, ECS and EKS hand out credentials.

use std::net::{IpAddr, Ipv6Addr};

use http::Uri;

use crate::config::is_loopback;

/// Addresses of EC2's metadata and of EKS's credentials that are not link-local by their range.
const OF_EC2: [Ipv6Addr; 2] = [
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23),
];

/// Whether a request to this host stays on this machine or on its link. Such a request needs no
/// TLS, and no proxy can forward it.
pub(super) fn is_local(host: &str) -> bool {
    if is_loopback(host) {
        return true;
    }
    match host.trim_matches(['[', ']']).parse() {
        Ok(IpAddr::V4(address)) => address.is_link_local(),
        Ok(IpAddr::V6(address)) => address.is_unicast_link_local() || OF_EC2.contains(&address),
        Err(_) => false,
    }
}

/// Whether a request to this URI may leave: requests hold credentials, or ask for them.
pub(super) fn is_safe(uri: &Uri) -> bool {
    match uri.scheme_str() {
        Some("https") => true,
        Some("http") => uri.host().is_some_and(is_local),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_safe_on_this_machine_and_its_link_only() {
        for uri in [
            "http://localhost:4566/",
            "http://127.0.0.9/",
            "http://[::1]:80/",
            "http://169.254.169.254/latest",
            "http://169.254.170.2/v2/credentials",
            "http://169.254.170.23/v1/credentials",
            "http://[fd00:ec2::254]/latest",
            "http://[fd00:ec2::23]/v1/credentials",
            "http://[fe80::1]/",
            "https://sts.example/",
            "https://10.0.0.1/",
        ] {
            assert!(is_safe(&uri.parse().unwrap()), "{uri}");
        }
        for uri in [
            "http://10.0.0.1/",
            "http://192.0.2.1:8080/",
            "http://sts.amazonaws.com/",
            "http://169.254.169.254.example/",
            "http://169.253.0.1/",
            "http://[fd00:ec2::255]/",
            "http://[2001:db8::1]/",
            "http://localhost.example/",
            "ftp://127.0.0.1/",
            "/relative",
        ] {
            assert!(!is_safe(&uri.parse().unwrap()), "{uri}");
        }
    }
}
