//! What all pages have in common: the template `layout.html` with `style.css` inside, and the cells
//! of `cells.html`. They have no script, and their content security policy allows none.

use std::sync::LazyLock;

use askama::Template;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::CONTENT_SECURITY_POLICY;
use http::{HeaderValue, StatusCode};
use warp::reply::Response;

use super::humanize::Time;
use crate::limits::{FULL_PERCENT, NEAR_PERCENT};
use crate::web::response::{HTML, private, response};

pub(super) const STYLE: &str = include_str!("style.css");
/// The most characters in the search box.
pub(super) const MAX_SEARCHED: usize = 200;

/// Nothing is loaded, run or framed, and forms go to this server only; the one style sheet is
/// permitted by its digest.
static CONTENT_SECURITY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let style = STANDARD.encode(digest(&SHA256, STYLE.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    );
    HeaderValue::try_from(policy).expect("base64 and the words above may stand in a header")
});

/// A page as text.
pub(super) fn render(page: &impl Template) -> String {
    let page = page.render();
    page.expect("writing to a string does not fail, and neither does anything in the templates")
}

/// The response that shows a page.
pub(super) fn html(status: StatusCode, page: impl Into<Bytes>) -> Response {
    let mut response = response(status, HTML, page);
    response
        .headers_mut()
        .insert(CONTENT_SECURITY_POLICY, CONTENT_SECURITY.clone());
    private(response)
}

/// What surrounds the contents of a page. Links are relative, so that a proxy may put all pages
/// below a path.
pub(super) struct Layout<'a> {
    /// When the page was made.
    pub(super) now: Time,
    /// What stands before a path relative to the root, such as `../../../`; empty at the root.
    pub(super) root: String,
    /// The path of the metrics relative to the root; empty if that is it.
    metrics: &'a str,
    /// What stands in the search box.
    pub(super) searched: &'a str,
    /// The seconds after which the page loads itself again; 0 if it does not.
    pub(super) refresh: u32,
}

impl<'a> Layout<'a> {
    /// Of a page at this path.
    pub(super) fn new(path: &str, telemetry_path: &'a str, now: Time) -> Self {
        Self {
            now,
            root: "../".repeat(path.matches('/').count().saturating_sub(1)),
            metrics: telemetry_path.trim_start_matches('/'),
            searched: "",
            refresh: 0,
        }
    }

    pub(super) fn relative(&self, time: &Time) -> String {
        time.relative(self.now)
    }

    /// The way to the root.
    fn home(&self) -> &str {
        if self.root.is_empty() {
            "./"
        } else {
            &self.root
        }
    }

    /// The way to the status page; `None` if the metrics have its place.
    pub(super) fn status_page(&self) -> Option<&str> {
        (!self.metrics.is_empty()).then(|| self.home())
    }

    /// The way to the metrics.
    pub(super) fn metrics(&self) -> String {
        match self.metrics {
            "" => self.home().to_owned(),
            metrics => format!("{}{metrics}", self.root),
        }
    }
}

/// A segment of a bar: where it starts and how wide it is, in percent, and its kind.
pub(super) struct BarSegment {
    pub(super) x: f64,
    pub(super) width: f64,
    pub(super) kind: usize,
}

/// The segments of a bar whose length is the number of identities.
pub(super) fn bar_segments(counts: &[(String, u64)]) -> Vec<BarSegment> {
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
pub(super) fn severity(ratio: f64) -> &'static str {
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
pub(super) fn width(ratio: f64) -> f64 {
    (ratio * 100.0).min(100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_relative() {
        for (path, root, home, metrics) in [
            ("/", "", "./", "m/n"),
            ("/search", "", "./", "m/n"),
            (
                "/api/v1/identities/x",
                "../../../",
                "../../../",
                "../../../m/n",
            ),
            (
                "/api/v1/identities/x/y",
                "../../../../",
                "../../../../",
                "../../../../m/n",
            ),
        ] {
            let layout = Layout::new(path, "/m/n", Time(0.0));
            assert_eq!(
                (&*layout.root, layout.status_page(), &*layout.metrics()),
                (root, Some(home), metrics)
            );
            let at_the_root = Layout::new(path, "/", Time(0.0));
            assert_eq!(
                (at_the_root.status_page(), &*at_the_root.metrics()),
                (None, home)
            );
        }
    }
}
