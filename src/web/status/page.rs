//! The status page: the template `page.html`.

use askama::Template;

use super::humanize::{bytes, humanize_duration};
use super::layout::Layout;
use super::model::{Status, TargetRef};
use super::pool;

/// Renders a status.
pub(super) fn render(status: &Status, telemetry_path: &str) -> String {
    let page = Page {
        layout: Layout::new("/", telemetry_path, status.now),
        status,
    };
    page.render()
        .expect("writing to a string does not fail, and neither does anything in the template")
}

#[derive(Template)]
#[template(path = "page.html", config = "src/web/status/askama.toml")]
struct Page<'a> {
    layout: Layout<'a>,
    status: &'a Status,
}

impl Page<'_> {
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
