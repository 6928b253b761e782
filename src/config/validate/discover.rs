//! `discover` and `identity_credentials`: which identities are polled, and which keys sign that.

use super::super::keys::{LIST_RATES, PASS_INTERVALS, SIGNERS};
use super::super::schema;
use super::super::{Discover, Signer};
use super::Check;

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
            let message = "needs `series` beside it, since the length of the list is not known: \
                           expected each, top or none";
            self.problem(&format!("{pool}.discover"), message);
        }
        let key = |name: &str| format!("{pool}.discover.{name}");
        let defaults = Discover::default();
        Some(Discover {
            interval: self
                .duration(&key("interval"), interval, PASS_INTERVALS, "")
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
                let key = format!("{pool}.identity_credentials");
                self.unknown_word(&key, text, SIGNERS, None);
                Signer::Account
            }
        }
    }
}
