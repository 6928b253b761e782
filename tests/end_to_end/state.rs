//! What is known outlives the process, however it ends.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::thread;
use std::time::Duration;

use cognitosync_exporter::api::Usage;
use cognitosync_exporter::clock::{Clock, Mono};
use cognitosync_exporter::simulator::{Life, World};

use crate::long::parameter;
use crate::support::{
    Exporter, Server, command, configuration, eventually, get, identity_id, patiently, pool_id,
    samples, still_world, usage,
};

const LAST_SUCCESS: &str = "cognitosync_identity_last_success_timestamp_seconds";
const STORAGE: &str = "cognitosync_identity_storage_bytes";
/// What is known may be lost of so many seconds.
const MAX_LOST: f64 = 10.0;

/// An exporter that keeps its state in a directory.
struct Kept {
    directory: tempfile::TempDir,
}

impl Kept {
    fn new(configuration: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("config.yaml"), configuration).unwrap();
        Self { directory }
    }

    fn state(&self) -> std::path::PathBuf {
        self.directory.path().join("state")
    }

    fn command(&self) -> Command {
        let mut command = command();
        command.arg("--config.file");
        command.arg(self.directory.path().join("config.yaml"));
        command.arg("--log.level=info");
        command
    }

    fn with_state(&self) -> Command {
        let mut command = self.command();
        command.arg("--state.path").arg(self.state());
        command
    }

    fn start(&self) -> Exporter {
        Exporter::run(self.with_state())
    }
}

/// The samples of a family, by identity's number.
fn of(all: &BTreeMap<String, f64>, family: &str, identities: usize) -> BTreeMap<usize, f64> {
    let number = |number: usize| {
        let series = format!(
            "{family}{{identity_pool_id=\"{}\",identity_id=\"{}\"}}",
            pool_id(0),
            identity_id(number)
        );
        Some((number, *all.get(&series)?))
    };
    (0..identities).filter_map(number).collect()
}

/// Whether a start shows no older answer than was shown before the kill, unless that one had come
/// in the last seconds.
fn is_kept(asked: f64, shown: f64, killed_at: f64) -> bool {
    asked >= shown || shown > killed_at - MAX_LOST
}

fn kill(mut exporter: Exporter) -> ExitStatus {
    exporter.signal("KILL");
    exporter.wait()
}

/// Each start shows what was true at most 10 s before, and is ready at once; nothing is false.
#[test]
fn no_kill_loses_more_than_seconds() {
    let kills = parameter("KILLS", 6);
    let rate = parameter("KILLS_RATE", 100) as usize;
    let identities = rate * 5;
    let server = Server::start(still_world(1, identities));
    let poll = format!("interval: 5s, rate_limit: {}, stale_after: 10m", rate * 2);
    let kept = Kept::new(&configuration(&poll, &server.url, 1, identities));
    let mut random = fastrand::Rng::with_seed(7);
    let mut exporter = kept.start();
    eventually("all are known", || {
        let known = of(&exporter.samples(), LAST_SUCCESS, identities);
        (known.len() == identities).then_some(())
    });
    thread::sleep(Duration::from_secs(3));
    let mut oldest_state = 0_f64;
    for kill_number in 0..kills {
        thread::sleep(Duration::from_millis(random.u64(..6_000)));
        let before = of(&exporter.samples(), LAST_SUCCESS, identities);
        let killed_at = Clock::system().now().unix;
        assert!(!kill(exporter).success());
        exporter = kept.start();
        assert_eq!(exporter.get("/-/ready").0, 200, "kill {kill_number}");
        let all = exporter.samples();
        let (after, storage) = (
            of(&all, LAST_SUCCESS, identities),
            of(&all, STORAGE, identities),
        );
        assert_eq!(after.len(), identities, "kill {kill_number}");
        for (number, bytes) in storage {
            let expected = usage(number).storage_bytes.unwrap();
            assert_eq!(bytes, expected as f64, "kill {kill_number}");
        }
        // The new process may have asked some already.
        let restored = after.values().filter(|asked| **asked <= killed_at);
        let newest = restored.fold(0.0, |a: f64, b| a.max(*b));
        oldest_state = oldest_state.max(killed_at - newest);
        for (number, asked) in &after {
            let (shown, now) = (before[number], Clock::system().now().unix);
            let is_kept = is_kept(*asked, shown, killed_at) && *asked <= now;
            assert!(is_kept, "kill {kill_number}: {shown} was {asked}");
        }
    }
    println!("{kills} kills at {rate} polls/s: the oldest state was {oldest_state:.1} s old");
    assert!(oldest_state <= MAX_LOST, "{oldest_state} s");
}

/// A configuration with few series, as there may be a million identities.
fn with_last_success(poll: &str, url: &str, identities: usize) -> String {
    let all = configuration(poll, url, 1, identities);
    let few = "  identity_metrics: [last_success]\n  identities:";
    all.replacen("  identities:", few, 1)
}

