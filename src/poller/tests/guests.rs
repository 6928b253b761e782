//! Calls that need an exchange before them.

use super::*;
use crate::api::{Exchange, Request};
use crate::identity::PoolId;
use crate::schedule::Demand;

const DESCRIBE: Operation = Operation::DescribeIdentityUsage;
const LIST: Operation = Operation::ListDatasets;
const EXCHANGE: Operation = Operation::GetCredentialsForIdentity;

/// Answers calls and exchanges, each of which takes a second, by how often there were such before.
struct Guests {
    answer: fn(Operation, usize) -> Option<Failure>,
    log: Mutex<Log>,
}

#[derive(Default)]
struct Log {
    /// All calls and exchanges.
    operations: Vec<Operation>,
    has_keys: bool,
    ended: usize,
}

impl Guests {
    async fn make(&self, operation: Operation) -> Result<(), CallError> {
        let before = {
            let mut log = self.log.lock().unwrap();
            let same = log.operations.iter().filter(|other| **other == operation);
            let before = same.count();
            log.operations.push(operation);
            before
        };
        tokio::time::sleep(Duration::from_secs(1)).await;
        match (self.answer)(operation, before) {
            Some(failure) => Err(failure.into()),
            None => Ok(()),
        }
    }
}

impl Api for Guests {
    fn call<'a>(&'a self, request: Request<'a>) -> ApiCall<'a> {
        Box::pin(async move {
            assert!(self.log.lock().unwrap().has_keys);
            let made = self.make(request.operation).await;
            let is_refused = |error: &CallError| error.failure == Failure::Credentials;
            self.log.lock().unwrap().has_keys = !made.as_ref().is_err_and(is_refused);
            made?;
            match request.operation {
                LIST => Ok(Reply::Done(Answer::Datasets(Vec::new()))),
                _ => Ok(success(0)?),
            }
        })
    }

    fn exchange<'a>(&'a self, _: Request<'a>) -> Option<Exchange<'a>> {
        let needs_keys = !self.log.lock().unwrap().has_keys;
        needs_keys.then(|| -> Exchange<'a> {
            Box::pin(async move {
                self.make(EXCHANGE).await?;
                self.log.lock().unwrap().has_keys = true;
                Ok(())
            })
        })
    }

    fn poll_ended(&self, _: &PoolId, _: IdentityId<'_>) {
        let mut log = self.log.lock().unwrap();
        (log.has_keys, log.ended) = (false, log.ended + 1);
    }
}

/// What is observed of the calls: operation, seconds and failure.
type Called = (Operation, u64, Option<Failure>);

#[derive(Default)]
struct Counted(Mutex<Vec<Called>>, Recorded);

impl PollObserver for Counted {
    fn called(&self, operation: Operation, took: Duration, failure: Option<Failure>) {
        let mut called = self.0.lock().unwrap();
        called.push((operation, took.as_secs(), failure));
    }

    fn polled(&self, observation: &Observation) {
        self.1.polled(observation);
    }

    fn list_need(&self, _: PoolIndex, _: IdentityIndex, _: Timestamp) -> ListNeed {
        ListNeed::None
    }

    fn demand(&self, _: PoolIndex, _: IdentityIndex, _: Timestamp) -> Demand {
        Demand::UNKNOWN
    }

    fn targets_changed(&self, _: &Arc<Targets>, _: &TargetDiff) {}
}

/// Polls one guest once, with one attempt. Returns what was counted, and the poll.
async fn poll_once(
    answer: fn(Operation, usize) -> Option<Failure>,
) -> (Vec<Called>, Observation, Arc<Guests>) {
    let clock = Clock::anchored(0.0);
    let api = Arc::new(Guests {
        answer,
        log: Mutex::default(),
    });
    let text = "poll: {interval: 1h, attempts: 1}\n\
                pools: [{id: 'r:0', identity_credentials: guest, identities: ['r:1']}]";
    let loaded = loading::parse(Path::new("test"), text).unwrap();
    let (targets, settings) = (loaded.targets, loaded.config.poll);
    let (poller, _handle) = Poller::new(api.clone(), targets, settings, clock.clone());
    let (observer, stop) = (Arc::new(Counted::default()), CancellationToken::new());
    let stopped = async {
        let end = Mono::START + Duration::from_secs(3_600);
        clock.sleep_until(end).await;
        stop.cancel();
    };
    tokio::join!(poller.run(Arc::clone(&observer), stop.clone()), stopped);
    let polls = observer.1.polls.lock().unwrap();
    let called = observer.0.lock().unwrap().clone();
    (called, polls[0].clone(), api)
}

#[tokio::test(start_paused = true)]
async fn an_exchange_and_its_call_are_counted_and_timed_apart() {
    let (called, poll, api) = poll_once(|_, _| None).await;
    assert_eq!(called, [(EXCHANGE, 1, None), (DESCRIBE, 1, None)]);
    assert_eq!((poll.calls, poll.failure()), (1, None));
    assert_eq!(api.log.lock().unwrap().ended, 1);
}

#[tokio::test(start_paused = true)]
async fn after_an_exchange_that_failed_there_is_no_call_and_no_list() {
    for failure in [Failure::AccessDenied, Failure::NotFound, Failure::Timeout] {
        let (called, poll, api) = match failure {
            Failure::AccessDenied => poll_once(|_, _| Some(Failure::AccessDenied)).await,
            Failure::NotFound => poll_once(|_, _| Some(Failure::NotFound)).await,
            _ => poll_once(|_, _| Some(Failure::Timeout)).await,
        };
        assert_eq!(called, [(EXCHANGE, 1, Some(failure))]);
        assert_eq!(poll.failure(), Some(failure));
        assert_eq!(api.log.lock().unwrap().ended, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn refused_keys_are_replaced_once() {
    let first = |operation, before| {
        let is_first = operation == DESCRIBE && before == 0;
        is_first.then_some(Failure::Credentials)
    };
    let refused = (DESCRIBE, 1, Some(Failure::Credentials));
    let (called, poll, _) = poll_once(first).await;
    let exchanged = (EXCHANGE, 1, None);
    let answered = (DESCRIBE, 1, None);
    assert_eq!(called, [exchanged, refused, exchanged, answered]);
    assert_eq!(poll.failure(), None);
    let always = |operation, _| (operation == DESCRIBE).then_some(Failure::Credentials);
    let (called, poll, _) = poll_once(always).await;
    assert_eq!(called, [exchanged, refused, exchanged, refused]);
    assert_eq!(poll.failure(), Some(Failure::Credentials));
}

#[tokio::test(start_paused = true)]
async fn a_denied_description_becomes_a_list_with_the_same_keys() {
    let denied = |operation, _| (operation == DESCRIBE).then_some(Failure::AccessDenied);
    let (called, poll, _) = poll_once(denied).await;
    let expected = [
        (EXCHANGE, 1, None),
        (DESCRIBE, 1, Some(Failure::AccessDenied)),
        (LIST, 1, None),
    ];
    assert_eq!(called, expected);
    assert_eq!(poll.job.operation, LIST);
    assert_eq!((poll.calls, poll.failure()), (2, None));
    let both = |operation, _| (operation != EXCHANGE).then_some(Failure::AccessDenied);
    let (called, poll, _) = poll_once(both).await;
    assert_eq!(called.len(), 3);
    assert_eq!(poll.failure(), Some(Failure::AccessDenied));
}
