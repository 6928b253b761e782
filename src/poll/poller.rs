//! The loop that acts on the schedule: makes calls, gives tickets back, tells the listener.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::lane::Change;
use super::outlook::{Next, Why};
use super::progress::Progress;
use super::retry::Retry;
use super::schedule::{Schedule, Step, Ticket};
use crate::clock::{Clock, Moment};
use crate::config;
use crate::identity::hash;
use crate::targets::{Carry, Targets};
use crate::usage::{Failure, Observation, Operation, Outcome, Target, UsageSource};

/// The loop goes round at least this often, so that a stall shows.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);
/// A call that outlives its own timeouts by this much is cut off: the source is at fault, the slot
/// comes back.
const GRACE: Duration = Duration::from_secs(1);

/// A call's task panicked: a bug, so the poller ends.
#[derive(Debug, Error)]
#[error("a call died: {0}")]
pub struct Died(#[from] JoinError);

/// Whoever wants to know what the poller does.
pub trait Listener: Send + Sync + 'static {
    /// One API call has ended, after `took`.
    fn called(&self, operation: Operation, took: Duration, failure: Option<Failure>);

    /// One poll has ended.
    fn polled(&self, observation: &Observation);

    /// From now on these are polled, and observations speak of their positions.
    fn retargeted(&self, targets: &Arc<Targets>, carry: &Carry);
}

/// Other targets to go on with, and how to ask for them.
pub struct Handover<S> {
    /// Who is polled from now on.
    pub targets: Arc<Targets>,
    /// Who is asked.
    pub source: Arc<S>,
    /// How calls are made.
    pub settings: config::Poll,
    /// Is told, when it is done, what was carried over.
    pub done: oneshot::Sender<Carry>,
}

/// Asks when targets will be asked next.
pub struct Inquiry {
    /// Whose positions `about` tells.
    pub targets: Arc<Targets>,
    /// About whom.
    pub about: Vec<Target>,
    /// Is told, for each of them; nothing of any, when others are polled by now.
    pub answer: oneshot::Sender<Vec<Option<Next>>>,
}

/// Polls all targets until it is stopped.
pub struct Poller<S> {
    source: Arc<S>,
    targets: Arc<Targets>,
    clock: Clock,
    schedule: Schedule,
    retry: Retry,
    settings: config::Poll,
    progress: Arc<Progress>,
    calls: JoinSet<Ended>,
    /// The tickets of all calls under way whose targets are still polled, by the calls' numbers.
    under_way: HashMap<u64, Ticket>,
    last_call: u64,
}

/// A call that has ended.
struct Ended {
    call: u64,
    operation: Operation,
    asked: Moment,
    took: Duration,
    outcome: Outcome,
}

impl<S: UsageSource> Poller<S> {
    /// A poller whose first interval begins now.
    #[must_use]
    pub fn new(
        source: Arc<S>,
        targets: Arc<Targets>,
        settings: config::Poll,
        clock: Clock,
    ) -> Self {
        let now = clock.now().mono;
        Self {
            progress: Arc::new(Progress::new(now, &targets, settings.rate_limit)),
            schedule: Schedule::new(&targets, settings.rate_limit, now),
            retry: Retry::new(settings.attempts),
            calls: JoinSet::new(),
            under_way: HashMap::new(),
            last_call: 0,
            source,
            targets,
            clock,
            settings,
        }
    }

