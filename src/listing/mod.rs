//! Lists of Cognito Identity: pages that are asked for one after the other, under a ceiling, by the
//! subcommands `list-pools` and `list-identities` and by discovery.

mod command;
mod error;
mod lister;
mod output;
mod progress;
mod what;

pub use command::ListRequest;
pub use error::{ListError, Refusal};
pub use lister::{Lister, Observer, PageError};
pub use output::OutputError;
pub use progress::Shown;
pub use what::What;
