//! Flags and subcommands, with names as in Prometheus.

mod lists;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand};
use exporter_web::Address;

pub use lists::{ListFlags, ListIdentities};

use crate::telemetry::logging::{Format, Level};

/// Prometheus exporter for Amazon Cognito Sync: datasets, storage and age of each identity.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,

    /// The configuration file [default: config.yaml]
    #[arg(long = "config.file", value_name = "PATH", global = true)]
    pub config_file: Option<PathBuf>,

    /// Read and validate all files, print a summary, and exit: with 0 if they are valid, or with 78
    /// after printing every problem.
    #[arg(long = "config.check")]
    pub config_check: bool,

    /// The directory in which what is known outlives the process. It is made if it does not exist.
    /// Without it, nothing is kept.
    #[arg(long = "state.path", value_name = "DIRECTORY")]
    pub state_path: Option<PathBuf>,

    #[command(flatten)]
    pub web: Web,

    #[command(flatten)]
    pub log: Log,
}

/// Commands that run instead of the daemon.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run against the built-in simulator of Cognito Sync and Cognito Identity: no AWS account, no
    /// configuration.
    Demo(Demo),
    /// Print the cost of polling the configuration, and the settings to change if it exceeds a
    /// limit. Makes no API calls.
    Plan,
    /// Print the minimal IAM policy for polling the configuration. Makes no API calls.
    IamPolicy(IamPolicy),
    /// Print the id and the name of each identity pool of a region.
    ListPools(ListFlags),
    /// Print the id of each identity of a pool, a line each: an identity file.
    ListIdentities(ListIdentities),
}

/// Options of `iam-policy`.
#[derive(Args, Clone, Debug)]
pub struct IamPolicy {
    /// The AWS account of pools without a role, 12 digits [default: any account]
    #[arg(long, value_name = "ID", value_parser = parse_account)]
    pub account: Option<String>,
}

/// Options of `demo`.
#[derive(Args, Clone, Copy, Debug)]
pub struct Demo {
    /// Number of simulated identities.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=2_000_000))]
    pub identities: u32,

    /// Number of simulated pools. The last of several is discovered, and of more than two the
    /// second is polled with its guests' keys, unless they are large.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub pools: u32,

    /// Let one call in twenty fail, with all transient faults, and deny one identity in a hundred.
    #[arg(long)]
    pub faults: bool,
}

/// Options of the web server.
#[derive(Args, Clone, Debug)]
pub struct Web {
    /// Address to listen on: HOST:PORT, :PORT or unix:/PATH, with an IPv6 address in brackets. Can
    /// be repeated.
    #[arg(
        long = "web.listen-address",
        value_name = "ADDRESS",
        default_value = ":10520",
        global = true
    )]
    pub listen_address: Vec<Address>,

    /// Path of the metrics.
    #[arg(long = "web.telemetry-path", value_name = "PATH", default_value = "/metrics", value_parser = parse_telemetry_path, global = true)]
    pub telemetry_path: String,

    /// The web configuration file: TLS, logins, headers and rate limit, in the format of
    /// Prometheus's exporter-toolkit.
    #[arg(
        id = "web.config.file",
        long = "web.config.file",
        value_name = "PATH",
        global = true
    )]
    pub config_file: Option<PathBuf>,

    /// Listen on the sockets that systemd passes, instead of on addresses.
    #[arg(long = "web.systemd-socket", global = true)]
    pub systemd_socket: bool,

    /// Serve /-/healthy and /-/ready without a login, also if the web configuration requires one.
    #[arg(long = "web.health-without-login", global = true)]
    pub health_without_login: bool,

    /// Enable POST and PUT to /-/reload, which reload the configuration.
    #[arg(long = "web.enable-lifecycle", global = true)]
    pub enable_lifecycle: bool,

    /// Maximum open client connections, over all listeners.
    #[arg(long = "web.max-connections", value_name = "NUMBER", default_value_t = 512,
          value_parser = clap::value_parser!(u32).range(1..=1_000_000), global = true)]
    pub max_connections: u32,

    /// Maximum scrapes in progress, over all clients; 0 is no limit. Beyond it, scrapes get a 503.
    #[arg(
        long = "web.max-requests",
        value_name = "NUMBER",
        default_value_t = 40,
        global = true
    )]
    pub max_requests: u32,
}

