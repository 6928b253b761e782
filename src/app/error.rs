//! Why the daemon could not be built, or ended by itself.

use std::error::Error;
use std::io::{self, ErrorKind};

use exporter_web::BindError;
use thiserror::Error as ThisError;
use tokio::task::JoinError;

use super::audience::NeedsLogin;
use crate::aws::NetworkError;
use crate::config::Problem;
use crate::state::StateError;
use crate::telemetry;

/// Why the daemon could not be built.
#[derive(Debug, ThisError)]
pub enum StartError {
    /// An address cannot be listened on.
    #[error("{0}; {remedy}", remedy = remedy(.0))]
    Bind(#[from] BindError),
    /// Others could read ids that are secret.
    #[error(transparent)]
    NeedsLogin(#[from] NeedsLogin),
    /// A socket that systemd passed on cannot be used, or the simulator's has no address.
    #[error(transparent)]
    Socket(#[from] io::Error),
    /// A metric cannot be registered.
    #[error(transparent)]
    Telemetry(#[from] telemetry::RegisterError),
    /// The environment or a profile names a proxy or a bundle of certificates that cannot be used.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The directory of `--state.path` cannot be used.
    #[error(transparent)]
    State(#[from] StateError),
    /// The demo's own configuration is not valid.
    #[error(transparent)]
    Configuration(#[from] Problem),
}

/// What to do about an address that cannot be listened on.
fn remedy(error: &BindError) -> &'static str {
    match error.kind() {
        ErrorKind::AddrInUse => {
            "another process listens there: stop it, or choose another address with \
             --web.listen-address"
        }
        ErrorKind::PermissionDenied => {
            "it needs more rights, as ports below 1024 do (CAP_NET_BIND_SERVICE): choose another \
             address with --web.listen-address"
        }
        ErrorKind::AddrNotAvailable => {
            "it is not an address of this machine: choose another one with --web.listen-address"
        }
        _ => "choose another address with --web.listen-address",
    }
}

/// Why the daemon ended by itself.
#[derive(Debug, ThisError)]
pub enum RunError {
    /// A task returned though no stop was requested.
    #[error("task {name} ended{}", .error.as_ref().map(|error| format!(": {error}")).unwrap_or_default())]
    Ended {
        /// The task's name.
        name: String,
        /// Its error, if it returned one.
        error: Option<Box<dyn Error + Send + Sync>>,
    },
    /// A task panicked.
    #[error("task {name} died: {error}")]
    Panicked {
        /// The task's name.
        name: String,
        /// The panic.
        error: JoinError,
    },
}
