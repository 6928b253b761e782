//! The README's chart: a bar for each way, its length the logarithm of its CPU time.

use std::fmt::Write;
use std::path::Path;

use crate::render::Cost;

const WIDTH: f64 = 760.0;
const LABELS: f64 = 230.0;
const BAR: f64 = 22.0;
const ROW: f64 = 34.0;
const TOP: f64 = 58.0;
/// The chart's left end, in milliseconds.
const LEAST: f64 = 1.0;

pub(crate) fn draw(costs: &[(&str, Cost)]) {
    let memcpy = ("memcpy of the text", costs[0].1.memcpy);
    let bars: Vec<_> = std::iter::once(memcpy)
        .chain(costs.iter().map(|(way, cost)| (*way, cost.cpu)))
        .collect();
    let most = bars.iter().map(|(_, cpu)| cpu * 1e3).fold(LEAST, f64::max);
    let length =
        |ms: f64| (ms / LEAST).ln().max(0.02) / (most / LEAST).ln() * (WIDTH - LABELS - 90.0);
    let height = TOP + ROW * bars.len() as f64 + 24.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"14\">\n\
         <title>CPU time of one scrape of 100,000 identities</title>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
         <text x=\"16\" y=\"28\" font-size=\"17\" fill=\"#222\">CPU time of one scrape of 100,000 identities (600,000 samples), logarithmic</text>\n"
    );
    let mut tick = LEAST;
    while tick <= most {
        let (x, bottom) = (LABELS + length(tick), height - 24.0);
        writeln!(
            svg,
            "<line x1=\"{x:.0}\" y1=\"{TOP}\" x2=\"{x:.0}\" y2=\"{bottom}\" stroke=\"#ddd\"/>"
        )
        .unwrap();
        writeln!(
            svg,
            "<text x=\"{x:.0}\" y=\"{}\" text-anchor=\"middle\" font-size=\"12\" fill=\"#666\">{tick} ms</text>",
            height - 8.0
        )
        .unwrap();
        tick *= 10.0;
    }
    for (row, (way, cpu)) in bars.iter().enumerate() {
        let (y, ms) = (TOP + ROW * row as f64, cpu * 1e3);
        let ours = (1..=4).contains(&row);
        let colour = if ours { "#2a7f62" } else { "#9aa5b1" };
        let name = if ours {
            format!("ours, {way}")
        } else {
            (*way).to_owned()
        };
        writeln!(
            svg,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\" fill=\"#222\">{name}</text>",
            LABELS - 10.0,
            y + 16.0
        )
        .unwrap();
        writeln!(
            svg,
            "<rect x=\"{LABELS}\" y=\"{y}\" width=\"{:.0}\" height=\"{BAR}\" fill=\"{colour}\"/>",
            length(ms)
        )
        .unwrap();
        let text = if ms < 100.0 {
            format!("{ms:.1} ms")
        } else {
            format!("{ms:.0} ms")
        };
        writeln!(
            svg,
            "<text x=\"{:.0}\" y=\"{}\" fill=\"#222\">{text}</text>",
            LABELS + length(ms) + 8.0,
            y + 16.0
        )
        .unwrap();
    }
    svg += "</svg>\n";
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/scrape.svg");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, svg).unwrap();
}
