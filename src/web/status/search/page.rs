//! The pages of the search: the template `page.html` beside this file.

use askama::Template;
use http::StatusCode;
use warp::reply::Response;

use super::matches::{Matches, Place};
use crate::clock::Timestamp;
use crate::job::Target;
use crate::store::Snapshot;
use crate::targets::Targets;
use crate::web::status::humanize::{Time, group_digits};
use crate::web::status::layout::{Layout, html, render};
use crate::web::status::shown::{ShownUsage, TargetRef};
use crate::web::status::used::Used;

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
        .map(|place| Row::of(*place, snapshot, now));
    let rows: Vec<_> = rows.collect();
    respond(status, layout, &snapshot.targets, &rows, matches.all)
}

fn respond(
    status: StatusCode,
    layout: Layout<'_>,
    targets: &Targets,
    rows: &[Row<'_>],
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
    rows: &'a [Row<'a>],
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

/// One match.
struct Row<'a> {
    who: TargetRef,
    pool: &'a str,
    state: &'static str,
    /// The position of the state among all.
    colour: usize,
    usage: Option<ShownUsage>,
    nearest: Option<Used>,
}

impl<'a> Row<'a> {
    fn of((pool, identity): Place, snapshot: &'a Snapshot, now: Timestamp) -> Self {
        let view = snapshot.pool(pool);
        let (record, oldest_shown) = (&view.records[identity], view.oldest_shown(now.mono));
        let usage = record.usage(oldest_shown);
        let state = record.state(oldest_shown);
        Self {
            who: TargetRef::of(Target::Identity { pool, identity }, &snapshot.targets),
            pool: view.target.name_or_id(),
            state: state.as_str(),
            colour: state as usize,
            usage: usage.map(|usage| ShownUsage::of(usage, now)),
            nearest: usage.and_then(|usage| {
                let standing = view.standing(identity, usage);
                Used::of_nearest(&standing, view.target.settings.limits)
            }),
        }
    }

    fn modified(&self) -> Option<&Time> {
        self.usage.as_ref()?.last_modified.as_ref()
    }
}
