//! Command lines, their help and their tips.

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
        ("/search", false),
        ("/search/metrics", true),
    ] {
        assert_eq!(parse_telemetry_path(path).is_ok(), good, "{path}");
    }
}

fn parsed(arguments: &[&str]) -> Result<Cli, String> {
    let arguments = ["x"].iter().chain(arguments).map(OsString::from);
    Cli::parse(&arguments.collect::<Vec<_>>()).map_err(|error| error.to_string())
}

#[test]
fn levels_are_taken_in_any_case() {
    for level in ["INFO", "Info", "info"] {
        let cli = parsed(&["--log.level", level]).unwrap();
        assert_eq!(cli.log.level, Level::Info);
    }
}

const ID: &str = "us-east-1:2a1f8a52-9c6b-4a7e-8f6d-3f8f1f0a9e10";

#[test]
fn usual_slips_get_a_tip() {
    for (arguments, tip) in [
        (&["-v"][..], "--version"),
        (&["version"], "--version"),
        (&["-config.file=a.yaml"], "two dashes: --config.file"),
        (&["config.yaml"], "--config.file=config.yaml"),
        (&["run"], "without a command"),
        (&["help", "plan"], "use plan --help"),
        (&["demo", "--config.check"], "stands without a command"),
        (&["plan", "--config.check"], "stands without a command"),
        (&["--check"], "--config.check"),
        (&["--debug"], "--log.level=debug"),
        (&["--log.level=trace"], "RUST_LOG=trace"),
        (&["--config=a"], "--config.file=PATH"),
        (&["--port=1"], "--web.listen-address=:PORT"),
        (
            &["list-identities", "--pool", ID],
            "list-identities POOL_ID",
        ),
        (
            &["list-identities", "--identity-pool-id", ID],
            "list-identities POOL_ID",
        ),
        (&["list-identities", ID, "-o", "x.txt"], "--output=FILE"),
        (&[ID], "list-identities POOL_ID"),
        (&["list-identities", ID, ID], "one POOL_ID alone"),
    ] {
        let error = parsed(arguments).unwrap_err();
        let tips: Vec<_> = error
            .lines()
            .filter(|line| line.contains("tip: "))
            .collect();
        assert!(tips.len() == 1 && tips[0].contains(tip), "{error}");
        assert!(!error.contains("--profile"), "{error}");
    }
    assert!(
        !parsed(&["--web.max-connections=0"])
            .unwrap_err()
            .contains("tip: ")
    );
}

#[test]
fn no_error_repeats_an_id_or_a_key() {
    let guid = &ID[10..];
    for secret in [
        ID,
        guid,
        "AKIAIOSFODNN7EXAMPLE",
        "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    ] {
        for arguments in [
            &[secret][..],
            &["plan", secret],
            &[&format!("{secret}.txt")],
            &["list-identities", ID, secret],
            &["demo", "--identities", secret],
            &["iam-policy", "--account", secret],
            &["--log.level", secret],
        ] {
            let error = parsed(arguments).unwrap_err();
            assert!(!error.contains(secret), "{error}");
            assert!(error.contains('…'), "{error}");
        }
    }
    assert!(parsed(&["list-pool"]).unwrap_err().contains("'list-pool'"));
}

#[test]
fn what_is_no_id_of_a_pool_is_named() {
    for (text, part) in [
        ("us-east-1_AbC123", "user pool"),
        (
            "arn:aws:cognito-identity:us-east-1:1:identitypool/x",
            "is an ARN",
        ),
        ("us-east-1:REPLACE-ME", "is still a placeholder"),
        ("$POOL", "a variable or placeholder"),
        ("production", "list-pools"),
        ("us-east-1:2z", "expected a hex digit"),
    ] {
        let error = parsed(&["list-identities", text]).unwrap_err();
        assert!(error.contains("POOL_ID") && error.contains(part), "{error}");
    }
}

