//! What a scrape costs: `cargo bench --bench exposition`.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a bench may, and clippy does not see that this is one")]

#[path = "../../tests/support/filled.rs"]
mod filled;
mod measure;
mod render;

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    if let ["--way", way, identities, rounds] = arguments[..] {
        println!("{}", render::cost(way, identities.parse().unwrap(), rounds.parse().unwrap()).to_line());
    }
}
