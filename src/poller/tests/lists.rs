//! Lists in place of descriptions.

use super::*;
use crate::api::Dataset;
use crate::schedule::Demand;

/// Answers descriptions, and lists with `list`, which gets the number of pages so far.
struct Lister {
    list: List,
    calls: Mutex<Vec<(Mono, Operation)>>,
    clock: Clock,
}

impl Api for Lister {
    fn call<'a>(&'a self, request: Request<'a>) -> ApiCall<'a> {
        Box::pin(async move {
            let call = (self.clock.now().mono, request.operation);
            self.calls.lock().unwrap().push(call);
            Ok(match request.operation {
                Operation::DescribeIdentityUsage => success(0)?,
                Operation::DescribeIdentityPoolUsage => {
                    Reply::Done(Answer::Pool(PoolUsage::default()))
                }
                Operation::ListDatasets => {
                    let pages = match request.continuation.map(|page| &page.so_far) {
                        Some(Answer::Datasets(pages)) => pages.len(),
                        _ => 0,
                    };
                    (self.list)(pages)?
                }
                Operation::ListIdentities | Operation::GetCredentialsForIdentity => {
                    unreachable!("it is not polled")
                }
            })
        })
    }
}

/// Answers a list, of which there are so many pages so far.
type List = fn(usize) -> Result<Reply, Failure>;

/// Every poll needs a list.
struct NeedsLists(Recorded);

impl PollObserver for NeedsLists {
    fn called(&self, operation: Operation, took: Duration, failure: Option<Failure>) {
        self.0.called(operation, took, failure);
    }

    fn polled(&self, observation: &Observation) {
        self.0.polled(observation);
    }

    fn list_need(&self, _: PoolIndex, _: IdentityIndex, _: Timestamp) -> ListNeed {
        ListNeed::Urgent
    }

    fn demand(&self, _: PoolIndex, _: IdentityIndex, _: Timestamp) -> Demand {
        Demand::UNKNOWN
    }

    fn targets_changed(&self, _: &Arc<Targets>, _: &TargetDiff) {}
}

/// Polls one identity for this many seconds, without retries. Returns the operations of the calls
/// about it, with their times, and its polls.
async fn run_lists(list: List, seconds: u64) -> (Vec<(Duration, Operation)>, Vec<Observation>) {
    let clock = Clock::anchored(0.0);
    let api = Arc::new(Lister {
        list,
        calls: Mutex::default(),
        clock: clock.clone(),
    });
    let (targets, settings) = configured("interval: 10s, rate_limit: 1000, attempts: 1", 1);
    let (poller, _handle) = Poller::new(api.clone(), targets, settings, clock.clone());
    let observer = Arc::new(NeedsLists(Recorded::default()));
    let stop = CancellationToken::new();
    let stopped = async {
        let end = Mono::START + Duration::from_secs(seconds);
        clock.sleep_until(end).await;
        stop.cancel();
    };
    tokio::join!(poller.run(Arc::clone(&observer), stop.clone()), stopped);
    let about_pool = Operation::DescribeIdentityPoolUsage;
    let calls = api.calls.lock().unwrap();
    let calls = calls.iter().filter(|(_, call)| *call != about_pool);
    let calls = calls.map(|(at, call)| (at.since(Mono::START), *call));
    let polls = observer.0.polls.lock().unwrap();
    let polls = polls.iter().filter(|poll| poll.job.operation != about_pool);
    (calls.collect(), polls.cloned().collect())
}

fn datasets(pages: usize) -> Answer {
    Answer::Datasets(vec![Dataset::default(); pages])
}

#[tokio::test(start_paused = true)]
async fn all_pages_of_a_list_are_one_poll() {
    let three_pages = |pages: usize| {
        let so_far = datasets(pages + 1);
        Ok(match pages {
            2 => Reply::Done(so_far),
            _ => Reply::More(Continuation {
                token: pages.to_string(),
                so_far,
            }),
        })
    };
    let (calls, polls) = run_lists(three_pages, 10).await;
    assert_eq!(polls[0].job.operation, Operation::ListDatasets);
    assert_eq!(
        (polls[0].calls, polls[0].result.clone()),
        (3, Ok(datasets(3)))
    );
    assert_eq!(calls.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_poll_whose_list_fails_succeeds_by_a_description() {
    let endless = |pages: usize| {
        Ok(Reply::More(Continuation {
            token: pages.to_string(),
            so_far: datasets(pages + 1),
        }))
    };
    let wrong = |_| Ok(Reply::Done(Answer::Pool(PoolUsage::default())));
    let cases: [(List, u32); 6] = [
        (|_| Err(Failure::AccessDenied), 1),
        (|_| Err(Failure::Throttled), 1),
        (|_| Err(Failure::ServiceError), 1),
        (|_| Err(Failure::NotFound), 1),
        (wrong, 1),
        (endless, MAX_PAGES),
    ];
    for (list, list_calls) in cases {
        let (_, polls) = run_lists(list, 10).await;
        let poll = &polls[0];
        assert_eq!(poll.job.operation, Operation::DescribeIdentityUsage);
        assert_eq!((poll.calls, poll.failure()), (list_calls + 1, None));
    }
}

#[tokio::test(start_paused = true)]
async fn a_denied_list_is_tried_again_in_a_day() {
    let (calls, polls) = run_lists(|_| Err(Failure::AccessDenied), 200_000).await;
    assert!(polls.iter().all(|poll| poll.failure().is_none()));
    let lists = calls
        .iter()
        .filter(|(_, call)| *call == Operation::ListDatasets);
    let days: Vec<_> = lists.map(|(at, _)| at.as_secs() / 86_400).collect();
    assert_eq!(days, [0, 1, 2]);
}

#[tokio::test(start_paused = true)]
async fn credentials_that_fail_a_list_fail_the_poll() {
    let (calls, polls) = run_lists(|_| Err(Failure::Credentials), 10).await;
    assert_eq!(polls[0].failure(), Some(Failure::Credentials));
    assert_eq!(calls[0].1, Operation::ListDatasets);
    assert_eq!(polls[0].calls, 1, "a description would fail too");
}
