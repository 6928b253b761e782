//! The task that saves, every few seconds, on a thread for what blocks.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::saver::Saver;
use super::{Known, Opened, Saves, StateError, open};
use crate::clock::Clock;
use crate::poller::PollerHandle;
use crate::schedule::Standing;

/// What has changed is saved this often. The first time comes so soon after the start, and each of
/// the next after twice as long, so that a process that is killed again and again gets on.
const SAVE_EVERY: Duration = Duration::from_secs(2);
const FIRST_SAVE: Duration = Duration::from_millis(100);
/// How long the start waits for a disk: for a million identities a slow machine takes half of it.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the last save waits for the poller to say where it stands.
const STANDING_TIMEOUT: Duration = Duration::from_secs(1);

/// The task that saves.
pub struct Keeper {
    directory: PathBuf,
    opened: Opening,
    poller: PollerHandle,
    /// Where the schedule stands in the end.
    last_standing: oneshot::Receiver<Standing>,
    clock: Clock,
}

/// A directory that is open, or that a slow disk still opens.
#[allow(clippy::large_enum_variant, reason = "there is one")]
pub enum Opening {
    Done(Opened),
    Pending(JoinHandle<Result<Opened, StateError>>),
}

/// Opens a directory; see [`open`]. If the disk takes too long, it goes on without what is stored
/// there: that is given to the store when it comes, as far as nothing newer is known.
///
/// # Errors
/// When the directory cannot be used.
pub async fn open_in_time(
    path: PathBuf,
    known: Known,
    saves: Arc<Saves>,
    clock: Clock,
) -> Result<(Opening, Standing), StateError> {
    let (directory, relist) = (path.clone(), known.relist.clone());
    let mut opening = {
        let clock = clock.clone();
        tokio::task::spawn_blocking(move || open(&path, known, &saves, &clock))
    };
    match tokio::time::timeout(OPEN_TIMEOUT, &mut opening).await {
        Ok(Ok(opened)) => {
            let mut opened = opened?;
            let standing = std::mem::take(&mut opened.standing);
            Ok((Opening::Done(opened), standing))
        }
        Ok(Err(panicked)) => Err(StateError {
            directory,
            why: format!("cannot be read: {panicked}"),
        }),
        Err(_) => {
            // A panic would have been logged.
            let _ = tokio::task::spawn_blocking(move || relist.disable()).await;
            warn!(
                directory = %directory.display(),
                seconds = OPEN_TIMEOUT.as_secs(),
                "the disk does not answer, so the saved state cannot be read yet; polls start without it"
            );
            Ok((Opening::Pending(opening), Standing::default()))
        }
    }
}

impl Keeper {
    /// A task that saves what was opened. `last_standing` says where the schedule stands when it
    /// has stopped.
    #[must_use]
    pub fn new(
        directory: PathBuf,
        opened: Opening,
        poller: PollerHandle,
        last_standing: oneshot::Receiver<Standing>,
        clock: Clock,
    ) -> Self {
        Self {
            directory,
            opened,
            poller,
            last_standing,
            clock,
        }
    }

    /// Saves until `stop`, and then once more.
    ///
    /// # Errors
    /// When a disk that was slow shows at last that the directory cannot be used.
    pub async fn run(self, stop: CancellationToken) -> Result<(), StateError> {
        let opened = match self.opened {
            Opening::Done(opened) => opened,
            Opening::Pending(opening) => tokio::select! {
                () = stop.cancelled() => return Ok(()),
                opened = opening => opened.unwrap_or_else(|panicked| {
                    let why = format!("cannot be read: {panicked}");
                    Err(StateError { directory: self.directory, why })
                })?,
            },
        };
        let saver = Arc::new(Mutex::new(opened.saver));
        let mut wait = FIRST_SAVE;
        loop {
            let next = self.clock.now().mono + wait;
            tokio::select! {
                () = stop.cancelled() => break,
                () = self.clock.sleep_until(next) => {}
            }
            wait = (wait * 2).min(SAVE_EVERY);
            let standing = self.poller.standing().await;
            save(&saver, standing, false).await;
        }
        let standing = tokio::time::timeout(STANDING_TIMEOUT, self.last_standing).await;
        let standing = standing.ok().and_then(Result::ok);
        save(&saver, standing, true).await;
        Ok(())
    }
}

/// Saves on a thread for what blocks; the last time, the file is closed there too.
async fn save(saver: &Arc<Mutex<Saver>>, standing: Option<Standing>, is_last: bool) {
    let saver = Arc::clone(saver);
    let save = move || {
        let mut saver = saver.lock().unwrap_or_else(PoisonError::into_inner);
        saver.save(standing, is_last);
        if is_last {
            saver.close();
        }
    };
    // A panic was logged and counted; the next save goes on.
    let _ = tokio::task::spawn_blocking(save).await;
}