/// Identities of which none is nearer a limit than another.
fn world_of_equals(identities: usize) -> World {
    let mut world = World::default();
    for number in 0..identities {
        let usage = Usage {
            datasets: Some(1),
            ..usage(1)
        };
        world.insert(&pool_id(0), &identity_id(number), Life::Still(usage));
    }
    world
}

/// After a kill, all is there by the first scrape, no call was made for it, and those that were
/// asked longest ago come first.
#[test]
fn a_restart_shows_all_at_once_and_goes_on_with_the_oldest() {
    let identities = parameter("RESTART_IDENTITIES", 1_200) as usize;
    let rate = parameter("RESTART_RATE", 20);
    let server = Server::start(world_of_equals(identities));
    let fast = "interval: 1s, rate_limit: 20000, max_in_flight: 64, stale_after: 2h";
    let kept = Kept::new(&with_last_success(fast, &server.url, identities));
    let exporter = kept.start();
    patiently(1 + identities as u32 / 50_000, "all are known", || {
        (exporter.in_state(0, "fresh") == identities as f64).then_some(())
    });
    let mut first = exporter;
    first.signal("TERM");
    assert!(first.wait().success());
    // The same, at a rate at which everybody waits.
    let slow = format!("interval: 1s, rate_limit: {rate}, stale_after: 2h, datasets: off");
    std::fs::write(
        kept.directory.path().join("config.yaml"),
        with_last_success(&slow, &server.url, identities),
    )
    .unwrap();
    let exporter = kept.start();
    thread::sleep(Duration::from_secs(4));
    let before = of(&exporter.samples(), LAST_SUCCESS, identities);
    assert_eq!(before.len(), identities);
    thread::sleep(Duration::from_secs(3));
    kill(exporter);
    drop(server.simulator.take_call_log());
    let began = Clock::system();
    let exporter = kept.start();
    let (status, body) = get(&exporter.url("/metrics"));
    let took = began.now().mono.since(Mono::START);
    assert_eq!(status, 200);
    let shown = of(&samples(&body), LAST_SUCCESS, identities);
    assert_eq!(shown.len(), identities);
    println!(
        "{identities} identities are shown {:.2} s after the start",
        took.as_secs_f64()
    );
    for (number, asked) in &shown {
        assert!(*asked >= before[number], "it was known before");
    }
    thread::sleep(Duration::from_secs(3));
    let calls = server.simulator.take_call_log();
    let called = calls.iter().filter_map(|call| call.identity.as_deref());
    let called: Vec<_> = called.map(str::to_owned).collect();
    let seconds = began.now().mono.since(Mono::START);
    let most = rate as f64 * seconds.as_secs_f64() * 1.1 + 1.0;
    assert!((called.len() as f64) <= most, "{} calls", called.len());
    assert!(called.len() as u64 >= rate, "{} calls", called.len());
    let mut by_age: Vec<_> = before.iter().collect();
    by_age.sort_unstable_by(|a, b| a.1.total_cmp(b.1));
    let oldest = by_age[..identities / 3].iter();
    let oldest: BTreeSet<_> = oldest.map(|(number, _)| identity_id(**number)).collect();
    let of_oldest = called.iter().filter(|id| oldest.contains(*id)).count();
    assert!(
        of_oldest * 4 >= called.len() * 3,
        "{of_oldest} of {} calls are for the third that was asked longest ago",
        called.len()
    );
}

/// How much processor time a poll takes with a state and without, in the same run.
#[test]
fn what_saving_costs_is_measured() {
    let (seconds, rate) = (
        parameter("SAVING_SECONDS", 2),
        parameter("SAVING_RATE", 100),
    );
    let identities = parameter("SAVING_IDENTITIES", 1_000) as usize;
    let server = Server::start(still_world(1, identities));
    let poll = format!("interval: 1s, rate_limit: {rate}, datasets: off");
    let kept = Kept::new(&with_last_success(&poll, &server.url, identities));
    let cost = |with_state: bool| {
        let mut command = kept.command();
        if with_state {
            command.arg("--state.path").arg(kept.state());
        }
        let exporter = Exporter::run(command);
        let polls = || {
            let status = get(&exporter.url("/metrics")).1;
            samples(&status)["cognitosync_exporter_polls_total"]
        };
        eventually("it polls", || (polls() > 10.0).then_some(()));
        let (cpu, before) = (exporter.cpu_seconds(), polls());
        thread::sleep(Duration::from_secs(seconds));
        // A scrape is no part of it.
        let cpu = exporter.cpu_seconds() - cpu;
        cpu * 1e6 / (polls() - before)
    };
    let mut costs = [0.0; 2];
    for _ in 0..3 {
        costs[0] += cost(false) / 3.0;
        costs[1] += cost(true) / 3.0;
    }
    let [without, with] = costs;
    println!(
        "a poll takes {without:.0} us, and {with:.0} us with a state, which is {:.2} times as much",
        with / without
    );
    assert!(without > 0.0 && with > 0.0);
}

