//! A store as that of a pool that people use, filled without polling, and a server of it.

#![allow(
    dead_code,
    reason = "each test binary includes this and uses its own part of it"
)]
#![allow(
    clippy::unwrap_used,
    reason = "tests may, and clippy does not see that this is one"
)]

use std::io::Write;
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use cognitosync_exporter::api::{Api, Call, Dataset, Failure, Request};
use cognitosync_exporter::clock::{Clock, Mono, Timestamp};
use cognitosync_exporter::config::Config;
use cognitosync_exporter::first_sweep::FirstSweep;
use cognitosync_exporter::health::Watchdog;
use cognitosync_exporter::job::PoolIndex;
use cognitosync_exporter::loading;
use cognitosync_exporter::observation::Observation;
use cognitosync_exporter::poller::Poller;
use cognitosync_exporter::store::Store;
use cognitosync_exporter::targets::Targets;
use cognitosync_exporter::telemetry::Telemetry;
use cognitosync_exporter::web;
use exporter_web::{Listener, WebConfigFile};
use http::header::{ACCEPT, HeaderValue};

pub(crate) const POOL: &str = "us-east-1:7b6bd1a1-5f5c-4f43-9a0b-0f6a3b8d8c11";
const YEAR: u64 = 365 * 86_400;

/// When all is written.
pub(crate) fn now() -> Timestamp {
    Timestamp {
        mono: Mono::START + Duration::from_secs(86_400),
        unix: 1_795_000_000.123,
    }
}

/// A random version 4 UUID behind a region.
pub(crate) fn identity(random: &mut fastrand::Rng) -> String {
    let (high, low) = (random.u64(..), random.u64(..));
    let (a, b, c, d, e) = (
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xfff,
        low >> 48 & 0x3fff | 0x8000,
        low & 0xffff_ffff_ffff,
    );
    format!("us-east-1:{a:08x}-{b:04x}-4{c:03x}-{d:04x}-{e:012x}")
}

/// The families that have a sample of each identity of a [`store`].
pub(crate) const SERIES: usize = 8;

/// So many identities, all polled within the last five minutes, so that each has all families.
pub(crate) fn store(identities: usize) -> Arc<Store> {
    let store = Arc::new(Store::new(load(identities).1));
    let mut random = fastrand::Rng::with_seed(1);
    (0..identities).for_each(|identity| store.record(&answer(identity, now(), &mut random)));
    store
}

/// The datasets that AWS may have listed for an identity within the last five minutes.
pub(crate) fn answer(identity: usize, now: Timestamp, random: &mut fastrand::Rng) -> Observation {
    let ago = random.u64(0..300_000);
    let before = |ago: u64| ((now.unix * 1e3) as u64 - ago) as f64 / 1e3;
    let modified = before(random.u64(ago..YEAR * 1_000));
    let count = random.u32(1..=3);
    let dataset = |_| Dataset {
        name: Some("settings".to_owned()),
        storage_bytes: Some(random.u64(0..=1 << 20)),
        records: Some(random.u64(0..=1_024)),
        last_modified: Some(modified),
    };
    let datasets = (0..count).map(dataset).collect();
    let asked = Timestamp {
        mono: now.mono.before(Duration::from_millis(ago)),
        unix: before(ago),
    };
    Observation::of_datasets(PoolIndex(0), identity, asked, datasets)
}

fn load(identities: usize) -> (Config, Arc<Targets>) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ids.txt");
    let mut out = std::io::BufWriter::new(std::fs::File::create(&file).unwrap());
    let mut random = fastrand::Rng::with_seed(2);
    (0..identities).for_each(|_| writeln!(out, "{}", identity(&mut random)).unwrap());
    out.flush().unwrap();
    let text = format!(
        "pools: [{{id: '{POOL}', identity_files: ['{}']}}]",
        file.display()
    );
    let loaded = loading::parse(Path::new("filled"), &text).unwrap();
    (loaded.config, loaded.targets)
}

/// Nothing answers.
struct Nobody;

impl Api for Nobody {
    fn call<'a>(&'a self, _: Request<'a>) -> Call<'a> {
        Box::pin(std::future::ready(Err(Failure::Unreachable.into())))
    }
}

/// The real web server over a store, on a thread of its own for as long as the process lives; its
/// address.
pub(crate) fn serve(store: Arc<Store>, format: Served) -> String {
    serve_with(store, format, None)
}

/// The same behind a web configuration.
pub(crate) fn serve_with(
    store: Arc<Store>,
    format: Served,
    web_config: Option<WebConfigFile>,
) -> String {
    let (ready, is_ready) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let clock = Clock::system();
            let (config, targets) = load(0);
            let (_, poller) = Poller::new(Arc::new(Nobody), targets, config.poll, clock.clone());
            let progress = Arc::clone(poller.progress());
            let telemetry = Arc::new(Telemetry::new(Arc::clone(&progress), now().unix).unwrap());
            let first_sweep = FirstSweep::new(Arc::clone(&store), Arc::clone(&progress));
            let first_sweep = Arc::new(first_sweep);
            let server = web::Server::new(
                web::Dependencies {
                    first_sweep,
                    store,
                    telemetry,
                    progress,
                    exchanges: Arc::default(),
                    poller,
                    watchdog: Watchdog::default(),
                    reload: None,
                    config_file: None,
                    clock,
                },
                web::Options {
                    web_config,
                    max_connections: 1_024,
                    ..web::Options::default()
                },
            );
            let listener = Listener::bind(&"127.0.0.1:0".parse().unwrap())
                .await
                .unwrap();
            ready.send(listener.local_address()).unwrap();
            let adjust: fn(&mut http::Request<_>) = match format {
                Served::AsAsked => |_| {},
                Served::TextOnly => |request| {
                    let text = HeaderValue::from_static("text/plain;version=0.0.4");
                    request.headers_mut().insert(ACCEPT, text);
                },
            };
            server
                .serve_adjusted(listener, adjust, std::future::pending())
                .await;
        });
    });
    is_ready.recv().unwrap()
}

/// In which formats a server answers. A Prometheus of Debian's always prefers OpenMetrics.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Served {
    AsAsked,
    TextOnly,
}
