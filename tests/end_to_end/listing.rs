//! `list-pools` and `list-identities`: what Cognito Identity lists, as identity files.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use cognitosync_exporter::api::Operation;
use cognitosync_exporter::simulator::Fault;

use crate::long::parameter;
use crate::support::{
    Server, assert_no_secret, command, eventually, identity_id, pool_id, still_world,
};

/// `list-identities` of the first pool.
fn list_identities(server: &Server) -> Command {
    list_at("100", server)
}

/// The same at so many calls a second.
fn list_at(rate: &str, server: &Server) -> Command {
    let mut command = command();
    command
        .args(["list-identities", &pool_id(0), "--rate-limit", rate])
        .args(["--endpoint-url", &server.url]);
    command
}

fn list_pools(server: &Server) -> Command {
    let mut command = command();
    command.args(["list-pools", "--endpoint-url", &server.url]);
    command
}

/// Runs a list to its end. Only standard output may hold ids.
fn run(command: &mut Command) -> (Option<i32>, String, String) {
    ended(command.output().unwrap())
}

fn ended(output: Output) -> (Option<i32>, String, String) {
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_no_secret(&errors);
    let listed = String::from_utf8(output.stdout).unwrap();
    (output.status.code(), listed, errors)
}

/// Asserts that a text is the whole list of these identities, once each.
fn assert_lists(text: &str, numbers: impl Iterator<Item = usize>) {
    let (ids, last) = text.trim_end().rsplit_once('\n').unwrap_or(("", text));
    let expected: BTreeSet<_> = numbers.map(identity_id).collect();
    let listed: BTreeSet<_> = ids.lines().map(str::to_owned).collect();
    assert_eq!(listed, expected);
    assert_eq!(ids.lines().count(), expected.len());
    assert_eq!(
        last.trim_end(),
        format!("# complete: {} identities", expected.len())
    );
    assert!(text.ends_with('\n'));
}

/// Starts a list that takes long, and waits for some of its calls.
fn begin(mut command: Command, server: &Server) -> Child {
    command.stdout(Stdio::piped());
    let child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut calls = 0;
    eventually("three pages", || {
        calls += server.simulator.take_call_log().len();
        (calls >= 3).then_some(())
    });
    child
}

