//! What a server reports to the exporter's own metrics.

/// Receives the events that an exporter may want to count. All methods do nothing by default;
/// implement those of interest, or use `()`.
///
/// The methods are called on the paths of connections and requests, so they must not block.
pub trait Metrics: Send + Sync + 'static {
    /// A client connection was accepted. Open connections are those opened less those closed.
    fn connection_opened(&self) {}

    /// A client connection was closed.
    fn connection_closed(&self) {}

    /// An idle client connection is closed for a new one, because as many as are allowed are open.
    fn connection_evicted(&self) {}

    /// A request was rejected with 401 because it had no valid login.
    fn login_rejected(&self) {}

    /// The web configuration was read: when the server is built, also without a file, and each time
    /// that its files changed. `valid` is
    /// false when it could not be used, so that the previous one stays in force.
    fn web_config_read(&self, valid: bool) {
        let _ = valid;
    }
}

impl Metrics for () {}
