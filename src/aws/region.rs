//! The region of calls that are about no pool.

use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;

/// The region that the environment names (`AWS_REGION`, `AWS_DEFAULT_REGION`), or else this profile
/// or the one in force.
pub async fn default_region(profile: Option<&str>) -> Option<String> {
    let mut of_profile = ProfileFileRegionProvider::builder();
    if let Some(profile) = profile {
        of_profile = of_profile.profile_name(profile);
    }
    let chain = RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new());
    let region = chain.or_else(of_profile.build()).region().await?;
    Some(region.as_ref().to_owned()).filter(|region| !region.is_empty())
}
