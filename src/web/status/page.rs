//! The status page: `page.html` filled in, with `style.css` inside. It needs no script, and its
//! policy allows none.

use std::sync::LazyLock;

use askama::Template;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;

use super::model::{Counts, Status, Who};
use super::words::{Time, bytes, coarse, percent};

const STYLE: &str = include_str!("style.css");

/// Nothing is loaded, run, framed or sent anywhere; the one style sheet is known by its digest.
pub(super) static CONTENT_SECURITY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let style = STANDARD.encode(digest(&SHA256, STYLE.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    HeaderValue::try_from(policy).expect("base64 and the words above may stand in a header")
});

/// The page of a status.
pub(super) fn render(status: &Status, telemetry_path: &str) -> String {
    let page = Page {
        status,
        metrics: telemetry_path.trim_start_matches('/'),
        style: STYLE,
    };
    page.render()
        .expect("writing to a string does not fail, and neither does anything in the template")
}

#[derive(Template)]
#[template(path = "page.html", config = "src/web/status/askama.toml")]
struct Page<'a> {
    status: &'a Status,
    /// Relative to the page, so that a proxy may put both below a path.
    metrics: &'a str,
    style: &'static str,
}

impl Page<'_> {
    fn relative(&self, time: &Time) -> String {
        time.relative(self.status.now)
    }

    fn pool_name<'w>(&'w self, who: &'w Who) -> &'w str {
        let pool = self
            .status
            .pools
            .iter()
            .find(|pool| pool.identity_pool_id == who.identity_pool_id);
        pool.and_then(|pool| pool.name.as_deref())
            .unwrap_or(&who.identity_pool_id)
    }
}

/// A part of a bar: where it begins and how wide it is, in percent, and of which kind it is.
struct Part {
    x: f64,
    width: f64,
    kind: usize,
}

/// The parts of a bar that is as long as there are identities.
fn parts(counts: &Counts) -> Vec<Part> {
    let all = counts.0.iter().map(|(_, count)| count).sum::<u64>().max(1) as f64;
    let widths = counts
        .0
        .iter()
        .map(|(_, count)| *count as f64 / all * 100.0)
        .enumerate();
    let parts = widths.scan(0.0, |begin, (kind, width)| {
        let x = *begin;
        *begin += width;
        Some(Part { x, width, kind })
    });
    parts.filter(|part| part.width > 0.0).collect()
}

/// A key of the JSON, as people write it.
fn spelled(key: &str) -> String {
    key.replace("_percent", " %").replace('_', " ")
}

/// A bar's class, by the part of a limit that it shows, as alert rules have it.
fn severity(part: f64) -> &'static str {
    match part {
        0.95.. => "critical",
        0.8.. => "warning",
        _ => "good",
    }
}

/// The width of a bar, in percent.
fn width(part: f64) -> f64 {
    (part * 100.0).min(100.0)
}
