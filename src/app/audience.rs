//! Who can read the pages, and whether they may.
//!
//! The id of a guest's identity is all that its keys cost. So where identities are polled with
//! those, ids are secrets, and listeners that other machines reach need a login.

use std::net::IpAddr;

use exporter_web::{Address, Listener};
use thiserror::Error;

use crate::api::Signer;
use crate::config::is_loopback;
use crate::identity::PoolId;
use crate::targets::Targets;

/// The listeners that other machines reach.
#[derive(Clone, Debug, Default)]
pub struct Audience(Vec<String>);

/// Others could read ids that are secret.
#[derive(Debug, Error, PartialEq, Eq)]
#[error(
    "pool {pool} is polled with the credentials of its guests (identity_credentials: guest), so that \
     the ids of its identities are secrets, but any client that reaches the listener {listener} \
     could read them without a login: set basic_auth_users, or client_auth_type: RequireAndVerifyClientCert with client_ca_file, in \
     --web.config.file, or listen on a loopback address or a unix socket only"
)]
pub struct NeedsLogin {
    listener: String,
    pool: PoolId,
}

impl Audience {
    /// That of these listeners.
    pub(super) fn of_listeners(listeners: &[Listener]) -> Self {
        let open = listeners.iter().filter(|listener| !listener.is_local());
        Self(open.map(Listener::local_address).collect())
    }

    /// That of listeners on these addresses, as far as it is known before they are bound: a host's
    /// name is looked up then.
    #[must_use]
    pub fn of_addresses(addresses: &[Address]) -> Self {
        let is_open = |address: &&Address| match address {
            Address::Tcp(Some(host), _) => host.parse::<IpAddr>().is_ok() && !is_loopback(host),
            Address::Tcp(None, _) => true,
            Address::Unix(_) => false,
        };
        let open = addresses.iter().filter(is_open);
        Self(open.map(ToString::to_string).collect())
    }

    /// A warning, if others reach what has neither TLS nor a login.
    pub(super) fn warning(&self) -> Option<String> {
        let (listener, rest) = self.0.split_first()?;
        let more = match rest.len() {
            0 => String::new(),
            more => format!(" (and {more} more)"),
        };
        let port = listener.rsplit(':').next().unwrap_or_default();
        Some(format!(
            "anyone who reaches {listener}{more} sees the identity ids, because it has neither TLS \
             nor a login; set --web.config.file, or listen on this machine only with \
             --web.listen-address=localhost:{port}"
        ))
    }

    /// Why these targets need a login, if they do.
    #[must_use]
    pub fn refusal(&self, targets: &Targets) -> Option<NeedsLogin> {
        let is_secret = |pool: &&crate::targets::Pool| pool.settings.signer == Signer::Guest;
        let pool = targets.pools.iter().find(is_secret)?;
        Some(NeedsLogin {
            listener: self.0.first()?.clone(),
            pool: pool.id.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loading;
    use std::path::Path;

    fn targets(credentials: &str) -> std::sync::Arc<Targets> {
        let text = format!(
            "pools: [{{id: 'us-east-1:0', identities: ['us-east-1:1']}}, \
             {{id: 'us-east-1:2', identities: ['us-east-1:3'] {credentials}}}]"
        );
        loading::parse(Path::new("file"), &text).unwrap().targets
    }

    fn refusal(addresses: &[&str], targets: &Targets) -> Option<String> {
        let addresses: Vec<_> = addresses.iter().map(|text| text.parse().unwrap()).collect();
        let refusal = Audience::of_addresses(&addresses).refusal(targets)?;
        Some(refusal.to_string())
    }

    #[test]
    fn open_listeners_are_warned_of() {
        let warning = |addresses: &[&str]| {
            let addresses = addresses.iter().map(|text| text.parse().unwrap());
            Audience::of_addresses(&addresses.collect::<Vec<_>>()).warning()
        };
        assert_eq!(warning(&["127.0.0.1:1", "[::1]:1", "unix:/run/s"]), None);
        for open in [":9473", "0.0.0.0:9473", "[::]:9473"] {
            let warning = warning(&[open]).unwrap();
            assert!(warning.ends_with("=localhost:9473"), "{warning}");
        }
        let one = warning(&["127.0.0.1:1", "0.0.0.0:1"]).unwrap();
        assert!(
            one.starts_with("anyone who reaches 0.0.0.0:1 sees"),
            "{one}"
        );
        let two = warning(&[":1", "192.0.2.1:2"]).unwrap();
        assert!(two.contains(":1 (and 1 more) sees"), "{two}");
    }

    #[test]
    fn only_listeners_that_others_reach_need_a_login_and_only_for_guests() {
        let (guests, others) = (targets(", identity_credentials: guest"), targets(""));
        for local in ["127.0.0.1:1", "[::1]:1", "localhost:1", "unix:/run/s"] {
            assert_eq!(refusal(&[local], &guests), None, "{local}");
        }
        for open in [":10520", "0.0.0.0:1", "[::]:1", "192.0.2.1:1"] {
            assert_eq!(refusal(&[open], &others), None, "{open}");
            let message = refusal(&["127.0.0.1:1", open], &guests).unwrap();
            for part in [open, "us-east-1:2", "--web.config.file", "basic_auth_users"] {
                assert!(message.contains(part), "{message}");
            }
        }
    }
}
