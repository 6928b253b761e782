//! The format and the coding that a client prefers: `Accept` and `Accept-Encoding` (RFC 9110,
//! 12.5), as Prometheus and browsers send them.
//!
//! No request is refused: a client that accepts nothing of what there is receives uncompressed
//! text, or JSON where there is a choice between JSON and HTML.

use std::cmp::Reverse;

use http::HeaderMap;
use http::header::HeaderName;

use crate::exposition::{Coding, Format};

/// The value of a header that may come in several lines.
pub(super) fn joined(headers: &HeaderMap, name: &HeaderName) -> String {
    let lines: Vec<_> = headers
        .get_all(name)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .collect();
    lines.join(",")
}

/// One element of a list such as `text/plain;version=0.0.4;q=0.5`.
struct Element<'a> {
    name: &'a str,
    parameters: Vec<(&'a str, &'a str)>,
    /// From 0, not acceptable, to 1.
    weight: f64,
}

/// The elements of a list. Commas and semicolons within quotes are not supported: no known value
/// has any.
fn elements(list: &str) -> impl Iterator<Item = Element<'_>> {
    list.split(',').filter_map(|element| {
        let mut parts = element.split(';').map(str::trim);
        let name = parts.next().filter(|name| !name.is_empty())?;
        let parameters = parts.filter_map(|part| part.split_once('='));
        let parameters: Vec<_> = parameters
            .map(|(key, value)| (key.trim(), value.trim().trim_matches('"')))
            .collect();
        let weight = parameters
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case("q"))
            .map_or(1.0, |(_, q)| weight(q));
        Some(Element {
            name,
            parameters,
            weight,
        })
    })
}

/// Prometheus 2.49 sends `q=2`. A malformed weight counts as absent.
fn weight(text: &str) -> f64 {
    text.parse()
        .ok()
        .filter(|weight: &f64| !weight.is_nan())
        .unwrap_or(1.0)
        .clamp(0.0, 1.0)
}

impl Element<'_> {
    fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| *value)
    }

    /// How specifically this names a format; `None` when it names another.
    fn specificity(&self, media_type: &str, version: &str) -> Option<u8> {
        let (kind, _) = media_type.split_once('/')?;
        let is_range = |range: &str| {
            self.name
                .strip_suffix("/*")
                .is_some_and(|name| name.eq_ignore_ascii_case(range))
        };
        if self.name.eq_ignore_ascii_case(media_type) {
            match self.parameter("version") {
                None => Some(2),
                Some(named) => (named == version).then_some(3),
            }
        } else if is_range(kind) {
            Some(1)
        } else {
            (self.name == "*/*" || self.name == "*").then_some(0)
        }
    }
}

/// Something that there is: its media type, and the version of that.
type Offer<T> = (T, &'static str, &'static str);

/// The offer that a client prefers, with the element that names it; `None` if it accepts none.
/// Among equals the one that it names first counts, and then the last of the offers.
fn preferred<'e, 'a, T: Copy>(
    elements: &'e [Element<'a>],
    offers: &[Offer<T>],
) -> Option<(T, &'e Element<'a>)> {
    let wanted = |(offer, media_type, version): &Offer<T>| {
        // The most specific element decides on an offer; among equals the first.
        let named = elements.iter().enumerate().filter_map(|(place, element)| {
            let specificity = element.specificity(media_type, version)?;
            Some((specificity, Reverse(place), element))
        });
        let (_, place, element) = named.max_by_key(|(exactness, place, _)| (*exactness, *place))?;
        (element.weight > 0.0).then_some((element.weight, place, *offer, element))
    };
    let best = offers
        .iter()
        .filter_map(wanted)
        .max_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    best.map(|(.., offer, element)| (offer, element))
}

/// The formats of metrics, in ascending order of preference among equals.
const FORMATS: [Offer<Format>; 2] = [
    (Format::OpenMetrics, "application/openmetrics-text", "1.0.0"),
    (Format::Text, "text/plain", "0.0.4"),
];

/// The escaping schemes for names that Prometheus 3 may ask for (prometheus/common,
/// `model/metric.go`). Our names need no escaping.
const ESCAPINGS: [&str; 4] = ["allow-utf-8", "underscores", "dots", "values"];

