//! The poller over tokio's paused clock.

mod guests;
mod lists;
mod panics;

use super::calls::MAX_PAGES;
use super::*;
use crate::api::{Answer, Call as ApiCall, Continuation, PoolUsage, Request, Usage};
use crate::job::{IdentityIndex, PoolIndex, Target};
use crate::limits::ListNeed;
use crate::loading;
use crate::schedule::Demand;
use std::path::Path;
use std::sync::Mutex;

/// Answers after `latency`, with `answer`. Records the times of its calls and the most in flight.
struct Fake {
    latency: Duration,
    answer: fn(usize) -> Result<Reply, Failure>,
    clock: Clock,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    called_at: Vec<Mono>,
    tokens: Vec<Option<String>>,
    in_flight: usize,
    max_in_flight: usize,
}

impl Fake {
    fn new(latency: Duration, answer: fn(usize) -> Result<Reply, Failure>, clock: Clock) -> Self {
        Self {
            latency,
            answer,
            clock,
            seen: Mutex::default(),
        }
    }
}

impl Api for Fake {
    fn call<'a>(&'a self, request: Request<'a>) -> ApiCall<'a> {
        Box::pin(async move {
            let number = {
                let mut seen = self.seen.lock().unwrap();
                seen.called_at.push(self.clock.now().mono);
                seen.tokens
                    .push(request.continuation.map(|page| page.token.clone()));
                seen.in_flight += 1;
                seen.max_in_flight = seen.max_in_flight.max(seen.in_flight);
                seen.called_at.len()
            };
            tokio::time::sleep(self.latency).await;
            self.seen.lock().unwrap().in_flight -= 1;
            let reply = (self.answer)(number)?;
            Ok(match (reply, request.operation) {
                (Reply::Done(Answer::Identity(_)), Operation::DescribeIdentityPoolUsage) => {
                    Reply::Done(Answer::Pool(PoolUsage::default()))
                }
                (reply, _) => reply,
            })
        })
    }
}

#[derive(Default)]
struct Recorded {
    calls: Mutex<Vec<Option<Failure>>>,
    polls: Mutex<Vec<Observation>>,
}

impl PollObserver for Recorded {
    fn called(&self, _: Operation, _: Duration, failure: Option<Failure>) {
        self.calls.lock().unwrap().push(failure);
    }

    fn polled(&self, observation: &Observation) {
        self.polls.lock().unwrap().push(observation.clone());
    }

    fn list_need(&self, _: PoolIndex, _: IdentityIndex, _: Timestamp) -> ListNeed {
        ListNeed::None
    }

    fn demand(&self, _: PoolIndex, _: IdentityIndex, _: Timestamp) -> Demand {
        Demand::UNKNOWN
    }

    fn targets_changed(&self, _: &Arc<Targets>, _: &TargetDiff) {}
}

/// One pool of this many identities, and the settings; `poll` is that section of the configuration.
fn configured(poll: &str, identities: usize) -> (Arc<Targets>, config::PollSettings) {
    let ids: Vec<_> = (0..identities)
        .map(|number| format!("'r:{number:x}'"))
        .collect();
    let text = format!(
        "poll: {{{poll}}}\npools: [{{id: 'r:0', identities: [{}]}}]",
        ids.join(",")
    );
    let loaded = loading::parse(Path::new("test"), &text).unwrap();
    (loaded.targets, loaded.config.poll)
}

/// Polls this many identities of one pool for this many seconds.
async fn run(
    poll: &str,
    identities: usize,
    source: Fake,
    seconds: u64,
) -> (Arc<Fake>, Arc<Recorded>, Arc<Progress>) {
    let (targets, settings) = configured(poll, identities);
    let (clock, source) = (source.clock.clone(), Arc::new(source));
    let (poller, handle) = Poller::new(source.clone(), targets, settings, clock.clone());
    let (recorded, stop) = (Arc::new(Recorded::default()), CancellationToken::new());
    let stopped = async {
        clock
            .sleep_until(Mono::START + Duration::from_secs(seconds))
            .await;
        stop.cancel();
    };
    tokio::join!(poller.run(Arc::clone(&recorded), stop.clone()), stopped);
    (source, recorded, Arc::clone(handle.progress()))
}

fn success(_: usize) -> Result<Reply, Failure> {
    Ok(Reply::Done(Answer::Identity(Usage {
        datasets: Some(1),
        ..Usage::default()
    })))
}

