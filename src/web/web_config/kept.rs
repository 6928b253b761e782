//! A web configuration while the daemon runs: the last good one.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus::{IntCounter, IntGauge};
use tracing::{info, warn};

use super::read::Looks;
use super::{Loaded, WebConfig, look};
use crate::clock::Clock;
use crate::config::Problem;

/// Where the state of a web configuration is shown.
#[derive(Clone, Debug)]
pub struct Gauges {
    /// Whether it was good when it was last read.
    pub successful: IntGauge,
    /// How often it was not.
    pub failures: IntCounter,
}

/// The last good web configuration, which follows its files: what is written there holds from the
/// next request or handshake on.
///
/// What is broken changes nothing, and neither does what asks for less protection: without TLS or
/// without a login, say. For that one has to start the exporter anew.
pub struct Kept {
    /// Nothing to follow, if there is no file.
    file: Option<PathBuf>,
    state: Mutex<State>,
    /// Held while reading, so that one reads and all others wait for it.
    reading: tokio::sync::Mutex<()>,
    gauges: Gauges,
    clock: Clock,
}

struct State {
    config: Arc<WebConfig>,
    looks: Option<Looks>,
}

impl Kept {
    /// Follows what was loaded, or keeps to what is the default: no TLS, no login.
    #[must_use]
    pub fn new(loaded: Option<Loaded>, gauges: Gauges, clock: Clock) -> Self {
        let (config, file, looks) = match loaded {
            Some(Loaded {
                config,
                file,
                looks,
            }) => (config, Some(file), Some(looks)),
            None => (WebConfig::default(), None, None),
        };
        gauges.successful.set(1);
        let state = Mutex::new(State {
            config: Arc::new(config),
            looks,
        });
        Self {
            file,
            state,
            reading: tokio::sync::Mutex::default(),
            gauges,
            clock,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What holds now, if the files have not changed.
    fn unchanged(&self) -> Option<Arc<WebConfig>> {
        let state = self.state();
        let may_differ = state
            .looks
            .as_ref()
            .is_some_and(|looks| looks.may_differ(self.clock.now().unix));
        (!may_differ).then(|| Arc::clone(&state.config))
    }

    /// What holds now.
    pub async fn current(&self) -> Arc<WebConfig> {
        if let Some(config) = self.unchanged() {
            return config;
        }
        let _reading = self.reading.lock().await;
        match (self.unchanged(), self.file.clone()) {
            (None, Some(file)) => {
                if let Ok((read, looks)) = tokio::task::spawn_blocking(move || look(&file)).await {
                    self.take_over(read, looks);
                }
                Arc::clone(&self.state().config)
            }
            (config, _) => config.unwrap_or_else(|| Arc::clone(&self.state().config)),
        }
    }

    fn take_over(&self, read: Result<WebConfig, Problem>, looks: Looks) {
        let mut state = self.state();
        let is_known = state
            .looks
            .as_ref()
            .is_some_and(|known| known.same_content(&looks));
        state.looks = Some(looks);
        if is_known {
            return;
        }
        let read = read.and_then(|config| match state.config.protection.lost_in(&config.protection) {
            None => Ok(config),
            Some(what) => Err(Problem::whole(
                self.file.as_deref().unwrap_or(Path::new("")),
                format!(
                    "{what} is gone or asks for less; a restart is needed for that, as it may be a file half-written"
                ),
            )),
        });
        self.gauges.successful.set(i64::from(read.is_ok()));
        match read {
            Ok(config) => {
                config
                    .warnings
                    .iter()
                    .for_each(|warning| warn!("{warning}"));
                info!("the web configuration is in force: {config}");
                state.config = Arc::new(config);
            }
            Err(problem) => {
                self.gauges.failures.inc();
                warn!("the web configuration is wrong, the old one stays in force: {problem}");
            }
        }
    }
}
