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
mod exchange;
mod negotiation;
mod render;
#[path = "../tests/support/stores.rs"]
mod stores;
mod words;
