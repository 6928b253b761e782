//! What polling with guests' credentials costs.

use crate::config::Signer;
use crate::targets::{KEY_LIFE, MAX_EXCHANGES, Pool, Targets};

/// Memory for the keys of one identity, in bytes: most of it is a session token of some 1,500.
const MEMORY_PER_KEYS: u64 = 2_000;

/// Exchanges of guests' ids for keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Exchanges {
    /// In an hour, at most.
    pub(super) per_hour: u64,
    /// Bytes of the keys that are kept between polls, at most.
    pub(super) memory: u64,
}

impl Exchanges {
    /// Those of all pools that are polled with their guests' keys; `None` if none is.
    pub(super) fn of(targets: &Targets) -> Option<Self> {
        let guests = |pool: &&Pool| pool.settings.signer == Signer::Guest;
        let mut pools = targets.pools.iter().filter(guests).peekable();
        pools.peek()?;
        let (mut per_hour, mut kept) = (0.0, 0.0);
        for pool in pools {
            per_hour += pool.exchanges_per_hour();
            if pool.settings.interval.as_secs_f64() < KEY_LIFE {
                kept += pool.identities.len() as f64;
            }
        }
        let most = MAX_EXCHANGES * KEY_LIFE;
        Some(Self {
            per_hour: per_hour.min(most).ceil() as u64,
            memory: kept.min(most) as u64 * MEMORY_PER_KEYS,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loading;
    use std::path::Path;

    fn exchanges(interval: &str, identities: usize, credentials: &str) -> Option<Exchanges> {
        let ids: Vec<_> = (0..identities)
            .map(|number| format!("'r:{number:x}'"))
            .collect();
        let text = format!(
            "poll: {{interval: {interval}}}\npools: [{{id: 'r:0', {credentials} identities: [{}]}}]",
            ids.join(",")
        );
        let loaded = loading::parse(Path::new("file"), &text).unwrap();
        Exchanges::of(&loaded.targets)
    }

    #[test]
    fn one_an_identity_an_hour_and_keys_are_kept_where_polls_are_more_frequent() {
        let guest = "identity_credentials: guest,";
        let expected = |per_hour, memory| Some(Exchanges { per_hour, memory });
        assert_eq!(exchanges("5m", 100, ""), None);
        assert_eq!(exchanges("5m", 100, guest), expected(100, 200_000));
        assert_eq!(exchanges("1h", 100, guest), expected(100, 0));
        assert_eq!(exchanges("10h", 100, guest), expected(10, 0));
        let most = exchanges("5m", 50_000, guest);
        assert_eq!(most, expected(36_000, 72_000_000));
    }
}