#[test]
fn flags_that_exclude_each_other_get_the_usage_of_their_command() {
    let error = parsed(&["list-identities", ID, "--region=eu-west-1"]).unwrap_err();
    for part in ["leave it out", "list-identities [OPTIONS] <POOL_ID>"] {
        assert!(error.contains(part), "{error}");
    }
    let error = parsed(&["--config.check", "plan"]).unwrap_err();
    assert!(error.contains("stands without a command"), "{error}");
}

#[test]
fn help_fits_a_terminal_and_is_in_groups() {
    let mut command = Cli::helpful_command();
    command.build();
    let help = command.render_help().to_string();
    for heading in [
        "Commands (without one, it runs the exporter):",
        "Configuration:",
        "Web:",
        "Log:",
    ] {
        assert!(help.contains(&format!("\n{heading}\n")), "{help}");
    }
    let all = command
        .get_subcommands_mut()
        .flat_map(|it| [it.render_help(), it.render_long_help()].map(|it| it.to_string()));
    let all: Vec<_> = all.chain([help]).collect();
    for help in all
        .into_iter()
        .chain([command.render_long_help().to_string()])
    {
        let long = help.lines().find(|line| line.chars().count() > 100);
        assert_eq!(long, None);
    }
    let long = command.render_long_help().to_string();
    for part in ["AWS_PROFILE", "HTTPS_PROXY", "RUST_LOG", "\n  78  "] {
        assert!(long.contains(part), "{long}");
    }
}

#[test]
fn a_subcommand_shows_the_flags_that_do_something() {
    let mut command = Cli::helpful_command();
    command.build();
    for (name, config, web) in [
        ("demo", false, true),
        ("plan", true, false),
        ("iam-policy", true, false),
        ("list-pools", false, false),
        ("list-identities", false, false),
    ] {
        let subcommand = command.find_subcommand_mut(name).unwrap();
        let help = subcommand.render_long_help().to_string();
        assert_eq!(help.contains("--config.file"), config, "{help}");
        assert_eq!(help.contains("--web.listen-address"), web, "{help}");
        assert!(help.contains("--log.level"), "{help}");
    }
    for arguments in [["--config.file=a", "plan"], ["plan", "--config.file=a"]] {
        assert_eq!(parsed(&arguments).unwrap().config_file(), Path::new("a"));
    }
    for arguments in [
        ["plan", "--web.max-requests=3"],
        ["--web.max-requests=3", "plan"],
    ] {
        assert_eq!(parsed(&arguments).unwrap().web.max_requests, 3);
    }
    assert!(
        parsed(&["demo", "--config.file=a"])
            .unwrap_err()
            .contains("takes no --config.file")
    );
}

#[test]
fn callers_are_users_roles_and_accounts() {
    for (caller, good) in [
        ("arn:aws:iam::123456789012:role/exporter", true),
        ("arn:aws-cn:iam::123456789012:user/path/me@x", true),
        ("arn:aws:iam::123456789012:root", true),
        ("arn:aws:iam::12345678901:root", false),
        ("arn:aws:sts::123456789012:assumed-role/a/b", false),
        ("arn:aws:iam::123456789012:role/", false),
        ("arn:aws:iam::123456789012:role/*", false),
        ("*", false),
        ("123456789012", false),
    ] {
        assert_eq!(parse_caller(caller).is_ok(), good, "{caller}");
    }
    let error = parse_caller("123456789012").unwrap_err();
    assert!(error.ends_with("arn:aws:iam::123456789012:root"), "{error}");
}

#[test]
fn the_region_of_a_list_has_its_own_default() {
    let mut command = Cli::helpful_command();
    let mut help = |name: &str| {
        let command = command.find_subcommand_mut(name).unwrap();
        command.render_long_help().to_string()
    };
    assert!(help("list-pools").contains("[default: that of AWS_REGION"));
    assert!(!help("list-pools").contains("POOL_ID"));
    assert!(help("list-identities").contains("which is that of POOL_ID"));
}
