//! Flags, logging, build, run, exit code; nothing else.

#![warn(clippy::print_stdout, clippy::print_stderr)]

use std::error::Error;
use std::future::pending;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::process::ExitCode;
use std::time::Duration;

use cognitosync_exporter::app::{
    self, App, Audience, Reloading, WebOptions, demo, stop_requested, terminal_closed,
};
use cognitosync_exporter::aws::Credentials;
use cognitosync_exporter::check::{self, CheckReport};
use cognitosync_exporter::cli::{self, Cli, Command};
use cognitosync_exporter::clock::Clock;
use cognitosync_exporter::listing::{ListError, ListRequest, OutputError, Shown, What};
use cognitosync_exporter::loading::{Loaded, Loader};
use cognitosync_exporter::panics;
use cognitosync_exporter::plan::Plan;
use cognitosync_exporter::policy;
use cognitosync_exporter::printable::Printable;
use cognitosync_exporter::telemetry::logging;
use exporter_web::{InheritedSocket, WebConfigFile};
use tokio::signal::unix::{SignalKind, signal};
use tracing::{error, info, warn};

/// `EX_CONFIG` of sysexits.h.
const INVALID_CONFIGURATION: u8 = 78;
/// As clap exits for a wrong command line.
const WRONG_COMMAND_LINE: u8 = 2;
/// How long it may take to read the files without a line that says so.
const QUIET_START: Duration = Duration::from_secs(1);
/// Maximum time for blocking threads to end. Name look-ups cannot be cancelled.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_millis(200);
/// Threads for what blocks: files, passwords, and name look-ups, of which there may be one for each
/// call in flight. Below the unit's `TasksMax=`.
const BLOCKING_THREADS: usize = 96;

/// The sockets that systemd passed on.
type Sockets = io::Result<Vec<InheritedSocket>>;

/// What to run.
#[allow(
    clippy::large_enum_variant,
    reason = "there is one, and it is taken apart at once"
)]
enum Mode {
    /// The state is in this directory, if there is one.
    Daemon(Loader, Loaded, Option<PathBuf>),
    Demo(cli::Demo),
}

/// What comes of the flags.
#[allow(
    clippy::large_enum_variant,
    reason = "there is one, and it is taken apart at once"
)]
enum Prepared {
    Run(Mode, WebOptions),
    Done(ExitCode),
}

fn main() -> ExitCode {
    let cli = Cli::parse_or_exit();
    let env_filter = std::env::var("RUST_LOG")
        .ok()
        .filter(|filter| !filter.is_empty());
    let logger = logging::init(cli.log.level, cli.log.format, env_filter.as_deref());
    let _last_lines = match logger {
        Ok(last_lines) => last_lines,
        Err(error) => {
            print_errors(&[format!("cannot log: {}", Printable(error))]);
            return ExitCode::FAILURE;
        }
    };
    panics::report();
    if let Some(request) = cli.command.as_ref().and_then(list_request) {
        return list(request);
    }
    // The environment that names them is written, so before there are threads.
    let sockets = if cli.web.systemd_socket && !prints_instead_of_running(&cli) {
        InheritedSocket::from_systemd()
    } else {
        Ok(Vec::new())
    };
    block_on(start(cli, sockets)).unwrap_or_else(|error| {
        error!(%error, "exiting");
        ExitCode::FAILURE
    })
}

fn block_on<T, E: From<io::Error>>(work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS)
        .build()?;
    let ended = runtime.block_on(work);
    runtime.shutdown_timeout(SHUTDOWN_TIMEOUT);
    ended
}

/// Prepares and runs, and can be stopped during both.
async fn start(cli: Cli, sockets: Sockets) -> Result<ExitCode, Box<dyn Error>> {
    let is_daemon = !prints_instead_of_running(&cli);
    let mut stop_requested = pin!(async move {
        // A command that prints ends by a signal as any other does.
        match is_daemon {
            true => Ok(stop_requested()?.await),
            false => pending().await,
        }
    });
    let mut prepared = tokio::task::spawn_blocking(move || prepare(cli, sockets));
    let prepared = tokio::select! {
        prepared = &mut prepared => prepared?,
        why = &mut stop_requested => return Ok(stopped_before_the_start(why?)),
        () = tokio::time::sleep(QUIET_START), if is_daemon => {
            info!("reading the configuration and the identity files");
            tokio::select! {
                prepared = prepared => prepared?,
                why = &mut stop_requested => return Ok(stopped_before_the_start(why?)),
            }
        }
    };
    match prepared {
        Prepared::Done(code) => Ok(code),
        Prepared::Run(mode, web) => run(mode, web, stop_requested).await,
    }
}

