//! What guests may do in Cognito Sync.

/// The role of a pool's guests. Both name the guest's own identity only, as
/// `${cognito-identity.amazonaws.com:sub}`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GuestRole {
    /// Its identity and everything below it.
    #[default]
    All,
    /// As in AWS's sample: everything below its identity, such as its datasets, but not the
    /// identity itself, so that `DescribeIdentityUsage` is denied.
    Sample,
}

impl GuestRole {
    /// Whether a guest whose identity has the ARN `own` may use this resource.
    pub(in crate::simulator) fn allows(self, own: &str, resource: &str) -> bool {
        match resource.strip_prefix(own) {
            Some("") => self == Self::All,
            Some(below) => below.starts_with('/'),
            None => false,
        }
    }
}
