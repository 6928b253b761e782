//! Reloads while the daemon runs: on SIGHUP, on request, when the content of a file changed, and
//! when a provider changed its identity list. A reload replaces all targets or none.

use std::fmt::{self, Display, Formatter};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::signal::unix::Signal;
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::clock::Clock;
use crate::config::{Checked, Config, PollSettings, Problem};
use crate::health::Heartbeat;
use crate::loading::{Loaded, Loader, fingerprint};
use crate::targets::{TargetDiff, Targets};

/// Time between two checks whether the content of a file changed.
pub const RELOAD_CHECK_INTERVAL: Duration = Duration::from_secs(30);

/// The cause of a reload. Its text is a log field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// SIGHUP.
    Signal,
    /// A [`Request`].
    Request,
    /// The content of the configuration or of an identity file changed.
    File,
    /// A provider changed its lists. The configuration file is not read again.
    Provider,
}

impl Display for Trigger {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Signal => "SIGHUP",
            Self::Request => "request",
            Self::File => "changed file",
            Self::Provider => "changed provider",
        })
    }
}

/// The effect of a reload, in numbers of identities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reloaded {
    pub added: usize,
    pub removed: usize,
    pub kept: usize,
}

impl Display for Reloaded {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self {
            added,
            removed,
            kept,
        } = self;
        write!(
            f,
            "reloaded: {added} identities added, {removed} removed, {kept} kept"
        )
    }
}

/// Why a reload failed.
#[derive(Debug, Error)]
pub enum ReloadError {
    /// The configuration or an identity list is wrong.
    #[error("the configuration has problems ({}); the previous one stays in force", .0.len())]
    Invalid(Vec<Problem>),
    /// Loading panicked, which is a bug.
    #[error("loading the configuration panicked; the previous one stays in force")]
    Panicked,
}

pub type Outcome = Result<Reloaded, ReloadError>;

/// A request to reload, with the channel for the outcome.
pub type Request = oneshot::Sender<Outcome>;

/// Puts new targets in force.
pub trait ApplyTargets: Send {
    /// Why targets can no longer be applied. It ends the [`Reloader`].
    type Error;

    /// Replaces the targets in force, and returns the difference.
    fn apply(
        &mut self,
        trigger: Trigger,
        targets: Arc<Targets>,
        settings: &PollSettings,
    ) -> impl Future<Output = Result<TargetDiff, Self::Error>> + Send;
}

/// Observes the phases of reloads.
pub trait ReloadObserver: Send {
    /// A reload has started.
    fn started(&self, trigger: Trigger);

    /// A reload has finished. If it failed, the previous configuration stays in force.
    fn finished(&self, trigger: Trigger, outcome: &Outcome);
}

/// The reload loop.
pub struct Reloader<A, O> {
    /// The configuration in force.
    pub config: Arc<Config>,
    pub loader: Arc<Loader>,
    pub apply: A,
    pub observer: O,
    /// Beats in each turn of the loop.
    pub heartbeat: Arc<Heartbeat>,
    pub clock: Clock,
}

impl<A: ApplyTargets, O: ReloadObserver> Reloader<A, O> {
    /// Reloads at each trigger, until `stop`.
    ///
    /// # Errors
    /// When targets can no longer be applied.
    pub async fn run(
        mut self,
        mut hangups: Signal,
        mut requests: mpsc::Receiver<Request>,
        stop: CancellationToken,
    ) -> Result<(), A::Error> {
        let mut changes = self.loader.changes();
        let mut seen = self.fingerprint().await;
        let mut next_check = self.clock.now().mono + RELOAD_CHECK_INTERVAL;
        loop {
            self.heartbeat.beat(self.clock.now().mono);
            let (trigger, request) = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                Some(()) = hangups.recv() => (Trigger::Signal, None),
                Some(request) = requests.recv() => (Trigger::Request, Some(request)),
                Ok(()) = changes.changed() => (Trigger::Provider, None),
                () = self.clock.sleep_until(next_check) => (Trigger::File, None),
            };
            if trigger == Trigger::Provider {
                self.reload(trigger).await?.ok();
                continue;
            }
            // Computed before loading, so that a change during loading is found by the next check.
            let found = self.fingerprint().await;
            next_check = self.clock.now().mono + RELOAD_CHECK_INTERVAL;
            if trigger == Trigger::File && found == seen {
                continue;
            }
            seen = found;
            let outcome = self.reload(trigger).await?;
            if outcome.is_ok() {
                // The new configuration may name other files.
                seen = self.fingerprint().await;
            }
            if let Some(request) = request {
                // The sender of the request may be gone.
                let _ = request.send(outcome);
            }
        }
    }

    async fn reload(&mut self, trigger: Trigger) -> Result<Outcome, A::Error> {
        self.observer.started(trigger);
        let outcome = match self.load(trigger).await {
            Ok(loaded) => Ok(self.apply(trigger, loaded).await?),
            Err(error) => {
                warn!(why = %trigger, %error, "reload failed");
                if let ReloadError::Invalid(problems) = &error {
                    problems.iter().for_each(|problem| warn!("{problem}"));
                }
                Err(error)
            }
        };
        self.observer.finished(trigger, &outcome);
        Ok(outcome)
    }

    async fn load(&self, trigger: Trigger) -> Result<Loaded, ReloadError> {
        let (loader, config) = (Arc::clone(&self.loader), Arc::clone(&self.config));
        let load = move || match trigger {
            Trigger::Provider => loader.load_targets(Checked::good(config.as_ref().clone())),
            _ => loader.load(&config.file),
        };
        match spawn_blocking(load).await {
            Ok(loaded) => loaded.map_err(ReloadError::Invalid),
            Err(_) => Err(ReloadError::Panicked),
        }
    }

    async fn apply(&mut self, trigger: Trigger, loaded: Loaded) -> Result<Reloaded, A::Error> {
        let Loaded {
            config,
            targets,
            warnings,
        } = loaded;
        warnings.iter().for_each(|warning| warn!("{warning}"));
        let diff = self.apply.apply(trigger, targets, &config.poll).await?;
        self.config = Arc::new(config);
        let (added, removed, kept) = (diff.added, diff.removed, diff.kept);
        info!(why = %trigger, added, removed, kept, "configuration in force");
        Ok(Reloaded {
            added,
            removed,
            kept,
        })
    }

    /// The hash of all files, computed in a blocking task because of its reads. After a panic it is
    /// 0, which triggers a reload that reports the panic.
    async fn fingerprint(&self) -> u64 {
        let config = Arc::clone(&self.config);
        spawn_blocking(move || fingerprint(&config))
            .await
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
