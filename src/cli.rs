//! Flags and subcommands, spelled as Prometheus spells them.

use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand};
use exporter_web::Address;

use crate::telemetry::logging::{Format, Level};

/// Prometheus exporter for Amazon Cognito Sync: datasets, storage and age of each identity.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Cli {
    /// What to run, if not the daemon.
    #[command(subcommand)]
    pub command: Option<Command>,

    /// The configuration file [default: config.yaml]
    #[arg(long = "config.file", value_name = "PATH", global = true)]
    pub config_file: Option<PathBuf>,

    /// Read and validate everything, print what would be polled, and exit: 0 if all is well, 78
    /// after printing every problem.
    #[arg(long = "config.check")]
    pub config_check: bool,

    /// What is served.
    #[command(flatten)]
    pub web: Web,

    /// What is logged.
    #[command(flatten)]
    pub log: Log,
}

/// What to run instead of the daemon.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run against the built-in Cognito Sync simulator: no AWS account, no configuration.
    Demo(Demo),
    /// Print what polling the configuration will cost, and which knob to turn where it does not
    /// fit. Calls nobody.
    Plan,
    /// Print the least IAM policy with which the configuration can be polled. Calls nobody.
    IamPolicy(IamPolicy),
}

/// Whose policy.
#[derive(Args, Clone, Debug)]
pub struct IamPolicy {
    /// The AWS account of pools that name no role, 12 digits; any account, if not given.
    #[arg(long, value_name = "ID", value_parser = account)]
    pub account: Option<String>,
}

/// The simulated world.
#[derive(Args, Clone, Copy, Debug)]
pub struct Demo {
    /// Identities in the world.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=2_000_000))]
    pub identities: u32,

    /// Pools in the world.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub pools: u32,

    /// Let one call in twenty fail, in all the ways that pass by themselves.
    #[arg(long)]
    pub faults: bool,
}

/// What is served, and where.
#[derive(Args, Clone, Debug)]
pub struct Web {
    /// Address to listen on: HOST:PORT, :PORT or unix:/PATH, an IPv6 address in brackets. May be
    /// given more than once.
    #[arg(
        long = "web.listen-address",
        value_name = "ADDRESS",
        default_value = ":10520",
        global = true
    )]
    pub listen_address: Vec<Address>,

    /// Path of the metrics.
    #[arg(long = "web.telemetry-path", value_name = "PATH", default_value = "/metrics", value_parser = telemetry_path, global = true)]
    pub telemetry_path: String,

    /// The web configuration: TLS, logins, headers, a rate limit, in the exporter-toolkit's format.
    #[arg(
        id = "web.config.file",
        long = "web.config.file",
        value_name = "PATH",
        global = true
    )]
    pub config_file: Option<PathBuf>,

    /// Listen on the sockets that systemd passes on, and on no address.
    #[arg(long = "web.systemd-socket", global = true)]
    pub systemd_socket: bool,

    /// Answer /-/healthy and /-/ready without a login, whatever the web configuration says.
    #[arg(long = "web.health-without-login", global = true)]
    pub health_without_login: bool,

    /// Allow POST and PUT to /-/reload, which make the exporter read its configuration again.
    #[arg(long = "web.enable-lifecycle", global = true)]
    pub enable_lifecycle: bool,

    /// Client connections open at once, all listeners together.
    #[arg(long = "web.max-connections", value_name = "NUMBER", default_value_t = 512,
          value_parser = clap::value_parser!(u32).range(1..=1_000_000), global = true)]
    pub max_connections: u32,
}

/// What is logged, and how.
#[derive(Args, Clone, Copy, Debug)]
pub struct Log {
    /// How much to log; the environment's RUST_LOG filters finer, in its place.
    #[arg(long = "log.level", value_name = "LEVEL", value_enum, default_value_t = Level::Info, global = true)]
    pub level: Level,

    /// How a log line looks.
    #[arg(long = "log.format", value_name = "FORMAT", value_enum, default_value_t = Format::Logfmt, global = true)]
    pub format: Format,
}

impl Cli {
    /// Parses the process's arguments; ends it with exit code 2 when they are wrong.
    #[must_use]
    pub fn parse_or_exit() -> Self {
        let cli = Self::parse();
        if let (Some(Command::Demo(_)), Some(_)) = (&cli.command, &cli.config_file) {
            let message = "demo makes its own configuration and takes no --config.file";
            Self::command()
                .error(ErrorKind::ArgumentConflict, message)
                .exit();
        }
        cli
    }

    /// Where the configuration is.
    #[must_use]
    pub fn config_file(&self) -> &Path {
        self.config_file
            .as_deref()
            .unwrap_or(Path::new("config.yaml"))
    }
}

/// Twelve digits.
fn account(text: &str) -> Result<String, String> {
    let good = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    good.then(|| text.to_owned())
        .ok_or_else(|| "expected the 12 digits of an AWS account".to_owned())
}

/// An absolute path without characters that a URL or a page would have to escape, and not one of
/// the other routes.
fn telemetry_path(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/-._~".contains(c);
    if !text.starts_with('/') || !text.chars().all(plain) {
        return Err("expected a path such as /metrics, of letters, digits and /-._~".to_owned());
    }
    if text.starts_with("/-/") || text.starts_with("/api/") {
        return Err("paths that begin with /-/ and /api/ are taken".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_come_with_and_without_an_equals_sign() {
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
    fn demo_takes_the_daemons_flags_on_either_side() {
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
                    pools: 2,
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
            assert_eq!(telemetry_path(path).is_ok(), good, "{path}");
        }
    }
}
