//! What is said of a command line that is wrong: what was probably meant, and nothing secret.

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Stands for an argument that is not repeated.
const HIDDEN: &str = "…";
/// A word with a digit in it is not repeated from this length on: ids of identities and keys of AWS
/// are longer, names of commands are shorter.
const SECRET: usize = 16;
/// All subcommands.
const COMMANDS: [&str; 5] = [
    "demo",
    "plan",
    "iam-policy",
    "list-pools",
    "list-identities",
];

/// Adds what was probably meant, and leaves out arguments that may be secret: errors get into logs.
pub(super) fn explained(mut error: clap::Error, arguments: &[String]) -> clap::Error {
    let secret = error.context().filter_map(|(kind, value)| {
        let is_secret = matches!(value, ContextValue::String(text) if may_be_secret(text));
        is_secret.then_some(kind)
    });
    for kind in secret.collect::<Vec<_>>() {
        error.insert(kind, ContextValue::String(HIDDEN.to_owned()));
    }
    if let Some(tip) = tip(&error, arguments) {
        // It is worth more than the name that is spelled most alike, which the usage has too.
        let alike = [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand];
        if alike
            .map(|kind| error.remove(kind))
            .iter()
            .any(Option::is_some)
        {
            error.remove(ContextKind::Usage);
        }
        let tip = ContextValue::StyledStrs(vec![tip.into()]);
        error.insert(ContextKind::Suggested, tip);
    }
    error
}

/// Whether a text may be the id of an identity, or a key.
fn may_be_secret(text: &str) -> bool {
    let mut words = text.split(|c: char| !c.is_ascii_alphanumeric() && !"-+/".contains(c));
    words.any(|word| word.len() >= SECRET && word.bytes().any(|byte| byte.is_ascii_digit()))
}

fn tip(error: &clap::Error, arguments: &[String]) -> Option<String> {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    match error.kind() {
        ErrorKind::UnknownArgument | ErrorKind::InvalidSubcommand => {
            let wrong = context(ContextKind::InvalidArg);
            let wrong = wrong.or(context(ContextKind::InvalidSubcommand))?;
            let command = arguments.iter().find_map(|it| command(it));
            of_unknown(wrong, command).or_else(|| of_slip(arguments))
        }
        ErrorKind::InvalidValue => {
            let is_level = context(ContextKind::InvalidArg)?.starts_with("--log.level");
            let is_trace = context(ContextKind::InvalidValue)?.eq_ignore_ascii_case("trace");
            (is_level && is_trace).then(|| {
                "use --log.level=debug, or RUST_LOG=trace in the environment, which logs the most"
                    .to_owned()
            })
        }
        _ => None,
    }
}

fn command(text: &str) -> Option<&'static str> {
    COMMANDS.into_iter().find(|it| *it == text)
}

/// What was probably meant by an argument that this command, or the exporter itself, does not know.
fn of_unknown(wrong: &str, command: Option<&str>) -> Option<String> {
    let tip = match (wrong, command) {
        (HIDDEN, Some("list-identities")) => {
            "it takes one POOL_ID alone, and lists all identities of that pool"
        }
        (HIDDEN, None) => {
            "an id is not a command: list-identities POOL_ID lists the identities of a pool"
        }
        ("--config.check", Some(_)) => "--config.check stands without a command",
        ("--check" | "--validate", None) => "use --config.check",
        ("--config", None | Some("plan" | "iam-policy")) => "use --config.file=PATH",
        ("--port" | "--listen", None | Some("demo")) => "use --web.listen-address=:PORT",
        ("--debug" | "--verbose" | "--trace", _) => "use --log.level=debug",
        ("--quiet", _) => "use --log.level=warn",
        ("-o" | "--out" | "--file", Some("list-pools" | "list-identities")) => "use --output=FILE",
        (
            "--pool" | "--pool-id" | "--pool_id" | "--id" | "--identity-pool-id",
            Some("list-identities"),
        ) => "the id of the pool stands without a flag: list-identities POOL_ID",
        _ => return None,
    };
    Some(tip.to_owned())
}

/// What was probably meant by the first argument that looks like a usual slip.
fn of_slip(arguments: &[String]) -> Option<String> {
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let is_file = [".yaml", ".yml"].iter().any(|end| argument.ends_with(end));
        let single = argument.strip_prefix('-');
        let tip = match argument.as_str() {
            "-v" | "-version" | "version" => "use --version to print the version".to_owned(),
            "help" => match rest.next().and_then(|it| command(it)) {
                Some(command) => format!("use {command} --help"),
                None => "use --help".to_owned(),
            },
            "check" | "validate" => "use --config.check".to_owned(),
            "run" | "serve" | "start" | "server" => {
                "without a command, it runs the exporter".to_owned()
            }
            _ if single.is_some_and(|flag| !flag.starts_with('-') && flag.len() > 2) => {
                let flag = argument.split('=').next().unwrap_or_default();
                format!("flags have two dashes: -{flag}")
            }
            _ if is_file && single.is_none() => format!("use --config.file={argument}"),
            _ => continue,
        };
        return Some(tip);
    }
    None
}
