//! Keeps a panic of the exporter's service to the request that caused it. The panic hook reports
//! it; here it is only an outcome.

use std::panic::{AssertUnwindSafe, catch_unwind};

use futures_util::FutureExt;
use thiserror::Error;

/// A panic ended the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a panic, which is a bug")]
pub(crate) struct Panicked;

/// Does some work that may panic, and that is given up after a panic.
pub(crate) fn catch<T>(work: impl FnOnce() -> T) -> Result<T, Panicked> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| Panicked)
}

/// The same for a future.
pub(crate) async fn catch_async<F: Future>(work: F) -> Result<F::Output, Panicked> {
    AssertUnwindSafe(work)
        .catch_unwind()
        .await
        .map_err(|_| Panicked)
}
