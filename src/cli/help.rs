//! What help says beside the flags, and what it leaves out.

use clap::{Arg, Command};

/// Behind the flags of `-h`.
pub(super) const SHORT: &str = "\
Examples:
  cognitosync_exporter demo                      try it: no AWS account, http://localhost:10520/
  cognitosync_exporter --config.check            see whether config.yaml is valid
  cognitosync_exporter plan                      see what polling costs and how long it takes
  cognitosync_exporter --config.file=my.yaml     run the exporter

--help has more on each flag, the environment variables and the exit codes.";

/// Behind the flags of `--help`.
pub(super) const LONG: &str = "\
Examples:
  Try it, without an AWS account, at http://localhost:10520/:
    cognitosync_exporter demo
  Write the list of a pool's identities, check the configuration, see the cost and the permissions:
    cognitosync_exporter list-identities POOL_ID --output=identities/production.txt
    cognitosync_exporter --config.check
    cognitosync_exporter plan
    cognitosync_exporter iam-policy --account=123456789012
  Run it for this machine alone, and keep what it knows over restarts:
    cognitosync_exporter --state.path=state --web.listen-address=localhost:10520

Environment variables:
  AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN   credentials
  AWS_PROFILE, AWS_CONFIG_FILE, AWS_SHARED_CREDENTIALS_FILE     the profile and its files
  AWS_REGION            the region of list-pools; pools are polled in the region of their ids
  AWS_CA_BUNDLE         certificate authorities to trust in place of the system's
  HTTPS_PROXY, NO_PROXY the proxy for calls to AWS, and the hosts that need none
  RUST_LOG              a finer log filter in place of --log.level, such as info,aws_config=debug
Credentials of containers, of EC2 and of web identities (IRSA) are found as in any AWS SDK.

Exit codes:
  0   after SIGTERM or SIGINT, or when what was asked for has been printed
  1   it cannot start, a task has died, or the output cannot be written
  2   wrong command line
  78  wrong configuration or web configuration";

/// Whether a flag of all commands does something in this one.
fn is_of_use(flag: &str, command: &str) -> bool {
    match command {
        "demo" => flag != "config.file",
        "plan" | "iam-policy" => flag == "config.file" || flag.starts_with("log."),
        _ => flag.starts_with("log."),
    }
}

/// Hides from each subcommand's help the flags that do nothing there. They are taken, or refused by
/// name, as before. A subcommand's own flag takes the place of the global one.
pub(super) fn without_useless_flags(command: Command) -> Command {
    let global = command.get_arguments().filter(|it| it.is_global_set());
    let hidden: Vec<_> = global.map(|it| it.clone().hide(true)).collect();
    command.mut_subcommands(|subcommand| {
        let name = subcommand.get_name().to_owned();
        let is_useless = |argument: &&Arg| {
            let flag = argument.get_long().unwrap_or_default();
            !is_of_use(flag, &name)
        };
        let useless: Vec<_> = hidden.iter().filter(is_useless).cloned().collect();
        subcommand.args(useless)
    })
}

/// What was probably meant by the first argument that looks like a usual slip.
pub(super) fn tip(arguments: &[String]) -> Option<String> {
    arguments.iter().find_map(|argument| {
        let is_file = [".yaml", ".yml"].iter().any(|end| argument.ends_with(end));
        let single = argument.strip_prefix('-');
        match argument.as_str() {
            "-v" | "-version" | "version" => Some("use --version to print the version".to_owned()),
            "help" => Some("use --help".to_owned()),
            "check" | "validate" => Some("use --config.check".to_owned()),
            "run" | "serve" | "start" | "server" => {
                Some("without a command, it runs the exporter".to_owned())
            }
            _ if single.is_some_and(|flag| !flag.starts_with('-') && flag.len() > 2) => {
                let flag = argument.split('=').next().unwrap_or_default();
                Some(format!("flags have two dashes: -{flag}"))
            }
            _ if is_file && single.is_none() => Some(format!("use --config.file={argument}")),
            _ => None,
        }
    })
}
