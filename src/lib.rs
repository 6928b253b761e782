//! crate
pub mod clock;
pub mod cognito;
pub mod config;
pub mod exposition;
pub mod identity;
pub mod poll;
pub mod store;
pub mod targets;
pub mod telemetry;
pub mod usage;
pub mod web;
