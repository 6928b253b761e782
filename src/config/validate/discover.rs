//! `discover` and `identity_credentials`: who is polled, and whose keys sign it.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::super::schema;
use super::super::{Discover, LIST_RATES, Signer};
use super::Check;
use crate::printable::Quoted;

/// A pass over a handful of identities takes a second, one over a million more than two hours.
const INTERVAL_RANGE: RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(30 * 86_400);

impl Check<'_> {
    /// How many identities a pool will have is not known, so it has to say how many get series.
    pub(super) fn discover(
        &mut self,
        pool: &str,
        discover: Option<schema::Discover>,
        says_series: bool,
    ) -> Option<Discover> {
        let schema::Discover {
            interval,
            rate_limit,
        } = discover?;
        if !says_series {
            let message = "needs `series` beside it, since nobody knows how long the list gets: \
                           expected each, top or none";
            self.problem(&format!("{pool}.discover"), message);
        }
        let key = |name: &str| format!("{pool}.discover.{name}");
        let defaults = Discover::default();
        Some(Discover {
            interval: self
                .duration(&key("interval"), interval, INTERVAL_RANGE)
                .unwrap_or(defaults.interval),
            rate_limit: self
                .number(&key("rate_limit"), rate_limit, LIST_RATES)
                .unwrap_or(defaults.rate_limit),
        })
    }

    pub(super) fn signer(&mut self, pool: &str, text: Option<&str>) -> Signer {
        match text {
            None => Signer::Account,
            Some("guest") => Signer::Guest,
            Some(text) => {
                let message = format!("{} is not guest, the only value", Quoted(text));
                self.problem(&format!("{pool}.identity_credentials"), message);
                Signer::Account
            }
        }
    }
}
