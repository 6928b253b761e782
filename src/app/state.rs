//! The state that outlives the process, while the daemon is built.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::oneshot;

use super::StartError;
use crate::clock::Clock;
use crate::poller::PollerHandle;
use crate::schedule::Standing;
use crate::state::{Keeper, Known, Opening, Saves, open_in_time};

/// What was opened, and given to the store.
pub(super) struct State {
    path: PathBuf,
    opening: Opening,
    /// Where the schedule of the process before stood.
    pub(super) standing: Standing,
    pub(super) saves: Arc<Saves>,
}

impl State {
    /// Opens a directory, and gives all that it holds to the catalog and the store.
    pub(super) async fn open(
        path: PathBuf,
        known: Known,
        clock: &Clock,
    ) -> Result<Self, StartError> {
        let saves = Arc::new(Saves::default());
        let opening = open_in_time(path.clone(), known, Arc::clone(&saves), clock.clone());
        let (opening, standing) = opening.await?;
        Ok(Self {
            path,
            opening,
            standing,
            saves,
        })
    }

    /// The task that saves. `last_standing` says where the schedule stands when it has stopped.
    pub(super) fn keeper(
        self,
        poller: PollerHandle,
        last_standing: oneshot::Receiver<Standing>,
        clock: Clock,
    ) -> Keeper {
        Keeper::new(self.path, self.opening, poller, last_standing, clock)
    }
}
