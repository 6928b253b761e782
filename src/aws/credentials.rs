//! The credentials that sign the calls: the SDK's default chain, a profile, or a role assumed with
//! either.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_config::identity::IdentityCache;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::{AppName, BehaviorVersion, ConfigLoader, Region, SdkConfig};
use aws_credential_types::Credentials as Keys;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_smithy_async::time::SharedTimeSource;
use aws_smithy_runtime_api::client::http::SharedHttpClient;

use super::cause::{Asked, Cause, Origin};
use super::http::{Network, ServiceTime};
use crate::api::{CallError, Failure};
use crate::config::Account;

/// Appears in CloudTrail as the session of an assumed role, and in the user agent.
const APP_NAME: &str = "cognitosync_exporter";
/// The simulator accepts any.
const SIMULATOR_KEY: &str = "AKIDSIMULATOR";

/// Where credentials come from.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// The SDK's default chain, or the profile and role of the pool's settings.
    Aws,
    /// A fixed key, for the simulator, which accepts any.
    Simulator,
}

impl Credentials {
    /// The SDK configuration of one account in one region, with keys, and when they expire, in
    /// seconds since 1970. Calls are signed by `time`. Environment and files are read anew each
    /// time, since other programs replace keys in them. Retries of the environment and of profiles
    /// are left out: the SDK panics on wrong ones, and the schedule makes the retries.
    ///
    /// # Errors
    /// When there are no keys, or none that can sign a request.
    pub(super) async fn load(
        &self,
        region: &str,
        account: &Account,
        network: &Network,
        time: ServiceTime,
    ) -> Result<(SdkConfig, Option<f64>), CallError> {
        let region = Region::new(region.to_owned());
        let http = client(network, account.profile.as_deref(), time.clone()).await?;
        let time = SharedTimeSource::new(time);
        let asked = Asked::default();
        let noted = asked.of(http.clone());
        let mut loader = loader(region.clone(), noted.clone(), time.clone());
        let origin = Origin::read(account).await;
        if let Self::Simulator = self {
            loader = loader.credentials_provider(Keys::from_keys(SIMULATOR_KEY, "simulator", None));
        } else {
            if origin.lacks_profile() {
                return Err(Cause::no_profile(&origin).of_load());
            }
            if let Some(profile) = &account.profile {
                // An explicit profile overrides the environment, as with `aws --profile`.
                let provider = ProviderConfig::default()
                    .with_region(Some(region))
                    .with_http_client(noted)
                    .with_time_source(time)
                    .with_behavior_version(Some(BehaviorVersion::v2026_01_12()));
                let provider = ProfileFileCredentialsProvider::builder()
                    .configure(&provider)
                    .profile_name(profile)
                    .build();
                loader = loader.profile_name(profile).credentials_provider(provider);
            }
        }
        let sdk = loader.load().await;
        let provider = sdk.credentials_provider();
        let provider = provider.expect("the loader always sets a provider here");
        let mut keys = match provider.provide_credentials().await {
            Ok(keys) => usable(&keys)?,
            Err(error) => return Err(Cause::of_provider(&error, &origin, &asked).of_load()),
        };
        if let Some(role_arn) = &account.role_arn {
            let mut role = AssumeRoleProvider::builder(role_arn)
                .session_name(APP_NAME)
                .configure(&sdk);
            if let Some(external_id) = &account.external_id {
                role = role.external_id(external_id);
            }
            let assumed = role.build_from_provider(keys).await;
            keys = match assumed.provide_credentials().await {
                Ok(keys) => usable(&keys)?,
                Err(error) => return Err(Cause::of_role(&error, &origin, &asked).of_load()),
            };
        }
        let since_1970 = |expiry: SystemTime| expiry.duration_since(UNIX_EPOCH);
        let expires_at = keys
            .expiry()
            .map(|expiry| since_1970(expiry).unwrap_or_default().as_secs_f64());
        let keys = SharedCredentialsProvider::new(keys);
        let sdk = sdk.into_builder().http_client(http);
        let sdk = sdk.credentials_provider(keys).build();
        Ok((sdk, expires_at))
    }
}

