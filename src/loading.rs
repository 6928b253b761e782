//! Loads targets: reads the configuration, gets identity lists from the providers, assembles
//! targets.

use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::watch;

use crate::config::{self, Checked, Config, Problem};
use crate::discovery::{Catalog, Discovery};
use crate::file::{self, ReadError};
use crate::sources::{Configuration, MAX_CONFIGURATION, Sources};
use crate::targets::Targets;

/// A configuration without problems, and its targets.
#[derive(Debug)]
pub struct Loaded {
    pub config: Config,
    /// The pools and identities to poll.
    pub targets: Arc<Targets>,
    /// The files that both were read from.
    pub sources: Sources,
    /// Probable mistakes that do not prevent loading.
    pub warnings: Vec<Problem>,
}

/// The targets of a configuration whose lists have changed by themselves.
#[derive(Debug)]
pub struct Relisted {
    pub targets: Arc<Targets>,
    /// As those of [`Loaded`].
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

    /// Reads a configuration for the first time and loads its targets. May block, also on a pipe
    /// that nothing is written to.
    ///
    /// # Errors
    /// All problems of the configuration and of the identity lists.
    pub fn load(&self, file: &Path) -> Result<Loaded, Vec<Problem>> {
        let (content, is_regular) = readable(file, file::read_any(file, MAX_CONFIGURATION))?;
        let configuration = if is_regular {
            Configuration::file(&content)
        } else {
            Configuration::ReadOnce
        };
        self.load_content(file, content, configuration)
    }

    /// Loads again what was loaded before: the configuration, unless it can be read only once, and
    /// all lists. May block.
    ///
    /// # Errors
    /// All problems of the configuration and of the identity lists.
    pub fn reload(&self, config: &Config, sources: &Sources) -> Result<Loaded, Vec<Problem>> {
        let file = &config.file;
        match &sources.configuration {
            Configuration::ReadOnce => {
                self.assemble(Checked::good(config.clone()), Configuration::ReadOnce)
            }
            Configuration::File(_) => {
                let content = readable(file, file::read(file, MAX_CONFIGURATION))?;
                let configuration = Configuration::file(&content);
                self.load_content(file, content, configuration)
            }
        }
    }

    /// The targets of the same configuration, with the lists that people have written as they were
    /// read. It reads no file, but takes time in proportion to the lists.
    ///
    /// # Errors
    /// When there are too many identities.
    pub fn relist(&self, config: &Config, sources: &Sources) -> Result<Relisted, Vec<Problem>> {
        let lists = self.discovery.relist(config, sources.lists());
        let targets = lists.and_then(|lists| Targets::assemble(config, &lists));
        let targets = self.reviewed(targets, &config.file).accept();
        let (targets, mut warnings) = targets?;
        sources.locate(&config.file, &mut warnings);
        Ok(Relisted {
            targets: Arc::new(targets),
            warnings,
        })
    }

    /// Loads the targets of a configuration. May block.
    ///
    /// # Errors
    /// All problems of the configuration and of the identity lists.
    pub fn load_targets(&self, config: Checked<Config>) -> Result<Loaded, Vec<Problem>> {
        self.assemble(config, Configuration::ReadOnce)
    }

    fn load_content(
        &self,
        file: &Path,
        content: Vec<u8>,
        configuration: Configuration,
    ) -> Result<Loaded, Vec<Problem>> {
        let text = readable(file, file::text(content))?;
        let config = config::parse(file, &text).map_err(|problem| vec![problem])?;
        located(file, &text, self.assemble(config, configuration))
    }

    fn assemble(
        &self,
        config: Checked<Config>,
        configuration: Configuration,
    ) -> Result<Loaded, Vec<Problem>> {
        let loaded = config.and_then(|config| {
            let lists = self.discovery.lists(&config);
            lists.and_then(|lists| {
                let may_change = self.discovery.may_change(&config);
                let sources = Sources::new(configuration, &config, &lists, may_change);
                let targets = Targets::assemble(&config, &lists);
                self.reviewed(targets, &config.file)
                    .map(|targets| (config, Arc::new(targets), sources))
            })
        });
        let ((config, targets, sources), warnings) = loaded.accept()?;
        Ok(Loaded {
            config,
            targets,
            sources,
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

    /// What passes of `ListIdentities` find.
    #[must_use]
    pub fn catalog(&self) -> Catalog {
        self.discovery.catalog()
    }

    /// Changes of providers' lists; see [`Discovery::changes`].
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<()> {
        self.discovery.changes()
    }
}

fn readable<T>(file: &Path, read: Result<T, ReadError>) -> Result<T, Vec<Problem>> {
    let remedy = |error: &ReadError| match error {
        ReadError::Io(error) if error.kind() == io::ErrorKind::NotFound => {
            ": name another with --config.file=PATH, begin with `cp config.example.yaml \
             config.yaml`, or try `cognitosync_exporter demo`, which needs none"
        }
        ReadError::Io(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            ": the exporter's user must be able to read it"
        }
        ReadError::NotRegular("a directory") => ": name the file in it, --config.file=PATH",
        _ => "",
    };
    read.map_err(|error| {
        let message = format!("cannot be read: {error}{}", remedy(&error));
        vec![Problem::whole(file, message)]
    })
}

/// Loads a configuration from its text, with the default providers. `file` is its name in problems.
/// May block.
///
/// # Errors
/// All problems of the configuration and of the identity lists.
pub fn parse(file: &Path, text: &str) -> Result<Loaded, Vec<Problem>> {
    let config = config::parse(file, text).map_err(|problem| vec![problem])?;
    located(file, text, Loader::default().load_targets(config))
}

/// The same with the places of what was found in the configuration, whose content is `text`.
fn located(
    file: &Path,
    text: &str,
    mut loaded: Result<Loaded, Vec<Problem>>,
) -> Result<Loaded, Vec<Problem>> {
    match &mut loaded {
        Ok(loaded) => config::locate(file, text, &mut loaded.warnings),
        Err(problems) => config::locate(file, text, problems),
    }
    loaded
}
