//! Faults that the simulator injects.

/// A fault of one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// An error response with this status and code, as AWS sends it.
    Error(u16, &'static str),
    /// A response with this status, without code or body.
    Status(u16),
    /// A response with this status and an HTML page, as proxies send it.
    Html(u16),
    /// A success with this body.
    Body(String),
    /// A success with a body of 20 MiB.
    Oversized,
    /// No response.
    Hang,
    /// The connection is closed without a response.
    Close,
}

impl Fault {
    /// The exceptions of the API model, with their statuses.
    pub const MODELLED: [Self; 5] = [
        Self::Error(403, "NotAuthorizedException"),
        Self::Error(400, "InvalidParameterException"),
        Self::Error(404, "ResourceNotFoundException"),
        Self::Error(500, "InternalErrorException"),
        Self::Error(429, "TooManyRequestsException"),
    ];

    /// A random fault of `demo --faults`. All are transient, so that every identity gets usage.
    pub(super) fn transient(draw: u64) -> Self {
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
