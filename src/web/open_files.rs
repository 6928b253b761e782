//! How many connections the limit of open files has room for.

use tracing::warn;

/// Files that are open anyway: standard streams, the runtime's own, sockets that listen, files
/// being read, name look-ups.
const OWN: u64 = 24;
/// Fewer connections make no exporter.
const FEWEST: u64 = 4;

/// Raises the limit of open files as far as it goes, and tells how many client connections it has
/// room for beside so many calls to AWS: no more than `asked`, so that no crowd of clients can keep
/// the poller from connecting.
#[must_use]
pub fn room(asked: u32, calls: usize) -> usize {
    let raised = rlimit::increase_nofile_limit(u64::MAX);
    // A sandbox may forbid that, not to look.
    let limit = raised
        .or_else(|_| rlimit::getrlimit(rlimit::Resource::NOFILE).map(|(soft, _)| soft))
        .unwrap_or(FEWEST);
    let room = limit.saturating_sub(OWN + calls as u64).max(FEWEST);
    if room < u64::from(asked) {
        warn!(
            limit,
            asked, room, "the limit of open files has room for fewer connections than are allowed"
        );
    }
    usize::try_from(room.min(asked.into())).unwrap_or(usize::MAX)
}
