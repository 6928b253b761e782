//! Reloads while the daemon runs: on SIGHUP, on request, and when the content of a file changed. A
//! reload replaces all targets or none. Lists that a provider changes by itself are put in force
//! too, without a look at any file.
//!
//! Files are not always written at once. So the content of a changed file counts when two checks in
//! a row find the same, and what looks half-written counts only by signal or request.

use std::fmt::{self, Display, Formatter};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::signal::unix::Signal;
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::clock::{Clock, Mono};
use crate::config::{Config, PollSettings, Problem};
use crate::health::Heartbeat;
use crate::loading::{Loaded, Loader, Relisted};
use crate::sources::{Configuration, Fingerprint, Sources};
use crate::targets::{TargetDiff, Targets};

/// Time between two checks whether the content of a file changed. A change counts at the second
/// check that finds it.
pub const RELOAD_CHECK_INTERVAL: Duration = Duration::from_secs(30);

/// For so many times as long as it took, lists that change by themselves are not put in force
/// again. A million identities take a second.
const RELIST_PAUSE: u32 = 20;
const MIN_RELIST: Duration = Duration::from_secs(1);
const MAX_RELIST: Duration = Duration::from_secs(60);

/// The cause of a reload. Its text is a log field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// SIGHUP.
    Signal,
    /// A [`Request`].
    Request,
    /// The content of the configuration or of an identity file changed.
    File,
}

impl Display for Trigger {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Signal => "SIGHUP",
            Self::Request => "request",
            Self::File => "changed file",
        })
    }
}

/// The effect of a reload, in numbers of identities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reloaded {
    pub added: usize,
    pub removed: usize,
    pub kept: usize,
    /// Whether the configuration could be read only once, so that only lists were read again.
    pub is_read_once: bool,
}

impl Display for Reloaded {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self {
            added,
            removed,
            kept,
            is_read_once,
        } = self;
        write!(
            f,
            "reloaded: {added} identities added, {removed} removed, {kept} kept"
        )?;
        if *is_read_once {
            f.write_str("; the configuration itself is no regular file, so it was not read again")?;
        }
        Ok(())
    }
}

/// Why a reload failed.
#[derive(Debug, Error)]
pub enum ReloadError {
    /// The configuration or an identity list is wrong.
    #[error("the configuration has problems ({}); the previous one stays in force", .0.len())]
    Invalid(Vec<Problem>),
    /// Found by a check of the files: one is probably half-written.
    #[error(
        "{0}, so it may be half-written; the previous configuration stays in force; if it is \
         meant so, reload by SIGHUP or request"
    )]
    HalfWritten(Problem),
    /// Files changed since they were last looked at.
    #[error(
        "a file changes while it is read; the previous configuration stays in force until then"
    )]
    Changing,
    /// The targets may not be put in force, for this reason.
    #[error("{0}; the previous configuration stays in force")]
    Refused(String),
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

    /// Why these targets may not be put in force, if that is so.
    fn refusal(&self, targets: &Targets) -> impl Future<Output = Option<String>> + Send {
        let _ = targets;
        std::future::ready(None)
    }

    /// Replaces the targets in force, and returns the difference.
    fn apply(
        &mut self,
        trigger: Trigger,
        targets: Arc<Targets>,
        settings: &PollSettings,
    ) -> impl Future<Output = Result<TargetDiff, Self::Error>> + Send;

    /// Replaces the identities of the targets in force, and returns the difference.
    fn apply_lists(
        &mut self,
        targets: Arc<Targets>,
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
    /// The files that it and its lists were read from.
    pub sources: Arc<Sources>,
    pub loader: Arc<Loader>,
    pub apply: A,
    pub observer: O,
    /// Beats in each turn of the loop.
    pub heartbeat: Arc<Heartbeat>,
    pub clock: Clock,
    /// Where the warnings are that were logged of the configuration in force. Those about lists
    /// that change by themselves come again with each change.
    pub said: Vec<Option<String>>,
}

/// Finds changes of files that have settled.
struct Watch {
    /// The content that a reload was last tried with.
    tried: Fingerprint,
    /// Another content that the last check found.
    changed: Option<Fingerprint>,
}

impl Watch {
    /// What a check has found. Returns whether it is a change that was found by the check before
    /// too.
    fn has_settled(&mut self, found: Fingerprint) -> bool {
        let before = self.changed.replace(found);
        if found == self.tried {
            self.changed = None;
        }
        self.changed.is_some() && self.changed == before
    }