/// The format that an `Accept` header prefers, and the `Content-Type` of the response.
#[must_use]
pub fn format(accept: &str) -> (Format, String) {
    let elements: Vec<_> = elements(accept).collect();
    let best = preferred(&elements, &FORMATS);
    let format = best.map_or(Format::Text, |(format, _)| format);
    let escaping = best.and_then(|(_, element)| element.parameter("escaping"));
    let (_, media_type, version) = FORMATS[usize::from(format == Format::Text)];
    let mut content_type = format!("{media_type}; version={version}; charset=utf-8");
    if let Some(escaping) = escaping.filter(|escaping| ESCAPINGS.contains(escaping)) {
        content_type += &format!("; escaping={escaping}");
    }
    (format, content_type)
}

/// What a program and what a person is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    Html,
    Json,
}

impl View {
    pub const ALL: [Self; 2] = [Self::Json, Self::Html];

    /// The name in the parameter `format`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Html => "html",
            Self::Json => "json",
        }
    }
}

/// Both, in ascending order of preference among equals. Neither media type has versions.
const VIEWS: [Offer<View>; 2] = [
    (View::Html, "text/html", ""),
    (View::Json, "application/json", ""),
];

/// The view that an `Accept` header prefers: HTML for browsers, and JSON for all that do not ask
/// for HTML.
#[must_use]
pub fn view(accept: &str) -> View {
    let elements: Vec<_> = elements(accept).collect();
    preferred(&elements, &VIEWS).map_or(View::Json, |(view, _)| view)
}

/// The codings, in ascending order of preference among equals, by their cost here and the size of a
/// body.
const CODINGS: [(Coding, &[&str]); 3] = [
    (Coding::Identity, &["identity"]),
    (Coding::Zstd, &["zstd"]),
    (Coding::Gzip, &["gzip", "x-gzip"]),
];

