//! The chart of performance.md: the CPU time of a scrape, each way.

use crate::bars::{Bar, Scale, draw};
use crate::render::Cost;

const TITLE: &str = "CPU time of one scrape of 100,000 identities (800,000 samples), logarithmic";

pub(crate) fn of_scrapes(costs: &[(&str, Cost)]) {
    let memcpy = Bar {
        name: "memcpy of the text".to_owned(),
        value: costs[0].1.memcpy * 1e3,
        ours: false,
    };
    let bars = costs.iter().enumerate().map(|(row, (way, cost))| {
        let ours = row < 4;
        let of = if ours { "ours, " } else { "" };
        Bar {
            name: format!("{of}{way}"),
            value: cost.cpu * 1e3,
            ours,
        }
    });
    let bars: Vec<_> = std::iter::once(memcpy).chain(bars).collect();
    draw("scrape", TITLE, "ms", Scale::Logarithmic, &bars);
}
