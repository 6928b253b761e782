//! The web configuration in force, which follows its files.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use tracing::{info, warn};

use super::config::WebConfig;
use super::error::{Reason, WebConfigError};
use super::load::{WebConfigFile, read, read_unchanged};
use super::stamps::FileStamps;
use super::warning::WebConfigWarning;
use crate::metrics::Metrics;
use crate::sync::lock;

/// The last valid web configuration. What is written to its files is in force from the next request
/// or handshake on.
///
/// A file that is not valid changes nothing, and neither does one with less protection, such as
/// without TLS or without a login: it may be half-written. That takes a restart.
pub(crate) struct WebConfigWatcher {
    /// `None` when there is no file, so that the default is in force for good.
    file: Option<PathBuf>,
    state: Mutex<State>,
    /// Held while reading, so that one request reads and all others wait for it.
    reading: tokio::sync::Mutex<()>,
    metrics: Arc<dyn Metrics>,
}

struct State {
    config: Arc<WebConfig>,
    stamps: Option<Arc<FileStamps>>,
}

impl WebConfigWatcher {
    pub(crate) fn new(loaded: Option<WebConfigFile>, metrics: Arc<dyn Metrics>) -> Self {
        let (file, config, stamps) = match loaded {
            Some(file) => (Some(file.path), file.config, Some(Arc::new(file.stamps))),
            None => (None, WebConfig::default(), None),
        };
        metrics.web_config_read(true);
        Self {
            file,
            state: Mutex::new(State {
                config: Arc::new(config),
                stamps,
            }),
            reading: tokio::sync::Mutex::default(),
            metrics,
        }
    }

    /// The web configuration in force, after reading files that may have changed.
    pub(crate) async fn current(&self) -> Arc<WebConfig> {
        if let Some(config) = self.unchanged() {
            return config;
        }
        let _reading = self.reading.lock().await;
        match (self.unchanged(), self.file.clone()) {
            (None, Some(file)) => {
                let known = lock(&self.state).stamps.clone();
                let reading = tokio::task::spawn_blocking(move || {
                    match known.and_then(|known| read_unchanged(&known)) {
                        Some(stamps) => (None, stamps),
                        None => {
                            let (config, stamps) = read(&file);
                            (Some(config), stamps)
                        }
                    }
                });
                if let Ok((config, stamps)) = reading.await {
                    self.update(config, stamps);
                }
                Arc::clone(&lock(&self.state).config)
            }
            (config, _) => config.unwrap_or_else(|| Arc::clone(&lock(&self.state).config)),
        }
    }

    /// The web configuration in force, unless its files may have changed.
    fn unchanged(&self) -> Option<Arc<WebConfig>> {
        let state = lock(&self.state);
        let may_have_changed = state
            .stamps
            .as_ref()
            .is_some_and(|stamps| stamps.may_have_changed());
        (!may_have_changed).then(|| Arc::clone(&state.config))
    }

    /// Takes over what was read; `None` is what was known.
    fn update(&self, read: Option<Result<WebConfig, Reason>>, stamps: FileStamps) {
        let mut state = lock(&self.state);
        let is_same = state
            .stamps
            .as_ref()
            .is_some_and(|known| known.same_content(&stamps));
        state.stamps = Some(Arc::new(stamps));
        let Some(read) = read.filter(|_| !is_same) else {
            return;
        };
        let file = self.file.as_deref().unwrap_or("".as_ref());
        let read = read.and_then(|config| match state.config.half_written(&config) {
            None => Ok(config),
            Some(reason) => Err(reason),
        });
        self.metrics.web_config_read(read.is_ok());
        match read {
            Ok(config) => {
                for warning in &config.warnings {
                    warn!("{}", WebConfigWarning::new(file, warning));
                }
                info!("the web configuration is in force: {config}");
                state.config = Arc::new(config);
            }
            Err(reason) => {
                let error = WebConfigError::new(file, reason);
                warn!("the web configuration is wrong, the old one stays in force: {error}");
            }
        }
    }
}
