//! From the file's shape to its meaning: defaults filled in, ranges checked, every problem noted
//! and none the last.

use std::collections::HashMap;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use super::schema::{self, Scalar};
use super::{
    Account, Config, Findings, Limits, Listed, Poll, Pool, PoolSettings, Problem, Series, units,
};
use crate::identity::{PoolId, lower};

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(86_400);

const INTERVAL: Duration = Duration::from_secs(300);
const INTERVALS: RangeInclusive<Duration> = SECOND..=Duration::from_secs(30 * 86_400);
const TIMEOUT: Duration = Duration::from_secs(10);
const TIMEOUTS: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_secs(300);
const ATTEMPTS: u32 = 3;
const RATE_LIMIT: f64 = 10.0;
const MAX_IN_FLIGHT: usize = 32;
/// Without `stale_after`, usage is shown for this many intervals.
const STALE_AFTER_INTERVALS: u32 = 3;
/// What Cognito Sync allows without a raised quota: 20 datasets of 1 MB (AWS developer guide,
/// "Limits"), the megabyte as 2^20.
const LIMITS: Limits = Limits {
    storage_bytes: 20 << 20,
    datasets: 20,
};
const TOP: usize = 100;

pub(super) fn validate(file: &Path, schema: schema::File, findings: &mut Findings) -> Config {
    let mut check = Check { file, findings };
    let poll = schema.poll.unwrap_or_default();
    let interval = check
        .duration("poll.interval", poll.interval, INTERVALS)
        .unwrap_or(INTERVAL);
    let stale_after = check.duration("poll.stale_after", poll.stale_after, SECOND..=365 * DAY);
    if stale_after.is_some_and(|stale_after| stale_after < interval) {
        check.problem(
            "poll.stale_after",
            "is shorter than poll.interval, so that usage would come and go",
        );
    }
    let settings = Poll {
        timeout: check
            .duration("poll.timeout", poll.timeout, TIMEOUTS)
            .unwrap_or(TIMEOUT),
        attempts: check
            .number("poll.attempts", poll.attempts, 1..=10)
            .unwrap_or(ATTEMPTS),
        rate_limit: check
            .number("poll.rate_limit", poll.rate_limit, 0.001..=100_000.0)
            .unwrap_or(RATE_LIMIT),
        max_in_flight: check
            .number("poll.max_in_flight", poll.max_in_flight, 1..=10_000)
            .unwrap_or(MAX_IN_FLIGHT),
    };
    let defaults = Defaults {
        interval,
        stale_after,
        limits: check.limits("limits", schema.limits, LIMITS),
    };
    let pools = schema.pools.unwrap_or_default();
    if pools.is_empty() {
        check.problem("pools", "has no pool, expected at least one");
    }
    let mut seen = HashMap::new();
    let pools = pools
        .into_iter()
        .enumerate()
        .map(|(index, pool)| {
            let pool = check.pool(format!("pools[{index}]"), pool, &defaults);
            if let Some(id) = &pool.id
                && let Some(first) = seen.insert(id.clone(), index)
            {
                check.problem(
                    &format!("{}.id", pool.key),
                    format!("is the pool of pools[{first}] once more"),
                );
            }
            pool
        })
        .collect();
    Config {
        file: file.into(),
        poll: settings,
        pools,
    }
}

/// What a pool gets where it says nothing.
struct Defaults {
    interval: Duration,
    stale_after: Option<Duration>,
    limits: Limits,
}

struct Check<'a> {
    file: &'a Path,
    findings: &'a mut Findings,
}

