//! What the end-to-end tests and the tests against real components have in common: the binary as a
//! child process, and a simulator on a thread of its own.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary includes this and uses its own part of it"
)]
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests may, and clippy does not see that this is one"
)]

mod server;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use cognitosync_exporter::api::Usage;
use cognitosync_exporter::simulator::{Life, World};

pub use server::Server;

pub const BINARY: &str = env!("CARGO_BIN_EXE_cognitosync_exporter");
pub const ACCESS_KEY: &str = "AKIDCANARYENVIRONMENT";
/// Of those that log in.
pub const PASSWORD: &str = "canary-password-0123456789";
pub const SECRET_KEY: &str = "canary-secret-key-0123456789";

pub const SESSION_TOKEN: &str = "canary-session-token-0123456789";
/// With which all identities of [`still_world`] begin.
const IDENTITIES: &str = "us-east-1:11111111-1111-4111-8111-";

/// What no log, no error and no page may hold. An identity's id may stand in a label of its own on
/// `/metrics`.
pub fn assert_no_secret(text: &str) {
    let labels = text.matches(&format!("identity_id=\"{IDENTITIES}")).count();
    assert_eq!(
        text.matches(IDENTITIES).count(),
        labels,
        "an identity's id leaks: {text}"
    );
    for secret in [ACCESS_KEY, SECRET_KEY, SESSION_TOKEN, PASSWORD] {
        assert!(!text.contains(secret), "a secret leaks: {text}");
    }
}

/// In the environment it makes the binary run under the system-call rules of the unit; `tests/run`
/// does that too.
pub const CONFINED: &str = "EXPORTER_CONFINED";

/// How often to look whether something has happened, and how often at most: a minute, for slow
/// machines.
const LOOK_EVERY: Duration = Duration::from_millis(50);
const LOOKS: u32 = 1_200;

/// Looks until there is something to see.
pub fn eventually<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    patiently(1, what, look)
}

/// The same, for so many times as long.
pub fn patiently<T>(times: u32, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    for _ in 0..times * LOOKS {
        if let Some(seen) = look() {
            return seen;
        }
        thread::sleep(LOOK_EVERY);
    }
    panic!("never happened: {what}");
}

/// Ids of a made-up pool and its identities.
pub fn pool_id(number: usize) -> String {
    format!("us-east-1:00000000-0000-4000-8000-{number:012x}")
}

pub fn identity_id(number: usize) -> String {
    format!("us-east-1:11111111-1111-4111-8111-{number:012x}")
}

/// A usage with its number.
pub fn usage(number: usize) -> Usage {
    Usage {
        datasets: Some(number as u32 % 20),
        storage_bytes: Some(number as u64 * 1_021),
        last_modified: Some(1_700_000_000.125 + number as f64),
    }
}

/// Pools of equally many identities that never change; identity numbers go on from pool to pool.
pub fn still_world(pools: usize, identities: usize) -> World {
    let mut world = World::default();
    for pool in 0..pools {
        for number in pool * identities..(pool + 1) * identities {
            world.insert(
                &pool_id(pool),
                &identity_id(number),
                Life::Still(usage(number)),
            );
        }
    }
    world
}

/// A configuration that polls every identity of [`still_world`].
pub fn configuration(poll: &str, url: &str, pools: usize, identities: usize) -> String {
    let mut text = format!("poll: {{{poll}}}\npools:\n");
    for pool in 0..pools {
        text += &format!(
            "- id: {}\n  endpoint_url: {url}\n  identities:\n",
            pool_id(pool)
        );
        for number in pool * identities..(pool + 1) * identities {
            text += &format!("  - {}\n", identity_id(number));
        }
    }
    text
}

/// The exporter as a child process, killed when dropped.
pub struct Exporter {
    child: Child,
    pub address: String,
    log: Arc<Mutex<Vec<String>>>,
    reader: Option<JoinHandle<()>>,
    /// Of the configuration, removed with this.
    directory: Option<tempfile::TempDir>,
}

impl Exporter {
    /// Runs the daemon with this configuration, on a free port.
    pub fn start(configuration: &str) -> Self {
        Self::start_with(configuration, &[], |command| command)
    }

