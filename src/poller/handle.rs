//! How other tasks speak to the poller.

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::sync::{mpsc, oneshot};

use crate::api::Api;
use crate::config;
use crate::job::Target;
use crate::progress::Progress;
use crate::schedule::{NextPoll, Standing};
use crate::targets::{TargetDiff, Targets};

/// The longest wait for an answer. The loop turns every second, so a poller that does not
/// respond in this time has ended or hangs.
pub const RESPONSE_TIMEOUT: Duration = Duration::from_secs(2);
/// Requests for an explanation that may wait.
const MAX_QUEUED_EXPLANATIONS: usize = 4;

/// The poller has ended.
#[derive(Debug, Error)]
#[error("the poller has ended")]
pub struct PollerGone;

/// The command to replace the targets.
pub(super) struct ReplaceTargets {
    pub(super) targets: Arc<Targets>,
    /// Present if they come with another configuration.
    pub(super) calls: Option<Calls>,
    pub(super) applied: oneshot::Sender<TargetDiff>,
}

/// How calls are made.
pub(super) struct Calls {
    pub(super) api: Arc<dyn Api>,
    pub(super) settings: config::PollSettings,
}

/// The request for the next polls of some targets.
pub(super) struct ExplainRequest {
    pub(super) all_targets: Arc<Targets>,
    pub(super) targets: Vec<Target>,
    pub(super) explained: oneshot::Sender<Vec<Option<NextPoll>>>,
}

/// The request for where the schedule stands.
pub(super) type StandingRequest = oneshot::Sender<Standing>;

/// Sends commands to a [`Poller`](super::Poller).
#[derive(Clone)]
pub struct PollerHandle {
    new_targets: mpsc::Sender<ReplaceTargets>,
    explain: mpsc::Sender<ExplainRequest>,
    standing: mpsc::Sender<StandingRequest>,
    progress: Arc<Progress>,
}

/// What a [`PollerHandle`] sends.
pub(super) struct Commands {
    pub(super) new_targets: mpsc::Receiver<ReplaceTargets>,
    pub(super) explain: mpsc::Receiver<ExplainRequest>,
    pub(super) standing: mpsc::Receiver<StandingRequest>,
}

impl PollerHandle {
    pub(super) fn new(progress: Arc<Progress>) -> (Self, Commands) {
        let (new_targets, receive_targets) = mpsc::channel(1);
        let (explain, receive_explain) = mpsc::channel(MAX_QUEUED_EXPLANATIONS);
        let (standing, receive_standing) = mpsc::channel(1);
        let commands = Commands {
            new_targets: receive_targets,
            explain: receive_explain,
            standing: receive_standing,
        };
        (
            Self {
                new_targets,
                explain,
                standing,
                progress,
            },
            commands,
        )
    }

    /// Replaces targets, API and settings. Returns how the targets changed.
    ///
    /// # Errors
    /// When the poller has ended.
    pub async fn apply_targets(
        &self,
        targets: Arc<Targets>,
        api: Arc<dyn Api>,
        settings: config::PollSettings,
    ) -> Result<TargetDiff, PollerGone> {
        self.replace(targets, Some(Calls { api, settings })).await
    }

    /// Replaces the identities of the same pools, whose settings and API stay. Returns how the
    /// targets changed.
    ///
    /// # Errors
    /// When the poller has ended.
    pub async fn apply_lists(&self, targets: Arc<Targets>) -> Result<TargetDiff, PollerGone> {
        self.replace(targets, None).await
    }

    async fn replace(
        &self,
        targets: Arc<Targets>,
        calls: Option<Calls>,
    ) -> Result<TargetDiff, PollerGone> {
        let (applied, diff) = oneshot::channel();
        let new_targets = ReplaceTargets {
            targets,
            calls,
            applied,
        };
        self.new_targets
            .send(new_targets)
            .await
            .map_err(|_| PollerGone)?;
        diff.await.map_err(|_| PollerGone)
    }

    /// The next poll of each of `targets`, which are positions in `all_targets`. `None` where it is
    /// unknown. All are unknown when the poller does not respond within `timeout` or polls other
    /// targets now.
    pub async fn explain(
        &self,
        all_targets: &Arc<Targets>,
        targets: &[Target],
        timeout: Duration,
    ) -> Vec<Option<NextPoll>> {
        if targets.is_empty() {
            return Vec::new();
        }
        let (explained, explanation) = oneshot::channel();
        let request = ExplainRequest {
            all_targets: Arc::clone(all_targets),
            targets: targets.to_vec(),
            explained,
        };
        let response = async {
            self.explain.send(request).await.ok()?;
            explanation.await.ok()
        };
        let response = tokio::time::timeout(timeout, response).await;
        let mut next = response.ok().flatten().unwrap_or_default();
        next.resize(targets.len(), None);
        next
    }

    /// Where the schedule stands; `None` when the poller does not respond in 2 s.
    pub async fn standing(&self) -> Option<Standing> {
        let (answer, standing) = oneshot::channel();
        let response = async {
            self.standing.send(answer).await.ok()?;
            standing.await.ok()
        };
        let response = tokio::time::timeout(RESPONSE_TIMEOUT, response).await;
        response.ok().flatten()
    }

    #[must_use]
    pub fn progress(&self) -> &Arc<Progress> {
        &self.progress
    }
}
