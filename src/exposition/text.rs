//! The two text formats, written into a buffer: Prometheus's own, version 0.0.4, and OpenMetrics
//! 1.0.0.
//!
//! They differ in a family's head, in how counters and histograms of the present are named, and in
//! how the bounds of buckets are written.

use super::families::{Family, Kind, unit};
use crate::deflate::Number;

/// How samples are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Prometheus's text format, 0.0.4.
    Text,
    /// OpenMetrics 1.0.0.
    OpenMetrics,
}

/// What is said of a family ahead of its samples. [`Family`] has it for ours.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// The name, a counter's `_total` included.
    pub name: &'a str,
    /// What its numbers are.
    pub kind: Kind,
    /// Without quotes, backslashes and line breaks.
    pub help: &'a str,
}

impl Family {
    /// What is said of it ahead of its samples.
    #[must_use]
    pub fn head(&self) -> Head<'static> {
        Head {
            name: self.name,
            kind: self.kind,
            help: self.help,
        }
    }

    /// Its labels with these values, in its order.
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
    /// The end of an exposition.
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
                // What the format does not know it must not be told.
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

    /// What a histogram's count and sum are called.
    fn suffixes(self, kind: Kind) -> (&'static str, &'static str) {
        match (self, kind) {
            (Self::OpenMetrics, Kind::GaugeHistogram) => ("_gcount", "_gsum"),
            _ => ("_count", "_sum"),
        }
    }

    /// The bound of a bucket: OpenMetrics wants whole numbers to show that they are none by type.
    fn bound(self, bound: f64) -> String {
        let mut text = Vec::new();
        Number::real(bound).write(&mut text);
        if self == Self::OpenMetrics && bound.fract() == 0.0 {
            text.extend_from_slice(b".0");
        }
        String::from_utf8_lossy(&text).into_owned()
    }
}

/// Counts by size.
#[derive(Clone, Debug, PartialEq)]
pub struct Buckets {
    /// Upper bounds and how many are at most that, smaller ones included; without the infinite one.
    pub cumulative: Vec<(f64, u64)>,
    /// How many there are.
    pub count: u64,
    /// The sum of their sizes.
    pub sum: f64,
}

/// Writes a family's samples; its head goes ahead of the first one, so that a family without
/// samples leaves no trace.
#[derive(Debug)]
pub struct FamilyWriter<'a> {
    format: Format,
    head: Head<'a>,
    out: &'a mut Vec<u8>,
    /// Whether the head is written.
    pub(super) begun: bool,
}

impl<'a> FamilyWriter<'a> {
    /// A family of which nothing is written yet.
    pub fn new(format: Format, head: Head<'a>, out: &'a mut Vec<u8>) -> Self {
        Self {
            format,
            head,
            out,
            begun: false,
        }
    }

    /// Writes one sample with names and values of labels.
    pub fn sample<'l>(
        &mut self,
        labels: impl IntoIterator<Item = (&'l str, &'l str)>,
        value: Number,
    ) {
        self.begin();
        self.line("", labels, value);
    }

    /// Writes a histogram, of the present or not.
    pub fn histogram<'l, L>(&mut self, labels: L, buckets: &Buckets)
    where
        L: IntoIterator<Item = (&'l str, &'l str)> + Clone,
    {
        self.begin();
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
        // Shorter than those of the labels, which a bound need not outlive.
        let labels = labels
            .into_iter()
            .map(|(name, value): (&str, &str)| (name, value));
        self.line(
            "_bucket",
            labels.chain([("le", bound)]),
            Number::whole(count),
        );
    }

    fn begin(&mut self) {
        if !self.begun {
            self.format.head(self.head, self.out);
            self.begun = true;
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
