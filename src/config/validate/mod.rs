//! From the file's shape to its meaning: fills in defaults, checks ranges, and reports all problems
//! at once.

mod discover;
mod limits;
mod numbers;
mod series;
mod times;

use std::collections::HashMap;
use std::path::Path;

use super::schema;
use super::{
    Account, Checked, Config, Datasets, Limits, ListedIdentity, PollSettings, PoolConfig,
    PoolSettings, Problem, units,
};
use super::{account, endpoint, keys, regions, suggest};
use crate::identity::{InvalidId, Mistaken, PoolId, canonicalize, has_guid, has_variable};
use crate::printable::Quoted;
use times::{Texts, Times};

pub(super) fn validate(file: &Path, schema: schema::File) -> Checked<Config> {
    let mut check = Check {
        file,
        problems: Vec::new(),
        warnings: Vec::new(),
    };
    let value = check.config(schema);
    Checked {
        value,
        problems: check.problems,
        warnings: check.warnings,
    }
}

/// The settings of a pool that sets none itself.
struct Defaults {
    times: Times,
    datasets: Datasets,
    limits: Limits,
}

struct Check<'a> {
    file: &'a Path,
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
}

impl Check<'_> {
    fn problem(&mut self, key: &str, message: impl Into<String>) {
        self.problems.push(Problem::key(self.file, key, message));
    }

    fn warning(&mut self, key: &str, message: impl Into<String>) {
        self.warnings.push(Problem::key(self.file, key, message));
    }

    fn config(&mut self, schema: schema::File) -> Config {
        let mut poll = schema.poll.unwrap_or_default();
        let datasets = self.datasets("poll.datasets", poll.datasets.take());
        let texts = Texts {
            interval: poll.interval.take(),
            max_age: poll.max_age.take(),
            stale_after: poll.stale_after.take(),
        };
        let times = self.times("poll", texts, Times::default());
        let sets_timeout = poll.timeout.is_some();
        let poll = self.poll(poll);
        let defaults = Defaults {
            times,
            datasets: datasets.unwrap_or(PoolSettings::default().datasets),
            limits: self.limits("limits", schema.limits, Limits::default()),
        };
        let pools = schema.pools.unwrap_or_default();
        if pools.is_empty() {
            self.problem(
                "pools",
                "has no pool, expected at least one, `- id: REGION:GUID`: `cognitosync_exporter \
                 list-pools` prints ids",
            );
        }
        let mut seen = HashMap::new();
        let pools = pools
            .into_iter()
            .enumerate()
            .map(|(index, pool)| {
                let pool = self.pool(format!("pools[{index}]"), pool, &defaults);
                if let Some(id) = &pool.id
                    && let Some(first) = seen.insert(id.clone(), index)
                {
                    self.problem(
                        &format!("{}.id", pool.key),
                        format!("is the pool of pools[{first}] once more, expected each pool once: give one \
                             entry the identities of both"),
                    );
                }
                pool
            })
            .collect::<Vec<_>>();
        let shortest = pools.iter().map(|pool| pool.settings.interval).min();
        if let Some(interval) = shortest.filter(|it| sets_timeout && *it < poll.timeout) {
            let message = format!(
                "is longer than an interval of {}, so that one slow call costs an identity its \
                 next poll, expected less: lower it, or raise the interval",
                units::show(interval)
            );
            self.warning("poll.timeout", message);
        }
        Config {
            file: self.file.into(),
            poll,
            pools,
        }
    }

    /// The section `poll`, as far as it holds for all calls.
    fn poll(&mut self, poll: schema::Poll) -> PollSettings {
        let defaults = PollSettings::default();
        PollSettings {
            timeout: self
                .duration("poll.timeout", poll.timeout, keys::TIMEOUTS, "")
                .unwrap_or(defaults.timeout),
            attempts: self
                .number("poll.attempts", poll.attempts, keys::ATTEMPTS)
                .unwrap_or(defaults.attempts),
            rate_limit: self
                .number("poll.rate_limit", poll.rate_limit, keys::RATES)
                .unwrap_or(defaults.rate_limit),
            max_in_flight: self
                .number("poll.max_in_flight", poll.max_in_flight, keys::IN_FLIGHT)
                .map_or(defaults.max_in_flight, |number| number as usize),
        }
    }

    fn pool(&mut self, key: String, pool: schema::Pool, defaults: &Defaults) -> PoolConfig {
        let id = self.pool_id(&format!("{key}.id"), &pool.id);
        let texts = Texts {
            interval: pool.interval,
            max_age: pool.max_age,
            stale_after: pool.stale_after,
        };
        let Times {
            interval,
            max_age,
            stale_after,
        } = self.times(&key, texts, defaults.times);
        let settings = PoolSettings {
            name: self.non_empty(&format!("{key}.name"), pool.name),
            interval,
            max_age,
            stale_after,
            datasets: self
                .datasets(&format!("{key}.datasets"), pool.datasets)
                .unwrap_or(defaults.datasets),
            limits: self.limits(&format!("{key}.limits"), pool.limits, defaults.limits),
            account: Account {
                profile: self.profile(&format!("{key}.profile"), pool.profile),
                external_id: self.external_id(&key, pool.external_id, pool.role_arn.is_some()),
                role_arn: self.role_arn(&format!("{key}.role_arn"), pool.role_arn),
            },
            endpoint_url: self.endpoint_url(&format!("{key}.endpoint_url"), pool.endpoint_url),
            cognito_identity_endpoint_url: self.endpoint_url(
                &format!("{key}.cognito_identity_endpoint_url"),
                pool.cognito_identity_endpoint_url,
            ),
            signer: self.signer(&key, pool.identity_credentials.as_deref()),
            discover: self.discover(&key, pool.discover, pool.series.is_some()),
            series: self.series(&key, pool.series.as_deref(), pool.top),
            identity_metrics: self.identity_metrics(&key, pool.identity_metrics),
        };
        let mut identities = Vec::new();
        for (index, identity) in pool.identities.unwrap_or_default().into_iter().enumerate() {
            let key = format!("{key}.identities[{index}]");
            let name = self.non_empty(&format!("{key}.name"), identity.name);
            identities.push(ListedIdentity {
                key,
                id: identity.id,
                name,
            });
        }
        PoolConfig {
            key,
            id,
            settings,
            identities,
            identity_files: pool.identity_files.unwrap_or_default(),
        }
    }

    fn pool_id(&mut self, key: &str, text: &str) -> Option<PoolId> {
        let canonical = canonicalize(text);
        if canonical != text {
            self.warning(
                key,
                "has upper-case hex, which Cognito Sync does not take; lowered",
            );
        }
        let id = match PoolId::parse(&canonical) {
            Ok(id) => id,
            Err(error) => {
                let message = match (Mistaken::of(text), &error) {
                    (Some(mistaken), _) => mistaken.for_pool(),
                    (None, InvalidId::NoColon) => format!(
                        "{error}: `cognitosync_exporter list-pools` prints ids and names of pools; \
                         a name goes under `name`"
                    ),
                    (None, _) => error.to_string(),
                };
                self.problem(key, message);
                return None;
            }
        };
        if !has_guid(id.as_str()) {
            self.warning(
                key,
                "has no GUID (8-4-4-4-12 hex digits) behind the colon, as if cut off",
            );
        }
        let lowered = id.region().to_lowercase();
        if lowered != id.region() && regions::is_known(&lowered) {
            let message = format!("has capitals in its region: did you mean `{lowered}`?");
            self.problem(key, message);
            return None;
        }
        if !regions::is_known(id.region()) {
            let meant = regions::similar(&lowered);
            let meant = meant.map_or_else(String::new, |it| format!(": did you mean `{it}`?"));
            let message = format!(
                "is of region {}, which the AWS SDK does not know{meant}",
                id.region()
            );
            self.warning(key, message);
        }
        Some(id)
    }

    /// A word that is none of those that a key takes; `meant` is the one that it stands for.
    fn unknown_word(&mut self, key: &str, word: &str, known: &[&str], meant: Option<&str>) {
        let meant = meant.or_else(|| suggest::similar(word, known.iter().copied()));
        let meant = meant.map_or_else(String::new, |it| format!(": did you mean `{it}`?"));
        let known = match known {
            [only] => format!("{only}, the only value"),
            known => format!("one of {}", known.join(", ")),
        };
        let message = format!("{} is not {known}{meant}", Quoted(word));
        self.problem(key, message);
    }

    /// Whether a value has a variable in it, which is a problem.
    fn is_variable(&mut self, key: &str, text: Option<&str>) -> bool {
        let is_variable = text.is_some_and(has_variable);
        if is_variable {
            let message = "has a variable, which is not expanded, expected the value itself";
            self.problem(key, message);
        }
        is_variable
    }

    fn profile(&mut self, key: &str, text: Option<String>) -> Option<String> {
        if !self.is_variable(key, text.as_deref())
            && let Some(error) = text
                .as_deref()
                .and_then(|it| account::check_profile(it).err())
        {
            self.problem(key, error.to_string());
        }
        self.non_empty(key, text)
    }

    fn non_empty(&mut self, key: &str, text: Option<String>) -> Option<String> {
        if text.as_ref().is_some_and(|text| text.trim().is_empty()) {
            self.problem(key, "is empty; leave the key out instead");
        }
        text
    }

    fn role_arn(&mut self, key: &str, arn: Option<String>) -> Option<String> {
        if !self.is_variable(key, arn.as_deref())
            && let Some(error) = arn
                .as_deref()
                .and_then(|it| account::check_role_arn(it).err())
        {
            self.problem(key, error.to_string());
        }
        arn
    }

    fn external_id(&mut self, pool: &str, id: Option<String>, has_role: bool) -> Option<String> {
        let key = format!("{pool}.external_id");
        if id.is_some() && !has_role {
            self.problem(&key, "has no meaning without role_arn");
        }
        if let Some(error) = id
            .as_deref()
            .and_then(|it| account::check_external_id(it).err())
        {
            self.problem(&key, error.to_string());
        }
        id
    }

    fn endpoint_url(&mut self, key: &str, url: Option<String>) -> Option<String> {
        if !self.is_variable(key, url.as_deref())
            && let Some(error) = url.as_deref().and_then(|url| endpoint::check(url).err())
        {
            self.problem(key, error.to_string());
        }
        url
    }
}