    pub fn start_with(
        configuration: &str,
        flags: &[&str],
        adjust: fn(&mut Command) -> &mut Command,
    ) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("config.yaml");
        std::fs::write(&file, configuration).unwrap();
        let mut command = command();
        command.arg("--config.file").arg(file).args(flags);
        adjust(&mut command);
        let mut exporter = Self::run(command);
        exporter.directory = Some(directory);
        exporter
    }

    /// Runs a command that listens, on a free port unless it says otherwise.
    pub fn run(mut command: Command) -> Self {
        if !command.get_args().any(|argument| {
            argument
                .to_string_lossy()
                .starts_with("--web.listen-address")
        }) {
            command.arg("--web.listen-address=127.0.0.1:0");
        }
        if !command
            .get_args()
            .any(|argument| argument.to_string_lossy().starts_with("--log.level"))
        {
            command.arg("--log.level=debug");
        }
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let (log, lines) = (
            Arc::new(Mutex::new(Vec::new())),
            BufReader::new(child.stderr.take().unwrap()).lines(),
        );
        let kept = Arc::clone(&log);
        let reader = thread::spawn(move || {
            lines
                .map_while(Result::ok)
                .for_each(|line| kept.lock().unwrap().push(line));
        });
        let mut exporter = Self {
            child,
            address: String::new(),
            log,
            reader: Some(reader),
            directory: None,
        };
        exporter.address = eventually("listening", || {
            let ended = exporter.child.try_wait().unwrap();
            let address = exporter.logged("address").into_iter().next();
            assert!(address.is_some() || ended.is_none(), "it ended: {ended:?}");
            address
        });
        exporter
    }

    /// The values of a field in all log lines so far, in both formats.
    pub fn logged(&self, field: &str) -> Vec<String> {
        let value = |line: &str| {
            let logfmt = line
                .split_once(&format!(" {field}="))
                .map(|(_, rest)| (rest, ' '));
            let json = line
                .split_once(&format!("\"{field}\":\""))
                .map(|(_, rest)| (rest, '"'));
            json.or(logfmt)
                .map(|(rest, end)| rest.split(end).next().unwrap_or_default().to_owned())
        };
        self.log().iter().filter_map(|line| value(line)).collect()
    }

    /// The lines of the log with this text, once there is one: `/metrics` may be ahead of the log.
    pub fn told(&self, text: &str) -> Vec<String> {
        eventually(text, || {
            let mut lines = self.log();
            lines.retain(|line| line.contains(text));
            (!lines.is_empty()).then_some(lines)
        })
    }

    pub fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn get(&self, path: &str) -> (u16, String) {
        let answer = get(&self.url(path));
        assert_no_secret(&answer.1);
        answer
    }

    /// All samples on `/metrics`, by series.
    pub fn samples(&self) -> BTreeMap<String, f64> {
        let (status, body) = self.get("/metrics");
        assert_eq!(status, 200, "{body}");
        samples(&body)
    }

    /// How many identities of a pool are in a state.
    pub fn in_state(&self, pool: usize, state: &str) -> f64 {
        self.samples()[&format!(
            "cognitosync_pool_identities{{identity_pool_id=\"{}\",state=\"{state}\"}}",
            pool_id(pool)
        )]
    }

    /// The memory of the process that is in use.
    pub fn resident_bytes(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.unwrap().trim().strip_suffix(" kB").unwrap();
        kilobytes.parse::<f64>().unwrap() * 1_024.0
    }

    /// The process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Processor time of the process so far, as the kernel counts it, in hundredths.
    pub fn cpu_seconds(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<_> = stat
            .rsplit(')')
            .next()
            .unwrap()
            .split_whitespace()
            .collect();
        let ticks = fields[11..13]
            .iter()
            .map(|field| field.parse::<f64>().unwrap());
        ticks.sum::<f64>() / 100.0
    }

    pub fn signal(&self, signal: &str) {
        let sent = Command::new("kill")
            .arg(format!("-{signal}"))
            .arg(self.child.id().to_string())
            .status()
            .unwrap();
        assert!(sent.success());
    }

    /// Waits for it to end, and for the last of its log.
    pub fn wait(&mut self) -> ExitStatus {
        self.wait_for(LOOK_EVERY * LOOKS)
    }

    /// Like [`Exporter::wait`], for so long.
    pub fn wait_for(&mut self, longest: Duration) -> ExitStatus {
        let looks = longest.as_millis() / LOOK_EVERY.as_millis();
        let status = (0..looks).find_map(|_| {
            thread::sleep(LOOK_EVERY);
            self.child.try_wait().unwrap()
        });
        let status = status.expect("the exporter has ended");
        self.reader.take().unwrap().join().unwrap();
        status
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let log = self.log().join("\n");
        if thread::panicking() {
            eprintln!("the exporter's log:\n{log}");
        } else {
            assert_no_secret(&log);
        }
    }
}

/// Runs a command to its end.
pub fn output(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert_no_secret(&String::from_utf8_lossy(&output.stdout));
    assert_no_secret(&String::from_utf8_lossy(&output.stderr));
    output
}

/// The binary, with credentials of its own and nothing else of AWS in its environment.
pub fn command() -> Command {
    let mut command = match std::env::var_os(CONFINED) {
        Some(_) => {
            let mut command = Command::new(repository().join("tests/real/confined"));
            command
                .arg(repository().join("systemd/cognitosync_exporter.service"))
                .arg(BINARY);
            command
        }
        None => Command::new(BINARY),
    };
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("AWS_") || name == "RUST_LOG" {
            command.env_remove(name);
        }
    }
    command
        .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY);
    command.env("AWS_SESSION_TOKEN", SESSION_TOKEN);
    command
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("HOME", "/nonexistent");
    command
}

pub fn get(url: &str) -> (u16, String) {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .build()
        .into();
    let mut response = agent.get(url).call().unwrap();
    (
        response.status().as_u16(),
        response
            .body_mut()
            .with_config()
            .limit(1 << 30)
            .read_to_string()
            .unwrap(),
    )
}

/// The samples of a text exposition, by series.
pub fn samples(body: &str) -> BTreeMap<String, f64> {
    let lines = body.lines().filter(|line| !line.starts_with('#'));
    let sample = |line: &str| {
        let (series, value) = line.rsplit_once(' ').unwrap();
        (series.to_owned(), value.parse().unwrap())
    };
    lines.map(sample).collect()
}

/// The series of an identity in a family.
pub fn identity_series(family: &str, pool: usize, identity: usize) -> String {
    let (pool, identity) = (pool_id(pool), identity_id(identity));
    format!(
        "cognitosync_identity_{family}{{identity_pool_id=\"{pool}\",identity_id=\"{identity}\"}}"
    )
}

pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn fixture(name: &str) -> PathBuf {
    repository().join("tests/fixtures").join(name)
}
