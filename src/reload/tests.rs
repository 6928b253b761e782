//! The reload loop with a provider that changes its list.

use std::convert::Infallible;
use std::path::Path;
use std::sync::Mutex;

use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

use super::*;
use crate::config::PoolConfig;
use crate::discovery::{ChangeNotifier, Discovery, IdentityList, Listing, Provider};

const FILE: &str = "pools: [{id: 'r:0', identities: ['r:a']}]";

/// A provider whose list is incomplete at first, and changes.
#[derive(Clone)]
struct Fake {
    state: Arc<Mutex<State>>,
    notifier: ChangeNotifier,
}

#[derive(Clone)]
enum State {
    Partial,
    Complete(Vec<&'static str>),
    Panicking,
}

impl Fake {
    fn set(&self, state: State) {
        *self.state.lock().unwrap() = state;
    }

    fn change(&self, state: State) {
        self.set(state);
        self.notifier.notify();
    }
}

impl Provider for Fake {
    fn list(&self, _: &Path, pool: &PoolConfig) -> Checked<Listing> {
        let state = self.state.lock().unwrap().clone();
        let ids = match state {
            State::Partial => return Checked::good(Listing::Pending),
            State::Complete(ids) => ids,
            State::Panicking => panic!("on purpose"),
        };
        let mut list = IdentityList::new(pool.region());
        ids.iter()
            .for_each(|id| list.add(id, None, String::new).unwrap());
        Checked::good(Listing::Complete(Arc::new(list)))
    }
}

/// Applies targets as the poller does, and sends their ids to the test.
struct Applied {
    targets: Arc<Targets>,
    ids: mpsc::UnboundedSender<Vec<String>>,
}

impl ApplyTargets for Applied {
    type Error = Infallible;

    async fn apply(
        &mut self,
        _: Trigger,
        targets: Arc<Targets>,
        _: &PollSettings,
    ) -> Result<TargetDiff, Infallible> {
        let diff = TargetDiff::new(&self.targets, &targets);
        let ids = targets.pools[0].identities.ids();
        let ids = ids.map(|id| id.as_str().to_owned()).collect();
        self.ids.send(ids).unwrap();
        self.targets = targets;
        Ok(diff)
    }
}

/// The trigger of a reload; `None` when it starts, then whether it succeeded.
type Phase = (Trigger, Option<bool>);

#[derive(Clone, Default)]
struct Phases(Arc<Mutex<Vec<Phase>>>);

impl ReloadObserver for Phases {
    fn started(&self, trigger: Trigger) {
        self.0.lock().unwrap().push((trigger, None));
    }

    fn finished(&self, trigger: Trigger, outcome: &Outcome) {
        let succeeded = outcome.is_ok();
        self.0.lock().unwrap().push((trigger, Some(succeeded)));
    }
}

/// A running reload loop and its channels.
struct Running {
    provider: Fake,
    applied: mpsc::UnboundedReceiver<Vec<String>>,
    requests: mpsc::Sender<Request>,
    phases: Phases,
    stop: CancellationToken,
    tasks: JoinSet<()>,
    _directory: tempfile::TempDir,
}

impl Running {
    /// Starts with a provider whose list is not complete yet.
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("config.yaml");
        std::fs::write(&file, FILE).unwrap();
        let mut discovery = Discovery::default();
        let provider = Fake {
            state: Arc::new(Mutex::new(State::Partial)),
            notifier: discovery.notifier(),
        };
        discovery.add(provider.clone());
        let loader = Loader::new(discovery, |_| None);
        let loaded = loader.load(&file).unwrap();
        assert_eq!(loaded.targets.identities(), 1);
        let (ids, applied) = mpsc::unbounded_channel();
        let (requests, received) = mpsc::channel(1);
        let (phases, clock) = (Phases::default(), Clock::anchored(0.0));
        let reloader = Reloader {
            config: Arc::new(loaded.config),
            loader: Arc::new(loader),
            apply: Applied {
                targets: loaded.targets,
                ids,
            },
            observer: phases.clone(),
            heartbeat: Arc::new(Heartbeat::new(clock.now().mono)),
            clock,
        };
        let (stop, mut tasks) = (CancellationToken::new(), JoinSet::new());
        let (hangups, stopped) = (signal(SignalKind::user_defined2()).unwrap(), stop.clone());
        tasks.spawn(async move { reloader.run(hangups, received, stopped).await.unwrap() });
        Self {
            provider,
            applied,
            requests,
            phases,
            stop,
            tasks,
            _directory: directory,
        }
    }

    async fn request(&self) -> Outcome {
        let (request, outcome) = oneshot::channel();
        self.requests.send(request).await.unwrap();
        outcome.await.unwrap()
    }

    async fn stop(mut self) -> Vec<Phase> {
        self.stop.cancel();
        self.tasks.join_next().await.unwrap().unwrap();
        assert!(self.applied.try_recv().is_err(), "nothing else was applied");
        self.phases.0.lock().unwrap().clone()
    }
}

#[tokio::test]
async fn a_provider_that_changes_its_list_leads_to_new_targets() {
    let mut running = Running::start();
    running.provider.change(State::Complete(vec!["r:c", "r:b"]));
    assert_eq!(running.applied.recv().await.unwrap(), ["r:a", "r:b", "r:c"]);
    running.provider.change(State::Complete(vec!["r:c"]));
    assert_eq!(running.applied.recv().await.unwrap(), ["r:a", "r:c"]);
    let once = |succeeded| (Trigger::Provider, succeeded);
    assert_eq!(
        running.stop().await,
        [None, Some(true), None, Some(true)].map(once)
    );
}

#[tokio::test]
async fn an_incomplete_list_removes_no_identity() {
    let mut running = Running::start();
    running.provider.change(State::Partial);
    assert_eq!(running.applied.recv().await.unwrap(), ["r:a"]);
    running.provider.set(State::Complete(vec!["r:b"]));
    let reloaded = running.request().await.unwrap();
    assert_eq!(
        reloaded.to_string(),
        "reloaded: 1 identities added, 0 removed, 1 kept"
    );
    assert_eq!(running.applied.recv().await.unwrap(), ["r:a", "r:b"]);
    running.stop().await;
}

#[tokio::test]
async fn a_panic_while_loading_is_reported_and_the_old_configuration_stays_in_force() {
    let mut running = Running::start();
    running.provider.set(State::Panicking);
    let error = running.request().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "loading the configuration panicked; the previous one stays in force"
    );
    running.provider.set(State::Complete(vec!["r:b"]));
    let reloaded = running.request().await.unwrap();
    assert_eq!(
        (reloaded.added, reloaded.kept),
        (1, 1),
        "compared to the first"
    );
    assert_eq!(running.applied.recv().await.unwrap(), ["r:a", "r:b"]);
    let once = |succeeded| (Trigger::Request, succeeded);
    assert_eq!(
        running.stop().await,
        [None, Some(false), None, Some(true)].map(once)
    );
}
