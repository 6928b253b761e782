//! Flags, logging, build, run, exit code; nothing else.

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use cognitosync_exporter::app::{App, demo};
use cognitosync_exporter::check::Summary;
use cognitosync_exporter::cli::{self, Cli, Command};
use cognitosync_exporter::clock::Clock;
use cognitosync_exporter::cognito::Credentials;
use cognitosync_exporter::reload::{self, Loaded};
use cognitosync_exporter::telemetry::logging;
use tokio::signal::unix::{SignalKind, signal};
use tracing::{error, warn};

/// `EX_CONFIG` of sysexits.h.
const WRONG_CONFIGURATION: u8 = 78;
/// Name look-ups cannot be cancelled; they are left behind after this long.
const LEFT_BEHIND: Duration = Duration::from_millis(200);

/// What to run.
enum Work {
    Daemon(Loaded),
    Demo(cli::Demo),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let finer = std::env::var("RUST_LOG").ok().filter(|finer| !finer.is_empty());
    if let Err(error) = logging::init(cli.log.level, cli.log.format, finer.as_deref(), std::io::stderr) {
        eprintln!("cannot log: {error}");
        return ExitCode::FAILURE;
    }
    let work = match cli.command {
        Some(Command::Demo(demo)) => Work::Demo(demo),
        None => match load(&cli) {
            Ok(loaded) => Work::Daemon(loaded),
            Err(code) => return code,
        },
    };
    let ended =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Into::into).and_then(|runtime| {
            let ended = runtime.block_on(run(work, &cli.web));
            runtime.shutdown_timeout(LEFT_BEHIND);
            ended
        });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error!(%error, "ended");
            ExitCode::FAILURE
        }
    }
}

/// The configuration and its targets; or, when that is all that was asked for or nothing can be done, the exit code.
fn load(cli: &Cli) -> Result<Loaded, ExitCode> {
    let loaded = reload::load(&cli.config_file).map_err(|problems| {
        problems.iter().for_each(|problem| eprintln!("{problem}"));
        WRONG_CONFIGURATION
    })?;
    if cli.config_check {
        loaded.warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
        print!("{}", Summary { config: &loaded.config, targets: &loaded.targets });
        return Err(ExitCode::SUCCESS);
    }
    loaded.warnings.iter().for_each(|warning| warn!("{warning}"));
    Ok(loaded)
}

async fn run(work: Work, web: &cli::Web) -> Result<(), Box<dyn Error>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let clock = Clock::system();
    let app = match work {
        Work::Daemon(loaded) => {
            let hangups = signal(SignalKind::hangup())?;
            App::build(loaded, web, Credentials::Aws, Some(hangups), clock).await?
        }
        Work::Demo(demo) => demo::build(&demo, web, clock).await?,
    };
    let asked_to_stop = async {
        tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        }
    };
    Ok(app.run(asked_to_stop).await?)
}