fn signal(child: &Child, signal: &str) {
    let id = child.id().to_string();
    let sent = Command::new("kill").args([signal, &id]).status();
    assert!(sent.unwrap().success());
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

#[test]
fn a_list_is_an_identity_file() {
    let server = Server::start(still_world(1, 500));
    let (code, listed, _) = run(&mut list_identities(&server));
    assert_eq!(code, Some(0));
    assert_lists(&listed, 0..500);
    let calls = server.simulator.take_call_log();
    assert_eq!(calls.len(), 9, "of 60 identities each");

    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ids.txt");
    let written = run(list_identities(&server).arg("--output").arg(&file));
    assert_eq!((written.0, &*written.1), (Some(0), ""));
    assert_eq!(fs::read_to_string(&file).unwrap(), listed);

    let config = directory.path().join("config.yaml");
    let pool = pool_id(0);
    fs::write(
        &config,
        format!("pools: [{{id: '{pool}', identity_files: [ids.txt]}}]\n"),
    )
    .unwrap();
    let check = || {
        let mut check = command();
        run(check
            .arg("--config.check")
            .arg("--config.file")
            .arg(&config))
    };
    let (code, report, warnings) = check();
    assert_eq!((code, &*warnings), (Some(0), ""));
    assert!(report.contains("is good: 500 identities"), "{report}");
    fs::write(&file, listed.replacen(&(identity_id(7) + "\n"), "", 1)).unwrap();
    let (code, _, warnings) = check();
    assert_eq!(code, Some(0));
    let expected = "ids.txt: holds 499 identities, but 500 by its last line\n";
    assert!(warnings.ends_with(expected), "{warnings}");
}

#[test]
fn disabled_identities_are_left_out() {
    let mut world = still_world(1, 200);
    (0..200).step_by(2).for_each(|number| {
        world.set_disabled(&pool_id(0), &identity_id(number), true);
    });
    let server = Server::start(world);
    let (_, listed, _) = run(&mut list_identities(&server));
    assert_lists(&listed, (0..200).skip(1).step_by(2));
    let (_, listed, _) = run(list_identities(&server).arg("--include-disabled"));
    assert_lists(&listed, 0..200);
}

#[test]
fn a_pass_whose_token_is_refused_begins_anew() {
    let server = Server::start(still_world(1, 700));
    let child = begin(list_at("5", &server), &server);
    server.simulator.forget_page_tokens();
    let (code, listed, errors) = ended(child.wait_with_output().unwrap());
    assert_eq!(code, Some(0), "{errors}");
    assert!(
        errors.contains("read again from its first page"),
        "{errors}"
    );
    assert_lists(&listed, 0..700);
}

/// `tests/long/listing` has 30,000 identities.
#[test]
fn a_quota_below_the_ceiling_is_found_and_kept() {
    let identities = parameter("LISTING_IDENTITIES", 1_200) as usize;
    let server = Server::start(still_world(1, identities));
    server.simulator.set_identity_quota(Some(5.0));
    let (code, listed, errors) = run(list_at("10", &server).arg("--log.level=debug"));
    assert_eq!(code, Some(0), "{errors}");
    assert_lists(&listed, 0..identities);
    let calls = server.simulator.take_call_log();
    let refused = errors.matches("reason=throttled").count();
    assert_eq!(calls.len(), identities.div_ceil(60) + refused);
    assert!(refused > 0, "the quota was never met: {errors}");

    // Calls are answered at once, so that the log's seconds are those of the calls.
    let minute = |line: &str| {
        let (_, at) = line.split_once("ts=").unwrap();
        let (hour, minute, second) = (&at[11..13], &at[14..16], &at[17..19]);
        let [hour, minute, second] = [hour, minute, second].map(|it| it.parse::<u32>().unwrap());
        (hour * 3_600 + minute * 60 + second) as f64 / 60.0
    };
    let refusals = errors
        .lines()
        .filter(|line| line.contains("reason=throttled"));
    let minutes: Vec<_> = refusals.map(minute).collect();
    // The quota is met in the first second.
    let first = minutes[0];
    let later = minutes.iter().filter(|it| **it - first >= 1.0).count();
    let began = calls[0].at;
    let all = calls
        .iter()
        .filter(|call| call.at.since(began).as_secs() >= 60);
    let all = all.count();
    println!(
        "{refused} of {} calls were refused, {later} of {all} after the first minute",
        calls.len()
    );
    assert!(
        all < 100 || (later as f64) < all as f64 * 0.01,
        "{later} of {all}"
    );
}

#[test]
fn a_killed_list_leaves_no_file_or_the_one_before() {
    let server = Server::start(still_world(1, 700));
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ids.txt");
    let list = |rate| {
        let mut list = list_at(rate, &server);
        list.arg("--output").arg(&file);
        list
    };
    for before in [None, Some("# complete: 0 identities\n")] {
        before
            .into_iter()
            .for_each(|text| fs::write(&file, text).unwrap());
        for (name, code, left) in [
            ("-TERM", Some(1), None),
            ("-INT", Some(1), None),
            ("-HUP", Some(1), None),
            ("-KILL", None, Some(".ids.txt.partial")),
        ] {
            let child = begin(list("5"), &server);
            assert!(names(directory.path()).contains(&".ids.txt.partial".to_owned()));
            signal(&child, name);
            let (ended, _, errors) = ended(child.wait_with_output().unwrap());
            assert_eq!(ended, code, "{name}: {errors}");
            assert!(
                code.is_none() || errors.contains("the list is not complete"),
                "{errors}"
            );
            let expected: Vec<_> = left.into_iter().chain(before.map(|_| "ids.txt")).collect();
            assert_eq!(names(directory.path()), expected, "{name}");
            assert_eq!(fs::read_to_string(&file).ok().as_deref(), before);
        }
    }
    assert_eq!(run(&mut list("100")).0, Some(0));
    assert_lists(&fs::read_to_string(&file).unwrap(), 0..700);
    assert_eq!(names(directory.path()), ["ids.txt"]);
}

#[test]
fn a_list_under_nohup_outlives_its_terminal() {
    let server = Server::start(still_world(1, 700));
    let list = list_at("5", &server);
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' HUP; exec \"$@\"", "sh"]);
    shell.arg(list.get_program()).args(list.get_args());
    list.get_envs().for_each(|(name, value)| {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    });
    let child = begin(shell, &server);
    signal(&child, "-HUP");
    let (code, listed, errors) = ended(child.wait_with_output().unwrap());
    assert_eq!(code, Some(0), "{errors}");
    assert_lists(&listed, 0..700);
}

#[test]
fn a_reader_that_goes_had_what_it_wanted() {
    let server = Server::start(still_world(1, 700));
    let mut child = begin(list_at("5", &server), &server);
    let mut first = String::new();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut first).unwrap();
    assert!(first.starts_with("us-east-1:"), "{first}");
    drop(stdout);
    let (code, _, errors) = ended(child.wait_with_output().unwrap());
    assert_eq!((code, &*errors), (Some(0), ""));
    let calls = server.simulator.take_call_log().len();
    assert!(calls < 9, "it went on");
}