fn stopped_before_the_start(why: &str) -> ExitCode {
    info!(why, "stopping before the start");
    ExitCode::SUCCESS
}

/// The list that a command asks for.
fn list_request(command: &Command) -> Option<ListRequest> {
    let (what, flags) = match command {
        Command::ListPools(flags) => (What::Pools, flags),
        Command::ListIdentities(list) => {
            let (pool, include_disabled) = (list.pool.clone(), list.include_disabled);
            let what = What::Identities {
                pool,
                include_disabled,
            };
            (what, &list.flags)
        }
        Command::Demo(_) | Command::Plan | Command::IamPolicy(_) => return None,
    };
    Some(ListRequest {
        what,
        region: flags.region.clone(),
        account: flags.account(),
        endpoint_url: flags.endpoint_url.clone(),
        rate_limit: flags.rate_limit,
        output: flags.output.clone(),
    })
}

/// Prints a list.
fn list(request: ListRequest) -> ExitCode {
    let is_seen = request.output.is_none() && io::stdout().is_terminal();
    let shown = match io::stderr().is_terminal() {
        true if is_seen => Shown::NotAtAll,
        true => Shown::Drawn,
        false => Shown::Logged,
    };
    let listed = block_on(async {
        let (stop, hangup) = (stop_requested()?, terminal_closed()?);
        let stop = async {
            tokio::select! {
                why = stop => why,
                () = hangup => "SIGHUP",
            }
        };
        request.run(shown, Clock::system(), stop).await
    });
    match listed {
        // A reader that has gone, such as `head`, had what it wanted.
        Ok(()) | Err(ListError::Output(OutputError::Closed)) => ExitCode::SUCCESS,
        Err(error) => {
            print_errors(&[Printable(error).to_string()]);
            ExitCode::FAILURE
        }
    }
}

/// Reads all configuration, and prints what was asked for instead of running.
fn prepare(cli: Cli, sockets: Sockets) -> Prepared {
    let for_people = prints_instead_of_running(&cli) || io::stderr().is_terminal();
    let web_config = cli.web.config_file.as_deref().map(WebConfigFile::load);
    let mode = match cli.command {
        Some(Command::Demo(demo)) => Ok(Mode::Demo(demo)),
        _ => {
            let loader = app::loader();
            let loaded = loader.load(cli.config_file());
            loaded.map(|loaded| Mode::Daemon(loader, loaded, cli.state_path.clone()))
        }
    };
    let (mode, web_config) = match (mode, web_config.transpose()) {
        (Ok(mode), Ok(web_config)) => (mode, web_config),
        (mode, web_config) => {
            let problems = mode.err().into_iter().flatten();
            let problems = problems.map(|problem| problem.to_string());
            let web = web_config.err().map(|error| Printable(error).to_string());
            let problems: Vec<_> = problems.chain(web).collect();
            if for_people {
                print_errors(&problems);
            } else {
                problems.iter().for_each(|problem| error!("{problem}"));
            }
            return Prepared::Done(INVALID_CONFIGURATION.into());
        }
    };
    let mut warnings = warnings(&mode, web_config.as_ref());
    if let Mode::Daemon(_, loaded, _) = &mode
        && let Some(report) = report(&cli, loaded, web_config.as_ref())
    {
        if cli.config_check {
            warnings.extend(check::warnings(loaded).iter().map(ToString::to_string));
        }
        if cli.config_check && !cli.web.systemd_socket {
            warnings.extend(refusal_to_start(&cli.web, loaded, web_config.as_ref()));
        }
        let warnings: Vec<_> = warnings
            .iter()
            .map(|warning| format!("warning: {warning}"))
            .collect();
        print_errors(&warnings);
        let report = match report {
            Ok(report) => report,
            Err(error) => {
                print_errors(&[error]);
                return Prepared::Done(WRONG_COMMAND_LINE.into());
            }
        };
        print_errors(&notes(&cli, loaded));
        return Prepared::Done(print(&report));
    }
    for warning in warnings {
        warn!("{warning}");
    }
    match sockets {
        Ok(sockets) => {
            let web = WebOptions {
                flags: cli.web,
                config: web_config,
                sockets,
            };
            Prepared::Run(mode, web)
        }
        Err(error) => {
            error!(%error, "cannot listen");
            Prepared::Done(ExitCode::FAILURE)
        }
    }
}

