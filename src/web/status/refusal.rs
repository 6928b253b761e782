//! A page that says why there is nothing to show.

use askama::Template;
use http::StatusCode;
use warp::reply::Response;

use super::layout::{Layout, html, render};

/// The page with these words.
pub(super) fn refusal(layout: Layout<'_>, status: StatusCode, why: &str) -> Response {
    let page = Page {
        layout,
        reason: status.canonical_reason().unwrap_or("Refused"),
        why,
    };
    html(status, render(&page))
}

#[derive(Template)]
#[template(path = "refusal.html", config = "src/web/status/askama.toml")]
struct Page<'a> {
    layout: Layout<'a>,
    /// The status in words.
    reason: &'static str,
    why: &'a str,
}