/// Options of the log.
#[derive(Args, Clone, Copy, Debug)]
pub struct Log {
    /// The lowest level to log. The environment variable RUST_LOG overrides it with a finer filter.
    #[arg(long = "log.level", value_name = "LEVEL", value_enum, default_value_t = Level::Info, global = true)]
    pub level: Level,

    /// The format of log lines.
    #[arg(long = "log.format", value_name = "FORMAT", value_enum, default_value_t = Format::Logfmt, global = true)]
    pub format: Format,
}

impl Cli {
    /// Parses the arguments of the process. Exits with code 2 if they are wrong.
    #[must_use]
    pub fn parse_or_exit() -> Self {
        let cli = Self::try_parse().unwrap_or_else(|error| exit(&error));
        if let Some(message) = cli.conflict() {
            exit(&Self::command().error(ErrorKind::ArgumentConflict, message));
        }
        cli
    }

    /// What is wrong with the flags together.
    fn conflict(&self) -> Option<&'static str> {
        let has_file = self.config_file.is_some();
        match &self.command {
            Some(Command::Demo(_)) if has_file => {
                Some("demo uses a built-in configuration and takes no --config.file")
            }
            Some(Command::ListPools(_) | Command::ListIdentities(_)) if has_file => {
                Some("lists are made without a configuration and take no --config.file")
            }
            Some(Command::ListIdentities(list)) => list.conflict(),
            _ => None,
        }
    }

    #[must_use]
    pub fn config_file(&self) -> &Path {
        self.config_file
            .as_deref()
            .unwrap_or(Path::new("config.yaml"))
    }
}

/// Prints help, the version or an error, and exits: with 1 if there is no space for what was asked
/// for. A reader that has gone had what it wanted.
fn exit(error: &clap::Error) -> ! {
    let printed = error.print().and_then(|()| io::stdout().flush());
    let is_lost = |error: io::Error| error.kind() != io::ErrorKind::BrokenPipe;
    match error.exit_code() {
        0 if printed.is_err_and(is_lost) => std::process::exit(1),
        code => std::process::exit(code),
    }
}

fn parse_account(text: &str) -> Result<String, String> {
    let is_account = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    is_account
        .then(|| text.to_owned())
        .ok_or_else(|| "expected the 12 digits of an AWS account".to_owned())
}

/// Accepts an absolute path that needs no escaping in URLs or HTML and is not another route.
fn parse_telemetry_path(text: &str) -> Result<String, String> {
    let is_unescaped = |c: char| c.is_ascii_alphanumeric() || "/-._~".contains(c);
    if !text.starts_with('/') || !text.chars().all(is_unescaped) {
        return Err("expected a path such as /metrics, of letters, digits and /-._~".to_owned());
    }
    if text.starts_with("/-/") || text.starts_with("/api/") {
        return Err("paths that begin with /-/ or /api/ are reserved".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_valid() {
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_take_values_with_and_without_an_equals_sign() {
        let joined = Cli::try_parse_from([
            "x",
            "--config.file=a",
            "--web.listen-address=:1",
            "--log.level=debug",
        ])
        .unwrap();
        let apart = Cli::try_parse_from([
            "x",
            "--config.file",
            "a",
            "--web.listen-address",
            ":1",
            "--log.level",
            "debug",
        ])
        .unwrap();
        assert_eq!(format!("{joined:?}"), format!("{apart:?}"));
    }

    #[test]
    fn demo_takes_the_daemons_flags_before_and_after_its_name() {
        for arguments in [
            ["x", "--web.listen-address=:1", "demo", "--identities=3"],
            ["x", "demo", "--identities=3", "--web.listen-address=:1"],
        ] {
            let cli = Cli::try_parse_from(arguments).unwrap();
            assert_eq!(cli.web.listen_address, [Address::Tcp(None, 1)]);
            assert!(matches!(
                cli.command,
                Some(Command::Demo(Demo {
                    identities: 3,
                    pools: 3,
                    faults: false
                }))
            ));
        }
    }

    #[test]
    fn telemetry_paths() {
        for (path, good) in [
            ("/metrics", true),
            ("/", true),
            ("/a/b.c", true),
            ("metrics", false),
            ("/<", false),
            ("/-/ready", false),
            ("/api/v1/status", false),
        ] {
            assert_eq!(parse_telemetry_path(path).is_ok(), good, "{path}");
        }
    }
}