#[test]
fn one_message_says_why_there_is_no_list() {
    let server = Server::start(still_world(1, 100));
    let (code, _, errors) = run(command()
        .args(["list-identities", &pool_id(1)])
        .args(["--endpoint-url", &server.url]));
    assert_eq!(code, Some(1));
    let expected = format!("there is no pool {} in this account", pool_id(1));
    assert!(errors.starts_with(&expected), "{errors}");

    let mut without = list_identities(&server);
    without
        .env_remove("AWS_ACCESS_KEY_ID")
        .env_remove("AWS_SECRET_ACCESS_KEY");
    let (code, _, errors) = run(&mut without);
    assert_eq!(code, Some(1));
    assert!(
        errors.starts_with("no credentials, or none that AWS accepts ("),
        "{errors}"
    );

    let fault = Fault::Error(400, "NotAuthorizedException");
    let operation = Operation::ListIdentities;
    server
        .simulator
        .set_operation_fault(operation, None, Some(fault));
    let (code, listed, errors) = run(&mut list_identities(&server));
    assert_eq!((code, &*listed), (Some(1), ""));
    let expected = format!(
        "access denied: the policy of the credentials must allow cognito-identity:ListIdentities \
         on arn:aws:cognito-identity:us-east-1:*:identitypool/{} (NotAuthorizedException with \
         status 400)\n",
        pool_id(0)
    );
    assert_eq!(errors, expected);
}

#[test]
fn pools_are_listed_with_their_names() {
    let mut world = still_world(3, 1);
    for (number, name) in ["one", "two # 2", ""].into_iter().enumerate() {
        world.set_pool_name(&pool_id(number), name);
    }
    let server = Server::start(world);
    let (code, listed, errors) = run(list_pools(&server).arg("--region=us-east-1"));
    assert_eq!(code, Some(0), "{errors}");
    let [one, two, three] = [0, 1, 2].map(pool_id);
    let expected = format!("{one} one\n{two} two \\u{{23}} 2\n{three}\n# complete: 3 pools\n");
    assert_eq!(listed, expected);
    let of_environment = run(list_pools(&server).env("AWS_REGION", "us-east-1"));
    assert_eq!(of_environment.1, expected);
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let keys = "aws_access_key_id = AKID\naws_secret_access_key = secret";
    writeln!(file, "[profile here]\nregion = us-east-1\n{keys}").unwrap();
    let mut of_profile = list_pools(&server);
    of_profile
        .env("AWS_CONFIG_FILE", file.path())
        .arg("--profile=here");
    assert_eq!(run(&mut of_profile).1, expected);
    let elsewhere = run(list_pools(&server).arg("--region=eu-west-1"));
    assert_eq!(
        (elsewhere.0, &*elsewhere.1),
        (Some(0), "# complete: 0 pools\n")
    );
    let (code, _, errors) = run(&mut list_pools(&server));
    assert_eq!(code, Some(1));
    assert!(
        errors.starts_with("no region: expected --region"),
        "{errors}"
    );
}

#[test]
fn wrong_flags_are_named_and_not_repeated() {
    let pool = pool_id(0);
    for (flags, expected) in [
        (
            &["list-identities", "us-east-1"][..],
            "POOL_ID has no colon",
        ),
        (&["list-identities"], "<POOL_ID>"),
        (
            &["list-identities", &pool, "--region=eu-west-1"],
            "--region is not the region of the pool",
        ),
        (&["list-pools", "--region=s3cret/"], "--region is no region"),
        (
            &["list-pools", "--role-arn=s3cret"],
            "--role-arn is not the ARN of a role",
        ),
        (&["list-pools", "--external-id=s3cret"], "--role-arn"),
        (
            &[
                "list-pools",
                "--role-arn=arn:aws:iam::123456789012:role/a",
                "--external-id=s3cret!",
            ],
            "--external-id is not an external id",
        ),
        (&["list-pools", "--profile="], "--profile is empty"),
        (
            &["list-pools", "--endpoint-url=http://s3cret.example"],
            "--endpoint-url is plain http",
        ),
        (
            &["list-pools", "--endpoint-url=https://a:s3cret@b"],
            "--endpoint-url holds a user name",
        ),
        (
            &["list-pools", "--rate-limit=0"],
            "--rate-limit is not a number from 0.001 to 100",
        ),
        (
            &["list-pools", "--rate-limit=NaN"],
            "--rate-limit is not a number",
        ),
        (&["list-pools", "--include-disabled"], "--include-disabled"),
        (&["list-pools", "--config.file=x"], "take no --config.file"),
    ] {
        let (code, listed, errors) = run(command().args(flags));
        assert_eq!((code, &*listed), (Some(2), ""), "{flags:?}: {errors}");
        assert!(errors.contains(expected), "{flags:?}: {errors}");
        assert!(!errors.contains("s3cret"), "{errors}");
    }
}