/// Whether the flags ask for something on standard output, and for no daemon.
fn prints_instead_of_running(cli: &Cli) -> bool {
    cli.config_check || matches!(cli.command, Some(Command::Plan | Command::IamPolicy(_)))
}

/// Prints to standard output. A reader that has gone, such as `head`, had what it wanted.
fn print(text: &str) -> ExitCode {
    let mut stdout = io::stdout().lock();
    match stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            print_errors(&[format!("cannot write to standard output: {error}")]);
            ExitCode::FAILURE
        }
    }
}

/// Prints lines to standard error. The exit code gives the outcome if they cannot be written.
fn print_errors(lines: &[String]) {
    let mut stderr = io::stderr().lock();
    for line in lines {
        let _ = writeln!(stderr, "{line}");
    }
}

/// The warnings about the configuration, then those about the web configuration.
fn warnings(mode: &Mode, web_config: Option<&WebConfigFile>) -> Vec<String> {
    let mut warnings = Vec::new();
    if let Mode::Daemon(_, loaded, _) = mode {
        warnings.extend(loaded.warnings.iter().map(ToString::to_string));
    }
    if let Some(web_config) = web_config {
        warnings.extend(
            web_config
                .warnings()
                .map(|warning| Printable(warning).to_string()),
        );
    }
    warnings
}

fn ask(cli: &Cli, options: &cli::IamPolicy) -> policy::Ask {
    policy::Ask {
        account: options.account.clone(),
        principal: options.principal.clone(),
        callers: options.trust.clone(),
        config_file: cli.config_file.clone(),
    }
}

/// What belongs to what is printed and has no place in it.
fn notes(cli: &Cli, loaded: &Loaded) -> Vec<String> {
    let Some(Command::IamPolicy(options)) = &cli.command else {
        return Vec::new();
    };
    let notes = policy::notes(&loaded.targets, &ask(cli, options));
    let notes = notes.into_iter().map(|note| format!("note: {note}"));
    notes.collect()
}

/// Why the daemon would not start with these flags, if pages need a login.
fn refusal_to_start(
    flags: &cli::Web,
    loaded: &Loaded,
    web_config: Option<&WebConfigFile>,
) -> Option<String> {
    let has_login = web_config.is_some_and(WebConfigFile::has_login);
    let refusal = Audience::of_addresses(&flags.listen_address).refusal(&loaded.targets);
    let refusal = refusal.filter(|_| !has_login)?;
    Some(format!("with these flags it would not start: {refusal}"))
}

/// What to print instead of running, for `--config.check` and the subcommands that only print.
/// An error if they cannot be printed with these flags.
fn report(
    cli: &Cli,
    loaded: &Loaded,
    web_config: Option<&WebConfigFile>,
) -> Option<Result<String, String>> {
    match &cli.command {
        Some(Command::Plan) => {
            let plan = Plan::of(&loaded.config, &loaded.targets);
            Some(Ok(plan.to_string()))
        }
        Some(Command::IamPolicy(options)) => {
            Some(policy::text(&loaded.targets, &ask(cli, options)))
        }
        _ if cli.config_check => {
            let mut report = CheckReport(loaded).to_string();
            if let Some(web) = web_config {
                let path = Printable(web.path().display());
                report += &format!("{path} is good: {}\n", web.summary());
            }
            Some(Ok(report))
        }
        _ => None,
    }
}

async fn run(
    mode: Mode,
    web: WebOptions,
    mut stop_requested: Pin<&mut impl Future<Output = io::Result<&'static str>>>,
) -> Result<ExitCode, Box<dyn Error>> {
    let clock = Clock::system();
    let hangups = signal(SignalKind::hangup())?;
    let app = async {
        match mode {
            Mode::Daemon(loader, loaded, state) => {
                let reloading = Reloading { loader, hangups };
                App::build(loaded, web, Credentials::Aws, state, reloading, clock).await
            }
            Mode::Demo(demo) => demo::build(&demo, web, hangups, clock).await,
        }
    };
    let app = tokio::select! {
        app = app => app?,
        why = &mut stop_requested => return Ok(stopped_before_the_start(why?)),
    };
    // Its error is that a signal cannot be waited for, which is known at once.
    let stop_requested = async { stop_requested.await.unwrap_or("no signals") };
    app.run(stop_requested).await?;
    Ok(ExitCode::SUCCESS)
}
