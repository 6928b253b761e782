//! A page that says why there is nothing to show.

use askama::Template;
use http::StatusCode;
use warp::reply::Response;

use super::layout::{Layout, html};

/// The page with these words.
pub(super) fn refusal(layout: Layout<'_>, status: StatusCode, why: &str) -> Response {
    let page = Page {
        layout,
        reason: status.canonical_reason().unwrap_or("Refused"),
        why,
    };
    let page = page.render();
    html(status, page.expect("writing to a string does not fail"))
}

#[derive(Template)]
#[template(path = "refusal.html", config = "src/web/status/askama.toml")]
struct Page<'a> {
    layout: Layout<'a>,
    /// The status in words.
    reason: &'static str,
    why: &'a str,
}