#[tokio::test(start_paused = true)]
async fn each_target_is_polled_once_an_interval() {
    let source = Fake::new(Duration::from_millis(30), success, Clock::anchored(0.0));
    let (source, recorded, _) = run("interval: 10s, rate_limit: 1000", 100, source, 30).await;
    let calls = source.seen.lock().unwrap().called_at.len();
    assert!(
        (302..=303).contains(&calls),
        "{calls} calls: 101 targets, three intervals"
    );
    assert!(
        recorded
            .polls
            .lock()
            .unwrap()
            .iter()
            .all(|poll| poll.calls == 1 && poll.failure().is_none())
    );
}

#[tokio::test(start_paused = true)]
async fn neither_ceiling_is_exceeded() {
    let source = Fake::new(Duration::from_millis(700), success, Clock::anchored(0.0));
    let (source, ..) = run(
        "interval: 5s, rate_limit: 40, max_in_flight: 25",
        500,
        source,
        60,
    )
    .await;
    let seen = source.seen.lock().unwrap();
    assert_eq!(seen.max_in_flight, 25);
    assert!(
        seen.called_at.len() > 2_000,
        "{} calls",
        seen.called_at.len()
    );
    for (index, first) in seen.called_at.iter().enumerate() {
        let within = seen.called_at[index..]
            .partition_point(|call| call.since(*first) < Duration::from_secs(1));
        assert!(within <= 43, "{within} calls in a second");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_exceeds_its_timeout_is_aborted_and_its_slot_is_freed() {
    let forever = Duration::from_secs(1_000_000);
    let source = Fake::new(forever, success, Clock::anchored(0.0));
    let (source, recorded, _) = run(
        "interval: 10s, timeout: 2s, attempts: 1, max_in_flight: 1",
        1,
        source,
        60,
    )
    .await;
    assert!(source.seen.lock().unwrap().called_at.len() >= 11);
    assert!(
        recorded
            .polls
            .lock()
            .unwrap()
            .iter()
            .all(|poll| poll.failure() == Some(Failure::Timeout))
    );
}

#[tokio::test(start_paused = true)]
async fn attempts_are_calls_and_the_last_one_counts() {
    let every_third_succeeds = |number: usize| {
        if number.is_multiple_of(3) {
            success(number)
        } else {
            Err(Failure::Throttled)
        }
    };
    let source = Fake::new(Duration::ZERO, every_third_succeeds, Clock::anchored(0.0));
    let (_, recorded, _) = run(
        "interval: 300s, attempts: 3, rate_limit: 1000",
        0,
        source,
        600,
    )
    .await;
    let polls = recorded.polls.lock().unwrap();
    assert!(polls.len() >= 2);
    for poll in polls.iter() {
        assert_eq!((poll.calls, poll.failure()), (3, None));
        assert!(
            poll.took >= Duration::from_millis(750),
            "it waited between attempts: {:?}",
            poll.took
        );
    }
    assert_eq!(recorded.calls.lock().unwrap().len(), 3 * polls.len());
}

#[tokio::test(start_paused = true)]
async fn a_max_age_that_cannot_be_kept_shows_as_lag_and_sweep_time() {
    let clock = Clock::anchored(0.0);
    let (.., progress) = run(
        "interval: 1s, max_age: 10s, rate_limit: 2",
        100,
        Fake::new(Duration::ZERO, success, clock.clone()),
        60,
    )
    .await;
    assert_eq!(progress.sweep_seconds(), 50.0);
    assert!(
        progress.lag(clock.now().mono) > Duration::from_secs(15),
        "{:?}",
        progress.lag(clock.now().mono)
    );
    assert!(progress.heartbeat().silent_for(clock.now().mono) <= Duration::from_secs(1));
}

/// Pages named by the number of the call that brought them, in threes.
fn three_pages(number: usize) -> Result<Reply, Failure> {
    let so_far = Answer::Identity(Usage {
        datasets: Some(number as u32),
        ..Usage::default()
    });
    Ok(match number % 3 {
        0 => Reply::Done(so_far),
        _ => Reply::More(Continuation {
            token: number.to_string(),
            so_far,
        }),
    })
}

#[tokio::test(start_paused = true)]
async fn an_answer_in_pages_is_one_poll_of_several_calls() {
    let clock = Clock::anchored(0.0);
    let source = Fake::new(Duration::from_millis(40), three_pages, clock.clone());
    let source = Arc::new(source);
    let (targets, settings) = configured("interval: 10s, rate_limit: 5", 20);
    let (poller, _handle) = Poller::of_operations(
        &[Operation::DescribeIdentityUsage],
        source.clone(),
        targets,
        settings,
        clock.clone(),
    );
    let (recorded, stop) = (Arc::new(Recorded::default()), CancellationToken::new());
    let stopped = async {
        clock
            .sleep_until(Mono::START + Duration::from_secs(60))
            .await;
        stop.cancel();
    };
    tokio::join!(poller.run(Arc::clone(&recorded), stop.clone()), stopped);
    let (seen, polls) = (source.seen.lock().unwrap(), recorded.polls.lock().unwrap());
    assert!(polls.len() > 90, "{} polls", polls.len());
    assert!(recorded.calls.lock().unwrap().len() / 3 - polls.len() <= 1);
    for (index, poll) in polls.iter().enumerate() {
        let number = 3 * index as u32 + 3;
        let usage = Usage {
            datasets: Some(number),
            ..Usage::default()
        };
        assert_eq!(
            (poll.calls, poll.result.clone()),
            (3, Ok(Answer::Identity(usage)))
        );
        assert_eq!(
            poll.requested_at.mono,
            seen.called_at[3 * index],
            "as old as its first page"
        );
        let tokens = [None, Some(number - 2), Some(number - 1)];
        let tokens = tokens.map(|token| token.map(|number| number.to_string()));
        assert_eq!(seen.tokens[3 * index..][..3], tokens);
    }
    for (index, first) in seen.called_at.iter().enumerate() {
        let second = Duration::from_secs(1);
        let within = seen.called_at[index..].partition_point(|call| call.since(*first) < second);
        assert!(within <= 6, "{within} calls in a second, pages included");
    }
}

#[tokio::test(start_paused = true)]
async fn pages_without_end_and_answers_to_something_else_are_malformed() {
    let endless = |number| {
        let so_far = Answer::Identity(Usage::default());
        Ok(Reply::More(Continuation {
            token: format!("{number}"),
            so_far,
        }))
    };
    let wrong = |_| Ok(Reply::Done(Answer::Pool(PoolUsage::default())));
    let poll = "interval: 60s, rate_limit: 1000, attempts: 1";
    for (answer, calls) in [(endless as fn(usize) -> _, MAX_PAGES), (wrong, 1)] {
        let source = Fake::new(Duration::ZERO, answer, Clock::anchored(0.0));
        let (_, recorded, _) = run(poll, 1, source, 60).await;
        let polls = recorded.polls.lock().unwrap();
        let about_identity =
            |poll: &&Observation| poll.job.operation == Operation::DescribeIdentityUsage;
        let poll = polls.iter().find(about_identity).unwrap();
        assert_eq!(
            (poll.calls, poll.failure()),
            (calls, Some(Failure::Malformed))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_handle_explains_and_applies_targets_until_the_poller_ends() {
    let clock = Clock::anchored(0.0);
    let source = Arc::new(Fake::new(Duration::from_millis(30), success, clock.clone()));
    let (old, settings) = configured("interval: 10s", 3);
    let (new, _) = configured("interval: 10s", 5);
    let (poller, handle) = Poller::new(
        source.clone(),
        Arc::clone(&old),
        settings.clone(),
        clock.clone(),
    );
    let stop = CancellationToken::new();
    let about = [Target::identity(PoolIndex(0), 2)];
    let commands = async {
        // A poller that nobody asks need not run.
        assert_eq!(handle.explain(&old, &[], Duration::ZERO).await, []);
        let explained = handle.explain(&old, &about, RESPONSE_TIMEOUT).await;
        assert!(explained[0].unwrap().at <= Mono::START + Duration::from_secs(10));
        let applied = handle.apply_targets(Arc::clone(&new), source.clone(), settings.clone());
        let diff = applied.await.unwrap();
        assert_eq!((diff.added, diff.removed, diff.kept), (2, 0, 3));
        assert_eq!(
            handle.explain(&old, &about, RESPONSE_TIMEOUT).await,
            [None],
            "other targets are polled now"
        );
        assert!(handle.explain(&new, &about, RESPONSE_TIMEOUT).await[0].is_some());
        stop.cancel();
    };
    let recorded = Arc::new(Recorded::default());
    tokio::join!(poller.run(recorded, stop.clone()), commands);
    assert_eq!(handle.explain(&new, &about, RESPONSE_TIMEOUT).await, [None]);
    assert!(handle.apply_targets(old, source, settings).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_token_that_aws_rejects_restarts_the_list() {
    // A first page, a rejected token, then a list of one page.
    let expired = |number: usize| match number {
        1 => three_pages(1),
        2 => Err(Failure::InvalidParameter),
        _ => success(number),
    };
    let source = Fake::new(Duration::ZERO, expired, Clock::anchored(0.0));
    let (source, heard, _) = run("interval: 300s, rate_limit: 1000", 1, source, 300).await;
    let polls = heard.polls.lock().unwrap();
    assert!(
        polls.iter().all(|poll| poll.failure().is_none()),
        "{polls:?}"
    );
    let tokens = &source.seen.lock().unwrap().tokens;
    assert_eq!(tokens[..3], [None, Some("1".to_owned()), None]);
}
