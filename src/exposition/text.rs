//! A writer of the two text formats: Prometheus's own, version 0.0.4, and OpenMetrics 1.0.0.
//!
//! They differ in a family's head, in the names of counters and gauge histograms, and in the bounds
//! of buckets.

use super::families::{Family, Kind, unit};
use super::number::Number;

/// A text format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Prometheus's text format, 0.0.4.
    Text,
    /// OpenMetrics 1.0.0.
    OpenMetrics,
}

/// The metadata that precedes a family's samples. [`Family::head`] returns that of ours.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// The name, including the `_total` of a counter.
    pub name: &'a str,
    /// The type.
    pub kind: Kind,
    /// The help text, without quotes, backslashes and line breaks.
    pub help: &'a str,
}

impl Family {
    /// The metadata that precedes its samples.
    #[must_use]
    pub fn head(&self) -> Head<'static> {
        Head {
            name: self.name,
            kind: self.kind,
            help: self.help,
        }
    }

    /// Its labels with these values, in the order of [`Family::labels`].
    pub(super) fn labelled<'l, const N: usize>(
        &self,
        values: [&'l str; N],
    ) -> impl Iterator<Item = (&'l str, &'l str)> + Clone + use<'l, N> {
        debug_assert_eq!(values.len(), self.labels.len(), "{}", self.name);
        let names: &'static [&'static str] = self.labels;
        names.iter().copied().zip(values)
    }
}

impl Format {
    /// The end of a scrape.
    #[must_use]
    pub fn end(self) -> &'static str {
        match self {
            Self::Text => "",
            Self::OpenMetrics => "# EOF\n",
        }
    }

    pub(super) fn head(self, head: Head<'_>, out: &mut Vec<u8>) {
        let Head { name, kind, help } = head;
        let mut push = |parts: &[&str]| {
            parts
                .iter()
                .for_each(|part| out.extend_from_slice(part.as_bytes()));
        };
        match self {
            Self::Text => {
                // The text format has no gauge histograms.
                let kind = if kind == Kind::GaugeHistogram {
                    Kind::Histogram
                } else {
                    kind
                };
                push(&[
                    "# HELP ",
                    name,
                    " ",
                    help,
                    "\n# TYPE ",
                    name,
                    " ",
                    &kind.to_string(),
                    "\n",
                ]);
            }
            Self::OpenMetrics => {
                let name = name
                    .strip_suffix("_total")
                    .filter(|_| kind == Kind::Counter)
                    .unwrap_or(name);
                push(&["# TYPE ", name, " ", &kind.to_string(), "\n"]);
                if let Some(unit) = unit(name) {
                    push(&["# UNIT ", name, " ", unit, "\n"]);
                }
                push(&["# HELP ", name, " ", help, "\n"]);
            }
        }
    }

    /// The suffixes of a histogram's count and sum.
    fn suffixes(self, kind: Kind) -> (&'static str, &'static str) {
        match (self, kind) {
            (Self::OpenMetrics, Kind::GaugeHistogram) => ("_gcount", "_gsum"),
            _ => ("_count", "_sum"),
        }
    }

    /// The bound of a bucket. OpenMetrics bounds are floats: 1 is written as 1.0.
    fn bound(self, bound: f64) -> String {
        let mut text = Vec::new();
        Number::real(bound).write(&mut text);
        if self == Self::OpenMetrics && bound.fract() == 0.0 {
            text.extend_from_slice(b".0");
        }
        String::from_utf8_lossy(&text).into_owned()
    }
}

/// A histogram, as it is written.
#[derive(Clone, Debug, PartialEq)]
pub struct Buckets {
    /// Upper bounds, without the infinite one, and the number of observations up to each.
    pub cumulative: Vec<(f64, u64)>,
    /// The number of observations.
    pub count: u64,
    /// The sum of the observations.
    pub sum: f64,
}

/// Writes a family's samples, and its head before the first of them. A family without samples
/// leaves no trace.
#[derive(Debug)]
pub struct FamilyWriter<'a> {
    format: Format,
    head: Head<'a>,
    out: &'a mut Vec<u8>,
    head_written: bool,
}

impl<'a> FamilyWriter<'a> {
    /// A writer that appends a whole family to `out`.
    pub fn new(format: Format, head: Head<'a>, out: &'a mut Vec<u8>) -> Self {
        Self::resume(format, head, out, false)
    }

    /// A writer that continues a family that was begun with another one.
    pub(super) fn resume(
        format: Format,
        head: Head<'a>,
        out: &'a mut Vec<u8>,
        head_written: bool,
    ) -> Self {
        Self {
            format,
            head,
            out,
            head_written,
        }
    }

    pub(super) fn head_written(&self) -> bool {
        self.head_written
    }

    /// Writes a sample with these names and values of labels.
    pub fn sample<'l>(
        &mut self,
        labels: impl IntoIterator<Item = (&'l str, &'l str)>,
        value: Number,
    ) {
        self.write_head();
        self.line("", labels, value);
    }

    /// Writes a histogram or a gauge histogram with these names and values of labels.
    pub fn histogram<'l, L>(&mut self, labels: L, buckets: &Buckets)
    where
        L: IntoIterator<Item = (&'l str, &'l str)> + Clone,
    {
        self.write_head();
        let (count, sum) = self.format.suffixes(self.head.kind);
        for (bound, cumulative) in &buckets.cumulative {
            let bound = self.format.bound(*bound);
            self.bucket(labels.clone(), &bound, *cumulative);
        }
        self.bucket(labels.clone(), "+Inf", buckets.count);
        self.line(sum, labels.clone(), Number::real(buckets.sum));
        self.line(count, labels, Number::whole(buckets.count));
    }

    fn bucket<'l>(
        &mut self,
        labels: impl IntoIterator<Item = (&'l str, &'l str)>,
        bound: &str,
        count: u64,
    ) {
        // Shortens the labels' lifetime to that of the bound.
        let labels = labels
            .into_iter()
            .map(|(name, value): (&str, &str)| (name, value));
        self.line(
            "_bucket",
            labels.chain([("le", bound)]),
            Number::whole(count),
        );
    }

    fn write_head(&mut self) {
        if !self.head_written {
            self.format.head(self.head, self.out);
            self.head_written = true;
        }
    }

    fn line<'l>(
        &mut self,
        suffix: &str,
        labels: impl IntoIterator<Item = (&'l str, &'l str)>,
        value: Number,
    ) {
        self.out.extend_from_slice(self.head.name.as_bytes());
        self.out.extend_from_slice(suffix.as_bytes());
        let mut opening = b'{';
        for (name, value) in labels {
            self.out.push(opening);
            self.out.extend_from_slice(name.as_bytes());
            self.out.extend_from_slice(b"=\"");
            escape(value, self.out);
            self.out.push(b'"');
            opening = b',';
        }
        if opening == b',' {
            self.out.push(b'}');
        }
        self.out.push(b' ');
        value.write(self.out);
        self.out.push(b'\n');
    }
}

fn escape(label: &str, out: &mut Vec<u8>) {
    for byte in label.bytes() {
        match byte {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'"' => out.extend_from_slice(b"\\\""),
            b'\n' => out.extend_from_slice(b"\\n"),
            byte => out.push(byte),
        }
    }
}
