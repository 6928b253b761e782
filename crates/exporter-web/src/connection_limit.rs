//! How many connections the limit of open files allows.

use tracing::warn;

/// Files that any process has open beside its connections: standard streams, the runtime's own,
/// listening sockets, files being read, name look-ups.
const RESERVED_FDS: u64 = 24;
/// An exporter with fewer connections is of no use, whatever the limit says.
const MIN_CONNECTIONS: u64 = 4;

/// Raises the process's limit of open files to its hard limit, and returns how many client
/// connections it allows: at most `requested`, and few enough to leave `reserved` files to the
/// rest of the process. So no number of clients can keep an exporter from connecting to what it
/// monitors.
///
/// Pass the result to [`ServerBuilder::max_connections`](crate::ServerBuilder::max_connections).
#[must_use]
pub fn connection_limit(requested: u32, reserved: usize) -> usize {
    let raised = rlimit::increase_nofile_limit(u64::MAX);
    // A sandbox may forbid to raise the limit, but not to read it.
    let open_files = raised
        .or_else(|_| rlimit::getrlimit(rlimit::Resource::NOFILE).map(|(soft, _)| soft))
        .unwrap_or(MIN_CONNECTIONS);
    let allowed = open_files
        .saturating_sub(RESERVED_FDS + reserved as u64)
        .max(MIN_CONNECTIONS);
    if allowed < u64::from(requested) {
        warn!(
            open_files,
            requested, allowed, "the limit of open files allows fewer connections than configured"
        );
    }
    usize::try_from(allowed.min(requested.into())).unwrap_or(usize::MAX)
}