    fn tried(&mut self, content: Fingerprint) {
        (self.tried, self.changed) = (content, None);
    }
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
        if self.sources.configuration == Configuration::ReadOnce {
            info!("the configuration is not a regular file, so it is not read again");
        }
        let mut changes = self.loader.changes();
        let mut watch = Watch {
            tried: self.sources.fingerprint(),
            changed: None,
        };
        // Since then, lists that change by themselves may be put in force again.
        let mut relist_from = self.clock.now().mono;
        let mut next_check = self.clock.now().mono + RELOAD_CHECK_INTERVAL;
        loop {
            self.heartbeat.beat(self.clock.now().mono);
            let now = self.clock.now().mono;
            let may_relist = now >= relist_from;
            let wake = if may_relist {
                next_check
            } else {
                next_check.min(relist_from)
            };
            let (trigger, request) = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                Some(()) = hangups.recv() => (Trigger::Signal, None),
                Some(request) = requests.recv() => (Trigger::Request, Some(request)),
                Ok(()) = changes.changed(), if may_relist => {
                    relist_from = self.relist().await?;
                    continue;
                }
                () = self.clock.sleep_until(wake) => {
                    if self.clock.now().mono < next_check {
                        continue;
                    }
                    (Trigger::File, None)
                }
            };
            // Found before loading, so that a change meanwhile is found by the next check.
            let found = self.present_fingerprint().await;
            next_check = self.clock.now().mono + RELOAD_CHECK_INTERVAL;
            if trigger == Trigger::File && !watch.has_settled(found) {
                continue;
            }
            let outcome = self.reload(trigger, found).await?;
            match &outcome {
                Ok(_) => watch.tried(self.sources.fingerprint()),
                Err(ReloadError::Changing) => {}
                Err(_) => watch.tried(found),
            }
            if let Some(request) = request {
                // The sender of the request may be gone.
                let _ = request.send(outcome);
            }
        }
    }

    /// Puts lists in force that have changed by themselves. Returns from when on that may be done
    /// again: for so much longer than it took that it takes a twentieth of the time.
    async fn relist(&mut self) -> Result<Mono, A::Error> {
        let began = self.clock.now().mono;
        let (loader, config) = (Arc::clone(&self.loader), Arc::clone(&self.config));
        let sources = Arc::clone(&self.sources);
        // After a panic, which was logged, the lists in force stay.
        let relisted = spawn_blocking(move || loader.relist(&config, &sources)).await;
        match relisted {
            Ok(Ok(Relisted { targets, warnings })) => {
                let is_new = |warning: &&Problem| !self.said.contains(&warning.key);
                warnings
                    .iter()
                    .filter(is_new)
                    .for_each(|warning| warn!("{warning}"));
                self.said
                    .extend(warnings.into_iter().map(|warning| warning.key));
                let diff = self.apply.apply_lists(targets).await?;
                let (added, removed) = (diff.added, diff.removed);
                debug!(added, removed, "the identities in force have changed");
            }
            Ok(Err(problems)) => problems.iter().for_each(|problem| warn!("{problem}")),
            Err(_) => {}
        }
        let now = self.clock.now().mono;
        Ok(now + (now.since(began) * RELIST_PAUSE).clamp(MIN_RELIST, MAX_RELIST))
    }

    /// Reloads at a check that found this content.
    async fn reload(&mut self, trigger: Trigger, found: Fingerprint) -> Result<Outcome, A::Error> {
        self.observer.started(trigger);
        let loaded = self.load().await;
        let accepted = match loaded.and_then(|loaded| self.accept(trigger, found, loaded)) {
            Ok(loaded) => match self.apply.refusal(&loaded.targets).await {
                Some(refusal) => Err(ReloadError::Refused(refusal)),
                None => Ok(loaded),
            },
            Err(error) => Err(error),
        };
        let outcome = match accepted {
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

    async fn load(&self) -> Result<Loaded, ReloadError> {
        let (loader, config) = (Arc::clone(&self.loader), Arc::clone(&self.config));
        let sources = Arc::clone(&self.sources);
        match spawn_blocking(move || loader.reload(&config, &sources)).await {
            Ok(loaded) => loaded.map_err(ReloadError::Invalid),
            Err(_) => Err(ReloadError::Panicked),
        }
    }

    /// Whether what was loaded may be put in force: always, if people ask for it.
    fn accept(
        &self,
        trigger: Trigger,
        found: Fingerprint,
        loaded: Loaded,
    ) -> Result<Loaded, ReloadError> {
        let read = loaded.sources.fingerprint();
        match trigger {
            Trigger::Signal | Trigger::Request => Ok(loaded),
            Trigger::File => {
                // A new configuration may name other files than those that were found.
                let is_new = read.configuration != self.sources.fingerprint().configuration;
                if read.configuration != found.configuration || (!is_new && read != found) {
                    return Err(ReloadError::Changing);
                }
                let file = &self.config.file;
                match loaded.sources.half_written(&self.sources, file) {
                    Some(problem) => Err(ReloadError::HalfWritten(problem)),
                    None => Ok(loaded),
                }
            }
        }
    }

    async fn apply(&mut self, trigger: Trigger, loaded: Loaded) -> Result<Reloaded, A::Error> {
        let Loaded {
            config,
            targets,
            sources,
            warnings,
        } = loaded;
        warnings.iter().for_each(|warning| warn!("{warning}"));
        self.said = warnings.into_iter().map(|warning| warning.key).collect();
        let diff = self.apply.apply(trigger, targets, &config.poll).await?;
        let is_read_once = sources.configuration == Configuration::ReadOnce;
        (self.config, self.sources) = (Arc::new(config), Arc::new(sources));
        let (added, removed, kept) = (diff.added, diff.removed, diff.kept);
        if is_read_once {
            info!(why = %trigger, "the configuration itself is no regular file, so it was not read again");
        }
        info!(why = %trigger, added, removed, kept, "configuration in force");
        Ok(Reloaded {
            added,
            removed,
            kept,
            is_read_once,
        })
    }

    /// The fingerprint of all files as they are now, made in a blocking task because of its reads.
    /// After a panic it is that of the files in force, so that nothing is reloaded.
    async fn present_fingerprint(&self) -> Fingerprint {
        let (config, sources) = (Arc::clone(&self.config), Arc::clone(&self.sources));
        spawn_blocking(move || sources.present_fingerprint(&config))
            .await
            .unwrap_or_else(|_| self.sources.fingerprint())
    }
}

#[cfg(test)]
mod tests;
