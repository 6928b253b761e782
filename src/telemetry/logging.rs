//! Logs: one line for each event, on standard error.

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Libraries log warnings only: their debug lines may hold secrets and ids. At each load of
/// credentials the SDK repeats what our own lines say when it changes, with all that the other side
/// sent. Of its warnings only those on settings that it passes over, and on files that it cannot
/// parse, are kept.
const LIBRARIES: &str = "warn,aws_config=error,aws_config::default_provider=warn,\
    aws_config::default_provider::endpoint_url=error,aws_config::provider_config=warn,\
    aws_runtime=error";

/// The lowest level of events that are logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Level {
    /// Each failed call, each state change of an identity and each connection that was reset.
    Debug,
    /// Each state change of a pool, each start and stop.
    Info,
    /// Events that need attention.
    Warn,
    /// Errors that end the process.
    Error,
}

/// The format of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// `key=value`.
    Logfmt,
    /// A JSON object.
    Json,
}

impl Level {
    /// The filter for this level.
    fn directives(self) -> String {
        match self {
            Self::Debug => format!("{LIBRARIES},cognitosync_exporter=debug,exporter_web=debug"),
            Self::Info => format!("{LIBRARIES},cognitosync_exporter=info,exporter_web=info"),
            Self::Warn => LIBRARIES.to_owned(),
            Self::Error => "error".to_owned(),
        }
    }
}

/// Installs the logger, which writes to `writer`. `env_filter`, the value of `RUST_LOG`, overrides
/// `level`.
///
/// # Errors
/// If `env_filter` is not a valid filter, or a logger is already installed.
pub fn init<W>(
    level: Level,
    format: Format,
    env_filter: Option<&str>,
    writer: W,
) -> Result<(), Box<dyn std::error::Error>>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let filter = match env_filter {
        Some(env_filter) => EnvFilter::try_new(env_filter)?,
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
