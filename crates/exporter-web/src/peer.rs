//! Clients as far as fairness between them is concerned.

use std::net::{IpAddr, Ipv6Addr};

/// The client that a request comes from. Clients on the same host are equal; all clients of unix
/// sockets are one. Each request that a [`Server`](crate::Server) passes to its service has it
/// among its extensions.
///
/// IPv6 addresses are equal when their first 64 bits are, since one host may use all the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Peer(Option<IpAddr>);

impl Peer {
    /// The client of a unix socket.
    pub const LOCAL: Self = Self(None);

    /// The client at an address.
    #[must_use]
    pub fn at(address: IpAddr) -> Self {
        Self(Some(match address.to_canonical() {
            IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
            v4 => v4,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_host() {
        let peer = |address: &str| Peer::at(address.parse().unwrap());
        assert_eq!(peer("2001:db8::1"), peer("2001:db8::2:0:0:1"));
        assert_ne!(peer("2001:db8::1"), peer("2001:db8:0:1::1"));
        assert_eq!(peer("::ffff:192.0.2.1"), peer("192.0.2.1"));
        assert_ne!(peer("192.0.2.1"), peer("192.0.2.2"));
    }
}
