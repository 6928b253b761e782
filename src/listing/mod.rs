//! Lists of Cognito Identity: pages that are asked for one after the other, under a ceiling.

mod lister;

pub use lister::{Lister, Observer, PageError};
