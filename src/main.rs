//! Flags, logging, build, run, exit code; nothing else.

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use cognitosync_exporter::app::{self, App, Front, demo};
use cognitosync_exporter::aws::Credentials;
use cognitosync_exporter::check::CheckReport;
use cognitosync_exporter::cli::{self, Cli, Command};
use cognitosync_exporter::clock::Clock;
use cognitosync_exporter::loading::Loaded;
use cognitosync_exporter::plan::Plan;
use cognitosync_exporter::policy;
use cognitosync_exporter::telemetry::logging;
use cognitosync_exporter::web::listener::Socket;
use cognitosync_exporter::web::web_config;
use tokio::signal::unix::{SignalKind, signal};
use tracing::{error, warn};

/// `EX_CONFIG` of sysexits.h.
const WRONG_CONFIGURATION: u8 = 78;
/// Name look-ups cannot be cancelled; they are left behind after this long.
const LEFT_BEHIND: Duration = Duration::from_millis(200);

/// Threads for what blocks: files, passwords, and name look-ups, of which there may be one for each
/// call under way. With the unit's `TasksMax=` in mind.
const BLOCKING_THREADS: usize = 96;

/// What to run.
enum Work {
    Daemon(Loaded),
    Demo(cli::Demo),
}

fn main() -> ExitCode {
    let cli = Cli::parse_or_exit();
    let finer = std::env::var("RUST_LOG")
        .ok()
        .filter(|finer| !finer.is_empty());
    if let Err(error) = logging::init(
        cli.log.level,
        cli.log.format,
        finer.as_deref(),
        std::io::stderr,
    ) {
        eprintln!("cannot log: {error}");
        return ExitCode::FAILURE;
    }
    let (work, front) = match prepare(cli) {
        Ok(prepared) => prepared,
        Err(code) => return code,
    };
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let ended = runtime
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS)
        .build()
        .map_err(Into::into)
        .and_then(|runtime| {
            let ended = runtime.block_on(run(work, front));
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

/// Whatever can be read before there are threads; or, when that is all that was asked for or
/// nothing can be done, the exit code.
fn prepare(cli: Cli) -> Result<(Work, Front), ExitCode> {
    let web_config = cli
        .web
        .config_file
        .as_deref()
        .map(web_config::load)
        .transpose();
    let wrong = web_config.as_ref().err().cloned();
    let work = match cli.command {
        Some(Command::Demo(demo)) => Ok(Work::Demo(demo)),
        _ => app::loader().load(cli.config_file()).map(Work::Daemon),
    };
    let problems: Vec<_> = work
        .as_ref()
        .err()
        .into_iter()
        .flatten()
        .chain(&wrong)
        .collect();
    problems.iter().for_each(|problem| eprintln!("{problem}"));
    let (Ok(work), Ok(config)) = (work, web_config) else {
        return Err(WRONG_CONFIGURATION.into());
    };
    let loaded = match &work {
        Work::Daemon(loaded) => Some(loaded),
        Work::Demo(_) => None,
    };
    let warnings = loaded
        .into_iter()
        .flat_map(|loaded| loaded.warnings.iter().map(ToString::to_string));
    let mut warnings = warnings.chain(
        config
            .iter()
            .flat_map(|web| web.config.warnings.iter().map(ToString::to_string)),
    );
    if let Some(report) = loaded.and_then(|loaded| report(&cli, loaded, config.as_ref())) {
        warnings.for_each(|warning| eprintln!("warning: {warning}"));
        print!("{report}");
        return Err(ExitCode::SUCCESS);
    }
    warnings.by_ref().for_each(|warning| warn!("{warning}"));
    drop(warnings);
    let sockets = if cli.web.systemd_socket {
        Socket::from_systemd()
    } else {
        Ok(Vec::new())
    };
    let sockets = sockets.map_err(|error| {
        error!(%error, "cannot listen");
        ExitCode::FAILURE
    })?;
    Ok((
        work,
        Front {
            flags: cli.web,
            config,
            sockets,
        },
    ))
}

/// What is to be printed instead of running, if that was asked for.
fn report(cli: &Cli, loaded: &Loaded, web_config: Option<&web_config::Loaded>) -> Option<String> {
    match &cli.command {
        Some(Command::Plan) => Some(Plan::of(&loaded.config, &loaded.targets).to_string()),
        Some(Command::IamPolicy(asked)) => {
            Some(policy::text(&loaded.targets, asked.account.as_deref()))
        }
        _ if cli.config_check => {
            let mut report = CheckReport {
                config: &loaded.config,
                targets: &loaded.targets,
            }
            .to_string();
            if let (Some(web), Some(file)) = (web_config, &cli.web.config_file) {
                report += &format!("{} is good: {}\n", file.display(), web.config);
            }
            Some(report)
        }
        _ => None,
    }
}

async fn run(work: Work, front: Front) -> Result<(), Box<dyn Error>> {
    let (mut terminate, mut interrupt) = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    );
    let clock = Clock::system();
    let app = match work {
        Work::Daemon(loaded) => {
            let hangups = signal(SignalKind::hangup())?;
            App::build(loaded, front, Credentials::Aws, Some(hangups), clock).await?
        }
        Work::Demo(demo) => demo::build(&demo, front, clock).await?,
    };
    let asked_to_stop = async {
        tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        }
    };
    Ok(app.run(asked_to_stop).await?)
}
