//! Flags and subcommands, with names as in Prometheus.

mod help;
mod lists;
mod tips;

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use exporter_web::Address;

pub use lists::{ListFlags, ListIdentities};

use crate::telemetry::logging::{Format, Level};

/// Prometheus exporter for Amazon Cognito Sync: datasets, storage and age of each identity.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = help::SHORT,
    after_long_help = help::LONG,
    disable_help_subcommand = true,
    subcommand_help_heading = "Commands (without one, it runs the exporter)"
)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,

    /// The configuration file [default: config.yaml]
    #[arg(
        long = "config.file",
        value_name = "PATH",
        global = true,
        help_heading = "Configuration"
    )]
    pub config_file: Option<PathBuf>,

    /// Check all files, print a summary or every problem, and exit
    ///
    /// The exit code is 0 if they are valid, or else 78.
    #[arg(long = "config.check", help_heading = "Configuration")]
    pub config_check: bool,

    /// Directory that keeps what is known over restarts
    ///
    /// It is made if it does not exist. Without it, nothing is kept.
    #[arg(
        long = "state.path",
        value_name = "DIRECTORY",
        help_heading = "Configuration"
    )]
    pub state_path: Option<PathBuf>,

    #[command(flatten)]
    pub web: Web,

    #[command(flatten)]
    pub log: Log,
}

/// Commands that run instead of the daemon.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run with a built-in simulator of AWS: no account, no configuration
    Demo(Demo),
    /// Print what polling the configuration costs, without an API call
    ///
    /// And the settings to change, if it exceeds a limit.
    Plan,
    /// Print the minimal IAM policies and trust policies, without an API call
    #[command(after_help = POLICY_EXAMPLES)]
    IamPolicy(IamPolicy),
    /// Print the id and the name of each identity pool of a region
    ListPools(ListFlags),
    /// Print the id of each identity of a pool, as an identity file
    ListIdentities(ListIdentities),
}

const POLICY_EXAMPLES: &str = "\
Examples, where pools name a role:
  ROLE=arn:aws:iam::210987654321:role/cognitosync
  cognitosync_exporter iam-policy --principal $ROLE > policy.json
  aws iam put-role-policy --role-name cognitosync --policy-name poll \\
    --policy-document file://policy.json
  cognitosync_exporter iam-policy --principal $ROLE \\
    --trust arn:aws:iam::123456789012:role/exporter > trust.json
  aws iam create-role --role-name cognitosync --assume-role-policy-document file://trust.json";

/// Options of `iam-policy`.
#[derive(Args, Clone, Debug)]
pub struct IamPolicy {
    /// The AWS account of pools without a role, 12 digits [default: any account]
    #[arg(long, value_name = "ID", value_parser = parse_account)]
    pub account: Option<String>,

    /// Print the document of this principal alone, as the AWS CLI takes it
    ///
    /// A principal is the ARN of a role that the configuration names, or the words that stand for
    /// other credentials in the output without this flag.
    #[arg(long, value_name = "NAME")]
    pub principal: Option<String>,

    /// Print the trust policies of the roles instead: who may assume them
    ///
    /// ARN is the user or role that the exporter runs as, or that of a whole account, which ends in
    /// `:root`. An `external_id` of the configuration becomes a condition. Can be repeated.
    #[arg(long, value_name = "ARN", value_parser = parse_caller)]
    pub trust: Vec<String>,
}

/// Options of `demo`.
#[derive(Args, Clone, Copy, Debug)]
pub struct Demo {
    /// Number of simulated identities
    #[arg(long, help_heading = "Demo", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=2_000_000))]
    pub identities: u32,

    /// Number of simulated pools
    ///
    /// The last of several is discovered, and of more than two the second is polled with its
    /// guests' keys, unless they are large.
    #[arg(long, help_heading = "Demo", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub pools: u32,

    /// Let one call in twenty fail, and deny one identity in a hundred
    #[arg(long, help_heading = "Demo")]
    pub faults: bool,
}

