//! The lists of Cognito Identity: which identities there are.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use super::CallError;
use crate::identity::PoolId;

/// The most that AWS puts on one page (Cognito Identity's API model, `QueryLimit`). All pages but
/// the last hold so many.
pub const IDENTITIES_OF_PAGE: usize = 60;

/// One page of a list.
#[derive(Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// What it holds, in AWS's order; it may be empty, and more may follow.
    pub items: Vec<T>,
    /// AWS's opaque token of the next page; `None` on the last one.
    pub next: Option<String>,
}

/// Omits items and token, which may hold ids.
impl<T> fmt::Debug for Page<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Page")
            .field("items", &self.items.len())
            .field("is_last", &self.next.is_none())
            .finish_non_exhaustive()
    }
}

/// A pool as listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedPool {
    /// Its id as AWS writes it, not parsed yet.
    pub id: String,
    /// The name that its owner gave it.
    pub name: String,
}

/// The future of a call for one page.
pub type PageCall<'a, T> = Pin<Box<dyn Future<Output = Result<Page<T>, CallError>> + Send + 'a>>;

/// The lists of Cognito Identity, by AWS's SDK or by a test. Each method makes exactly one API
/// call; the caller makes retries and asks for further pages, so that they count against the
/// ceiling. `token` is that of the page, `None` for the first one.
pub trait Directory: Send + Sync + 'static {
    /// The ids of a pool's identities as AWS writes them, not parsed yet. Those that are disabled,
    /// because they were merged into others, are left out unless `include_disabled`.
    fn identities<'a>(
        &'a self,
        pool: &'a PoolId,
        include_disabled: bool,
        token: Option<&'a str>,
    ) -> PageCall<'a, String>;

    /// The pools of the account in the region.
    fn pools<'a>(&'a self, token: Option<&'a str>) -> PageCall<'a, ListedPool>;
}
