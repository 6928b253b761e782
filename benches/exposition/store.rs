//! What is written: identities as they are in a pool that people use.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cognitosync_exporter::clock::{Moment, Mono};
use cognitosync_exporter::config;
use cognitosync_exporter::reload;
use cognitosync_exporter::store::Store;
use cognitosync_exporter::targets::Targets;
use cognitosync_exporter::usage::{Observation, Outcome, Usage};

pub(crate) const POOL: &str = "us-east-1:7b6bd1a1-5f5c-4f43-9a0b-0f6a3b8d8c11";
const YEAR: u64 = 365 * 86_400;

/// When all is written.
pub(crate) fn now() -> Moment {
    Moment { mono: Mono::START + Duration::from_secs(86_400), unix: 1_795_000_000.123 }
}

/// A random version 4 UUID behind a region.
fn identity(random: &mut fastrand::Rng) -> String {
    let (high, low) = (random.u64(..), random.u64(..));
    let (a, b, c, d, e) =
        (high >> 32, high >> 16 & 0xffff, high & 0xfff, low >> 48 & 0x3fff | 0x8000, low & 0xffff_ffff_ffff);
    format!("us-east-1:{a:08x}-{b:04x}-4{c:03x}-{d:04x}-{e:012x}")
}

/// So many identities, all polled within the last five minutes.
pub(crate) fn store(identities: usize) -> Store {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::new(Arc::new(targets(directory.path(), identities)));
    let mut random = fastrand::Rng::with_seed(1);
    for identity in 0..identities {
        let ago = random.u64(0..300_000);
        let now = now();
        let asked = Moment {
            mono: Mono::from_nanos(now.mono.as_nanos() - ago * 1_000_000),
            unix: ((now.unix * 1e3) as u64 - ago) as f64 / 1e3,
        };
        let usage = Usage {
            datasets: Some(random.u32(0..=20)),
            storage_bytes: Some(random.u64(0..20 << 20)),
            last_modified: Some(((now.unix * 1e3) as u64 - random.u64(0..YEAR * 1_000)) as f64 / 1e3),
        };
        let outcome = Outcome::Identity { pool: 0, identity, result: Ok(usage) };
        store.record(&Observation { asked, took: Duration::ZERO, attempts: 1, outcome });
    }
    store
}

fn targets(directory: &Path, identities: usize) -> Targets {
    let file = directory.join("ids.txt");
    let mut out = std::io::BufWriter::new(std::fs::File::create(&file).unwrap());
    let mut random = fastrand::Rng::with_seed(2);
    (0..identities).for_each(|_| writeln!(out, "{}", identity(&mut random)).unwrap());
    out.flush().unwrap();
    let text = format!("pools: [{{id: '{POOL}', identity_files: ['{}']}}]", file.display());
    reload::assemble(|findings| config::parse(Path::new("bench"), &text, findings)).unwrap().targets
}
