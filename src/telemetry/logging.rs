//! Logs: one line for each event, on standard error.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::sync::OnceLock;
use std::time::Duration;

use clap::ValueEnum;
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

pub use super::log_line::Format;
use super::log_line::log_line;
use super::log_queue::LogQueue;
use crate::clock::Clock;

/// The longest wait for the last lines when the process ends.
const FLUSH_TIMEOUT: Duration = Duration::from_millis(500);

/// The queue of the installed logger.
static QUEUE: OnceLock<LogQueue> = OnceLock::new();

/// Libraries log warnings only: their debug lines may hold secrets and ids. At each load of
/// credentials the SDK repeats what our own lines say when it changes, with all that the other side
/// sent. Of its warnings only those on settings that it passes over are kept.
const LIBRARIES: &str = "warn,aws_config=error,aws_config::default_provider=warn,\
    aws_config::default_provider::endpoint_url=error,aws_runtime=error";

/// The AWS SDK's targets begin with this. Its debug and trace lines hold whole requests and
/// answers, with keys of guests and ids of identities, so none of them is logged, whatever
/// `RUST_LOG` says.
const SDK: &str = "aws_";

/// The lowest level of events that are logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Level {
    /// Each failed call, state change of an identity and connection that was reset.
    Debug,
    /// Each state change of a pool, each start and stop.
    Info,
    /// Events that need attention.
    Warn,
    /// Errors that end the process.
    Error,
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

/// Installs the logger, which writes to standard error without ever blocking. `env_filter`, the
/// value of `RUST_LOG`, overrides `level`, but for the AWS SDK's lines below info. To be held until
/// the process ends.
///
/// # Errors
/// If `env_filter` is not a valid filter, or a logger is already installed.
pub fn init(
    level: Level,
    format: Format,
    env_filter: Option<&str>,
) -> Result<LastLines, Box<dyn std::error::Error>> {
    let filter = match env_filter {
        Some(env_filter) => EnvFilter::try_new(env_filter).map_err(|error| {
            format!(
                "RUST_LOG: {error}; expected levels and targets, such as \
                 info,cognitosync_exporter::store=debug"
            )
        })?,
        None => EnvFilter::try_new(level.directives())?,
    };
    let queue = LogQueue::new(io::stderr())?;
    let lines = Lines {
        format,
        clock: Clock::system(),
        queue: queue.clone(),
        with_priority: stderr_is_the_journal(),
    };
    tracing_subscriber::registry()
        .with(filter)
        .with(filter_fn(is_allowed))
        .with(lines)
        .try_init()?;
    // `try_init` succeeds once.
    let _ = QUEUE.set(queue);
    Ok(LastLines)
}

/// Whether a line or a span may be logged at all.
fn is_allowed(of: &Metadata<'_>) -> bool {
    !of.target().starts_with(SDK) || *of.level() <= tracing::Level::INFO
}

/// Waits for the last lines, if the log is read, when it is dropped: at the end of the process,
/// after a panic too.
#[derive(Debug)]
pub struct LastLines;

impl Drop for LastLines {
    fn drop(&mut self) {
        if let Some(queue) = QUEUE.get() {
            queue.flush(FLUSH_TIMEOUT);
        }
    }
}

/// The lines that were not written, because the log was not read or could not be written.
#[must_use]
pub fn lines_dropped() -> u64 {
    QUEUE.get().map_or(0, LogQueue::dropped)
}

/// Whether systemd's journal reads standard error, by systemd.exec(5).
fn stderr_is_the_journal() -> bool {
    let named = std::env::var("JOURNAL_STREAM").unwrap_or_default();
    let stderr = io::stderr().as_fd().try_clone_to_owned().map(File::from);
    let Ok(stderr) = stderr.and_then(|stderr| stderr.metadata()) else {
        return false;
    };
    named == format!("{}:{}", stderr.dev(), stderr.ino())
}

/// Makes a line of each event. Spans, which only libraries have, are left out.
struct Lines {
    format: Format,
    clock: Clock,
    queue: LogQueue,
    /// Whether each line begins with its priority, as sd-daemon(3) has it.
    with_priority: bool,
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut line = log_line(self.format, event, self.clock.now().unix);
        if self.with_priority {
            line.insert_str(0, priority(*event.metadata().level()));
        }
        self.queue.push(line.into_bytes());
    }
}

/// The priority of a line in syslog's terms.
fn priority(level: tracing::Level) -> &'static str {
    match level {
        tracing::Level::ERROR => "<3>",
        tracing::Level::WARN => "<4>",
        tracing::Level::INFO => "<6>",
        _ => "<7>",
    }
}