impl Check<'_> {
    fn problem(&mut self, key: &str, message: impl Into<String>) {
        self.findings
            .problems
            .push(Problem::key(self.file, key, message));
    }

    fn warning(&mut self, key: &str, message: impl Into<String>) {
        self.findings
            .warnings
            .push(Problem::key(self.file, key, message));
    }

    fn pool(&mut self, key: String, pool: schema::Pool, defaults: &Defaults) -> Pool {
        let id = self.pool_id(&format!("{key}.id"), &pool.id);
        let own_interval = self.duration(&format!("{key}.interval"), pool.interval, INTERVALS);
        let interval = own_interval.unwrap_or(defaults.interval);
        let stale_key = format!("{key}.stale_after");
        let own_stale_after = self.duration(&stale_key, pool.stale_after, SECOND..=365 * DAY);
        let stale_after = own_stale_after
            .or(defaults.stale_after)
            .unwrap_or(interval * STALE_AFTER_INTERVALS);
        if stale_after < interval && own_stale_after.is_some() {
            self.problem(
                &stale_key,
                "is shorter than the pool's interval, so that usage would come and go",
            );
        } else if stale_after < interval && own_interval.is_some() {
            self.problem(
                &format!("{key}.interval"),
                "is longer than poll.stale_after, so that usage would come and go; give the pool a stale_after of its own",
            );
        }
        let settings = PoolSettings {
            name: self.non_empty(&format!("{key}.name"), pool.name),
            interval,
            stale_after,
            limits: self.limits(&format!("{key}.limits"), pool.limits, defaults.limits),
            account: Account {
                profile: self.non_empty(&format!("{key}.profile"), pool.profile),
                external_id: self.external_id(&key, pool.external_id, pool.role_arn.is_some()),
                role_arn: self.role_arn(&format!("{key}.role_arn"), pool.role_arn),
            },
            endpoint_url: self.endpoint_url(&format!("{key}.endpoint_url"), pool.endpoint_url),
            series: self.series(&key, pool.series.as_deref(), pool.top),
        };
        let mut identities = Vec::new();
        for (index, identity) in pool.identities.unwrap_or_default().into_iter().enumerate() {
            let key = format!("{key}.identities[{index}]");
            let name = self.non_empty(&format!("{key}.name"), identity.name);
            identities.push(Listed {
                key,
                id: identity.id,
                name,
            });
        }
        Pool {
            key,
            id,
            settings,
            identities,
            identity_files: pool.identity_files.unwrap_or_default(),
        }
    }

    fn pool_id(&mut self, key: &str, text: &str) -> Option<PoolId> {
        let lowered = lower(text);
        if lowered != text {
            self.warning(
                key,
                "has upper-case hex, which Cognito Sync does not take; lowered",
            );
        }
        PoolId::parse(&lowered)
            .map_err(|error| self.problem(key, error.to_string()))
            .ok()
    }

    fn duration(
        &mut self,
        key: &str,
        text: Option<Scalar>,
        range: RangeInclusive<Duration>,
    ) -> Option<Duration> {
        let Scalar(text) = text?;
        match units::duration(&text) {
            Ok(duration) if range.contains(&duration) => return Some(duration),
            Ok(_) => {
                let (least, most) = range.into_inner();
                let (least, most) = (units::show(least), units::show(most));
                self.problem(
                    key,
                    format!("`{text}` is out of range, expected {least} to {most}"),
                );
            }
            Err(message) => self.problem(key, message),
        }
        None
    }

    fn number<N>(&mut self, key: &str, text: Option<Scalar>, range: RangeInclusive<N>) -> Option<N>
    where
        N: std::str::FromStr + PartialOrd + std::fmt::Display,
    {
        let Scalar(text) = text?;
        match text.parse() {
            Ok(number) if range.contains(&number) => return Some(number),
            _ => self.problem(
                key,
                format!(
                    "`{text}` is not a number from {} to {}",
                    range.start(),
                    range.end()
                ),
            ),
        }
        None
    }

    fn limits(&mut self, key: &str, limits: Option<schema::Limits>, defaults: Limits) -> Limits {
        let schema::Limits { storage, datasets } = limits.unwrap_or_default();
        let storage_key = format!("{key}.storage");
        let storage_bytes = storage.and_then(|Scalar(text)| match units::size(&text) {
            Ok(bytes) if (1..=1 << 53).contains(&bytes) => Some(bytes),
            Ok(_) => {
                self.problem(
                    &storage_key,
                    format!("`{text}` is out of range, expected 1 byte to 8PiB"),
                );
                None
            }
            Err(message) => {
                self.problem(&storage_key, message);
                None
            }
        });
        Limits {
            storage_bytes: storage_bytes.unwrap_or(defaults.storage_bytes),
            datasets: self
                .number(&format!("{key}.datasets"), datasets, 1..=1_000_000)
                .unwrap_or(defaults.datasets),
        }
    }

    fn non_empty(&mut self, key: &str, text: Option<String>) -> Option<String> {
        if text.as_ref().is_some_and(|text| text.trim().is_empty()) {
            self.problem(key, "is empty; leave the key out instead");
        }
        text
    }

    /// `arn:PARTITION:iam::ACCOUNT:role/PATH`, as IAM writes it.
    fn role_arn(&mut self, key: &str, arn: Option<String>) -> Option<String> {
        let is_role = |arn: &str| {
            let parts: Vec<_> = arn.splitn(6, ':').collect();
            matches!(parts[..], ["arn", partition, "iam", "", account, role]
                if partition.starts_with("aws")
                    && account.len() == 12
                    && account.bytes().all(|byte| byte.is_ascii_digit())
                    && role.strip_prefix("role/").is_some_and(|name| !name.is_empty()))
        };
        if arn.as_deref().is_some_and(|arn| !is_role(arn)) {
            self.problem(
                key,
                "is not the ARN of a role, expected arn:aws:iam::123456789012:role/NAME",
            );
        }
        arn
    }

    /// 2 to 1,224 characters of `[\w+=,.@:/-]` (STS API, `AssumeRole`). It is half a secret, so it
    /// is not repeated.
    fn external_id(&mut self, pool: &str, id: Option<String>, has_role: bool) -> Option<String> {
        let key = format!("{pool}.external_id");
        if let Some(id) = &id {
            if !has_role {
                self.problem(&key, "has no meaning without role_arn");
            }
            let fits = |c: char| c.is_ascii_alphanumeric() || "_+=,.@:/-".contains(c);
            if !(2..=1_224).contains(&id.len()) || !id.chars().all(fits) {
                self.problem(
                    &key,
                    "is not an external id, expected 2 to 1224 letters, digits and _+=,.@:/-",
                );
            }
        }
        id
    }

    fn endpoint_url(&mut self, key: &str, url: Option<String>) -> Option<String> {
        if let Some(message) = url.as_deref().and_then(|url| endpoint_problem(url).err()) {
            self.problem(key, message);
        }
        url
    }

    fn series(&mut self, pool: &str, series: Option<&str>, top: Option<Scalar>) -> Series {
        let has_top = top.is_some();
        let top = self
            .number(&format!("{pool}.top"), top, 1..=1_000_000)
            .unwrap_or(TOP);
        let series = match series {
            None | Some("each") => Series::Each,
            Some("top") => Series::Top(top),
            Some("none") => Series::None,
            Some(other) => {
                self.problem(
                    &format!("{pool}.series"),
                    format!("`{other}` is not one of each, top, none"),
                );
                return Series::Top(top);
            }
        };
        if has_top && !matches!(series, Series::Top(_)) {
            self.problem(
                &format!("{pool}.top"),
                "has no meaning without `series: top`",
            );
        }
        series
    }
}

