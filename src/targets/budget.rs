//! What AWS counts calls by.

use http::Uri;

use crate::api::Service;
use crate::config::{Account, PoolSettings, Signer};
use crate::identity::PoolId;

/// The most exchanges of a guest's identity for its keys in a second: AWS allows an account and
/// region 200 of them, which the app's logins need (AWS, "Quotas in Amazon Cognito").
pub const MAX_EXCHANGES: f64 = 10.0;

/// In labels, in the place of a role or profile.
const GUEST: &str = "guest";

/// An account's credential, a region, a service and an endpoint: what shares one rate quota of AWS.
/// Budgets are equal exactly when their labels are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Budget {
    /// The name in metrics and logs: `REGION`, then, each only where it differs from the default,
    /// ` ROLE-or-PROFILE`, ` guest` in its place, ` cognito-identity`, and ` HOST:PORT` of an
    /// endpoint of its own.
    pub label: String,
    /// Whose keys sign its calls.
    pub signer: Signer,
}

impl Budget {
    /// The budget of calls about the identities of a pool.
    #[must_use]
    pub fn of_identities(pool: &PoolId, settings: &PoolSettings) -> Self {
        Self::new(pool, settings, Service::CognitoSync, settings.signer)
    }

    /// The budget of a pool's calls to a service that the account's credentials sign.
    #[must_use]
    pub fn of_account(pool: &PoolId, settings: &PoolSettings, service: Service) -> Self {
        Self::new(pool, settings, service, Signer::Account)
    }

    /// The budget of the exchanges of a pool's guests' ids for their keys.
    #[must_use]
    pub fn of_exchanges(pool: &PoolId, settings: &PoolSettings) -> Self {
        Self::new(pool, settings, Service::CognitoIdentity, Signer::Guest)
    }

    fn new(pool: &PoolId, settings: &PoolSettings, service: Service, signer: Signer) -> Self {
        let Account {
            role_arn, profile, ..
        } = &settings.account;
        let keys = match signer {
            // A profile may have the name that guests have here.
            Signer::Account => match role_arn.as_ref().or(profile.as_ref()) {
                Some(profile) if profile == GUEST => Some(format!("profile {GUEST}")),
                named => named.cloned(),
            },
            Signer::Guest => Some(GUEST.to_owned()),
        };
        let (name, endpoint) = match service {
            Service::CognitoSync => (None, &settings.endpoint_url),
            Service::CognitoIdentity => (
                Some(service.as_str().to_owned()),
                &settings.cognito_identity_endpoint_url,
            ),
        };
        let endpoint = endpoint.as_deref().map(host_and_port);
        let endpoint = endpoint.filter(|endpoint| !is_default(endpoint, service, pool.region()));
        let differing = [keys, name, endpoint].into_iter().flatten();
        let label = differing.fold(pool.region().to_owned(), |label, part| label + " " + &part);
        Self { label, signer }
    }

    /// Its ceiling in calls per second, where `poll.rate_limit` is `rate_limit`. A call that a
    /// guest's keys sign may need an exchange before it.
    #[must_use]
    pub fn ceiling(&self, rate_limit: f64) -> f64 {
        match self.signer {
            Signer::Account => rate_limit,
            Signer::Guest => rate_limit.min(MAX_EXCHANGES),
        }
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

/// Whether this is the endpoint that the SDK calls without one configured; see the endpoint rules
/// of `aws-sdk-cognitosync` and `aws-sdk-cognitoidentity`.
fn is_default(endpoint: &str, service: Service, region: &str) -> bool {
    let domain = if region.starts_with("cn-") {
        "amazonaws.com.cn"
    } else {
        "amazonaws.com"
    };
    endpoint == format!("{}.{region}.{domain}:443", service.as_str())
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
        let id = pool.id.as_ref().unwrap();
        match service {
            Service::CognitoSync => Budget::of_identities(id, &pool.settings).label,
            Service::CognitoIdentity => Budget::of_account(id, &pool.settings, service).label,
        }
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
                "cognito_identity_endpoint_url: 'https://Identity.example', profile: p, \
                 endpoint_url: 'https://sync.example'",
                Service::CognitoIdentity,
                "us-east-1 p cognito-identity identity.example:443",
            ),
            (
                "cognito_identity_endpoint_url: 'https://cognito-identity.us-east-1.amazonaws.com'",
                Service::CognitoIdentity,
                "us-east-1 cognito-identity",
            ),
            (
                "profile: guest",
                Service::CognitoSync,
                "us-east-1 profile guest",
            ),
            (
                "identity_credentials: guest, role_arn: 'arn:aws:iam::123456789012:role/sync', \
                 endpoint_url: 'http://127.0.0.1:4566'",
                Service::CognitoSync,
                "us-east-1 guest 127.0.0.1:4566",
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
