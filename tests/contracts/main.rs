//! What the code promises itself and others: who may import whom, that the example and the README
//! tell the truth.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests may, and clippy does not see that these are some"
)]

mod circles;
mod dashboards;
mod documents;
mod example;
mod imports;
mod steps;
mod words;

use std::path::Path;

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}
