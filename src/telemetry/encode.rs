//! Writes the prometheus crate's metric families as text or OpenMetrics. Its own `TextEncoder`
//! writes only the former, and sorts the labels.

use prometheus::proto::{Histogram, LabelPair, MetricFamily, MetricType};

use crate::exposition::families::{self, Kind};
use crate::exposition::{Buckets, Families, Head, Number};

/// Writes families, with their labels in the order of the table of families.
pub(super) fn encode(gathered: &[MetricFamily], out: &mut Families<'_>) {
    for family in gathered {
        let kind = match family.get_field_type() {
            MetricType::COUNTER => Kind::Counter,
            MetricType::HISTOGRAM => Kind::Histogram,
            // Nothing else is registered.
            MetricType::GAUGE | MetricType::SUMMARY | MetricType::UNTYPED => Kind::Gauge,
        };
        let table = families::ALL
            .iter()
            .find(|known| known.name == family.name());
        let order = |label: &LabelPair| {
            table.and_then(|known| known.labels.iter().position(|name| *name == label.name()))
        };
        let mut writer = out.family(Head {
            name: family.name(),
            kind,
            help: family.help(),
        });
        for metric in family.get_metric() {
            let mut labels: Vec<_> = metric.get_label().iter().collect();
            labels.sort_by_key(|label| order(label));
            let labels = labels
                .into_iter()
                .map(|label| (label.name(), label.value()));
            match kind {
                Kind::Counter => {
                    writer.sample(labels, Number::real(metric.get_counter().get_value()));
                }
                Kind::Histogram => writer.histogram(labels, &buckets(metric.get_histogram())),
                Kind::Gauge | Kind::GaugeHistogram => {
                    writer.sample(labels, Number::real(metric.get_gauge().get_value()));
                }
            }
        }
    }
}

fn buckets(histogram: &Histogram) -> Buckets {
    let bound = histogram
        .get_bucket()
        .iter()
        .map(|bucket| (bucket.upper_bound(), bucket.cumulative_count()));
    Buckets {
        cumulative: bound.filter(|(bound, _)| bound.is_finite()).collect(),
        count: histogram.get_sample_count(),
        sum: histogram.get_sample_sum(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exposition::Format;
    use prometheus::{
        Encoder, Gauge, HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry, TextEncoder,
    };

    /// Except for the order of labels, which it sorts.
    #[test]
    fn text_is_what_the_prometheus_crate_writes() {
        let registry = Registry::new();
        let counts = IntCounterVec::new(Opts::new("a_total", "A help."), &["x", "y"]).unwrap();
        counts.with_label_values(&["1", "qu\"o\\te\n"]).inc_by(5);
        let times = HistogramOpts::new("b_seconds", "B help.").buckets(vec![0.0001, 0.25, 1.0]);
        let times = HistogramVec::new(times, &["x"]).unwrap();
        [0.0, 0.2, 0.3, 7.0]
            .into_iter()
            .for_each(|time| times.with_label_values(&["1"]).observe(time));
        let gauge = Gauge::new("c", "C help.").unwrap();
        gauge.set(0.25);
        registry.register(Box::new(gauge)).unwrap();
        registry.register(Box::new(counts)).unwrap();
        registry.register(Box::new(times)).unwrap();
        let gathered = registry.gather();
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        encode(&gathered, &mut Families::new(Format::Text, &mut ours));
        TextEncoder::new().encode(&gathered, &mut theirs).unwrap();
        assert_eq!(
            String::from_utf8(ours).unwrap(),
            String::from_utf8(theirs).unwrap()
        );
    }
}
