//! The status page: the template `page.html` with `style.css` inside. It has no script, and its
//! content security policy allows none.

use std::sync::LazyLock;

use askama::Template;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;

use super::humanize::{Time, bytes, humanize_duration};
use super::level::segments;
use super::model::Status;
use super::pool;
use super::shown::TargetRef;
use crate::limits::{FULL_PERCENT, NEAR_PERCENT};

const STYLE: &str = include_str!("style.css");

/// Nothing is loaded, run, framed or sent; the one style sheet is permitted by its digest.
pub(super) static CONTENT_SECURITY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let style = STANDARD.encode(digest(&SHA256, STYLE.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    HeaderValue::try_from(policy).expect("base64 and the words above may stand in a header")
});

/// Renders a status. The page is loaded again every `refresh` seconds, unless that is 0.
pub(super) fn render(status: &Status, telemetry_path: &str, refresh: u32) -> String {
    let page = Page {
        status,
        refresh,
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
    refresh: u32,
    /// The path of the metrics relative to the page, so that a proxy may put both below a path.
    metrics: &'a str,
    style: &'static str,
}

impl Page<'_> {
    fn relative(&self, time: &Time) -> String {
        time.relative(self.status.now)
    }

    /// Of how many identities the tables over all pools speak.
    fn coverage(&self) -> String {
        let pools = self.status.pools.iter();
        let watched = pools.clone().map(|pool| pool.watched_identities).sum();
        pool::of_all(watched, pools.map(|pool| pool.identities).sum())
    }

    fn pool_name<'w>(&'w self, who: &'w TargetRef) -> &'w str {
        let pool = self
            .status
            .pools
            .iter()
            .find(|pool| pool.identity_pool_id == who.identity_pool_id);
        pool.and_then(|pool| pool.name.as_deref())
            .unwrap_or(&who.identity_pool_id)
    }
}

/// A segment of a bar: where it starts and how wide it is, in percent, and its kind.
struct BarSegment {
    x: f64,
    width: f64,
    kind: usize,
}

/// The segments of a bar whose length is the number of identities.
fn bar_segments(counts: &[(String, u64)]) -> Vec<BarSegment> {
    let all: u64 = counts.iter().map(|(_, count)| count).sum();
    let widths = counts
        .iter()
        .map(|(_, count)| *count as f64 / all.max(1) as f64 * 100.0)
        .enumerate();
    let segments = widths.scan(0.0, |start, (kind, width)| {
        let x = *start;
        *start += width;
        Some(BarSegment { x, width, kind })
    });
    segments.filter(|segment| segment.width > 0.0).collect()
}

/// The class of a bar by the used ratio of a limit, with the thresholds of the alert rules.
fn severity(ratio: f64) -> &'static str {
    let reaches = |percent: u64| ratio >= percent as f64 / 100.0;
    if reaches(FULL_PERCENT) {
        "critical"
    } else if reaches(NEAR_PERCENT) {
        "warning"
    } else {
        "good"
    }
}

/// The width of a bar, in percent.
fn width(ratio: f64) -> f64 {
    (ratio * 100.0).min(100.0)
}
