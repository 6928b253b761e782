//! Loads targets: reads the configuration, gets identity lists from the providers, assembles
//! targets.

use std::fs;
use std::hash::Hasher;
use std::path::Path;
use std::sync::Arc;

use siphasher::sip::SipHasher13;
use tokio::sync::watch;

use crate::config::{self, Checked, Config, Problem};
use crate::discovery::{self, Discovery};
use crate::targets::Targets;

/// A configuration without problems, and its targets.
#[derive(Debug)]
pub struct Loaded {
    pub config: Config,
    /// The pools and identities to poll.
    pub targets: Arc<Targets>,
    /// Probable mistakes that do not prevent loading.
    pub warnings: Vec<Problem>,
}

/// Loads configurations, with the same providers each time.
#[derive(Default)]
pub struct Loader {
    discovery: Discovery,
    review: Option<Review>,
}

/// An additional check of targets. Returns a warning about the key `pools`.
pub type Review = fn(&Targets) -> Option<String>;

impl Loader {
    /// A loader with these providers and this additional check.
    #[must_use]
    pub fn new(discovery: Discovery, review: Review) -> Self {
        Self {
            discovery,
            review: Some(review),
        }
    }

    /// Reads a configuration file and loads its targets. May block.
    ///
    /// # Errors
    /// All problems of the configuration and of the identity lists.
    pub fn load(&self, file: &Path) -> Result<Loaded, Vec<Problem>> {
        self.load_targets(config::read(file).map_err(|problem| vec![problem])?)
    }

    /// Loads the targets of a configuration. May block.
    ///
    /// # Errors
    /// All problems of the configuration and of the identity lists.
    pub fn load_targets(&self, config: Checked<Config>) -> Result<Loaded, Vec<Problem>> {
        let loaded = config.and_then(|config| {
            let lists = self.discovery.lists(&config);
            let targets = lists.and_then(|lists| Targets::assemble(&config, &lists));
            self.reviewed(targets, &config.file)
                .map(|targets| (config, Arc::new(targets)))
        });
        let ((config, targets), warnings) = loaded.accept()?;
        Ok(Loaded {
            config,
            targets,
            warnings,
        })
    }

    fn reviewed(&self, mut targets: Checked<Targets>, file: &Path) -> Checked<Targets> {
        if let Some(message) = self.review.and_then(|review| review(&targets.value)) {
            let warning = Problem::key(file, "pools", message);
            targets.warnings.push(warning);
        }
        targets
    }

    /// Changes of providers' lists; see [`Discovery::changes`].
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<()> {
        self.discovery.changes()
    }
}

/// Loads a configuration from its text, with the default providers. `file` is its name in problems.
/// May block.
///
/// # Errors
/// All problems of the configuration and of the identity lists.
pub fn parse(file: &Path, text: &str) -> Result<Loaded, Vec<Problem>> {
    Loader::default().load_targets(config::parse(file, text).map_err(|problem| vec![problem])?)
}

/// A hash of the names and contents of the configuration file and its identity files. Unreadable is
/// one possible content. May block.
#[must_use]
pub fn fingerprint(config: &Config) -> u64 {
    let mut hasher = SipHasher13::new();
    for path in std::iter::once(config.file.clone()).chain(discovery::paths(config)) {
        hasher.write(path.as_os_str().as_encoded_bytes());
        match fs::read(&path) {
            Ok(content) => {
                hasher.write_usize(content.len());
                hasher.write(&content);
            }
            Err(_) => hasher.write_u8(0xff),
        }
    }
    hasher.finish()
}
