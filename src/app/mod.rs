//! Assembles all other modules: builds them, runs them, drains them.

mod audience;
pub mod demo;
mod discovering;
mod error;
mod listening;
mod lists;
mod observers;
mod reloading;
mod signals;
mod started;
mod state;

use std::collections::HashMap;
use std::error::Error;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use exporter_web::{Listener, WebConfigFile};
use tempfile::TempDir;
use tokio::signal::unix::Signal;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::aws::{Connector, Credentials, Network};
use crate::clock::Clock;
use crate::first_sweep::{self, FirstSweep};
use crate::health::{Heartbeat, Watchdog};
use crate::loading::{Loaded, Loader};
use crate::memory;
use crate::poll_summary;
use crate::poller::Poller;
use crate::progress::Progress;
use crate::reload::{RELOAD_CHECK_INTERVAL, Reloader};
use crate::store::Store;
use crate::systemd;
use crate::telemetry::Telemetry;
use crate::web;

pub use audience::{Audience, NeedsLogin};
use discovering::Discovering;
pub use error::{RunError, StartError};
pub use listening::WebOptions;
use listening::{listen, page, web_options};
use lists::Lists;
use observers::Observers;
pub use reloading::loader;
use reloading::{ApplyToPoller, ReportReloads};
pub use signals::{stop_requested, terminal_closed};
use started::Started;
use state::State;

/// Maximum time for all tasks to end after a stop is requested; the rest are aborted. Listeners
/// drain in 3 s.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(4);
/// How long a loop may exceed its period before it counts as stalled.
const STALL_TIMEOUT: Duration = Duration::from_secs(30);
/// Maximum requests to reload that wait while one is served.
const RELOADS_QUEUED: usize = 4;

type TaskResult = Result<(), Box<dyn Error + Send + Sync>>;

/// The daemon: everything is built, nothing runs yet.
pub struct App {
    tasks: JoinSet<TaskResult>,
    names: HashMap<Id, String>,
    start: CancellationToken,
    stop: CancellationToken,
    /// A state that ends with the process.
    temporary_state: Option<TempDir>,
    started: Started,
}

/// How the configuration and all lists are read again.
pub struct Reloading {
    /// What it was first read by.
    pub loader: Loader,
    /// Signals to do so.
    pub hangups: Signal,
}

