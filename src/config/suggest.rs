//! What may have been meant by a word that is none of those that are known.

use super::keys::Section;

/// The most similar of these words, if one is so similar that it was probably meant. Case, and the
/// difference between `-` and `_`, do not count.
pub(crate) fn similar<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.trim().to_lowercase().replace(['-', ' '], "_");
    let edits = |known: &str| strsim::damerau_levenshtein(&word, known);
    let best = known.into_iter().min_by_key(|known| edits(known))?;
    // Two short words differ in one letter by chance, long ones do not in three.
    (edits(best) <= word.len().min(best.len()).div_ceil(4).min(3)).then_some(best)
}

/// What to do about a key that a section does not have; `present` says which keys it has.
pub(super) fn unknown_key(section: Section, key: &str, present: impl Fn(&str) -> bool) -> String {
    if let Some(remedy) = elsewhere(key) {
        return remedy.to_owned();
    }
    let names = |section: Section| section.keys().map(|key| key.name);
    let absent = || names(section).filter(|name| !present(name));
    // Identities have few keys, which others have as well.
    let others = || {
        let others = Section::ALL.into_iter().filter(|other| *other != section);
        others.filter(|other| *other != Section::Identity)
    };
    let leave_out = |meant: &str| format!("`{meant}` is there already: leave one out");
    if let Some(meant) = synonym(section, key) {
        return match present(meant) {
            true => leave_out(meant),
            false => format!("did you mean `{meant}`?"),
        };
    }
    if let Some(other) = others().find(|other| names(*other).any(|name| name == key)) {
        return format!("it belongs {}", other.place());
    }
    if let Some(meant) = similar(key, absent()) {
        return format!("did you mean `{meant}`?");
    }
    if let Some(meant) = similar(key, names(section)) {
        return leave_out(meant);
    }
    if similar(key, ["region"]).is_some() {
        return REGION.to_owned();
    }
    let belongs = |other: Section| Some((similar(key, names(other))?, other.place()));
    if let Some((meant, place)) = others().find_map(belongs) {
        return format!("did you mean `{meant}`, which belongs {place}?");
    }
    let names: Vec<_> = names(section).map(|name| format!("`{name}`")).collect();
    format!("expected one of {}", names.join(", "))
}

const REGION: &str = "the region is part of the pool's id, before the colon: leave the key out";

/// Keys that people expect here, and that belong to something else.
fn elsewhere(key: &str) -> Option<&'static str> {
    let key = key.to_lowercase().replace('-', "_");
    Some(match key.strip_prefix("aws_").unwrap_or(&key) {
        "region" | "regions" | "default_region" => REGION,
        "access_key_id" | "access_key" | "secret_access_key" | "secret_key" | "session_token"
        | "credentials" => {
            "keys come from the environment or the AWS configuration, never from here: leave it \
             out, and deactivate the key if others have seen this file"
        }
        "account" | "account_id" => {
            "the account follows from the credentials: leave it out, or set `role_arn` or `profile`"
        }
        "global" | "scrape_configs" | "scrape_interval" | "rule_files" | "alerting" => {
            "this looks like Prometheus's configuration, expected that of the exporter, with \
             `pools`: name it with --config.file"
        }
        "basic_auth_users" | "tls_server_config" | "http_server_config" => {
            "it belongs in the web configuration: name that file with --web.config.file"
        }
        "listen_address" | "listen" | "port" | "address" | "web" => {
            "it is a flag: --web.listen-address=ADDRESS"
        }
        "log" | "log_level" | "logging" | "log_format" => {
            "it is a flag: --log.level=LEVEL, --log.format=FORMAT"
        }
        "state" | "state_path" => "it is a flag: --state.path=DIRECTORY",
        "user_pool" | "user_pool_id" => {
            "Cognito Sync has identity pools, not user pools: `cognitosync_exporter list-pools` \
             prints their ids, for the key `id`"
        }
        _ => return None,
    })
}

/// What AWS or other exporters call a key.
fn synonym(section: Section, key: &str) -> Option<&'static str> {
    Some(match (section, &*key.to_lowercase().replace('-', "_")) {
        (Section::File, "pool" | "identity_pools" | "identity_pool") => "pools",
        (Section::File, "limit") => "limits",
        (Section::File, "polling" | "polls") => "poll",
        (Section::Poll | Section::Pool, "stale") => "stale_after",
        (Section::Limits, "storage_bytes" | "dataset_bytes" | "bytes") => "dataset_storage",
        (Section::Pool, "identity_pool_id" | "identitypoolid" | "pool_id" | "poolid") => "id",
        (Section::Pool, "role" | "assume_role" | "arn" | "role_name") => "role_arn",
        (Section::Pool, "aws_profile") => "profile",
        (Section::Pool, "endpoint" | "url") => "endpoint_url",
        (Section::Pool, "files" | "file" | "identities_file" | "identities_files") => {
            "identity_files"
        }
        (Section::Pool, "ids" | "identity" | "identity_ids" | "users") => "identities",
        (Section::Pool, "metrics") => "identity_metrics",
        (Section::Identity, "identity_id" | "identityid") => "id",
        (Section::Poll, "concurrency" | "max_concurrency" | "parallelism") => "max_in_flight",
        (Section::Poll, "retries" | "max_retries" | "max_attempts") => "attempts",
        (Section::Poll, "rate" | "rps" | "qps") => "rate_limit",
        (Section::Discover, "every") => "interval",
        (Section::Limits, "records") => "dataset_records",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_similar_is_what_was_meant() {
        let known = ["near", "each", "off"];
        for (word, expected) in [
            ("neer", Some("near")),
            ("Each", Some("each")),
            ("ecah", Some("each")),
            ("of", Some("off")),
            ("some", None),
            ("true", None),
            ("", None),
        ] {
            assert_eq!(similar(word, known), expected, "{word}");
        }
    }

    #[test]
    fn an_unknown_key_has_a_remedy() {
        for (section, key, expected) in [
            (Section::Pool, "identites", "did you mean `identities`?"),
            (
                Section::Pool,
                "identity-files",
                "did you mean `identity_files`?",
            ),
            (Section::File, "Pools", "did you mean `pools`?"),
            (Section::File, "interval", "it belongs under `poll`"),
            (
                Section::Limits,
                "series",
                "it belongs in a pool, beside its `id`",
            ),
            (
                Section::File,
                "rate_limt",
                "did you mean `rate_limit`, which belongs under `poll`?",
            ),
            (
                Section::Discover,
                "x",
                "expected one of `interval`, `rate_limit`",
            ),
            (Section::Pool, "identityPoolId", "did you mean `id`?"),
            (Section::File, "pool", "did you mean `pools`?"),
            (Section::Poll, "stale", "did you mean `stale_after`?"),
            (Section::Poll, "id", "it belongs in a pool, beside its `id`"),
        ] {
            assert_eq!(unknown_key(section, key, |_| false), expected, "{key}");
        }
        let has = |name: &str| name == "interval" || name == "pools";
        for (section, key, expected) in [
            (
                Section::Discover,
                "intervall",
                "`interval` is there already: leave one out",
            ),
            (
                Section::File,
                "pool",
                "`pools` is there already: leave one out",
            ),
        ] {
            assert_eq!(unknown_key(section, key, has), expected, "{key}");
        }
        for key in [
            "region",
            "AWS_REGION",
            "access_key_id",
            "aws_secret_access_key",
            "global",
        ] {
            assert!(elsewhere(key).is_some(), "{key}");
        }
    }
}
