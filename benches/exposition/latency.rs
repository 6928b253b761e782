//! Scrapes through the real HTTP server, which runs in a process of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::Child;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use cognitosync_exporter::clock::{Clock, Mono};

use crate::child;
use crate::filled::{self, Served};
use crate::measure::status_bytes;

/// How long scrapes of one kind are repeated, in seconds, and how often at least.
const LONG_ENOUGH: f64 = 3.0;
const SCRAPES: usize = 5;

/// What scrapes take, in seconds and bytes.
pub(crate) struct Latency {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    /// Of the server's process, at its largest, since it had answered for the first time.
    pub(crate) growth: f64,
}

/// What many scrapers at once did.
pub(crate) struct Crowd {
    pub(crate) whole: usize,
    pub(crate) seconds: f64,
    pub(crate) growth: f64,
}

/// A server of so many identities, of which so many are polled in a second: their answers are
/// stored, nobody is asked.
pub(crate) fn serve(identities: usize, polls_per_second: u32) {
    let store = filled::store(identities);
    println!("{}", filled::serve(Arc::clone(&store), Served::AsAsked));
    std::io::stdout().flush().unwrap();
    let mut random = fastrand::Rng::with_seed(3);
    loop {
        if polls_per_second == 0 {
            thread::park();
        } else {
            thread::sleep(Duration::from_secs(1) / polls_per_second);
            store.record(&filled::answer(
                random.usize(..identities),
                filled::now(),
                &mut random,
            ));
        }
    }
}

struct Server {
    child: Child,
    url: String,
}

impl Server {
    fn start(identities: usize, polls_per_second: u32) -> Self {
        let mut child = child(&[
            "--serve",
            &identities.to_string(),
            &polls_per_second.to_string(),
        ])
        .spawn()
        .unwrap();
        let mut address = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut address)
            .unwrap();
        Self {
            child,
            url: format!("http://{}/metrics", address.trim()),
        }
    }

    /// Scrapes once; says how many bytes came.
    fn scrape(&self, agent: &ureq::Agent, coding: &str) -> usize {
        let mut response = agent
            .get(&self.url)
            .header("accept-encoding", coding)
            .call()
            .unwrap();
        let mut reader = response.body_mut().with_config().limit(1 << 40).reader();
        let (mut buffer, mut bytes) = (vec![0; 1 << 16], 0);
        loop {
            match reader.read(&mut buffer).unwrap() {
                0 => return bytes,
                read => bytes += read,
            }
        }
    }

    fn memory(&self, key: &str) -> f64 {
        status_bytes(&self.child.id().to_string(), key)
    }

    fn forget_peak(&self) {
        std::fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5").unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

pub(crate) fn measure(identities: usize, polls_per_second: u32, coding: &str) -> Latency {
    let server = Server::start(identities, polls_per_second);
    let agent = ureq::agent();
    let whole = server.scrape(&agent, coding);
    let before = server.memory("VmRSS");
    server.forget_peak();
    let (clock, mut times) = (Clock::system(), Vec::new());
    while times.len() < SCRAPES || clock.now().mono.since(Mono::START).as_secs_f64() < LONG_ENOUGH {
        let start = clock.now().mono;
        let bytes = server.scrape(&agent, coding);
        times.push(clock.now().mono.since(start).as_secs_f64());
        assert!(
            bytes.abs_diff(whole) < whole / 10,
            "{bytes} bytes instead of some {whole}"
        );
    }
    times.sort_unstable_by(f64::total_cmp);
    let at = |part: f64| times[((times.len() - 1) as f64 * part).round() as usize];
    Latency {
        p50: at(0.5),
        p99: at(0.99),
        growth: server.memory("VmHWM") - before,
    }
}

/// Many scrapers at the same time, each of which counts the samples that it gets.
pub(crate) fn crowd(identities: usize, scrapers: usize) -> Crowd {
    let server = Server::start(identities, 1_000);
    let agent = ureq::agent();
    server.scrape(&agent, "identity");
    let before = server.memory("VmRSS");
    server.forget_peak();
    let clock = Clock::system();
    let whole = thread::scope(|scope| {
        let scrape = |_| {
            scope.spawn(|| {
                let mut response = ureq::get(&server.url).call().unwrap();
                let body = response
                    .body_mut()
                    .with_config()
                    .limit(1 << 40)
                    .read_to_string()
                    .unwrap();
                body.matches("\ncognitosync_identity_").count()
            })
        };
        let all: Vec<_> = (0..scrapers).map(scrape).collect();
        all.into_iter()
            .map(|one| one.join().unwrap())
            .filter(|lines| *lines == filled::SERIES * identities)
            .count()
    });
    let seconds = clock.now().mono.since(Mono::START).as_secs_f64();
    Crowd {
        whole,
        seconds,
        growth: server.memory("VmHWM") - before,
    }
}
