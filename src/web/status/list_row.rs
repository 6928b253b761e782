//! An identity as pages list it, whether its usage is known or not.

use super::best::Place;
use super::rows::Row;
use super::shown::TargetRef;
use crate::clock::Timestamp;
use crate::job::Target;
use crate::limits::Limit;
use crate::store::Snapshot;

/// A row of the macro `listed` in `cells.html`.
pub(super) struct ListRow<'a> {
    pub(super) who: TargetRef,
    pub(super) pool: &'a str,
    pub(super) state: &'static str,
    /// The position of the state among all.
    pub(super) colour: usize,
    /// `None` without current usage.
    pub(super) known: Option<Row>,
}

impl<'a> ListRow<'a> {
    pub(super) fn of(
        (pool, identity): Place,
        limit: Option<Limit>,
        snapshot: &'a Snapshot,
        now: Timestamp,
    ) -> Self {
        let view = snapshot.pool(pool);
        let state = view.records[identity].state(view.oldest_shown(now.mono));
        Self {
            who: TargetRef::of(Target::Identity { pool, identity }, &snapshot.targets),
            pool: view.target.name_or_id(),
            state: state.as_str(),
            colour: state as usize,
            known: Row::of((pool, identity), limit, snapshot, now),
        }
    }
}
