//! The binary, or most of it, through real sockets against the simulator.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests may, and clippy does not see that these are some"
)]

#[path = "../support/long.rs"]
mod long;
#[path = "../support/pki.rs"]
mod pki;
#[path = "../support/mod.rs"]
mod support;

mod access;
mod before_running;
mod bounds;
mod causes;
mod certificates;
mod cognito;
mod configuration;
mod credentials;
mod dates;
mod discovery;
mod freshness;
mod front_door;
mod fullest_dataset;
mod guest_ids;
mod guest_keys;
mod guests;
mod identities;
mod lifecycle;
mod list_datasets;
mod listing;
mod listing_mistakes;
mod lists;
mod logs;
mod network;
mod polling;
mod reload;
mod scrapes;
mod search;
mod slow_readers;
mod sockets;
mod starting_mistakes;
mod state;
mod status;
mod status_budget;
mod status_discovery;
mod status_identity;
mod status_identity_page;
mod status_links;
mod status_lost;
mod status_parameters;
mod status_restored;
mod systemd;
mod web;
mod witnesses;