/// Options of the web server.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Web")]
pub struct Web {
    /// HOST:PORT, :PORT or unix:/PATH; repeatable
    ///
    /// The address to listen on. An IPv6 address stands in brackets.
    #[arg(
        long = "web.listen-address",
        value_name = "ADDRESS",
        default_value = ":10520",
        global = true
    )]
    pub listen_address: Vec<Address>,

    /// Path of the metrics
    #[arg(long = "web.telemetry-path", value_name = "PATH", default_value = "/metrics", value_parser = parse_telemetry_path, global = true)]
    pub telemetry_path: String,

    /// The web configuration file: TLS, logins, headers, rate limit
    ///
    /// Its format is that of Prometheus's exporter-toolkit.
    #[arg(
        id = "web.config.file",
        long = "web.config.file",
        value_name = "PATH",
        global = true
    )]
    pub config_file: Option<PathBuf>,

    /// Listen on the sockets that systemd passes
    #[arg(long = "web.systemd-socket", global = true)]
    pub systemd_socket: bool,

    /// Serve /-/healthy and /-/ready without a login
    ///
    /// Even if the web configuration requires one for all else.
    #[arg(long = "web.health-without-login", global = true)]
    pub health_without_login: bool,

    /// Let POST and PUT to /-/reload reload the configuration
    #[arg(long = "web.enable-lifecycle", global = true)]
    pub enable_lifecycle: bool,

    /// Maximum open client connections
    #[arg(long = "web.max-connections", value_name = "NUMBER", default_value_t = 512,
          value_parser = clap::value_parser!(u32).range(1..=1_000_000), global = true)]
    pub max_connections: u32,

    /// Maximum scrapes in progress; 0 is no limit
    ///
    /// Beyond it, scrapes get a 503.
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
#[command(next_help_heading = "Log")]
pub struct Log {
    /// Log level
    ///
    /// The lowest level to log. RUST_LOG in the environment overrides it with a finer filter.
    #[arg(long = "log.level", value_name = "LEVEL", value_enum, ignore_case = true, default_value_t = Level::Info, global = true)]
    pub level: Level,

    /// Log format
    #[arg(long = "log.format", value_name = "FORMAT", value_enum, default_value_t = Format::Logfmt, global = true)]
    pub format: Format,
}

impl Cli {
    /// Parses the arguments of the process. Exits with code 2 if they are wrong.
    #[must_use]
    pub fn parse_or_exit() -> Self {
        let arguments: Vec<_> = std::env::args_os().collect();
        Self::parse(&arguments).unwrap_or_else(|error| exit(&error))
    }

    /// The command line with all its flags, of which the help of subcommands has those that are of
    /// use there.
    #[must_use]
    pub fn helpful_command() -> clap::Command {
        let command = help::with_region_of_pool(Self::command());
        help::without_useless_flags(help::wrapped(command))
    }

    /// Parses arguments, of which the first is the program's name.
    fn parse(arguments: &[OsString]) -> Result<Self, clap::Error> {
        let mut command = Self::helpful_command();
        let matches = command.try_get_matches_from_mut(arguments);
        let matches = matches.map_err(|error| {
            let arguments = arguments.iter().skip(1);
            let arguments = arguments.map(|it| it.to_string_lossy().into_owned());
            tips::explained(error, &arguments.collect::<Vec<_>>())
        })?;
        let cli = Self::from_arg_matches(&matches)?;
        let Some(message) = cli.conflict() else {
            return Ok(cli);
        };
        // With the usage of its own.
        let subcommand = matches.subcommand_name();
        let command = match subcommand {
            Some(name) => command.find_subcommand_mut(name).expect("it was parsed"),
            None => &mut command,
        };
        Err(command.error(ErrorKind::ArgumentConflict, message))
    }

    /// What is wrong with the flags together.
    fn conflict(&self) -> Option<&'static str> {
        let has_file = self.config_file.is_some();
        match &self.command {
            Some(_) if self.config_check => Some("--config.check stands without a command"),
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

/// Accepts who can stand in a trust policy, by IAM's grammar of ARNs.
fn parse_caller(text: &str) -> Result<String, String> {
    let parts: Vec<_> = text.splitn(6, ':').collect();
    let is_caller = match parts[..] {
        [
            "arn",
            "aws" | "aws-cn" | "aws-us-gov",
            "iam",
            "",
            account,
            resource,
        ] => {
            let named = ["user/", "role/"]
                .iter()
                .find_map(|it| resource.strip_prefix(it));
            let is_name = |c: char| c.is_ascii_alphanumeric() || "/_+=,.@-".contains(c);
            let is_named = named.is_some_and(|it| !it.is_empty() && it.chars().all(is_name));
            parse_account(account).is_ok() && (resource == "root" || is_named)
        }
        _ => false,
    };
    if is_caller {
        return Ok(text.to_owned());
    }
    Err(match parse_account(text) {
        Ok(account) => {
            format!("expected an ARN; that of a whole account is arn:aws:iam::{account}:root")
        }
        Err(_) => "expected the ARN of a user, a role or an account, such as \
                   arn:aws:iam::123456789012:role/exporter or arn:aws:iam::123456789012:root"
            .to_owned(),
    })
}

/// Accepts an absolute path that needs no escaping in URLs or HTML and is not another route.
fn parse_telemetry_path(text: &str) -> Result<String, String> {
    let is_unescaped = |c: char| c.is_ascii_alphanumeric() || "/-._~".contains(c);
    if !text.starts_with('/') || !text.chars().all(is_unescaped) {
        return Err("expected a path such as /metrics, of letters, digits and /-._~".to_owned());
    }
    if text == "/search" || text.starts_with("/-/") || text.starts_with("/api/") {
        return Err("/search and paths that begin with /-/ or /api/ are reserved".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests;
