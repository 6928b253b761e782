//! Whose keys sign calls.

/// Whose keys sign the calls about a pool's identities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Signer {
    /// The account's credentials.
    Account,
    /// Each identity's own: temporary ones, which Cognito Identity hands out for it as a guest.
    Guest,
}
