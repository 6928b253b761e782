//! The pages of the search: the template `page.html` beside this file.

use askama::Template;
use http::StatusCode;
use warp::reply::Response;

use super::matches::Matches;
use crate::clock::Timestamp;
use crate::store::Snapshot;
use crate::targets::Targets;
use crate::web::status::humanize::group_digits;
use crate::web::status::layout::{Layout, html, render};
use crate::web::status::list_row::ListRow;

/// A page that explains the search.
pub(super) fn explanation(layout: Layout<'_>, targets: &Targets) -> Response {
    respond(StatusCode::OK, layout, targets, &[], 0)
}

/// The matches, or that there are none.
pub(super) fn matches(
    layout: Layout<'_>,
    matches: &Matches,
    snapshot: &Snapshot,
    now: Timestamp,
) -> Response {
    let status = match matches.all {
        0 => StatusCode::NOT_FOUND,
        _ => StatusCode::OK,
    };
    let rows = matches
        .shown
        .iter()
        .map(|place| ListRow::of(*place, None, snapshot, now));
    let rows: Vec<_> = rows.collect();
    respond(status, layout, &snapshot.targets, &rows, matches.all)
}

fn respond(
    status: StatusCode,
    layout: Layout<'_>,
    targets: &Targets,
    rows: &[ListRow<'_>],
    all: usize,
) -> Response {
    let pools = targets.pools.iter();
    let page = Page {
        layout,
        rows,
        all,
        identities: targets.identities(),
        named: pools.map(|pool| pool.identities.named()).sum(),
    };
    html(status, render(&page))
}

#[derive(Template)]
#[template(path = "search/page.html", config = "src/web/status/askama.toml")]
struct Page<'a> {
    layout: Layout<'a>,
    rows: &'a [ListRow<'a>],
    /// The number of matches, those that are not shown included.
    all: usize,
    /// The number of identities that are searched, and of those with a name.
    identities: usize,
    named: usize,
}

impl Page<'_> {
    /// The number of matches in words.
    fn count(&self) -> String {
        let (all, shown) = (group_digits(self.all as u64), self.rows.len());
        if self.all == shown {
            format!("{all} identities match.")
        } else {
            format!("{all} identities match; the first {shown} are shown. Type more to see others.")
        }
    }

    /// What is searched, in words.
    fn searched(&self) -> String {
        let [identities, named] =
            [self.identities, self.named].map(|count| group_digits(count as u64));
        format!("{identities} identities are searched, {named} of them with a name.")
    }
}
