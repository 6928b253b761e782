//! The binary, or most of it, through real sockets against the simulator.

#[path = "../support/mod.rs"]
mod support;

mod cognito;
mod configuration;
mod credentials;
mod lifecycle;
mod logs;
mod polling;
mod web;
