//! Pools whose identities are polled with keys of their own.

use super::*;
use crate::api::Operation::{DescribeIdentityUsage, ListDatasets};
use crate::api::Signer;
use crate::recent_calls::CallCounts;

const DAY: f64 = 86_400.0;

/// Pools `a:0` and `b:0` of ten identities each, interval 60 s, of guests. Those of `denied` are
/// denied, and no description is allowed in `a:0`.
struct Guests {
    schedule: Schedule,
    targets: Targets,
    now: Mono,
    /// How often it was found that descriptions are denied.
    found: usize,
}

fn guests() -> Targets {
    let mut targets = targets(&[10, 10]);
    for pool in &mut targets.pools {
        pool.settings.signer = Signer::Guest;
        pool.settings.interval = Duration::from_secs(60);
    }
    for budget in &mut targets.budgets {
        budget.signer = Signer::Guest;
    }
    targets
}

impl Guests {
    fn new() -> Self {
        let targets = guests();
        Self {
            schedule: schedule(&targets, 1_000.0),
            targets,
            now: seconds(0.0),
            found: 0,
        }
    }

    /// The next call about an identity. Calls about pools are answered.
    fn next(&mut self) -> Call {
        loop {
            match self.schedule.next(self.now, UNLIMITED, Knowledge::NONE) {
                Step::Wait(until) => self.now = until,
                Step::Call(call) if call.job.operation == Operation::DescribeIdentityPoolUsage => {
                    finish(&mut self.schedule, &call, None, self.now);
                }
                Step::Call(call) => return call,
            }
        }
    }

    /// The next call about the same target. All others are answered.
    fn next_about(&mut self, call: &Call) -> Call {
        loop {
            let next = self.next();
            if next.job.target == call.job.target {
                return next;
            }
            self.answer(&next, false);
        }
    }

    fn end(&mut self, call: &Call, failure: Option<Failure>, after: AfterCall) -> EndedCall {
        let (schedule, now) = (&mut self.schedule, self.now);
        let ended = schedule.end_call(call.ticket, failure, after, now);
        let ended = ended.unwrap();
        self.found += usize::from(ended.descriptions_denied);
        ended
    }

    /// Ends a call as the poller does: descriptions of the pool `a:0` are denied, lists are not
    /// unless `all` is.
    fn answer(&mut self, call: &Call, all: bool) {
        let is_of_first = call.job.target.pool() == PoolIndex(0);
        let is_denied = is_of_first && (all || call.job.operation == DescribeIdentityUsage);
        let ticket = self.schedule.ticket(call.ticket).unwrap();
        let after = match is_denied && ticket.may_list_instead() {
            true => AfterCall::List(Duration::ZERO),
            false => AfterCall::Finish,
        };
        let failure = is_denied.then_some(Failure::AccessDenied);
        self.end(call, failure, after);
    }

    /// The operations of all calls about identities of a pool until a time.
    fn operations(&mut self, pool: usize, until: f64, all: bool) -> Vec<Operation> {
        let mut operations = Vec::new();
        while self.now < seconds(until) {
            let call = self.next();
            if call.job.target.pool() == PoolIndex(pool) {
                operations.push(call.job.operation);
            }
            self.answer(&call, all);
        }
        operations
    }
}

fn count(operations: &[Operation], of: Operation) -> usize {
    operations.iter().filter(|other| **other == of).count()
}

#[test]
fn a_call_is_none_of_its_budget_when_the_exchange_before_it_has_failed() {
    let mut guests = Guests::new();
    let sent_and_throttled = |guests: &Guests| {
        let recent = guests.schedule.recent_calls();
        let counts: CallCounts = recent.map(|calls| calls.counts(guests.now)).sum();
        (counts.sent, counts.throttled)
    };
    let call = guests.next();
    let (sent, _) = sent_and_throttled(&guests);
    guests.schedule.note_unsent(call.ticket);
    guests.end(&call, Some(Failure::Throttled), AfterCall::Finish);
    assert_eq!(sent_and_throttled(&guests), (sent - 1, 0));
    let call = guests.next();
    let (sent, _) = sent_and_throttled(&guests);
    guests.end(&call, Some(Failure::Throttled), AfterCall::Finish);
    assert_eq!(sent_and_throttled(&guests), (sent, 1));
}

