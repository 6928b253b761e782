//! Saving and going on, through crashes and faults.

mod crash;
mod discovered;
mod file;
mod process;
mod trouble;