/// Signed requests carry temporary credentials, so they leave the machine by TLS only.
fn endpoint_problem(url: &str) -> Result<(), &'static str> {
    const EXPECTED: &str = "is not an endpoint, expected https://HOST or https://HOST:PORT";
    let uri: http::Uri = url.parse().map_err(|_| EXPECTED)?;
    let authority = uri.authority().ok_or(EXPECTED)?;
    if authority.as_str().contains('@') {
        return Err("holds a user name, expected https://HOST or https://HOST:PORT");
    }
    if uri.path().len() > 1 || uri.query().is_some() {
        return Err("has a path, expected https://HOST or https://HOST:PORT");
    }
    match uri.scheme_str() {
        Some("https") => Ok(()),
        Some("http") if is_loopback(authority.host()) => Ok(()),
        Some("http") => Err(
            "is plain http to another machine, expected https (plain http is for loopback only)",
        ),
        _ => Err(EXPECTED),
    }
}

/// Whether a URL's host is this machine itself.
pub(crate) fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse()
            .is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_stays_on_this_machine() {
        for url in [
            "https://sync.example",
            "https://sync.example:8443/",
            "http://127.0.0.1:4566",
            "http://[::1]:1",
            "http://localhost",
        ] {
            assert_eq!(endpoint_problem(url), Ok(()), "{url}");
        }
        for url in [
            "http://sync.example",
            "http://169.254.169.254",
            "http://127.0.0.1.example",
            "http://localhost.example",
            "http://2130706433",
            "https://user:secret@sync.example",
            "https://sync.example/path",
            "https://sync.example?query",
            "ftp://sync.example",
            "sync.example:80",
            "/path",
            "",
        ] {
            assert!(endpoint_problem(url).is_err(), "{url}");
        }
    }
}
