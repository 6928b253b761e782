//! What can go wrong between an API's caller and its answer.

/// One way to fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// An error with a code, as AWS sends it.
    Error(u16, &'static str),
    /// A status without code or body.
    Status(u16),
    /// A status with a page for people, as proxies send it.
    Html(u16),
    /// A success with this body instead of a usage.
    Body(String),
    /// A success with a body far too long.
    Oversized,
    /// Nothing, ever.
    Hang,
    /// The connection closes without an answer.
    Close,
}

impl Fault {
    /// The exceptions that the API model gives the two operations, with their statuses.
    pub const MODELLED: [Self; 5] = [
        Self::Error(403, "NotAuthorizedException"),
        Self::Error(400, "InvalidParameterException"),
        Self::Error(404, "ResourceNotFoundException"),
        Self::Error(500, "InternalErrorException"),
        Self::Error(429, "TooManyRequestsException"),
    ];

    /// What strikes at random in `demo --faults`: what passes, so that everything still has
    /// something to show.
    pub(super) fn passing(draw: u64) -> Self {
        match draw % 6 {
            0 => Self::Error(429, "TooManyRequestsException"),
            1 => Self::Error(500, "InternalErrorException"),
            2 => Self::Status(429),
            3 => Self::Html(502),
            4 => Self::Body("{\"IdentityUsage\":{\"DatasetCount\":".to_owned()),
            _ => Self::Close,
        }
    }
}
