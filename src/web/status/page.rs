//! The status page: the template `page.html`.

use askama::Template;

use super::humanize::{bytes, group_digits, humanize_duration};
use super::layout::{self, Layout};
use super::level::segments;
use super::model::Status;
use super::query::Query;
use super::shown::TargetRef;
use super::totals::Totals;
use crate::web::parameters::link;

/// More pools than this are a table, with a card for each behind a link.
const MAX_CARDS: usize = 3;
/// Up to so many lines of what needs attention, all are shown at once.
const FEW_LINES: usize = 5;

/// Renders the status that a query asked for.
pub(super) fn render(status: &Status, query: &Query, telemetry_path: &str) -> String {
    let mut layout = Layout::new("/", telemetry_path, status.now);
    layout.refresh = query.refresh;
    layout::render(&Page {
        layout,
        totals: Totals::of(&status.pools),
        status,
        query,
    })
}

#[derive(Template)]
#[template(path = "page.html", config = "src/web/status/askama.toml")]
struct Page<'a> {
    layout: Layout<'a>,
    totals: Totals,
    status: &'a Status,
    query: &'a Query,
}

impl Page<'_> {
    /// Whether any identity uses so much of a limit that it counts as near.
    fn is_any_near(&self) -> bool {
        let mut limits = self.status.pools.iter().flat_map(|pool| &pool.near_limits);
        limits.any(|limit| limit.certain > 0)
    }

    fn pool_name<'w>(&'w self, who: &'w TargetRef) -> &'w str {
        let mut pools = self.status.pools.iter();
        let pool = pools.find(|pool| pool.identity_pool_id == who.identity_pool_id);
        pool.map_or(&who.identity_pool_id, |pool| pool.shown_name())
    }

    fn has_cards(&self) -> bool {
        self.status.pools.len() <= MAX_CARDS
    }

    /// This page that loads itself again as often.
    fn again_every(&self, seconds: u32) -> String {
        let mut parameters = self.parameters();
        if seconds != Query::default().refresh {
            parameters.push(("refresh", seconds.to_string()));
        }
        link("./", &parameters)
    }

    /// The same as JSON.
    fn json(&self) -> String {
        link("api/v1/status", &self.parameters())
    }

    /// The list of identities that these parameters select, of the pools that are shown.
    fn list(&self, selected: &[(&'static str, &str)]) -> String {
        let selected = selected.iter();
        let selected = selected.map(|(name, value)| (*name, (*value).to_owned()));
        let pool = self.query.pool.iter().map(|pool| ("pool", pool.clone()));
        let parameters: Vec<_> = pool.chain(selected).collect();
        link("api/v1/identities", &parameters)
    }

    /// The parameters of this page but for how often it loads itself again.
    fn parameters(&self) -> Vec<(&'static str, String)> {
        let Query { pool, top, .. } = self.query;
        let pool = pool.iter().map(|pool| ("pool", pool.clone()));
        let top = Some(top).filter(|top| **top != Query::default().top);
        pool.chain(top.map(|top| ("top", top.to_string())))
            .collect()
    }
}
