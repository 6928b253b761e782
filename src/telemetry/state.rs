//! Metrics of the state that outlives the process.

use prometheus::proto::MetricFamily;

use super::by_hand::single;
use crate::exposition::families::{STATE_LAST_SAVE, STATE_RESTORED, STATE_SAVE_FAILURES};
use crate::state::Saves;

/// How saving goes. The time of the last save is absent before the first.
pub(super) fn families(saves: &Saves) -> impl Iterator<Item = MetricFamily> {
    let last = saves.last_save();
    let last = last.map(|unix| single(&STATE_LAST_SAVE, unix));
    let restored = single(&STATE_RESTORED, saves.restored_identities() as f64);
    let failures = single(&STATE_SAVE_FAILURES, saves.failures() as f64);
    [restored, failures].into_iter().chain(last)
}