/// The coding that an `Accept-Encoding` header prefers.
#[must_use]
pub fn coding(accept_encoding: &str) -> Coding {
    let elements: Vec<_> = elements(accept_encoding).collect();
    let named = |names: &[&str]| {
        elements.iter().find(|element| {
            names
                .iter()
                .any(|name| element.name.eq_ignore_ascii_case(name))
        })
    };
    let any = elements.iter().find(|element| element.name == "*");
    let wanted = |(coding, names): (Coding, &[&str])| {
        let weight = match named(names).or(any) {
            Some(element) => element.weight,
            // Acceptable even if not listed.
            None if coding == Coding::Identity => f64::MIN_POSITIVE,
            None => 0.0,
        };
        (weight > 0.0).then_some((weight, coding))
    };
    let best = CODINGS
        .into_iter()
        .filter_map(wanted)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    best.map_or(Coding::Identity, |(_, coding)| coding)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

    /// What versions of Prometheus send.
    #[test]
    fn formats_as_prometheus_asks() {
        for (who, accept, expected) in [
            (
                "2.31",
                "application/openmetrics-text; version=0.0.1,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                TEXT.to_owned(),
            ),
            (
                "2.40",
                "application/openmetrics-text;version=1.0.0;q=0.75,application/openmetrics-text;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                OPEN_METRICS.to_owned(),
            ),
            (
                "2.42",
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                OPEN_METRICS.to_owned(),
            ),
            (
                "2.49",
                "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=2",
                OPEN_METRICS.to_owned(),
            ),
            (
                "2.49, text first",
                "text/plain;version=0.0.4;q=0.5,application/openmetrics-text;version=1.0.0;q=0.4,*/*;q=3",
                TEXT.to_owned(),
            ),
            (
                "2.50",
                "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
                OPEN_METRICS.to_owned(),
            ),
            (
                "3.0",
                "application/openmetrics-text;version=1.0.0;q=0.6;escaping=allow-utf-8,application/openmetrics-text;version=0.0.1;q=0.5;escaping=allow-utf-8,text/plain;version=1.0.0;q=0.4;escaping=allow-utf-8;escaping=allow-utf-8,text/plain;version=0.0.4;q=0.3;escaping=allow-utf-8,*/*;q=0.2",
                format!("{OPEN_METRICS}; escaping=allow-utf-8"),
            ),
            (
                "3.5",
                "application/openmetrics-text;version=1.0.0;escaping=underscores;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=underscores;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
                format!("{OPEN_METRICS}; escaping=underscores"),
            ),
            (
                "3.5, text first",
                "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.5,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.4,*/*;q=0.1",
                TEXT.to_owned(),
            ),
            (
                "3.5, protobuf first",
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
                format!("{OPEN_METRICS}; escaping=allow-utf-8"),
            ),
        ] {
            assert_eq!(format(accept).1, expected, "{who}");
        }
    }

    #[test]
    fn formats_as_others_ask() {
        for (accept, expected) in [
            ("", TEXT),
            ("*/*", TEXT),
            (
                "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
                TEXT,
            ),
            ("text/*", TEXT),
            ("application/*", OPEN_METRICS),
            ("application/openmetrics-text", OPEN_METRICS),
            (
                "Application/OpenMetrics-Text; Version=\"1.0.0\"",
                OPEN_METRICS,
            ),
            ("application/openmetrics-text;version=2.0.0", TEXT),
            (
                "application/openmetrics-text;version=1.0.0;escaping=nonsense",
                OPEN_METRICS,
            ),
            (
                "text/plain;q=0.1,application/openmetrics-text;q=0.2",
                OPEN_METRICS,
            ),
            ("text/plain,application/openmetrics-text", TEXT),
            ("application/openmetrics-text,text/plain", OPEN_METRICS),
            ("text/plain;q=0,*/*", OPEN_METRICS),
            ("application/json", TEXT),
            ("*/*;q=0", TEXT),
            ("text/plain;q=abc,application/openmetrics-text;q=0.9", TEXT),
            ("text/plain;q=nan,application/openmetrics-text;q=-1", TEXT),
            (",;,;q=1,/,=;=,\"", TEXT),
        ] {
            assert_eq!(format(accept).1, expected, "{accept}");
        }
    }

    #[test]
    fn browsers_see_html_and_programs_json() {
        for (who, accept, expected) in [
            (
                "Chromium",
                "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,\
                 image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7",
                View::Html,
            ),
            (
                "Firefox",
                "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
                View::Html,
            ),
            (
                "Lynx",
                "text/html, text/plain, text/sgml, text/css, */*;q=0.01",
                View::Html,
            ),
            ("curl", "*/*", View::Json),
            ("none", "", View::Json),
            ("axios", "application/json, text/plain, */*", View::Json),
            ("a range of text", "text/*", View::Html),
            (
                "a range of applications",
                "application/*, text/html;q=0.9",
                View::Json,
            ),
            ("HTML at any rate", "TEXT/HTML;q=0.1", View::Html),
            ("HTML first", "text/html, application/json", View::Html),
            ("JSON first", "application/json, text/html", View::Json),
            (
                "JSON rather",
                "text/html;q=0.8, application/json;q=0.9",
                View::Json,
            ),
            (
                "HTML rather",
                "application/json;q=0.8, text/html;q=0.9",
                View::Html,
            ),
            ("no HTML", "text/html;q=0, */*", View::Json),
            ("no JSON", "application/json;q=0, */*", View::Html),
            ("neither", "image/png", View::Json),
            ("a broken weight", "text/html;q=x, */*;q=0.8", View::Html),
            ("nonsense", ";q=1,/,=,\"", View::Json),
        ] {
            assert_eq!(view(accept), expected, "{who}");
        }
    }

    #[test]
    fn codings() {
        for (accept, expected) in [
            ("", Coding::Identity),
            ("gzip", Coding::Gzip),
            ("GZIP", Coding::Gzip),
            ("x-gzip", Coding::Gzip),
            ("identity", Coding::Identity),
            ("gzip, deflate, br, zstd", Coding::Gzip),
            ("zstd", Coding::Zstd),
            ("gzip;q=0.5, zstd", Coding::Zstd),
            ("br", Coding::Identity),
            ("*", Coding::Gzip),
            ("*;q=0.5, gzip;q=0", Coding::Zstd),
            ("gzip;q=0", Coding::Identity),
            ("gzip;q=0.000", Coding::Identity),
            ("identity, gzip;q=0.5", Coding::Identity),
            ("identity;q=0.5, gzip", Coding::Gzip),
            ("identity, gzip", Coding::Gzip),
            ("identity;q=0, gzip;q=0.1", Coding::Gzip),
            ("identity;q=0", Coding::Identity),
            ("identity;q=0, *", Coding::Gzip),
            ("gzip;q=2", Coding::Gzip),
            ("gzip;q=broken", Coding::Gzip),
            (";;,,=", Coding::Identity),
        ] {
            assert_eq!(coding(accept), expected, "{accept}");
        }
    }
}
