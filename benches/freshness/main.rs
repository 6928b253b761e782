//! How soon changes are seen, and by which polls: `cargo bench --bench freshness`.
//!
//! The real schedule and the real store poll worlds of identities that change, in virtual time. The
//! same worlds are polled in equal turns, and by an oracle that knows all rates.
//!
//! `--identities`, `--rate` (calls per second), `--interval`, `--max-age` and `--seed` set the
//! case.
//! `--chart` draws docs/freshness.svg of the first world.
//! `--world FILE` takes another world: a line for each identity, its class, last modification and
//! bytes at the start, then `seconds:bytes` of each change. `--polls FILE` writes the polls that
//! the schedule makes, `seconds,identity`, so that others can score them.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a bench may, and clippy does not see that this is one"
)]

#[path = "../../tests/support/bars.rs"]
mod bars;
#[path = "../../tests/support/freshness/mod.rs"]
mod freshness;
mod policies;

use std::fmt::Write as _;
use std::time::Duration;

use clap::Parser;

use bars::{Bar, Scale};
use freshness::Settings;
use freshness::score::{Delays, Score};
use freshness::world::{Kind, World};

const DAY: f64 = 86_400.0;

#[derive(Parser)]
struct Arguments {
    #[arg(long, default_value_t = 10_000)]
    identities: usize,
    /// Calls per second; by default one for each 10,000 identities.
    #[arg(long)]
    rate: Option<f64>,
    #[arg(long, default_value = "1m", value_parser = duration)]
    interval: Duration,
    #[arg(long, default_value = "1d", value_parser = duration)]
    max_age: Duration,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Days of the worlds that are made.
    #[arg(long, default_value_t = 9.0)]
    days: f64,
    /// Days at the start that do not count.
    #[arg(long, default_value_t = 3.0)]
    warm_up: f64,
    /// Draws the chart of scheduling.md, and goes no further.
    #[arg(long)]
    chart: bool,
    #[arg(long)]
    world: Option<std::path::PathBuf>,
    #[arg(long)]
    polls: Option<std::path::PathBuf>,
    /// cargo bench passes it.
    #[arg(long)]
    bench: bool,
}

/// As in a configuration, or plain seconds.
fn duration(text: &str) -> Result<Duration, humantime::DurationError> {
    match text.parse() {
        Ok(seconds) => Ok(Duration::from_secs_f64(seconds)),
        Err(_) => humantime::parse_duration(text),
    }
}

fn main() {
    let arguments = Arguments::parse();
    let settings = |rate: f64, max_age: Duration| Settings {
        rate,
        interval: arguments.interval,
        max_age,
    };
    println!("seconds; mean and 95th percentile, with the number of cases");
    println!(
        "{:42} {:>8} {:>15} {:>22} {:>8}",
        "", "calls/s", "change seen", "80 % seen", "oldest"
    );
    if let Some(file) = &arguments.world {
        let text = std::fs::read_to_string(file).unwrap();
        let world = World::parse(&text).expect("a world, as the documentation describes it");
        let days = (world.end() / DAY).ceil();
        let rate = arguments.rate.unwrap_or(world.0.len() as f64 / 10_000.0);
        let case = Case {
            name: "a world of its own",
            world: &world,
            settings: settings(rate, arguments.max_age),
            end: days * DAY,
            warm_up: arguments.warm_up * DAY,
        };
        let (polls, _) = case.schedule();
        if let Some(file) = &arguments.polls {
            let mut text = String::new();
            for (at, identity) in polls {
                let _ = writeln!(text, "{at:.3},{identity}");
            }
            std::fs::write(file, text).unwrap();
        }
        return;
    }
    let n = arguments.identities;
    let rate = arguments.rate.unwrap_or(n as f64 / 10_000.0);
    let cases = [
        ("steady", Kind::Steady, rate, arguments.max_age),
        ("sessions", Kind::Sessions, rate, arguments.max_age),
        (
            "return and leave",
            Kind::ReturnAndLeave,
            rate,
            arguments.max_age,
        ),
        (
            "sessions, ten times fewer calls",
            Kind::Sessions,
            rate / 10.0,
            Duration::from_secs(4 * 86_400),
        ),
    ];
    for (name, kind, rate, max_age) in cases {
        let world = World::new(kind, n, arguments.days, arguments.seed);
        let case = Case {
            name,
            world: &world,
            settings: settings(rate, max_age),
            end: arguments.days * DAY,
            warm_up: arguments.warm_up * DAY,
        };
        let (_, schedule) = case.schedule();
        let [turns, oracle] = case.compare();
        if arguments.chart {
            draw(&[
                ("the schedule", schedule),
                ("equal turns", turns),
                ("an oracle", oracle),
            ]);
            return;
        }
    }
}

/// The chart of scheduling.md: how late polls see what has changed, on average.
fn draw(scores: &[(&str, Score)]) {
    let bar = |(policy, score): &(&str, Score), what, delays: fn(&Score) -> &Delays| Bar {
        name: format!("{what}, {policy}"),
        value: delays(score).mean() / 60.0,
        ours: *policy == "the schedule",
    };
    let changes = scores
        .iter()
        .map(|it| bar(it, "a change", |score| &score.change));
    let crossings = scores
        .iter()
        .map(|it| bar(it, "80 % reached", |score| &score.crossing));
    let bars: Vec<_> = changes.chain(crossings).collect();
    let title = "Mean time until polls see it: 10,000 identities, 1 call a second";
    bars::draw("freshness", title, "min", Scale::Linear(20.0), &bars);
}

/// One world, polled with one configuration.
struct Case<'a> {
    name: &'a str,
    world: &'a World,
    settings: Settings,
    end: f64,
    warm_up: f64,
}

impl Case<'_> {
    /// The polls that the schedule makes.
    fn schedule(&self) -> (Vec<(f64, usize)>, Score) {
        let run = freshness::run(self.world, self.settings, self.end, |_| None, |_| 0.0);
        let score = self.print("the schedule", run.polls.iter().copied());
        (run.polls, score)
    }

    fn compare(&self) -> [Score; 2] {
        let n = self.world.0.len();
        let turns = (0..(self.end * self.settings.rate) as usize)
            .map(|call| (call as f64 / self.settings.rate, call % n));
        let turns = self.print("equal turns", turns);
        let oracle = policies::oracle(self.world, self.settings, self.end);
        [turns, self.print("an oracle", oracle.into_iter())]
    }

    fn print(&self, policy: &str, polls: impl Iterator<Item = (f64, usize)>) -> Score {
        let mut score = Score::new(self.world, polls, self.warm_up, self.end);
        println!(
            "{:42} {:8.2} {:7.0} {:7.0} {:7.0} {:7.0} ({:4}) {:8.0}",
            format!("{}: {policy}", self.name),
            score.calls_per_second,
            score.change.mean(),
            score.change.p95(),
            score.crossing.mean(),
            score.crossing.p95(),
            score.crossing.len(),
            score.oldest,
        );
        score
    }
}