    /// What others may see of the work.
    #[must_use]
    pub fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.progress)
    }

    /// Polls until `stop`, telling `listener`; calls under way are then dropped. Goes on with other
    /// targets when they are handed over, and answers inquiries.
    ///
    /// # Errors
    /// When a call panics.
    pub async fn run(
        mut self,
        listener: Arc<impl Listener>,
        mut handovers: mpsc::Receiver<Handover<S>>,
        mut inquiries: mpsc::Receiver<Inquiry>,
        stop: CancellationToken,
    ) -> Result<(), Died> {
        loop {
            let now = self.clock.now().mono;
            let mut wake = now + LONGEST_SLEEP;
            while self.calls.len() < self.settings.max_in_flight {
                match self.schedule.next(now, self.settings.max_in_flight) {
                    Step::Call(ticket) => self.call(ticket),
                    Step::Wait(until) => {
                        wake = wake.min(until);
                        break;
                    }
                }
            }
            self.progress
                .beat(now, self.schedule.oldest_due(), self.schedule.budgets());
            tokio::select! {
                // What has ended goes before questions about it, however many are asked: each takes
                // a pass over all that wait.
                biased;
                () = stop.cancelled() => return Ok(()),
                Some(handover) = handovers.recv() => self.retarget(handover, &*listener),
                Some(ended) = self.calls.join_next() => self.ended(ended?, &*listener),
                Some(inquiry) = inquiries.recv() => self.answer(inquiry),
                () = self.clock.sleep_until(wake) => {}
            }
        }
    }

    fn call(&mut self, ticket: Ticket) {
        let (source, targets, clock) = (
            Arc::clone(&self.source),
            Arc::clone(&self.targets),
            self.clock.clone(),
        );
        let deadline = self.settings.timeout + GRACE;
        let target = ticket.target;
        self.last_call += 1;
        let call = self.last_call;
        self.under_way.insert(call, ticket);
        self.calls.spawn(async move {
            let asked = clock.now();
            let outcome = tokio::time::timeout(deadline, ask(&*source, &targets, target))
                .await
                .unwrap_or_else(|_| Outcome::failed(target, Failure::Timeout));
            let took = clock.now().mono.since(asked.mono);
            Ended {
                call,
                operation: target.operation(),
                asked,
                took,
                outcome,
            }
        });
    }

    fn ended(
        &mut self,
        Ended {
            call,
            operation,
            asked,
            took,
            outcome,
        }: Ended,
        listener: &impl Listener,
    ) {
        let failure = outcome.failure();
        listener.called(operation, took, failure);
        // Without a ticket, its target is polled no more.
        let Some(ticket) = self.under_way.remove(&call) else {
            return;
        };
        let now = self.clock.now().mono;
        let again = failure.and_then(|failure| {
            self.retry
                .wait(ticket.attempt, failure, self.chance(&ticket))
        });
        if let Some(change) = self.schedule.ended(&ticket, failure, again, now) {
            let budget = &self.targets.budgets[self.targets.pool(ticket.target).budget].label;
            match change {
                Change::CredentialsRefused => {
                    warn!(
                        budget,
                        "credentials are refused or cannot be had; only a probe asks now"
                    );
                }
                Change::CredentialsAccepted => info!(budget, "credentials are good again"),
            }
        }
        if again.is_some() {
            return;
        }
        let took = now.since(ticket.poll_began);
        listener.polled(&Observation {
            asked,
            took,
            attempts: ticket.attempt,
            outcome: outcome.moved_to(ticket.target),
        });
    }

    fn retarget(&mut self, handover: Handover<S>, listener: &impl Listener) {
        let Handover {
            targets,
            source,
            settings,
            done,
        } = handover;
        let now = self.clock.now().mono;
        let carry = Carry::between(&self.targets, &targets);
        self.schedule.retarget(
            (&self.targets, &targets, &carry),
            settings.rate_limit,
            &mut self.under_way,
            now,
        );
        self.progress.retarget(&targets, settings.rate_limit);
        self.retry = Retry::new(settings.attempts);
        (self.targets, self.source, self.settings) = (targets, source, settings);
        listener.retargeted(&self.targets, &carry);
        // Whoever handed over may have gone.
        let _ = done.send(carry);
    }

    fn answer(
        &self,
        Inquiry {
            targets,
            mut about,
            answer,
        }: Inquiry,
    ) {
        let now = self.clock.now().mono;
        if !Arc::ptr_eq(&targets, &self.targets) {
            about.clear();
        }
        let mut outlook = self.schedule.outlook(&about, now);
        for ticket in self.under_way.values() {
            for (_, next) in about
                .iter()
                .zip(&mut outlook)
                .filter(|(target, _)| **target == ticket.target)
            {
                *next = Some(Next {
                    at: ticket.set_out,
                    why: Why::UnderWay(ticket.attempt),
                });
            }
        }
        // Whoever asked may have gone.
        let _ = answer.send(outlook);
    }

    /// A number in 0..1 that differs between targets, attempts and polls, but is the same when all
    /// is played again.
    fn chance(&self, ticket: &Ticket) -> f64 {
        let pool = self.targets.pool(ticket.target);
        let identity = match ticket.target {
            Target::Identity { identity, .. } => pool.identities.id(identity).as_str(),
            Target::Pool { .. } => "",
        };
        let moment = format!("{}/{}", ticket.poll_began.as_nanos(), ticket.attempt);
        hash(&[pool.id.as_str(), identity, &moment]) as f64 / u64::MAX as f64
    }
}

