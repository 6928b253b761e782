//! Logs: one line for each thing that happened, on standard error.

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// How much is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Level {
    /// Every failed call, every change of an identity and every connection that was cut off.
    Debug,
    /// Every change of a pool, every start and stop.
    Info,
    /// What needs a look.
    Warn,
    /// What ends the process.
    Error,
}

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// `key=value`.
    Logfmt,
    /// A JSON object.
    Json,
}

impl Level {
    /// Ours at this level; the libraries' warnings too, but not what they debug, for it would be
    /// about secrets.
    fn directives(self) -> &'static str {
        match self {
            Self::Debug => "warn,cognitosync_exporter=debug",
            Self::Info => "warn,cognitosync_exporter=info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// Begins to log to `writer`. `finer`, the text of `RUST_LOG`, takes the place of `level` when it
/// is given.
///
/// # Errors
/// When `finer` is not a filter, or something logs already.
pub fn init<W>(
    level: Level,
    format: Format,
    finer: Option<&str>,
    writer: W,
) -> Result<(), Box<dyn std::error::Error>>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let filter = match finer {
        Some(finer) => EnvFilter::try_new(finer)?,
        None => EnvFilter::try_new(level.directives())?,
    };
    let registry = tracing_subscriber::registry().with(filter);
    match format {
        Format::Logfmt => registry
            .with(tracing_logfmt::builder().layer().with_writer(writer))
            .try_init()?,
        Format::Json => registry
            .with(fmt::layer().json().flatten_event(true).with_writer(writer))
            .try_init()?,
    }
    Ok(())
}
