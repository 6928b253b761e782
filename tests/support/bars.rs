//! A chart of bars as SVG, which documents show.

use std::fmt::Write;
use std::path::Path;

const WIDTH: f64 = 760.0;
const LABELS: f64 = 250.0;
const BAR: f64 = 22.0;
const ROW: f64 = 34.0;
const TOP: f64 = 58.0;

/// A row of a chart.
pub(crate) struct Bar {
    pub(crate) name: String,
    pub(crate) value: f64,
    /// Whether it is of the exporter, not of what it is compared with.
    pub(crate) ours: bool,
}

/// How long the bar of a value is.
#[derive(Clone, Copy)]
#[allow(dead_code, reason = "a bench draws one kind of chart")]
pub(crate) enum Scale {
    /// From 0, with a line at each multiple of this value.
    Linear(f64),
    /// From 1, with a line at each power of ten.
    Logarithmic,
}

impl Scale {
    fn place(self, value: f64) -> f64 {
        match self {
            Self::Linear(_) => value,
            Self::Logarithmic => value.ln().max(0.02),
        }
    }

    fn ticks(self, most: f64) -> Vec<f64> {
        let tick = |number: i32| match self {
            Self::Linear(step) => step * f64::from(number),
            Self::Logarithmic => 10_f64.powi(number),
        };
        (0..).map(tick).take_while(|tick| *tick <= most).collect()
    }
}

/// Writes a chart to `docs/NAME.svg`.
pub(crate) fn draw(name: &str, title: &str, unit: &str, scale: Scale, bars: &[Bar]) {
    let most = bars.iter().map(|bar| bar.value).fold(1.0, f64::max);
    let length = |value| scale.place(value) / scale.place(most) * (WIDTH - LABELS - 90.0);
    let height = TOP + ROW * bars.len() as f64 + 24.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"14\">\n\
         <title>{title}</title>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
         <text x=\"16\" y=\"28\" font-size=\"17\" fill=\"#222\">{title}</text>\n"
    );
    for tick in scale.ticks(most) {
        let (x, bottom, below) = (LABELS + length(tick), height - 24.0, height - 8.0);
        writeln!(
            svg,
            "<line x1=\"{x:.0}\" y1=\"{TOP}\" x2=\"{x:.0}\" y2=\"{bottom}\" stroke=\"#ddd\"/>\n\
             <text x=\"{x:.0}\" y=\"{below}\" text-anchor=\"middle\" font-size=\"12\" fill=\"#666\">{tick} {unit}</text>"
        )
        .unwrap();
    }
    for (row, bar) in bars.iter().enumerate() {
        let (y, length) = (TOP + ROW * row as f64, length(bar.value));
        let colour = if bar.ours { "#2a7f62" } else { "#9aa5b1" };
        let decimals = usize::from(bar.value < 100.0);
        writeln!(
            svg,
            "<text x=\"{}\" y=\"{text}\" text-anchor=\"end\" fill=\"#222\">{}</text>\n\
             <rect x=\"{LABELS}\" y=\"{y}\" width=\"{length:.0}\" height=\"{BAR}\" fill=\"{colour}\"/>\n\
             <text x=\"{:.0}\" y=\"{text}\" fill=\"#222\">{:.decimals$} {unit}</text>",
            LABELS - 10.0,
            bar.name,
            LABELS + length + 8.0,
            bar.value,
            text = y + 16.0,
        )
        .unwrap();
    }
    svg += "</svg>\n";
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("docs/{name}.svg"));
    std::fs::write(file, svg).unwrap();
}
