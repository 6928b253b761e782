//! Calls that panic.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_call_that_panics_is_a_failed_poll() {
    let every_other = |number: usize| {
        assert!(number.is_multiple_of(2), "on purpose");
        success(number)
    };
    let source = Fake::new(Duration::from_millis(30), every_other, Clock::anchored(0.0));
    let poll = "interval: 10s, rate_limit: 1000, attempts: 1, max_in_flight: 1";
    let (source, recorded, progress) = run(poll, 20, source, 60).await;
    let calls = recorded.calls.lock().unwrap();
    let sent = source.seen.lock().unwrap().called_at.len();
    assert!(sent - calls.len() <= 1, "the only slot is freed");
    assert!(calls.len() > 100, "polling goes on: {} calls", calls.len());
    for (index, failure) in calls.iter().enumerate() {
        let panicked = index.is_multiple_of(2).then_some(Failure::Malformed);
        assert_eq!(*failure, panicked, "call {index}");
    }
    let polls = recorded.polls.lock().unwrap();
    let failed = polls.iter().filter(|poll| poll.failure().is_some());
    assert!(failed.count() > 50, "each is an observation");
    assert_eq!(progress.sweep_seconds(), 0.02, "the rate is whole");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_panics_is_repeated_like_any_without_an_answer() {
    let at_first = |number: usize| {
        assert!(number.is_multiple_of(3), "on purpose");
        success(number)
    };
    let source = Fake::new(Duration::ZERO, at_first, Clock::anchored(0.0));
    let poll = "interval: 300s, attempts: 3, rate_limit: 1000";
    let (_, recorded, _) = run(poll, 0, source, 600).await;
    let polls = recorded.polls.lock().unwrap();
    assert!(polls.len() >= 2);
    for poll in polls.iter() {
        assert_eq!((poll.calls, poll.failure()), (3, None));
    }
}

/// Panics before it returns a future for pools of one region, and when a future of another is
/// dropped.
struct Bad(Arc<Fake>);

struct PanicsWhenDropped;

impl Drop for PanicsWhenDropped {
    fn drop(&mut self) {
        panic!("on purpose, when dropped");
    }
}

impl Api for Bad {
    fn call<'a>(&'a self, request: Request<'a>) -> ApiCall<'a> {
        match request.pool.region() {
            "at-once" => panic!("on purpose, at once"),
            "late" => Box::pin(async {
                let _dropped_last = PanicsWhenDropped;
                std::future::pending().await
            }),
            _ => self.0.call(request),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn other_budgets_go_on() {
    let text = "poll: {interval: 10s, rate_limit: 1000, timeout: 2s, attempts: 1}\n\
                pools: [{id: 'at-once:0', identities: ['at-once:1']}, \
                {id: 'late:0', identities: ['late:1']}, \
                {id: 'good:0', identities: ['good:1']}]";
    let loaded = loading::parse(Path::new("test"), text).unwrap();
    let clock = Clock::anchored(0.0);
    let good = Arc::new(Fake::new(Duration::ZERO, success, clock.clone()));
    let (poller, _handle) = Poller::new(
        Arc::new(Bad(Arc::clone(&good))),
        loaded.targets,
        loaded.config.poll,
        clock.clone(),
    );
    let (recorded, stop) = (Arc::new(Recorded::default()), CancellationToken::new());
    let stopped = async {
        let end = Mono::START + Duration::from_secs(100);
        clock.sleep_until(end).await;
        stop.cancel();
    };
    tokio::join!(poller.run(Arc::clone(&recorded), stop.clone()), stopped);
    let polls = recorded.polls.lock().unwrap();
    for pool in 0..3 {
        let polls = polls
            .iter()
            .filter(|poll| poll.job.target.pool() == PoolIndex(pool));
        let failures: Vec<_> = polls.map(Observation::failure).collect();
        let expected = (pool < 2).then_some(Failure::Malformed);
        assert!(failures.len() >= 16, "{} polls", failures.len());
        assert!(
            failures.iter().all(|failure| *failure == expected),
            "pool {pool}: {failures:?}"
        );
    }
}
