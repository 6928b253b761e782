//! When to ask whom: the decisions are pure and take `now`, only the [`poller`] acts on them.

mod lane;
mod outlook;
pub mod pacer;
pub mod poller;
mod probe;
mod progress;
pub mod retry;
pub mod schedule;

pub use outlook::{Next, Why};
pub use poller::{Died, Handover, Inquiry, Listener, Poller};
pub use progress::{BudgetProgress, Progress};