/// The SDK configuration of calls in one region that need no keys, or bring their own. None are
/// looked for.
///
/// # Errors
/// When the bundle of certificates in force cannot be used.
pub(super) async fn without_keys(
    region: &str,
    profile: Option<&str>,
    network: &Network,
    time: ServiceTime,
) -> Result<SdkConfig, CallError> {
    let http = client(network, profile, time.clone()).await?;
    let region = Region::new(region.to_owned());
    let loader = loader(region, http, SharedTimeSource::new(time)).no_credentials();
    let loader = match profile {
        Some(profile) => loader.profile_name(profile),
        None => loader,
    };
    Ok(loader.load().await)
}

async fn client(
    network: &Network,
    profile: Option<&str>,
    time: ServiceTime,
) -> Result<SharedHttpClient, CallError> {
    let http = network.client(profile, time).await;
    http.map_err(|error| CallError::new(Failure::Configuration, error.to_string()))
}

fn loader(region: Region, http: SharedHttpClient, time: SharedTimeSource) -> ConfigLoader {
    aws_config::defaults(BehaviorVersion::v2026_01_12())
        .region(region)
        .http_client(http)
        .time_source(time)
        .retry_config(RetryConfig::standard())
        .app_name(AppName::new(APP_NAME).expect("letters and an underscore make an app name"))
        .identity_cache(IdentityCache::no_cache())
}

fn usable(keys: &Keys) -> Result<Keys, CallError> {
    trimmed(keys).map_err(|unusable| Cause::key(unusable).of_load())
}

/// The keys without white space at their ends, which base64 of secrets often has.
///
/// # Errors
/// When one holds a character that no header can have, on which the SDK's signer panics. The text
/// does not hold the key.
pub(super) fn trimmed(keys: &Keys) -> Result<Keys, String> {
    let trimmed = |name: &str, key: &str| {
        let key = key.trim();
        if key.is_empty() {
            return Err(format!("the {name} is empty"));
        }
        match key.chars().position(|c| !matches!(c, ' '..='~')) {
            Some(position) => Err(format!(
                "character {} of the {name} is a line break, another control character or not ASCII",
                position + 1
            )),
            None => Ok(key.to_owned()),
        }
    };
    let token = keys
        .session_token()
        .filter(|token| !token.trim().is_empty());
    let token = token
        .map(|token| trimmed("session token", token))
        .transpose()?;
    let mut builder = Keys::builder()
        .access_key_id(trimmed("access key id", keys.access_key_id())?)
        .secret_access_key(trimmed("secret access key", keys.secret_access_key())?)
        .provider_name("cognitosync_exporter");
    builder.set_session_token(token);
    builder.set_expiry(keys.expiry());
    builder.set_account_id(keys.account_id().cloned());
    Ok(builder.build())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(id: &str, secret: &str, token: Option<&str>) -> Result<Keys, String> {
        let token = token.map(str::to_owned);
        trimmed(&Keys::new(id, secret, token, None, "test"))
    }

    #[test]
    fn white_space_at_the_ends_is_cut_off() {
        let keys = keys(" AKID\r\n", "\tse/cr+et=\n", Some("\u{a0}token \n")).unwrap();
        assert_eq!(keys.access_key_id(), "AKID");
        assert_eq!(keys.secret_access_key(), "se/cr+et=");
        assert_eq!(keys.session_token(), Some("token"));
        let blank = trimmed(&Keys::new(
            "AKID",
            "s",
            Some(" \n".to_owned()),
            None,
            "test",
        ));
        assert_eq!(blank.unwrap().session_token(), None);
    }

    #[test]
    fn what_no_header_can_have_is_found_and_not_repeated() {
        for bad in [
            "A\nB",
            "A\0",
            "\u{7f}A",
            "schlüssel",
            "A\tB",
            "A\u{2028}B",
            "A\u{1b}[1m",
        ] {
            for (id, secret, token, name) in [
                (bad, "s", "t", "access key id"),
                ("A", bad, "t", "secret access key"),
                ("A", "s", bad, "session token"),
            ] {
                let error = keys(id, secret, Some(token)).unwrap_err();
                assert!(error.contains(name) && !error.contains(bad), "{error}");
            }
        }
        assert_eq!(
            keys(" \n", "s", None).unwrap_err(),
            "the access key id is empty"
        );
    }
}
