//! What help says beside the flags, what it leaves out, and how wide it is.

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
  List a pool's identities, check the configuration, see the cost and the permissions:
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

/// Gives `list-identities` the words for its own --region, which is that of its pool.
pub(super) fn with_region_of_pool(command: Command) -> Command {
    command.mut_subcommand("list-identities", |it| {
        it.mut_arg("region", |region| {
            region.help("The AWS region, which is that of POOL_ID: it can be left out")
        })
    })
}

/// The widest line of a flag's text, which stands behind ten spaces.
const WIDTH: usize = 80;

/// Breaks the lines of long texts: clap does not without another dependency.
pub(super) fn wrapped(command: Command) -> Command {
    let command = command.mut_args(|argument| match argument.get_long_help() {
        Some(text) => {
            let text = broken(&text.to_string());
            argument.long_help(text)
        }
        None => argument,
    });
    command.mut_subcommands(wrapped)
}

fn broken(text: &str) -> String {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split(' ') {
            if !line.is_empty() && line.len() + 1 + word.len() > WIDTH {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(line);
    }
    lines.join("\n")
}