impl App {
    /// Builds everything and begins to listen, so that a port in use is found before the first call
    /// to AWS.
    ///
    /// # Errors
    /// When an address cannot be listened on, or the directory of the state cannot be used.
    pub async fn build(
        Loaded {
            config,
            targets,
            sources,
            ..
        }: Loaded,
        web: WebOptions,
        credentials: Credentials,
        state_path: Option<PathBuf>,
        Reloading { loader, hangups }: Reloading,
        clock: Clock,
    ) -> Result<Self, StartError> {
        let listeners = listen(&web.flags, web.sockets).await?;
        // The demo has no file, and its ids are made up.
        let (config_file, audience) = match credentials {
            Credentials::Aws => (
                Some(config.file.clone()),
                Audience::of_listeners(&listeners),
            ),
            Credentials::Simulator => (None, Audience::default()),
        };
        let has_login = web.config.as_ref().is_some_and(WebConfigFile::has_login);
        if let Some(refusal) = audience.refusal(&targets).filter(|_| !has_login) {
            return Err(refusal.into());
        }
        let has_tls = web.config.as_ref().is_some_and(WebConfigFile::has_tls);
        if let Some(warning) = audience.warning().filter(|_| !has_login && !has_tls) {
            warn!("{warning}");
        }
        let page_of = |listener: &Listener| page(&listener.local_address(), has_tls);
        let first_page = listeners.iter().find_map(page_of);
        let network = match credentials {
            Credentials::Aws => Network::from_environment(clock.clone())?,
            Credentials::Simulator => Network::direct(clock.clone()),
        };
        let mut connector = Connector::new(credentials, network, clock.clone());
        connector.check(&targets).await?;
        let lists = Lists {
            config: Arc::new(config),
            sources: Arc::new(sources),
            loader: Arc::new(loader),
        };
        let poll = lists.config.poll.clone();
        let discovering = Arc::new(Discovering::new(lists.loader.catalog()));
        let store = Arc::new(Store::new(targets));
        let state = match state_path {
            Some(path) => {
                let known = lists.known(&store);
                Some(State::open(path, known, &clock).await?)
            }
            None => None,
        };
        // With those that were discovered before.
        let targets = store.snapshot().targets;
        let api = Arc::new(connector.connect(&targets, &poll));
        discovering.discover(&targets, &mut connector, poll.timeout);
        discovering.count_missed(Arc::clone(&targets)).await;
        let (mut polls, poller) =
            Poller::new(api, Arc::clone(&targets), poll.clone(), clock.clone());
        let saves = state.as_ref().map(|state| Arc::clone(&state.saves));
        let progress = Arc::clone(poller.progress());
        let now = clock.now().unix;
        let telemetry = Telemetry::new(Arc::clone(&progress), now)?.with_saves(saves);
        let telemetry = Arc::new(discovering.shown_by(telemetry));
        let first_sweep = Arc::new(FirstSweep::new(Arc::clone(&store), Arc::clone(&progress)));
        let heartbeat = Arc::new(Heartbeat::new(clock.now().mono));
        let watchdog = watchdog(&progress, &heartbeat);
        let (reload, reloads) = mpsc::channel(RELOADS_QUEUED);
        let server = web::Server::new(
            web::Dependencies {
                store: Arc::clone(&store),
                telemetry: Arc::clone(&telemetry),
                progress: Arc::clone(&progress),
                exchanges: connector.exchanges(),
                first_sweep: Arc::clone(&first_sweep),
                poller: poller.clone(),
                watchdog: watchdog.clone(),
                reload: web.flags.enable_lifecycle.then_some(reload),
                config_file: config_file.clone(),
                clock: clock.clone(),
            },
            web_options(web.flags, web.config, poll.max_in_flight),
        );
        let mut app = Self::empty();
        app.add_listeners(listeners, &server, has_tls);
        let (reload_failed, reload_failure) = watch::channel(None);
        let started = Started::new(
            &first_sweep,
            &targets,
            poll.rate_limit,
            config_file,
            clock.now(),
        );
        app.started = started.with_page(first_page);
        app.add_first_sweep(Arc::clone(&first_sweep), clock.clone());
        app.add_supervisor(
            watchdog,
            progress,
            first_sweep,
            reload_failure,
            clock.clone(),
        );
        app.add_memory(Arc::clone(&store), clock.clone());
        app.add_poll_summary(Arc::clone(&store), clock.clone());
        let passes = discovering.passes(&telemetry, clock.clone());
        app.add("discovery".to_owned(), |stop| async move {
            passes.run(stop).await;
            Ok(())
        });
        let observers = Arc::new(Observers {
            store,
            telemetry: Arc::clone(&telemetry),
        });
        let (stopped, last_standing) = oneshot::channel();
        let standing = state.as_ref().map(|state| state.standing.clone());
        app.add("poller".to_owned(), |stop| async move {
            // Here, since scrapes need not wait for it.
            if let Some(standing) = standing {
                polls.resume(&standing, &*observers);
            }
            let standing = polls.run(observers, stop).await;
            // Without a state, nobody wants to know.
            let _ = stopped.send(standing);
            Ok(())
        });
        if let Some(state) = state {
            let keeper = state.keeper(poller.clone(), last_standing, clock.clone());
            app.add("state".to_owned(), |stop| async move {
                Ok(keeper.run(stop).await?)
            });
        }
        let reloader = Reloader {
            config: lists.config,
            sources: lists.sources,
            loader: lists.loader,
            apply: ApplyToPoller {
                connector,
                poller,
                discovering,
                audience,
                server,
            },
            observer: ReportReloads {
                telemetry,
                failure: reload_failed,
                clock: clock.clone(),
            },
            heartbeat,
            clock,
            said: Vec::new(),
        };
        app.add("reloader".to_owned(), |stop| async move {
            Ok(reloader.run(hangups, reloads, stop).await?)
        });
        Ok(app)
    }

