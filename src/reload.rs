//! The configuration while the daemon runs: read again on SIGHUP, on request, and when a file's
//! content changed; taken over whole or not at all.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::Signal;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::aws::Connector;
use crate::clock::Clock;
use crate::config::{self, Config, Findings, Problem};
use crate::exposition;
use crate::health::Heartbeat;
use crate::poller::{PollerGone, PollerHandle};
use crate::systemd;
use crate::targets::{self, Targets};
use crate::telemetry::Telemetry;

/// How often files are looked at.
pub const LOOK_EVERY: Duration = Duration::from_secs(30);

/// A configuration that can be used, with what it makes one poll.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// Who is polled.
    pub targets: Arc<Targets>,
    /// What is probably not meant.
    pub warnings: Vec<Problem>,
}

/// Reads a configuration and all its identity files.
///
/// # Errors
/// Every problem there is.
pub fn load(file: &Path) -> Result<Loaded, Vec<Problem>> {
    assemble(|findings| config::read(file, findings))
}

/// Like [`load`], with a configuration from wherever `read` has it.
///
/// # Errors
/// Every problem there is.
pub fn assemble(
    read: impl FnOnce(&mut Findings) -> Result<Config, Problem>,
) -> Result<Loaded, Vec<Problem>> {
    let mut findings = Findings::default();
    let config = read(&mut findings).map_err(|problem| vec![problem])?;
    let targets = Targets::load(&config, &mut findings);
    if let Some(message) = exposition::too_many_samples(&targets) {
        findings
            .warnings
            .push(Problem::key(&config.file, "pools", message));
    }
    match findings.problems {
        problems if problems.is_empty() => Ok(Loaded {
            config,
            targets: Arc::new(targets),
            warnings: findings.warnings,
        }),
        problems => Err(problems),
    }
}

/// What came of reading the configuration again: one line on what changed, or every problem.
pub type Outcome = Result<String, Vec<Problem>>;

/// A request to read the configuration again; the outcome is sent back.
pub type Request = oneshot::Sender<Outcome>;

/// Reads the configuration again when there is reason to.
pub struct Reloader {
    /// The configuration in force.
    pub config: Config,
    /// Makes the clients for what is new.
    pub connector: Connector,
    /// Receives new targets.
    pub poller: PollerHandle,
    /// Tells that the loop goes round.
    pub heartbeat: Arc<Heartbeat>,
    /// Where success and failure are shown.
    pub telemetry: Arc<Telemetry>,
    /// The time.
    pub clock: Clock,
}

impl Reloader {
    /// Waits for reasons until `stop`.
    ///
    /// # Errors
    /// When the poller is gone.
    pub async fn run(
        mut self,
        mut hangups: Signal,
        mut requests: mpsc::Receiver<Request>,
        stop: CancellationToken,
    ) -> Result<(), PollerGone> {
        let mut seen = self.fingerprint().await;
        loop {
            self.heartbeat.beat(self.clock.now().mono);
            let look = self.clock.now().mono + LOOK_EVERY;
            let (why, request) = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                Some(()) = hangups.recv() => ("SIGHUP", None),
                Some(request) = requests.recv() => ("request", Some(request)),
                () = self.clock.sleep_until(look) => ("changed file", None),
            };
            // Before reading, so that what changes meanwhile is seen the next time.
            let found = self.fingerprint().await;
            if why == "changed file" && found == seen {
                continue;
            }
            seen = found;
            systemd::reloading();
            let outcome = self.reload(why).await?;
            systemd::ready();
            if outcome.is_ok() {
                seen = self.fingerprint().await;
            }
            if let Some(request) = request {
                // Whoever asked may have gone.
                let _ = request.send(outcome);
            }
        }
    }

    async fn reload(&mut self, why: &'static str) -> Result<Outcome, PollerGone> {
        let file = self.config.file.clone();
        let loaded = tokio::task::spawn_blocking(move || load(&file))
            .await
            .map_err(|_| PollerGone)?;
        let Loaded {
            config,
            targets,
            warnings,
        } = match loaded {
            Ok(loaded) => loaded,
            Err(problems) => {
                self.telemetry.reloaded(None);
                warn!(
                    why,
                    problems = problems.len(),
                    "the configuration is wrong, the old one stays in force"
                );
                problems.iter().for_each(|problem| warn!("{problem}"));
                return Ok(Err(problems));
            }
        };
        warnings.iter().for_each(|warning| warn!("{warning}"));
        let api = Arc::new(self.connector.connect(&targets, &config.poll).await);
        let carry = self
            .poller
            .apply_targets(targets, api, config.poll.clone())
            .await?;
        self.config = config;
        self.telemetry.reloaded(Some(self.clock.now().unix));
        let (added, removed, kept) = (carry.added, carry.removed, carry.kept);
        info!(why, added, removed, kept, "the configuration is in force");
        Ok(Ok(format!(
            "reloaded: {added} identities added, {removed} removed, {kept} kept"
        )))
    }

    async fn fingerprint(&self) -> u64 {
        let config = self.config.clone();
        // Reading may block, and hashing a million ids takes a moment; 0 if that panics, which is a
        // change.
        tokio::task::spawn_blocking(move || targets::fingerprint(&config))
            .await
            .unwrap_or_default()
    }
}
