//! The credentials that sign the calls: the SDK's default chain, a profile, or a role assumed with
//! either.

use std::time::Duration;

use aws_config::identity::IdentityCache;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::SharedHttpClient;

use crate::config::Account;

/// Appears in CloudTrail as the session of an assumed role, and in the user agent.
const APP_NAME: &str = "cognitosync_exporter";

/// Where credentials come from.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// The SDK's default chain, or the profile and role of the pool's settings.
    Aws,
    /// A fixed key, for the simulator, which accepts any.
    Simulator,
}

impl Credentials {
    /// The SDK configuration of one account in one region. The first call fetches the credentials.
    /// Fetching times out before `timeout`, so that a provider that hangs is distinguished from a
    /// service that hangs.
    pub(super) async fn sdk_config(
        &self,
        region: &str,
        account: &Account,
        timeout: Duration,
        http: &SharedHttpClient,
    ) -> SdkConfig {
        let region = Region::new(region.to_owned());
        let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .region(region.clone())
            .http_client(http.clone())
            .app_name(AppName::new(APP_NAME).expect("letters and an underscore make an app name"))
            .identity_cache(
                IdentityCache::lazy()
                    .load_timeout(timeout.mul_f64(0.8))
                    .build(),
            );
        if let Some(profile) = &account.profile {
            // An explicit profile overrides the environment, as with `aws --profile`.
            let provider = ProviderConfig::default()
                .with_region(Some(region.clone()))
                .with_http_client(http.clone())
                .with_behavior_version(Some(BehaviorVersion::v2026_01_12()));
            let provider = ProfileFileCredentialsProvider::builder()
                .configure(&provider)
                .profile_name(profile)
                .build();
            loader = loader.profile_name(profile).credentials_provider(provider);
        }
        if let Self::Simulator = self {
            let key =
                aws_credential_types::Credentials::from_keys("AKIDSIMULATOR", "simulator", None);
            loader = loader.credentials_provider(key);
        }
        let sdk = loader.load().await;
        let Some(role_arn) = &account.role_arn else {
            return sdk;
        };
        let mut role = AssumeRoleProvider::builder(role_arn)
            .session_name(APP_NAME)
            .configure(&sdk);
        if let Some(external_id) = &account.external_id {
            role = role.external_id(external_id);
        }
        let role = SharedCredentialsProvider::new(role.build().await);
        sdk.into_builder().credentials_provider(role).build()
    }
}
