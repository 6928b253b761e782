//! Connects the reload loop to the poller, to the exporter's own metrics and to systemd.

use std::sync::Arc;

use tokio::sync::watch;

use super::audience::Audience;
use super::discovering::Discovering;
use crate::aws::Connector;
use crate::clock::Clock;
use crate::config::PollSettings;
use crate::discovery::Discovery;
use crate::exposition;
use crate::loading::Loader;
use crate::poller::{PollerGone, PollerHandle};
use crate::reload::{ApplyTargets, Outcome, ReloadError, ReloadObserver, Trigger};
use crate::systemd;
use crate::targets::{TargetDiff, Targets};
use crate::telemetry::Telemetry;
use crate::web;

/// Loads configurations for the daemon and for the subcommands that report about them.
#[must_use]
pub fn loader() -> Loader {
    Loader::new(Discovery::default(), exposition::too_many_samples)
}

/// Gives new targets to the poller, with clients for them.
pub(super) struct ApplyToPoller {
    /// Makes the clients.
    pub(super) connector: Connector,
    pub(super) poller: PollerHandle,
    pub(super) discovering: Arc<Discovering>,
    /// Who sees the targets' ids.
    pub(super) audience: Audience,
    pub(super) server: web::Server,
}

impl ApplyTargets for ApplyToPoller {
    type Error = PollerGone;

    async fn refusal(&self, targets: &Targets) -> Option<String> {
        let refusal = self.audience.refusal(targets)?;
        // It may have got one since the start.
        (!self.server.has_login().await).then(|| refusal.to_string())
    }

    async fn apply(
        &mut self,
        trigger: Trigger,
        targets: Arc<Targets>,
        settings: &PollSettings,
    ) -> Result<TargetDiff, PollerGone> {
        // Who asks for a reload may have replaced keys.
        if matches!(trigger, Trigger::Signal | Trigger::Request) {
            self.connector.forget_clients();
        }
        let api = Arc::new(self.connector.connect(&targets, settings));
        self.discovering
            .discover(&targets, &mut self.connector, settings.timeout);
        let poller = &self.poller;
        let diff = poller
            .apply_targets(Arc::clone(&targets), api, settings.clone())
            .await?;
        self.discovering.count_missed(targets).await;
        Ok(diff)
    }

    async fn apply_lists(&mut self, targets: Arc<Targets>) -> Result<TargetDiff, PollerGone> {
        let diff = self.poller.apply_lists(Arc::clone(&targets)).await?;
        self.discovering.count_missed(targets).await;
        Ok(diff)
    }
}

/// Reports reloads of the configuration to systemd and in metrics.
pub(super) struct ReportReloads {
    pub(super) telemetry: Arc<Telemetry>,
    /// Why the last reload failed, if it did.
    pub(super) failure: watch::Sender<Option<String>>,
    pub(super) clock: Clock,
}

impl ReloadObserver for ReportReloads {
    fn started(&self, _: Trigger) {
        systemd::reloading();
    }

    fn finished(&self, _: Trigger, outcome: &Outcome) {
        let success = outcome.is_ok().then(|| self.clock.now().unix);
        self.telemetry.reloaded(success);
        self.failure.send_replace(outcome.as_ref().err().map(short));
        systemd::ready();
    }
}

/// The first problem, and how many there are beside it.
fn short(error: &ReloadError) -> String {
    match error {
        ReloadError::Invalid(problems) => match problems.as_slice() {
            [problem] => problem.to_string(),
            [first, rest @ ..] => format!("{first} (and {} more)", rest.len()),
            [] => error.to_string(),
        },
        ReloadError::HalfWritten(_)
        | ReloadError::Changing
        | ReloadError::Refused(_)
        | ReloadError::Panicked => error.to_string(),
    }
}
