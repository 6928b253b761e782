//! The one room that knows all others: builds them, runs them, drains them.

pub mod demo;
mod reloading;

use std::collections::HashMap;
use std::error::Error;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error as ThisError;
use tokio::signal::unix::Signal;
use tokio::sync::mpsc;
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::api::{Failure, Operation};
use crate::aws::{Connector, Credentials};
use crate::cli;
use crate::clock::Clock;

use crate::exposition::Exposition;
use crate::health::{Heartbeat, Watchdog};
use crate::loading::Loaded;
use crate::observation::Observation;
use crate::poller::{PollObserver, Poller};
use crate::reload::{RELOAD_CHECK_INTERVAL, Reloader};
use crate::store::Store;
use crate::systemd;
use crate::targets::{TargetDiff, Targets};
use crate::telemetry::{REVISION, Telemetry, VERSION};
use crate::web::listener::{self, Connections, Listener, Socket};
use crate::web::web_config::{self, Gauges, Kept};
use crate::web::{self, Door, KeptStatus, Site};

pub use reloading::loader;
use reloading::{ApplyToPoller, ReportReloads};

/// All tasks must have ended this long after a stop is asked for; what has not is cut off.
/// Listeners drain in 3 s.
const DRAIN: Duration = Duration::from_secs(4);

/// A loop that is silent for this long beyond its time has died or hangs.
const STALLED: Duration = Duration::from_secs(30);
/// Requests to reload that may wait while one is being done.
const RELOADS_QUEUED: usize = 4;

type TaskResult = Result<(), Box<dyn Error + Send + Sync>>;

/// The daemon: everything built, nothing running yet.
pub struct App {
    tasks: JoinSet<TaskResult>,
    names: HashMap<Id, String>,
    start: CancellationToken,
    stop: CancellationToken,
}

/// Why the daemon ended by itself.
#[derive(Debug, ThisError)]
pub enum Died {
    /// A task returned, though nobody had asked it to.
    #[error("task {name} ended{}", .error.as_ref().map(|error| format!(": {error}")).unwrap_or_default())]
    Ended {
        /// Which.
        name: String,
        /// What it said.
        error: Option<Box<dyn Error + Send + Sync>>,
    },
    /// A task panicked.
    #[error("task {name} died: {error}")]
    Panicked {
        /// Which.
        name: String,
        /// What it said.
        error: JoinError,
    },
}

/// How clients come in.
pub struct Front {
    /// The flags about that.
    pub flags: cli::Web,
    /// The web configuration, if there is a file.
    pub config: Option<web_config::Loaded>,
    /// Sockets that listen already, with `--web.systemd-socket`.
    pub sockets: Vec<Socket>,
}

/// Listens on what was passed on, or else on addresses.
async fn listen(web: &cli::Web, sockets: Vec<Socket>) -> Result<Vec<Listener>, Box<dyn Error>> {
    if web.systemd_socket {
        return Ok(sockets
            .into_iter()
            .map(Listener::adopt)
            .collect::<Result<_, _>>()?);
    }
    let mut listeners = Vec::with_capacity(web.listen_address.len());
    for address in &web.listen_address {
        listeners.push(Listener::bind(address).await?);
    }
    Ok(listeners)
}

/// What learns of polls: the store and the metrics.
struct Observers {
    store: Arc<Store>,
    telemetry: Arc<Telemetry>,
}

impl PollObserver for Observers {
    fn called(&self, operation: Operation, took: Duration, failure: Option<Failure>) {
        self.telemetry.called(operation, took, failure);
    }

    fn polled(&self, observation: &Observation) {
        self.store.record(observation);
        self.telemetry.polled(observation);
    }

    fn targets_changed(&self, targets: &Arc<Targets>, diff: &TargetDiff) {
        self.store.apply_targets(targets, diff);
    }
}