/// The start fails, and names the directory and what is wrong with it.
#[test]
fn a_directory_that_cannot_be_used_is_named() {
    let server = Server::start(still_world(1, 1));
    let kept = Kept::new(&configuration("interval: 1s", &server.url, 1, 1));
    let first = kept.start();
    let refusal = || {
        let mut command = kept.with_state();
        let output = command
            .arg("--web.listen-address=127.0.0.1:0")
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    let path = kept.state().display().to_string();
    let in_use = refusal();
    assert!(
        in_use.contains("in use by another process") && in_use.contains(&path),
        "{in_use}"
    );
    drop(first);
    set_mode(&kept.state(), 0o777);
    let wide = refusal();
    assert!(
        wide.contains("can be written by others") && wide.contains(&path),
        "{wide}"
    );
    set_mode(&kept.state(), 0o750);
    let exporter = kept.start();
    let told = exporter.told("can be read by others");
    assert!(told[0].contains("level=warn"), "{told:?}");
}

fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// Polls and scrapes go on without the directory, and all is saved when it can be made again.
#[test]
fn a_directory_that_vanishes_costs_nothing() {
    let server = Server::start(still_world(1, 50));
    let kept = Kept::new(&configuration("interval: 1s", &server.url, 1, 50));
    let exporter = kept.start();
    let metric = |name: &str| {
        let samples = exporter.samples();
        samples
            .get(&format!("cognitosync_exporter_{name}"))
            .copied()
    };
    eventually("saved", || metric("state_last_save_timestamp_seconds"));
    // Where the directory was, nothing can be made.
    let aside = kept.directory.path().join("aside");
    std::fs::rename(kept.state(), &aside).unwrap();
    std::fs::write(kept.state(), "in the way").unwrap();
    eventually("it fails", || {
        (metric("state_save_failures_total")? >= 1.0).then_some(())
    });
    let polls = metric("polls_total").unwrap();
    eventually("polls go on", || {
        (metric("polls_total")? > polls + 100.0).then_some(())
    });
    let is_saved = || {
        let status = get(&exporter.url("/api/v1/status")).1;
        let status: serde_json::Value = serde_json::from_str(&status).unwrap();
        status["saving"]["last_save_successful"] == true
    };
    assert!(!is_saved());
    assert!(get(&exporter.url("/")).1.contains("cannot be saved"));
    std::fs::remove_file(kept.state()).unwrap();
    eventually("it is saved again", || is_saved().then_some(()));
    assert_eq!(exporter.told("cannot be saved").len(), 1, "said once");
    kill(exporter);
    let exporter = kept.start();
    assert_eq!(of(&exporter.samples(), STORAGE, 50).len(), 50);
}

/// A disk that is full, here one that takes no file of more than 256 KiB, costs no poll and no
/// scrape. When there is room again, all is saved, and a kill loses no more than ever.
#[test]
fn a_disk_that_fills_up_and_empties_costs_nothing() {
    const IDENTITIES: usize = 4_000;
    let server = Server::start(still_world(1, IDENTITIES));
    let poll = "interval: 5s, rate_limit: 2000, stale_after: 1h, datasets: off";
    let kept = Kept::new(&with_last_success(poll, &server.url, IDENTITIES));
    let whole = kept.with_state();
    let mut limited = Command::new("sh");
    // A signal that is ignored stays so, and the write fails.
    limited.args(["-c", "trap '' XFSZ; ulimit -S -f 512; exec \"$0\" \"$@\""]);
    limited.arg(whole.get_program()).args(whole.get_args());
    for (name, value) in whole.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    let exporter = Exporter::run(limited);
    let metric = |name: &str| {
        let samples = exporter.samples();
        samples
            .get(&format!("cognitosync_exporter_{name}"))
            .copied()
    };
    eventually("it is full", || {
        (metric("state_save_failures_total")? >= 2.0).then_some(())
    });
    let polls = metric("polls_total").unwrap();
    eventually("polls go on", || {
        (metric("polls_total")? > polls + 1_000.0).then_some(())
    });
    eventually("all are known", || {
        (of(&exporter.samples(), LAST_SUCCESS, IDENTITIES).len() == IDENTITIES).then_some(())
    });
    let mut room = Command::new("prlimit");
    room.args(["--fsize=unlimited:unlimited", "--pid"]);
    let room = room.arg(exporter.id().to_string()).status();
    assert!(room.unwrap().success());
    let failures = metric("state_save_failures_total");
    let emptied_at = Clock::system().now().unix;
    eventually("it is saved again", || {
        (metric("state_last_save_timestamp_seconds")? > emptied_at).then_some(())
    });
    thread::sleep(Duration::from_secs(3));
    assert_eq!(metric("state_save_failures_total"), failures);
    let before = of(&exporter.samples(), LAST_SUCCESS, IDENTITIES);
    let killed_at = Clock::system().now().unix;
    kill(exporter);
    let exporter = kept.start();
    let after = of(&exporter.samples(), LAST_SUCCESS, IDENTITIES);
    assert_eq!(after.len(), IDENTITIES);
    for (number, asked) in after {
        let shown = before[&number];
        assert!(is_kept(asked, shown, killed_at), "{shown} was {asked}");
    }
}
