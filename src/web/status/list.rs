//! The page of `/api/v1/identities`: the template `list.html`. What is on it is selected in
//! `web/identities`.

use askama::Template;
use http::StatusCode;
use warp::reply::Response;

use super::best::Place;
use super::humanize::{Time, group_digits};
use super::layout::{Layout, html, render};
use super::list_row::ListRow;
use super::refusal::refusal;
use crate::clock::Timestamp;
use crate::limits::Limit;
use crate::store::Snapshot;
use crate::web::identities::Counts;
use crate::web::state::{AppState, RequestHead};

/// A list, and how it is described.
pub(in crate::web) struct List {
    /// What the identities have in common, in words; empty if they are all there are.
    pub(in crate::web) criteria: Vec<String>,
    /// Which ones come first, in words.
    pub(in crate::web) order: &'static str,
    /// Whether the dates on which they will be full matter more than that some are full already.
    pub(in crate::web) dates: bool,
    /// Whether it is about those that will almost surely be full.
    pub(in crate::web) sure: bool,
    /// The first ones.
    pub(in crate::web) shown: Vec<Place>,
    /// Whether they are of one state.
    pub(in crate::web) of_state: bool,
    /// The limit whose use is shown, in place of that of which most is used.
    pub(in crate::web) limit: Option<Limit>,
    pub(in crate::web) counts: Counts,
    /// The ways to the same list, relative to the page.
    pub(in crate::web) json: String,
    pub(in crate::web) csv: String,
}

/// The page that shows a list.
pub(in crate::web) fn page(
    state: &AppState,
    head: &RequestHead,
    list: &List,
    snapshot: &Snapshot,
    now: Timestamp,
) -> Response {
    let rows = list.shown.iter();
    let rows = rows.map(|place| ListRow::of(*place, list.limit, snapshot, now));
    let page = Page {
        layout: Layout::new(&head.path, &state.telemetry_path, Time(now.unix)),
        list,
        rows: rows.collect(),
    };
    html(StatusCode::OK, render(&page))
}

/// The page that says why there is no list.
pub(in crate::web) fn refused(state: &AppState, head: &RequestHead, why: &str) -> Response {
    let now = Time(state.clock.now().unix);
    let layout = Layout::new(&head.path, &state.telemetry_path, now);
    refusal(layout, StatusCode::BAD_REQUEST, why)
}

#[derive(Template)]
#[template(path = "list.html", config = "src/web/status/askama.toml")]
struct Page<'a> {
    layout: Layout<'a>,
    list: &'a List,
    rows: Vec<ListRow<'a>>,
}

impl Page<'_> {
    /// How many there are, in words.
    fn count(&self) -> String {
        let (shown, order) = (self.rows.len() as u64, self.list.order);
        let all = self.list.counts.selected;
        match all {
            0 => "None is known.".to_owned(),
            1 => "One identity.".to_owned(),
            _ if all == shown => format!("{all} identities, {order}."),
            _ => format!(
                "The first {shown} of {} identities, {order}.",
                group_digits(all)
            ),
        }
    }

    /// Of how many the usage is known, in words, unless it is of all, or a state was asked for.
    fn coverage(&self) -> Option<String> {
        let Counts {
            listed, watched, ..
        } = self.list.counts;
        let [of, all] = [watched, listed].map(group_digits);
        (watched < listed && !self.list.of_state)
            .then(|| format!("Usage is known of {of} of {all} identities."))
    }
}