#[test]
fn a_denied_description_becomes_a_list_in_the_same_poll_and_that_is_remembered() {
    let mut guests = Guests::new();
    let first = loop {
        let call = guests.next();
        if call.job.target.pool() == PoolIndex(0) {
            break call;
        }
        guests.answer(&call, false);
    };
    assert_eq!(first.job.operation, DescribeIdentityUsage);
    guests.answer(&first, false);
    assert_eq!(guests.found, 0, "whether lists are allowed is not known");
    let second = guests.next();
    assert_eq!(second.job.operation, ListDatasets);
    assert_eq!(second.job.target, first.job.target, "at once");
    let ticket = guests.schedule.ticket(second.ticket).unwrap();
    assert_eq!((ticket.attempt, ticket.calls), (1, 2));
    assert!(!ticket.is_substitute(), "if it fails, so does the poll");
    guests.answer(&second, false);
    assert_eq!(guests.found, 1);
    let operations = guests.operations(0, 6_000.0, false);
    assert_eq!(count(&operations, DescribeIdentityUsage), 0);
    assert!(operations.len() >= 980, "the share of lists does not apply");
    assert_eq!(guests.found, 1, "it is reported once");
}

#[test]
fn another_pool_goes_on_with_descriptions() {
    let operations = Guests::new().operations(1, 6_000.0, false);
    assert_eq!(count(&operations, ListDatasets), 0);
}

#[test]
fn the_description_is_tried_again_in_a_day_and_after_a_reload() {
    let mut guests = Guests::new();
    guests.operations(0, DAY - 60.0, false);
    let next_day = guests.operations(0, DAY + 600.0, false);
    assert_eq!(count(&next_day, DescribeIdentityUsage), 1);
    let later = guests.operations(0, 2.0 * DAY - 600.0, false);
    assert_eq!(count(&later, DescribeIdentityUsage), 0);
    assert_eq!(guests.found, 1, "it is known");
    let new = self::guests();
    let (schedule, old) = (&mut guests.schedule, &guests.targets);
    changes::change(schedule, old, &new, 1_000.0, guests.now);
    let operations = guests.operations(0, 2.0 * DAY, false);
    assert_eq!(count(&operations, DescribeIdentityUsage), 1);
    assert_eq!(guests.found, 2);
}

#[test]
fn a_description_that_is_allowed_again_ends_it() {
    let mut guests = Guests::new();
    guests.operations(0, DAY - 60.0, false);
    while guests.now < seconds(DAY + 600.0) {
        let call = guests.next();
        guests.end(&call, None, AfterCall::Finish);
    }
    let call = guests.next();
    assert_eq!(call.job.operation, DescribeIdentityUsage);
    assert!(
        guests
            .schedule
            .not_described
            .on_denied(PoolIndex(0), guests.now),
        "it would be new"
    );
}

/// The pool is asked about one identity an interval, as any that is denied.
#[test]
fn where_both_are_denied_the_pool_does_not_keep_asking() {
    let mut guests = Guests::new();
    guests.operations(0, 120.0, true);
    let operations = guests.operations(0, 6_120.0, true);
    assert!((99..=102).contains(&count(&operations, DescribeIdentityUsage)));
    assert!((99..=102).contains(&count(&operations, ListDatasets)));
    assert_eq!(guests.found, 0, "nothing is said of descriptions");
}

#[test]
fn refused_keys_concern_their_identity_and_wrong_settings_the_budget() {
    let mut guests = Guests::new();
    for _ in 0..50 {
        let call = guests.next();
        let ended = guests.end(&call, Some(Failure::Credentials), AfterCall::Finish);
        assert_eq!(ended.event, None);
    }
    assert!(guests.schedule.budgets().all(|(_, good)| good));
    let call = guests.next();
    let ended = guests.end(&call, Some(Failure::Configuration), AfterCall::Finish);
    assert_eq!(ended.event, Some(BudgetEvent::Refused));
}

#[test]
fn a_retry_and_a_page_of_such_a_list_are_lists() {
    let mut guests = Guests::new();
    guests.operations(0, 600.0, false);
    let call = loop {
        let call = guests.next();
        if call.job.operation == ListDatasets {
            break call;
        }
        guests.answer(&call, false);
    };
    let after = AfterCall::Retry(Duration::ZERO);
    guests.end(&call, Some(Failure::Timeout), after);
    let again = guests.next_about(&call);
    assert_eq!(again.job, call.job);
    let page = pages::page("token", guests.now);
    guests.end(&again, None, AfterCall::NextPage(page));
    let second = guests.next_about(&call);
    assert_eq!(second.job, call.job);
    assert!(second.continuation.is_some());
}

/// With the account's credentials nothing of this holds.
#[test]
fn an_accounts_denied_description_stays_denied() {
    let targets = targets(&[1]);
    let mut schedule = schedule(&targets, 1_000.0);
    let mut now = Mono::START;
    let call = loop {
        match schedule.next(now, UNLIMITED, Knowledge::NONE) {
            Step::Wait(until) => now = until,
            Step::Call(call) if call.job.operation == DescribeIdentityUsage => break call,
            Step::Call(call) => drop(finish(&mut schedule, &call, None, now)),
        }
    };
    let ticket = schedule.ticket(call.ticket).unwrap();
    assert!(!ticket.may_list_instead());
}
