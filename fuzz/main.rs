//! Fuzz targets. `cargo test --test fuzz` tries each on random input, within a bound; with `cargo
//! bolero test <name>` the same targets run under a coverage-guided fuzzer, which needs a nightly
//! toolchain.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests may, and clippy does not see that this is one"
)]

mod answer;
mod configuration;
mod counts;
mod exchange;
#[path = "../tests/support/filled.rs"]
mod filled;
mod http1;
mod http2;
mod negotiation;
#[path = "../tests/support/pki.rs"]
mod pki;
mod render;
mod served;
#[path = "../tests/support/stores.rs"]
mod stores;
mod words;
