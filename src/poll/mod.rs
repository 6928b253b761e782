//! When to ask whom: the decisions are pure and take `now`, only the [`poller`] acts on them.

mod lane;
pub mod pacer;
pub mod poller;
mod probe;
mod progress;
pub mod retry;
pub mod schedule;

pub use poller::{Died, Handover, Listener, Poller};
pub use progress::{BudgetProgress, Progress};
