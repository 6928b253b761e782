//! A line in the log for each pool whose polls fail, once a minute while the numbers change.
//! Changes from good to bad and back are lines of their own, which the store logs at once.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::api::Failure;
use crate::clock::{Clock, Mono};
use crate::identity::PoolId;
use crate::store::{PoolView, Reasons, Snapshot, State, Store};

/// Time between two looks. One that finds no change takes microseconds.
const INTERVAL: Duration = Duration::from_secs(60);

/// What was logged last of each pool whose polls fail.
#[derive(Debug, Default)]
struct Logged(HashMap<PoolId, Reasons>);

impl Logged {
    /// The pools of which a line is due.
    fn due<'a>(&mut self, snapshot: &'a Snapshot) -> Vec<PoolView<'a>> {
        let mut before = std::mem::take(&mut self.0);
        let mut due = Vec::new();
        for pool in snapshot.pools() {
            let failed = failed(&pool);
            if failed.sum() == 0 {
                continue;
            }
            if before.remove(&pool.target.id) != Some(failed) {
                due.push(pool);
            }
            self.0.insert(pool.target.id.clone(), failed);
        }
        due
    }
}

/// What counts as failed. Of identities that are discovered, many guests never synced.
fn failed(pool: &PoolView<'_>) -> Reasons {
    match pool.target.settings.discover {
        Some(_) => pool.failed().without(Failure::NotFound),
        None => pool.failed(),
    }
}

/// Logs the lines that are due, once a minute until `stop`.
pub async fn log(store: Arc<Store>, clock: Clock, stop: CancellationToken) {
    look_regularly(store, clock, stop, log_line).await;
}

/// Calls `on_due` with each pool of which a line is due.
async fn look_regularly(
    store: Arc<Store>,
    clock: Clock,
    stop: CancellationToken,
    on_due: impl Fn(&PoolView<'_>, Mono) + Clone + Send + 'static,
) {
    let mut logged = Logged::default();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = clock.sleep_until(clock.now().mono + INTERVAL) => {}
        }
        let (snapshot, now) = (store.snapshot(), clock.now().mono);
        let on_due = on_due.clone();
        let look = move || {
            for pool in logged.due(&snapshot) {
                on_due(&pool, now);
            }
            logged
        };
        // A line takes a pass over the pool's identities. After a panic, which was logged, each
        // pool has one line more than it needs.
        logged = spawn_blocking(look).await.unwrap_or_default();
    }
}