impl App {
    /// Builds everything and begins to listen, so that a taken port is found before the first call
    /// to AWS. `hangups` make it read the configuration again; without them nothing does.
    ///
    /// # Errors
    /// When an address cannot be listened on.
    pub async fn build(
        Loaded {
            config, targets, ..
        }: Loaded,
        front: Front,
        credentials: Credentials,
        hangups: Option<Signal>,
        clock: Clock,
    ) -> Result<Self, Box<dyn Error>> {
        let config_read = clock.now().unix;
        let Front {
            flags: web,
            config: web_config,
            sockets,
        } = front;
        let listeners = listen(&web, sockets).await?;
        let mut connector = Connector::new(credentials, clock.clone());
        let api = Arc::new(connector.connect(&targets, &config.poll).await);
        let store = Arc::new(Store::new(Arc::clone(&targets)));
        let (polls, poller) = Poller::new(api, targets, config.poll.clone(), clock.clone());
        let progress = Arc::clone(poller.progress());
        let mut watchdog = Watchdog::default();
        watchdog.watch("poller", progress.heartbeat(), STALLED);
        let telemetry = Arc::new(Telemetry::new(Arc::clone(&progress), config_read)?);
        let reloader_heartbeat = Arc::new(Heartbeat::new(clock.now().mono));
        if hangups.is_some() {
            watchdog.watch(
                "reloader",
                Arc::clone(&reloader_heartbeat),
                RELOAD_CHECK_INTERVAL + STALLED,
            );
        }
        let (reload, requests) = mpsc::channel(RELOADS_QUEUED);
        let gauges = Gauges {
            successful: telemetry.web_config_successful.clone(),
            failures: telemetry.web_config_failures.clone(),
        };
        let web_config = Arc::new(Kept::new(web_config, gauges, clock.clone()));
        let failures = telemetry.web_auth_failures.clone();
        let site = Arc::new(Site {
            door: Door::new(
                Arc::clone(&web_config),
                failures,
                web.health_without_login,
                clock.clone(),
            ),
            telemetry_path: web.telemetry_path.clone(),
            store: Arc::clone(&store),
            exposition: Exposition::new(Arc::clone(&store)),
            telemetry: Arc::clone(&telemetry),
            progress: Arc::clone(&progress),
            poller: poller.clone(),
            config_file: hangups.is_some().then(|| config.file.clone()),
            status: KeptStatus::default(),
            watchdog: watchdog.clone(),
            reload: web.enable_lifecycle.then_some(reload),
            clock: clock.clone(),
        });
        let mut app = Self::empty();
        let room = web::room(web.max_connections, config.poll.max_in_flight);
        let connections = Connections::new(room, telemetry.web_connections.clone(), clock.clone());
        for listener in listeners {
            info!(address = listener.address(), "listening");
            let name = format!("web server on {}", listener.address());
            let (service, connections) = (web::service(Arc::clone(&site)), connections.clone());
            let web_config = Some(Arc::clone(&web_config));
            app.add(name, |stop| async move {
                listener::serve(listener, web_config, service, connections, stop).await;
                Ok(())
            });
        }
        let beats = clock.clone();
        app.add("supervisor".to_owned(), |stop| async move {
            systemd::report(watchdog, progress, beats, stop).await;
            Ok(())
        });
        let observers = Arc::new(Observers {
            store,
            telemetry: Arc::clone(&telemetry),
        });
        app.add("poller".to_owned(), |stop| async move {
            Ok(polls.run(observers, stop).await?)
        });
        if let Some(hangups) = hangups {
            let reloader = Reloader {
                config: Arc::new(config),
                loader: Arc::new(loader()),
                apply: ApplyToPoller { connector, poller },
                observer: ReportReloads {
                    telemetry,
                    clock: clock.clone(),
                },
                heartbeat: reloader_heartbeat,
                clock,
            };
            app.add("reloader".to_owned(), |stop| async move {
                Ok(reloader.run(hangups, requests, stop).await?)
            });
        }
        Ok(app)
    }

    fn empty() -> Self {
        Self {
            tasks: JoinSet::new(),
            names: HashMap::new(),
            start: CancellationToken::new(),
            stop: CancellationToken::new(),
        }
    }

    /// Adds one more task, made with the token that tells it to stop. It runs once the app does.
    pub fn add<F>(&mut self, name: String, task: impl FnOnce(CancellationToken) -> F)
    where
        F: Future<Output = TaskResult> + Send + 'static,
    {
        let (start, task) = (self.start.clone(), task(self.stop.clone()));
        let handle = self.tasks.spawn(async move {
            start.cancelled().await;
            task.await
        });
        self.names.insert(handle.id(), name);
    }

    /// Runs until `asked_to_stop`, then drains, within 5 s whatever the clients do.
    ///
    /// # Errors
    /// When a task ends by itself; all others are then stopped too.
    pub async fn run(
        mut self,
        asked_to_stop: impl Future<Output = &'static str>,
    ) -> Result<(), Died> {
        info!(version = VERSION, revision = REVISION, "started");
        self.start.cancel();
        systemd::ready();
        let result = tokio::select! {
            why = asked_to_stop => {
                info!(why, "stopping");
                Ok(())
            }
            Some(ended) = self.tasks.join_next_with_id() => Err(self.died(ended)),
        };
        systemd::stopping();
        self.stop.cancel();
        let all_ended = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(DRAIN, all_ended).await.is_err() {
            warn!("not everything ended in time; cut off");
        }
        result
    }

    fn died(&self, ended: Result<(Id, TaskResult), JoinError>) -> Died {
        let name = |id: Id| self.names.get(&id).cloned().unwrap_or_default();
        match ended {
            Ok((id, result)) => Died::Ended {
                name: name(id),
                error: result.err(),
            },
            Err(error) => Died::Panicked {
                name: name(error.id()),
                error,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn well_behaved(stop: CancellationToken) -> TaskResult {
        stop.cancelled().await;
        Ok(())
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_dies_takes_all_down_and_is_named() {
        let mut app = App::empty();
        app.add("good".to_owned(), well_behaved);
        app.add("bad".to_owned(), |_| async { panic!("on purpose") });
        let died = app.run(std::future::pending()).await.unwrap_err();
        assert!(
            matches!(&died, Died::Panicked { name, .. } if name == "bad"),
            "{died}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_ends_takes_all_down_and_is_named() {
        let mut app = App::empty();
        app.add("good".to_owned(), well_behaved);
        app.add("bad".to_owned(), |_| async { Err("no more".into()) });
        let died = app.run(std::future::pending()).await.unwrap_err();
        assert_eq!(died.to_string(), "task bad ended: no more");
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_stop_is_cut_off() {
        let mut app = App::empty();
        app.add("good".to_owned(), well_behaved);
        app.add("stubborn".to_owned(), |_| std::future::pending());
        let clock = Clock::anchored(0.0);
        app.run(async { "test" }).await.unwrap();
        assert!(clock.now().unix < 5.0, "{:?}", clock.now());
    }
}
