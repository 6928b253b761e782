//! How often identities are polled, and until when what is known of them is shown.

use std::time::Duration;

use super::super::PoolSettings;
use super::super::keys::{AGES, AUTO, INTERVALS};
use super::super::schema::Scalar;
use super::Check;

/// The times of a pool, or of all that set none; `None` is `auto`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) interval: Duration,
    pub(super) max_age: Option<Duration>,
    pub(super) stale_after: Option<Duration>,
}

impl Default for Times {
    fn default() -> Self {
        let PoolSettings {
            interval,
            max_age,
            stale_after,
            ..
        } = PoolSettings::default();
        Self {
            interval,
            max_age,
            stale_after,
        }
    }
}

/// The times as the file has them.
pub(super) struct Texts {
    pub(super) interval: Option<Scalar>,
    pub(super) max_age: Option<Scalar>,
    pub(super) stale_after: Option<Scalar>,
}

impl Check<'_> {
    /// The times of a section; `defaults` fills in what it leaves out.
    pub(super) fn times(&mut self, section: &str, texts: Texts, defaults: Times) -> Times {
        let interval_key = format!("{section}.interval");
        let interval = self.duration(&interval_key, texts.interval, INTERVALS, "");
        let is_own_interval = interval.is_some();
        let interval = interval.unwrap_or(defaults.interval);
        let mut age = |name: &str, text, default: Option<Duration>, danger: &str| {
            let key = format!("{section}.{name}");
            let own = self.age(&key, text);
            let age = own.unwrap_or(default);
            if age.is_some_and(|age| age < interval) {
                if own.is_some() {
                    let message = format!("is shorter than the interval, {danger}");
                    self.problem(&key, message);
                } else if is_own_interval {
                    let message = format!(
                        "is longer than poll.{name}, {danger}; give the pool a {name} of its own"
                    );
                    self.problem(&interval_key, message);
                }
            }
            age
        };
        let max_age = age(
            "max_age",
            texts.max_age,
            defaults.max_age,
            "so that no identity is polled again before it",
        );
        let stale_after = age(
            "stale_after",
            texts.stale_after,
            defaults.stale_after,
            "so that usage would come and go",
        );
        Times {
            interval,
            max_age,
            stale_after,
        }
    }

    /// A duration or `auto`; `None` if there is neither.
    fn age(&mut self, key: &str, text: Option<Scalar>) -> Option<Option<Duration>> {
        let Scalar(text) = text?;
        if text == AUTO {
            return Some(None);
        }
        let or = format!(" (or {AUTO})");
        self.duration(key, Some(Scalar(text)), AGES, &or).map(Some)
    }
}
