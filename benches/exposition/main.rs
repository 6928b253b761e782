//! What a scrape costs: `cargo bench --bench exposition`. Prints the tables of
//! docs/performance.md and draws its chart, docs/scrape.svg.
//!
//! Each way to write a body is measured in a process of its own, in turns with a copy of as many
//! bytes; machines are noisy, so read the ratios. `-- 1000 10000` measures only these numbers of
//! identities, and draws nothing; `-- --way gzip 10000 5` measures one way, five times, and prints
//! its CPU seconds, those of the copy, bytes, growth and peak; the way `sums` is the pass over all
//! identities with which a scrape begins.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a bench may, and clippy does not see that this is one"
)]

#[path = "../../tests/support/bars.rs"]
mod bars;
mod chart;
#[path = "../../tests/support/filled.rs"]
mod filled;
mod latency;
mod measure;
mod render;

use std::process::{Command, Stdio};

use render::{Cost, WAYS};

const SIZES: [usize; 4] = [1_000, 10_000, 100_000, 1_000_000];
/// The prometheus crate takes a minute for a million identities once.
const ROUNDS: [&str; 4] = ["5", "5", "5", "1"];

fn main() {
    let arguments: Vec<_> = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench")
        .collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["--way", way, identities, rounds] => {
            println!(
                "{}",
                render::cost(way, identities.parse().unwrap(), rounds.parse().unwrap()).to_line()
            );
        }
        ["--serve", identities, polls] => {
            latency::serve(identities.parse().unwrap(), polls.parse().unwrap());
        }
        [] => {
            let costs = bodies(&SIZES);
            chart::of_scrapes(&costs[2]);
            latencies(&SIZES);
        }
        ref sizes => {
            let sizes: Vec<_> = sizes.iter().map(|size| size.parse().unwrap()).collect();
            bodies(&sizes);
            latencies(&sizes);
        }
    }
}

/// This program again, in a process of its own.
fn child(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(arguments).stdout(Stdio::piped());
    command
}

/// What one body takes, in all ways, for each size.
fn bodies(sizes: &[usize]) -> Vec<Vec<(&'static str, Cost)>> {
    let of_size = |(size, rounds): (&usize, &&str)| {
        println!(
            "\n| {} identities, {} series each | CPU, ms | x memcpy | ns a sample | MB sent | peak MB, of it for the body |\n|---|---|---|---|---|---|",
            grouped(*size),
            filled::SERIES
        );
        let mut costs = Vec::new();
        for way in WAYS {
            let output = child(&["--way", way, &size.to_string(), rounds])
                .stderr(Stdio::inherit())
                .output()
                .unwrap();
            assert!(output.status.success(), "{way} ended early");
            let cost = Cost::from_line(std::str::from_utf8(&output.stdout).unwrap());
            // That of the smallest process is the one that nothing disturbed.
            let memcpy = costs
                .first()
                .map_or(cost.memcpy, |(_, first): &(_, Cost)| first.memcpy);
            if costs.is_empty() {
                println!(
                    "| memcpy of the text | {:.2} | 1 | {:.1} | | |",
                    memcpy * 1e3,
                    per_sample(memcpy, *size)
                );
            }
            println!(
                "| {way} | {:.2} | {:.1} | {:.1} | {:.2} | {:.0}, {:.2} |",
                cost.cpu * 1e3,
                cost.cpu / memcpy,
                per_sample(cost.cpu, *size),
                cost.bytes / 1e6,
                cost.peak / 1e6,
                cost.growth / 1e6
            );
            costs.push((way, cost));
        }
        costs
    };
    sizes
        .iter()
        .zip(ROUNDS.iter().cycle())
        .map(of_size)
        .collect()
}

fn per_sample(seconds: f64, identities: usize) -> f64 {
    seconds * 1e9 / (filled::SERIES * identities) as f64
}

fn latencies(sizes: &[usize]) {
    println!(
        "\n| identities | coding | p50, p99 ms idle | p50, p99 ms at 1,000 polls a second | server's growth, MB |\n|---|---|---|---|---|"
    );
    for size in sizes {
        for coding in ["identity", "gzip"] {
            let idle = latency::measure(*size, 0, coding);
            let busy = latency::measure(*size, 1_000, coding);
            println!(
                "| {} | {coding} | {:.2}, {:.2} | {:.2}, {:.2} | {:.2} |",
                grouped(*size),
                idle.p50 * 1e3,
                idle.p99 * 1e3,
                busy.p50 * 1e3,
                busy.p99 * 1e3,
                idle.growth.max(busy.growth) / 1e6
            );
        }
    }
    let crowd = latency::crowd(10_000, 200);
    println!(
        "\n200 scrapers at once of 10,000 identities: {} whole bodies, {:.1} s, the server grew by {:.1} MB",
        crowd.whole,
        crowd.seconds,
        crowd.growth / 1e6
    );
}

/// With commas.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<_> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .map(|group| std::str::from_utf8(group).unwrap())
        .collect();
    groups.join(",")
}
