//! A Prometheus exporter for Amazon Cognito Sync.
//!
//! The way data goes: [`config`] reads what is wanted, [`targets`] lists who is polled, [`poll`]
//! decides when to ask whom, [`cognito`] asks. What comes back is an [`usage::Observation`], which
//! the [`store`] and [`telemetry`] read; [`exposition`] turns the store into text, or by way of
//! [`deflate`] into gzip, and [`web`] serves it. [`systemd`] hears how it goes. [`app`] puts it all
//! together.

pub mod app;
pub mod cli;

pub mod check;
pub mod config;
pub mod plan;
pub mod policy;
pub mod reload;
pub mod targets;

pub mod poll;

pub mod cognito;

pub mod store;
pub mod telemetry;

pub mod deflate;
pub mod exposition;
pub mod web;

pub mod systemd;

pub mod clock;
pub mod identity;
pub mod usage;

pub mod simulator;
