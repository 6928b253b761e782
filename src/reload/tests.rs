//! The reload loop with a provider that changes its list, and with files that change.

use std::convert::Infallible;
use std::path::Path;
use std::sync::Mutex;

use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

use super::*;
use crate::config::{Checked, PoolConfig, Problem};
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
            .for_each(|id| list.add(id, None, Problem::default).unwrap());
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
        self.apply_lists(targets).await
    }

    async fn apply_lists(&mut self, targets: Arc<Targets>) -> Result<TargetDiff, Infallible> {
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
    directory: tempfile::TempDir,
}

impl Running {
    /// Starts with a provider whose list is not complete yet.
    fn start() -> Self {
        Self::with_files(&[("config.yaml", FILE)])
    }

    /// The same with these files, which list one identity.
    fn with_files(files: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("config.yaml");
        for (name, content) in files {
            std::fs::write(directory.path().join(name), content).unwrap();
        }
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
            sources: Arc::new(loaded.sources),
            loader: Arc::new(loader),
            apply: Applied {
                targets: loaded.targets,
                ids,
            },
            observer: phases.clone(),
            heartbeat: Arc::new(Heartbeat::new(clock.now().mono)),
            clock,
            said: Vec::new(),
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
            directory,
        }
    }

    fn write(&self, name: &str, content: &str) {
        std::fs::write(self.directory.path().join(name), content).unwrap();
    }

    /// Waits for so many checks of the files.
    async fn checks(&self, number: u32) {
        tokio::time::sleep(RELOAD_CHECK_INTERVAL * number).await;
    }

    /// Whether the reloads so far succeeded.
    fn outcomes(&self) -> Vec<bool> {
        let phases = self.phases.0.lock().unwrap();
        phases.iter().filter_map(|(_, ended)| *ended).collect()
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
    assert_eq!(running.stop().await, [], "it is no reload");
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

const LISTED: &str = "pools: [{id: 'r:0', identity_files: ['*.txt']}]\n";

fn listed(ids: &str) -> Running {
    Running::with_files(&[("config.yaml", LISTED), ("a.txt", ids)])
}

#[test]
fn a_change_settles_when_two_checks_in_a_row_find_it() {
    let content = |number: usize| {
        let config = Config {
            file: "config".into(),
            poll: PollSettings::default(),
            pools: Vec::new(),
        };
        let configuration = Configuration::file(&[number as u8]);
        Sources::new(configuration, &config, &[], false).fingerprint()
    };
    let mut watch = Watch {
        tried: content(0),
        changed: None,
    };
    let found = [0, 1, 2, 2, 2, 0, 1, 0, 1, 1].map(|number| watch.has_settled(content(number)));
    let expected = [
        false, false, false, true, true, false, false, false, false, true,
    ];
    assert_eq!(found, expected);
    watch.tried(content(1));
    assert_eq!(
        [1, 1, 0, 0].map(|number| watch.has_settled(content(number))),
        [false, false, false, true]
    );
}

#[tokio::test(start_paused = true)]
async fn a_list_that_is_still_written_is_not_taken() {
    let mut running = listed("r:a\n");
    running.checks(1).await;
    for length in 1..5 {
        running.write("a.txt", &"r:a\nr:b\nr:c\nr:d\n"[..length * 4]);
        running.checks(1).await;
    }
    assert_eq!(running.outcomes(), [] as [bool; 0]);
    assert_eq!(
        running.applied.recv().await.unwrap(),
        ["r:a", "r:b", "r:c", "r:d"]
    );
    assert_eq!(running.outcomes(), [true]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_half_written_list_is_refused_once_and_taken_on_request() {
    for half in ["", "r:b\nr:"] {
        let mut running = listed("r:a\n");
        running.write("a.txt", half);
        running.checks(9).await;
        assert_eq!(running.outcomes(), [false], "{half:?}");
        running.write("a.txt", "r:a\n");
        running.checks(3).await;
        assert_eq!(running.outcomes(), [false, true], "the old content is good");
        assert_eq!(running.applied.recv().await.unwrap(), ["r:a"]);
        running.write("a.txt", half.trim_end_matches("r:"));
        running.checks(0).await;
        running.request().await.unwrap();
        let taken: Vec<_> = half.lines().filter(|line| *line == "r:b").collect();
        assert_eq!(running.applied.recv().await.unwrap(), taken);
        running.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_that_vanishes_from_a_glob_is_half_written_too() {
    let mut running = listed("r:a\n");
    running.write("b.txt", "r:b\n");
    assert_eq!(running.applied.recv().await.unwrap(), ["r:a", "r:b"]);
    std::fs::remove_file(running.directory.path().join("b.txt")).unwrap();
    running.checks(9).await;
    assert_eq!(running.outcomes(), [true, false]);
    running.request().await.unwrap();
    assert_eq!(running.applied.recv().await.unwrap(), ["r:a"]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_change_between_the_first_loading_and_the_loop_is_not_missed() {
    let mut running = listed("r:a\n");
    // The loop's task has not run yet.
    running.write("a.txt", "r:b\n");
    assert_eq!(running.applied.recv().await.unwrap(), ["r:b"]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_providers_list_waits_for_no_file_and_takes_none_along() {
    let mut running = listed("r:a\n");
    running.write("a.txt", "r:");
    running.provider.change(State::Complete(vec!["r:c"]));
    assert_eq!(running.applied.recv().await.unwrap(), ["r:a", "r:c"]);
    running.checks(9).await;
    running.write("a.txt", "r:b\n");
    assert_eq!(running.applied.recv().await.unwrap(), ["r:b", "r:c"]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_configuration_that_was_read_once_is_never_read_again() {
    let directory = tempfile::tempdir().unwrap();
    let list = directory.path().join("ids");
    std::fs::write(&list, "r:a\n").unwrap();
    let pipe = directory.path().join("pipe");
    crate::file::make_pipe(&pipe);
    let text = format!(
        "pools: [{{id: 'r:0', identity_files: ['{}']}}]",
        list.display()
    );
    let (writer, written_to) = (text.clone(), pipe.clone());
    let writing = std::thread::spawn(move || std::fs::write(written_to, writer).unwrap());
    let loader = Loader::default();
    let loaded = loader.load(&pipe).unwrap();
    writing.join().unwrap();
    std::fs::write(&list, "r:a\nr:b\n").unwrap();
    // None of these opens the pipe, which would wait for a writer.
    assert_ne!(
        loaded.sources.present_fingerprint(&loaded.config),
        loaded.sources.fingerprint()
    );
    let again = loader.reload(&loaded.config, &loaded.sources).unwrap();
    assert_eq!(again.targets.identities(), 2);
    assert_eq!(
        again.sources.present_fingerprint(&again.config),
        again.sources.fingerprint()
    );
    let reloaded = Reloaded {
        added: 1,
        removed: 0,
        kept: 1,
        is_read_once: true,
    };
    assert_eq!(
        reloaded.to_string(),
        "reloaded: 1 identities added, 0 removed, 1 kept; the configuration itself is no \
         regular file, so it was not read again"
    );
    // A regular file that has become a pipe is a problem.
    std::fs::write(directory.path().join("file"), &text).unwrap();
    let file = directory.path().join("file");
    let loaded = loader.load(&file).unwrap();
    std::fs::rename(&pipe, &file).unwrap();
    let problems = loader.reload(&loaded.config, &loaded.sources).unwrap_err();
    assert!(
        problems[0]
            .to_string()
            .ends_with("it is a pipe, expected a regular file")
    );
}
