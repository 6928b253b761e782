use super::*;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

type Answers = Box<dyn Fn(usize) -> Result<Page<String>, Failure> + Send + Sync>;

/// Answers by the number of the call, from 1.
struct Double {
    answers: Answers,
    calls: AtomicUsize,
}

impl Directory for Double {
    fn identities<'a>(
        &'a self,
        _: &'a PoolId,
        _: bool,
        _: Option<&'a str>,
    ) -> PageCall<'a, String> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        let answer = (self.answers)(call);
        Box::pin(async move { answer.map_err(CallError::from) })
    }

    fn pools<'a>(&'a self, _: Option<&'a str>) -> PageCall<'a, ListedPool> {
        Box::pin(async { Err(Failure::AccessDenied.into()) })
    }
}

fn page() -> Page<String> {
    Page {
        items: vec!["r:a".to_owned()],
        next: None,
    }
}

struct Run {
    lister: Lister,
    clock: Clock,
    heard: Arc<Mutex<Vec<Option<Failure>>>>,
}

impl Run {
    fn new(
        answers: impl Fn(usize) -> Result<Page<String>, Failure> + Send + Sync + 'static,
    ) -> Self {
        let directory = Arc::new(Double {
            answers: Box::new(answers),
            calls: AtomicUsize::new(0),
        });
        let heard = Arc::new(Mutex::new(Vec::new()));
        let clock = Clock::anchored(1e9);
        let hear = Arc::clone(&heard);
        let observer = Box::new(move |_, error: Option<&CallError>, _: &_, _: &_| {
            hear.lock().unwrap().push(error.map(|error| error.failure));
        });
        Self {
            lister: Lister::new(directory, 2.0, 3, observer, clock.clone()),
            clock,
            heard,
        }
    }

    /// Asks for a page. Returns the failure, if there is no page.
    async fn ask(&mut self, token: Option<&str>) -> Result<Page<String>, PageError> {
        let pool = PoolId::parse("r:0").unwrap();
        self.lister.identities(&pool, false, token).await
    }

    fn calls(&self) -> usize {
        self.heard.lock().unwrap().len()
    }

    fn seconds(&self) -> f64 {
        self.clock.now().mono.since(Mono::START).as_secs_f64()
    }
}

fn failed(failure: Failure) -> Result<Page<String>, PageError> {
    Err(PageError::Failed(failure.into()))
}

#[tokio::test(start_paused = true)]
async fn pages_come_at_the_rate_limit() {
    let mut run = Run::new(|_| Ok(page()));
    for _ in 0..21 {
        assert_eq!(run.ask(None).await, Ok(page()));
    }
    assert!((9.9..10.2).contains(&run.seconds()), "{}", run.seconds());
    run.lister.set_rate_limit(1.0);
    assert_eq!(run.lister.rate(), 1.0);
}

#[tokio::test(start_paused = true)]
async fn failures_that_may_pass_are_repeated_a_few_times() {
    for failure in [
        Failure::ServiceError,
        Failure::Timeout,
        Failure::Unreachable,
        Failure::Malformed,
    ] {
        for token in [None, Some("token")] {
            let mut run = Run::new(move |call| if call < 3 { Err(failure) } else { Ok(page()) });
            assert_eq!(run.ask(token).await, Ok(page()), "{failure:?}");
            assert_eq!(
                *run.heard.lock().unwrap(),
                [Some(failure), Some(failure), None]
            );
            let mut run = Run::new(move |_| Err(failure));
            assert_eq!(run.ask(token).await, failed(failure));
            assert_eq!(run.calls(), 3);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn failures_that_stay_are_not_repeated() {
    for failure in Failure::ALL {
        if matches!(
            failure.class(),
            FailureClass::Permanent | FailureClass::Budget
        ) {
            let mut run = Run::new(move |_| Err(failure));
            assert_eq!(run.ask(None).await, failed(failure));
            assert_eq!(run.calls(), 1);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_may_be_what_is_refused() {
    for (failure, expected) in [
        (Failure::InvalidParameter, Err(PageError::TokenRefused)),
        (Failure::NotFound, Err(PageError::TokenRefused)),
        (Failure::AccessDenied, failed(Failure::AccessDenied)),
    ] {
        let mut run = Run::new(move |_| Err(failure));
        assert_eq!(run.ask(Some("token")).await, expected);
        assert_eq!(run.calls(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn keys_that_were_good_are_replaced_once() {
    let expired = |call| {
        if call % 2 == 0 {
            Err(Failure::Credentials)
        } else {
            Ok(page())
        }
    };
    let mut run = Run::new(expired);
    for _ in 0..3 {
        assert_eq!(run.ask(None).await, Ok(page()));
    }
    assert_eq!(run.calls(), 5);
    let mut run = Run::new(|call| {
        if call > 1 {
            Err(Failure::Credentials)
        } else {
            Ok(page())
        }
    });
    assert_eq!(run.ask(None).await, Ok(page()));
    assert_eq!(run.ask(Some("token")).await, failed(Failure::Credentials));
    assert_eq!(run.calls(), 3);
}

#[tokio::test(start_paused = true)]
async fn throttled_calls_are_repeated_however_low_the_quota_is() {
    let mut run = Run::new(|call| {
        if call % 20 == 0 {
            Ok(page())
        } else {
            Err(Failure::Throttled)
        }
    });
    for _ in 0..5 {
        assert_eq!(run.ask(Some("token")).await, Ok(page()));
    }
    assert_eq!(run.calls(), 100);
    let mut run = Run::new(|_| Err(Failure::Throttled));
    assert_eq!(run.ask(None).await, failed(Failure::Throttled));
    assert!((600.0..625.0).contains(&run.seconds()), "{}", run.seconds());
    assert!(run.calls() > 30, "{}", run.calls());
}