async fn ask<S: UsageSource>(source: &S, targets: &Targets, target: Target) -> Outcome {
    let at = targets.pool(target);
    match target {
        Target::Identity { pool, identity } => Outcome::Identity {
            pool,
            identity,
            result: source
                .identity_usage(&at.id, at.identities.id(identity))
                .await,
        },
        Target::Pool { pool } => Outcome::Pool {
            pool,
            result: source.pool_usage(&at.id).await,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Mono;
    use crate::config::Findings;
    use crate::identity::{IdentityId, PoolId};
    use crate::usage::{PoolUsage, Usage};
    use std::path::Path;
    use std::sync::Mutex;

    /// Answers after `takes`, with `answer`; remembers when it was asked and how many calls were
    /// under way at most.
    struct Fake {
        takes: Duration,
        answer: fn(usize) -> Result<Usage, Failure>,
        clock: Clock,
        seen: Mutex<Seen>,
    }

    #[derive(Default)]
    struct Seen {
        asked: Vec<Mono>,
        under_way: usize,
        most_under_way: usize,
    }

    impl Fake {
        fn new(takes: Duration, answer: fn(usize) -> Result<Usage, Failure>, clock: Clock) -> Self {
            Self {
                takes,
                answer,
                clock,
                seen: Mutex::default(),
            }
        }

        async fn answer(&self) -> Result<Usage, Failure> {
            let number = {
                let mut seen = self.seen.lock().unwrap();
                seen.asked.push(self.clock.now().mono);
                seen.under_way += 1;
                seen.most_under_way = seen.most_under_way.max(seen.under_way);
                seen.asked.len()
            };
            tokio::time::sleep(self.takes).await;
            self.seen.lock().unwrap().under_way -= 1;
            (self.answer)(number)
        }
    }

    impl UsageSource for Fake {
        async fn identity_usage(&self, _: &PoolId, _: IdentityId<'_>) -> Result<Usage, Failure> {
            self.answer().await
        }

        async fn pool_usage(&self, _: &PoolId) -> Result<PoolUsage, Failure> {
            self.answer().await.map(|_| PoolUsage::default())
        }
    }

    #[derive(Default)]
    struct Heard {
        calls: Mutex<Vec<Option<Failure>>>,
        polls: Mutex<Vec<Observation>>,
    }

    impl Listener for Heard {
        fn called(&self, _: Operation, _: Duration, failure: Option<Failure>) {
            self.calls.lock().unwrap().push(failure);
        }

        fn polled(&self, observation: &Observation) {
            self.polls.lock().unwrap().push(*observation);
        }

        fn retargeted(&self, _: &Arc<Targets>, _: &Carry) {}
    }

    /// Polls so many identities of one pool for so long; `poll` is that section of the
    /// configuration.
    async fn run(
        poll: &str,
        identities: usize,
        source: Fake,
        seconds: u64,
    ) -> (Arc<Fake>, Arc<Heard>, Arc<Progress>) {
        let ids: Vec<_> = (0..identities)
            .map(|number| format!("'r:{number:x}'"))
            .collect();
        let text = format!(
            "poll: {{{poll}}}\npools: [{{id: 'r:0', identities: [{}]}}]",
            ids.join(",")
        );
        let mut findings = Findings::default();
        let config = config::parse(Path::new("test"), &text, &mut findings).unwrap();
        let targets = Arc::new(Targets::load(&config, &mut findings));
        assert_eq!(findings.problems, []);
        let (clock, source, heard) = (
            source.clock.clone(),
            Arc::new(source),
            Arc::new(Heard::default()),
        );
        let poller = Poller::new(Arc::clone(&source), targets, config.poll, clock.clone());
        let (progress, stop) = (poller.progress(), CancellationToken::new());
        let stopped = async {
            clock
                .sleep_until(Mono::START + Duration::from_secs(seconds))
                .await;
            stop.cancel();
        };
        let (ended, ()) = tokio::join!(
            poller.run(
                Arc::clone(&heard),
                mpsc::channel(1).1,
                mpsc::channel(1).1,
                stop.clone()
            ),
            stopped
        );
        ended.unwrap();
        (source, heard, progress)
    }

    fn fine(_: usize) -> Result<Usage, Failure> {
        Ok(Usage {
            datasets: Some(1),
            ..Usage::default()
        })
    }

    #[tokio::test(start_paused = true)]
    async fn everyone_is_polled_once_an_interval() {
        let source = Fake::new(Duration::from_millis(30), fine, Clock::anchored(0.0));
        let (source, heard, _) = run("interval: 10s, rate_limit: 1000", 100, source, 30).await;
        let calls = source.seen.lock().unwrap().asked.len();
        assert!(
            (302..=303).contains(&calls),
            "{calls} calls: 101 targets, three intervals"
        );
        assert!(
            heard
                .polls
                .lock()
                .unwrap()
                .iter()
                .all(|poll| poll.attempts == 1 && poll.outcome.failure().is_none())
        );
    }

    #[tokio::test(start_paused = true)]
    async fn neither_ceiling_is_ever_passed() {
        let source = Fake::new(Duration::from_millis(700), fine, Clock::anchored(0.0));
        let (source, ..) = run(
            "interval: 5s, rate_limit: 40, max_in_flight: 25",
            500,
            source,
            60,
        )
        .await;
        let seen = source.seen.lock().unwrap();
        assert_eq!(seen.most_under_way, 25);
        assert!(seen.asked.len() > 2_000, "{} calls", seen.asked.len());
        for (index, first) in seen.asked.iter().enumerate() {
            let within = seen.asked[index..]
                .partition_point(|call| call.since(*first) < Duration::from_secs(1));
            assert!(within <= 43, "{within} calls in a second");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_outlives_its_timeout_is_cut_off_and_its_slot_comes_back() {
        let forever = Duration::from_secs(1_000_000);
        let source = Fake::new(forever, fine, Clock::anchored(0.0));
        let (source, heard, _) = run(
            "interval: 10s, timeout: 2s, attempts: 1, max_in_flight: 1",
            1,
            source,
            60,
        )
        .await;
        assert!(source.seen.lock().unwrap().asked.len() >= 11);
        assert!(
            heard
                .polls
                .lock()
                .unwrap()
                .iter()
                .all(|poll| poll.outcome.failure() == Some(Failure::Timeout))
        );
    }

    #[tokio::test(start_paused = true)]
    async fn attempts_are_calls_and_the_last_one_counts() {
        let third_time_lucky = |number: usize| {
            if number.is_multiple_of(3) {
                fine(number)
            } else {
                Err(Failure::Throttled)
            }
        };
        let source = Fake::new(Duration::ZERO, third_time_lucky, Clock::anchored(0.0));
        let (_, heard, _) = run(
            "interval: 300s, attempts: 3, rate_limit: 1000",
            0,
            source,
            600,
        )
        .await;
        let polls = heard.polls.lock().unwrap();
        assert!(polls.len() >= 2);
        for poll in polls.iter() {
            assert_eq!((poll.attempts, poll.outcome.failure()), (3, None));
            assert!(
                poll.took >= Duration::from_millis(750),
                "it waited between attempts: {:?}",
                poll.took
            );
        }
        assert_eq!(heard.calls.lock().unwrap().len(), 3 * polls.len());
    }

    #[tokio::test(start_paused = true)]
    async fn too_much_to_do_shows_as_lag_and_sweep_time() {
        let clock = Clock::anchored(0.0);
        let (.., progress) = run(
            "interval: 1s, rate_limit: 2",
            100,
            Fake::new(Duration::ZERO, fine, clock.clone()),
            20,
        )
        .await;
        assert_eq!(progress.sweep_seconds(), 50.0);
        assert!(
            progress.lag(clock.now().mono) > Duration::from_secs(15),
            "{:?}",
            progress.lag(clock.now().mono)
        );
        assert!(progress.beat_of_loop().silent_for(clock.now().mono) <= Duration::from_secs(1));
    }
}
