//! What AWS counts calls by.

use http::Uri;

use crate::api::Service;
use crate::config::{Account, PoolSettings};
use crate::identity::PoolId;

/// An account's credential, a region, a service and an endpoint: what shares one rate quota of AWS.
/// Budgets are equal exactly when their labels are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Budget {
    /// The name in metrics and logs: `REGION`, then, each only where it differs from the default,
    /// ` ROLE-or-PROFILE`, ` cognito-identity`, and ` HOST:PORT` of an endpoint of its own.
    pub label: String,
}

impl Budget {
    /// The budget of a pool's calls to a service.
    #[must_use]
    pub fn new(pool: &PoolId, settings: &PoolSettings, service: Service) -> Self {
        let Account {
            role_arn, profile, ..
        } = &settings.account;
        let account = role_arn.as_ref().or(profile.as_ref()).cloned();
        let service = match service {
            Service::CognitoSync => None,
            Service::CognitoIdentity => Some(service.as_str().to_owned()),
        };
        let endpoint = settings.endpoint_url.as_deref().map(host_and_port);
        let endpoint = endpoint.filter(|endpoint| !is_default(endpoint, pool.region()));
        let differing = [account, service, endpoint].into_iter().flatten();
        let label = differing.fold(pool.region().to_owned(), |label, part| label + " " + &part);
        Self { label }
    }
}

/// `HOST:PORT` of a URL that the configuration has checked.
fn host_and_port(url: &str) -> String {
    let parsed = url.parse::<Uri>().unwrap_or_default();
    let default_port = if parsed.scheme_str() == Some("http") {
        80
    } else {
        443
    };
    let host = parsed.host().unwrap_or(url).to_ascii_lowercase();
    format!("{host}:{}", parsed.port_u16().unwrap_or(default_port))
}

/// Whether this is the endpoint that the SDK calls without one configured; see
/// `aws-sdk-cognitosync`'s endpoint rules.
fn is_default(endpoint: &str, region: &str) -> bool {
    let domain = if region.starts_with("cn-") {
        "amazonaws.com.cn"
    } else {
        "amazonaws.com"
    };
    endpoint == format!("cognito-sync.{region}.{domain}:443")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use std::path::Path;

    fn label(pool: &str, service: Service) -> String {
        let text = format!("pools: [{{id: 'us-east-1:0', identities: [], {pool}}}]");
        let config = config::parse(Path::new("file"), &text).unwrap();
        let (config, _) = config.accept().unwrap();
        let pool = &config.pools[0];
        Budget::new(pool.id.as_ref().unwrap(), &pool.settings, service).label
    }

    #[test]
    fn a_label_names_what_differs_from_the_default() {
        let role = "arn:aws:iam::123456789012:role/sync";
        let role_and_profile = format!("role_arn: '{role}', profile: staging");
        for (pool, service, expected) in [
            ("", Service::CognitoSync, "us-east-1"),
            ("", Service::CognitoIdentity, "us-east-1 cognito-identity"),
            (
                "profile: staging",
                Service::CognitoSync,
                "us-east-1 staging",
            ),
            (
                &role_and_profile,
                Service::CognitoSync,
                &format!("us-east-1 {role}"),
            ),
            (
                "endpoint_url: 'http://127.0.0.1:4566'",
                Service::CognitoSync,
                "us-east-1 127.0.0.1:4566",
            ),
            (
                "endpoint_url: 'https://Sync.example', profile: p",
                Service::CognitoIdentity,
                "us-east-1 p cognito-identity sync.example:443",
            ),
            (
                "endpoint_url: 'https://Cognito-Sync.us-east-1.amazonaws.com/'",
                Service::CognitoSync,
                "us-east-1",
            ),
            (
                "endpoint_url: 'https://cognito-sync.us-east-1.amazonaws.com:8443'",
                Service::CognitoSync,
                "us-east-1 cognito-sync.us-east-1.amazonaws.com:8443",
            ),
            (
                "endpoint_url: 'https://cognito-sync.us-west-2.amazonaws.com'",
                Service::CognitoSync,
                "us-east-1 cognito-sync.us-west-2.amazonaws.com:443",
            ),
            (
                "endpoint_url: 'http://[::1]'",
                Service::CognitoSync,
                "us-east-1 [::1]:80",
            ),
        ] {
            assert_eq!(label(pool, service), expected, "{pool}");
        }
    }
}