    fn empty() -> Self {
        Self {
            tasks: JoinSet::new(),
            names: HashMap::new(),
            start: CancellationToken::new(),
            stop: CancellationToken::new(),
            temporary_state: None,
            started: Started::default(),
        }
    }

    fn add_listeners(&mut self, listeners: Vec<Listener>, server: &web::Server, has_tls: bool) {
        for listener in listeners {
            let address = listener.local_address();
            info!(address, url = page(&address, has_tls), "listening");
            let server = server.clone();
            self.add(format!("web server on {address}"), |stop| async move {
                server.serve(listener, stop.cancelled()).await;
                Ok(())
            });
        }
    }

    fn add_supervisor(
        &mut self,
        watchdog: Watchdog,
        progress: Arc<Progress>,
        first_sweep: Arc<FirstSweep>,
        reload_failure: watch::Receiver<Option<String>>,
        clock: Clock,
    ) {
        self.add("supervisor".to_owned(), |stop| async move {
            systemd::report(watchdog, progress, first_sweep, reload_failure, clock, stop).await;
            Ok(())
        });
    }

    fn add_first_sweep(&mut self, first_sweep: Arc<FirstSweep>, clock: Clock) {
        self.add("first sweep".to_owned(), |stop| async move {
            first_sweep::log(first_sweep, clock, stop).await;
            Ok(())
        });
    }

    fn add_memory(&mut self, store: Arc<Store>, clock: Clock) {
        self.add("memory".to_owned(), |stop| async move {
            memory::give_back_regularly(store, clock, stop).await;
            Ok(())
        });
    }

    fn add_poll_summary(&mut self, store: Arc<Store>, clock: Clock) {
        self.add("poll summary".to_owned(), |stop| async move {
            poll_summary::log(store, clock, stop).await;
            Ok(())
        });
    }

    /// Adds a task, made with a token that is cancelled when it has to stop. It runs once the app
    /// does.
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

    /// Runs until `stop_requested` completes, then drains, within 5 s whatever the clients do.
    ///
    /// # Errors
    /// When a task ends by itself; all others are then stopped too.
    pub async fn run(
        mut self,
        stop_requested: impl Future<Output = &'static str>,
    ) -> Result<(), RunError> {
        self.started.log();
        self.start.cancel();
        systemd::ready();
        let result = tokio::select! {
            why = stop_requested => {
                info!(why, "stopping");
                Ok(())
            }
            Some(ended) = self.tasks.join_next_with_id() => Err(self.run_error(ended)),
        };
        systemd::stopping();
        self.stop.cancel();
        let all_ended = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(SHUTDOWN_TIMEOUT, all_ended)
            .await
            .is_err()
        {
            warn!("not all tasks ended in time; aborting the rest");
        }
        result
    }

    fn run_error(&self, ended: Result<(Id, TaskResult), JoinError>) -> RunError {
        let name = |id: Id| self.names.get(&id).cloned().unwrap_or_default();
        match ended {
            Ok((id, result)) => RunError::Ended {
                name: name(id),
                error: result.err(),
            },
            Err(error) => RunError::Panicked {
                name: name(error.id()),
                error,
            },
        }
    }
}

/// Watches the loops of the poller and the reloader.
fn watchdog(progress: &Progress, reloader: &Arc<Heartbeat>) -> Watchdog {
    let mut watchdog = Watchdog::default();
    watchdog.watch("poller", progress.heartbeat(), STALL_TIMEOUT);
    let reloader_timeout = RELOAD_CHECK_INTERVAL + STALL_TIMEOUT;
    watchdog.watch("reloader", Arc::clone(reloader), reloader_timeout);
    watchdog
}

#[cfg(test)]
mod tests;