fn log_line(pool: &PoolView<'_>, now: Mono) {
    let states = pool.states(now);
    let of = |state: State| states[state as usize];
    info!(
        pool = %pool.target.id,
        fresh = of(State::Fresh),
        failing = of(State::Failing),
        stale = of(State::Stale),
        missing = of(State::Missing),
        pending = of(State::Pending),
        reasons = %failed(pool),
        "poll summary"
    );
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::task::JoinSet;
    use tracing::Event;
    use tracing::field::{Field, Visit};
    use tracing::subscriber::with_default;
    use tracing_subscriber::Layer;
    use tracing_subscriber::layer::{Context, SubscriberExt};

    use super::*;
    use crate::api::Usage;
    use crate::clock::Timestamp;
    use crate::job::PoolIndex;
    use crate::observation::Observation;
    use crate::targets::Targets;

    fn poll(store: &Store, pool: usize, identity: usize, result: Result<Usage, Failure>) {
        let now = Timestamp {
            mono: Mono::START,
            unix: 0.0,
        };
        let observation = Observation::of_identity(PoolIndex(pool), identity, now, result);
        store.record(&observation);
    }

    #[test]
    fn a_pool_has_a_line_when_its_failures_have_changed() {
        let targets = Targets::for_tests(&[("r:0", 4), ("r:1", 2)]);
        let store = Store::new(Arc::new(targets));
        let mut logged = Logged::default();
        let mut due = || -> Vec<String> {
            let snapshot = store.snapshot();
            let line = |pool: &PoolView<'_>| format!("{} {}", pool.target.id, failed(pool));
            logged.due(&snapshot).iter().map(line).collect()
        };
        let ok = Ok(Usage::default());
        poll(&store, 0, 0, ok);
        assert_eq!(due(), [""; 0], "a healthy first sweep");
        poll(&store, 0, 1, Err(Failure::Timeout));
        poll(&store, 0, 2, Err(Failure::AccessDenied));
        poll(&store, 0, 3, Err(Failure::AccessDenied));
        poll(&store, 1, 0, Err(Failure::NotFound));
        let both = ["r:0 access_denied=2 timeout=1", "r:1 not_found=1"];
        assert_eq!(due(), both);
        poll(&store, 0, 3, Err(Failure::AccessDenied));
        poll(&store, 1, 1, ok);
        assert_eq!(due(), [""; 0], "no failure more or less");
        poll(&store, 0, 1, Err(Failure::AccessDenied));
        assert_eq!(due(), ["r:0 access_denied=3"], "another reason");
        (1..4).for_each(|identity| poll(&store, 0, identity, ok));
        assert_eq!(due(), [""; 0], "all is well");
        poll(&store, 0, 1, Err(Failure::AccessDenied));
        assert_eq!(due(), ["r:0 access_denied=1"]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_line_comes_once_a_minute() {
        let store = Arc::new(Store::new(Arc::new(Targets::for_tests(&[("r:0", 4)]))));
        let (clock, stop) = (Clock::system(), CancellationToken::new());
        let lines = Arc::new(Mutex::new(Vec::new()));
        let written = Arc::clone(&lines);
        let on_due = move |pool: &PoolView<'_>, now| {
            let line = format!("{:?} {}", pool.states(now), failed(pool));
            written.lock().unwrap().push(line);
        };
        let looks = look_regularly(Arc::clone(&store), clock.clone(), stop.clone(), on_due);
        let mut tasks = JoinSet::new();
        tasks.spawn(looks);
        let minutes = async |minutes| {
            let until = clock.now().mono + INTERVAL * minutes;
            clock.sleep_until(until).await;
            std::mem::take(&mut *lines.lock().unwrap())
        };
        poll(&store, 0, 0, Ok(Usage::default()));
        let half = Duration::from_secs(30);
        clock.sleep_until(clock.now().mono + half).await;
        poll(&store, 0, 1, Err(Failure::Timeout));
        poll(&store, 0, 2, Err(Failure::AccessDenied));
        poll(&store, 0, 2, Err(Failure::NotFound));
        let line = "[1, 1, 1, 0, 1] not_found=1 timeout=1";
        assert_eq!(minutes(1).await, [line]);
        assert_eq!(minutes(9).await, [""; 0], "nothing changes");
        poll(&store, 0, 3, Err(Failure::Timeout));
        assert_eq!(minutes(9).await.len(), 1);
        stop.cancel();
        tasks.join_all().await;
    }

    /// What a line holds, as `key=value`.
    #[derive(Clone, Default)]
    struct Fields(Arc<Mutex<Vec<String>>>);

    impl<S: tracing::Subscriber> Layer<S> for Fields {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            event.record(&mut self.clone());
        }
    }

    impl Visit for Fields {
        fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
            let field = format!("{}={value:?}", field.name());
            self.0.lock().unwrap().push(field);
        }
    }

    #[test]
    fn the_line_counts_each_state_and_the_reasons() {
        let store = Store::new(Arc::new(Targets::for_tests(&[("r:0", 4)])));
        poll(&store, 0, 0, Ok(Usage::default()));
        poll(&store, 0, 1, Err(Failure::Timeout));
        poll(&store, 0, 2, Err(Failure::NotFound));
        let (fields, snapshot) = (Fields::default(), store.snapshot());
        let subscriber = tracing_subscriber::registry().with(fields.clone());
        let pool = snapshot.pools().next().unwrap();
        with_default(subscriber, || log_line(&pool, Mono::START));
        let line = fields.0.lock().unwrap().join(" ");
        assert_eq!(
            line,
            "message=poll summary pool=r:0 fresh=1 failing=1 stale=0 missing=1 pending=1 \
             reasons=not_found=1 timeout=1"
        );
    }

    #[test]
    fn guests_that_never_synced_are_no_failure() {
        let mut targets = Targets::for_tests(&[("r:0", 3)]);
        targets.pools[0].settings.discover = Some(Default::default());
        let store = Store::new(Arc::new(targets));
        let mut logged = Logged::default();
        poll(&store, 0, 0, Err(Failure::NotFound));
        assert!(logged.due(&store.snapshot()).is_empty());
        poll(&store, 0, 1, Err(Failure::Throttled));
        let snapshot = store.snapshot();
        let due = logged.due(&snapshot);
        assert_eq!(failed(&due[0]).to_string(), "throttled=1");
    }
}
