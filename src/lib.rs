//! A Prometheus exporter for Amazon Cognito Sync.
//!
//! The way data goes: [`config`] reads the configuration, [`discovery`] lists identities, and
//! [`targets`] merges both into what is polled. The [`schedule`] decides what is polled when, and
//! the [`poller`] acts on it through the [`api`], which [`aws`] implements. Each finished poll is
//! an [`observation`], read by the [`store`] and [`telemetry`]. [`exposition`] writes the store as
//! text, or with [`deflate`] as gzip, and [`web`] serves it. [`app`] puts it all together.

#![allow(
    missing_docs,
    reason = "not a published library; names that explain themselves need none"
)]
#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod app;
pub mod cli;

pub mod alerts;
pub mod check;
pub mod config;
pub mod discovery;
pub mod figures;
pub mod file;
pub mod loading;
pub mod plan;
pub mod policy;
pub mod printable;
pub mod reload;
pub mod sources;
pub mod targets;

pub mod first_sweep;
pub mod poll_summary;
pub mod poller;
pub mod progress;
pub mod recent_calls;
pub mod schedule;
pub mod troubles;

pub mod aws;
pub mod listing;
pub mod passes;

pub mod state;
pub mod store;
pub mod telemetry;

pub mod exposition;
pub mod web;

pub mod systemd;

pub mod api;
pub mod clock;
pub mod health;
pub mod identity;
pub mod job;
pub mod limits;
pub mod memory;
pub mod observation;
pub mod panics;
pub mod redact;

pub mod simulator;
