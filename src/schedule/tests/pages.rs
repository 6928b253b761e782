//! Answers that come in pages.

use super::*;
use crate::api::{Answer, Continuation, Usage};
use crate::clock::Timestamp;
use crate::targets::TargetDiff;
use std::sync::Arc;

pub(super) fn page(token: &str, requested_at: Mono) -> Paging {
    let so_far = Answer::Identity(Usage::default());
    let continuation = Arc::new(Continuation {
        token: token.to_owned(),
        so_far,
    });
    Paging {
        pages: 1,
        continuation,
        requested_at: Timestamp {
            mono: requested_at,
            unix: 0.0,
        },
    }
}

fn token(call: &Call) -> Option<&str> {
    call.continuation
        .as_ref()
        .map(|continuation| continuation.token.as_str())
}

#[test]
fn each_page_is_a_call_under_the_ceiling_and_goes_first() {
    let targets = targets(&[50]);
    let mut schedule = schedule(&targets, 1.0);
    let began = seconds(100.0);
    let Step::Call(first) = schedule.next(began, UNLIMITED, Knowledge::NONE) else {
        panic!("all are overdue")
    };
    assert_eq!(token(&first), None);
    assert!(
        matches!(
            schedule.next(began, UNLIMITED, Knowledge::NONE),
            Step::Wait(_)
        ),
        "the ceiling holds"
    );
    let ended = schedule.end_call(
        first.ticket,
        None,
        AfterCall::NextPage(page("a", began)),
        began,
    );
    assert_eq!(ended.unwrap().ticket.calls, 1);
    assert!(
        matches!(
            schedule.next(began, UNLIMITED, Knowledge::NONE),
            Step::Wait(_)
        ),
        "also for pages"
    );
    let explained = schedule.explain(&[first.job.target], Knowledge::NONE, seconds(101.0));
    assert_eq!(explained[0].unwrap().reason, NextPollReason::NextPage);
    let Step::Call(second) = schedule.next(seconds(101.0), UNLIMITED, Knowledge::NONE) else {
        panic!("a page waits")
    };
    assert_eq!(
        (second.job, token(&second)),
        (first.job, Some("a")),
        "before 50 others"
    );
    let ticket = schedule.ticket(second.ticket).unwrap();
    assert_eq!(
        (ticket.attempt, ticket.calls, ticket.poll_began),
        (1, 2, began)
    );
}

#[test]
fn a_page_that_fails_is_requested_again() {
    let targets = targets(&[0]);
    let mut schedule = schedule(&targets, 1.0);
    let at = |second: u32| seconds(100.0 + f64::from(second));
    let call = |schedule: &mut Schedule, second| match schedule.next(
        at(second),
        UNLIMITED,
        Knowledge::NONE,
    ) {
        Step::Call(call) => call,
        Step::Wait(_) => panic!("it is overdue"),
    };
    let first = call(&mut schedule, 0);
    schedule.end_call(
        first.ticket,
        None,
        AfterCall::NextPage(page("a", at(0))),
        at(0),
    );
    let second = call(&mut schedule, 1);
    let again = AfterCall::Retry(Duration::from_millis(500));
    schedule.end_call(second.ticket, Some(Failure::Timeout), again, at(1));
    let third = call(&mut schedule, 2);
    assert_eq!(token(&third), Some("a"));
    let ticket = schedule.ticket(third.ticket).unwrap();
    assert_eq!((ticket.attempt, ticket.calls), (2, 3));
    assert_eq!(
        ticket.paging.as_ref().unwrap().requested_at.mono,
        at(0),
        "as old as its first page"
    );
    schedule.end_call(
        third.ticket,
        None,
        AfterCall::NextPage(page("b", at(0))),
        at(2),
    );
    let fourth = call(&mut schedule, 3);
    assert_eq!(
        (
            token(&fourth),
            schedule.ticket(fourth.ticket).unwrap().attempt
        ),
        (Some("b"), 1)
    );
    finish(&mut schedule, &fourth, None, at(3));
    let fifth = call(&mut schedule, 20);
    assert_eq!(
        token(&fifth),
        None,
        "the next poll begins with the first page"
    );
}

#[test]
fn the_next_page_of_a_probe_does_not_wait_for_the_jobs_turn() {
    let targets = targets(&[0]);
    let mut schedule = schedule(&targets, 10.0);
    let call = |schedule: &mut Schedule, mut now: Mono| loop {
        match schedule.next(now, UNLIMITED, Knowledge::NONE) {
            Step::Call(call) => return (now, call),
            Step::Wait(wake) => now = wake,
        }
    };
    let (now, refused) = call(&mut schedule, Mono::START);
    finish(&mut schedule, &refused, Some(Failure::Credentials), now);
    let (now, probe) = call(&mut schedule, now);
    assert!(schedule.ticket(probe.ticket).unwrap().is_probe);
    let page = AfterCall::NextPage(page("a", now));
    schedule.end_call(probe.ticket, None, page, now);
    let (next, second) = call(&mut schedule, now);
    assert_eq!(token(&second), Some("a"));
    assert!(next.since(now) < Duration::from_secs(1), "{next:?}");
}

#[test]
fn pages_end_when_the_targets_change() {
    let targets = targets(&[0]);
    let mut schedule = schedule(&targets, 1.0);
    let at = |second: u32| seconds(100.0 + f64::from(second));
    let call = |schedule: &mut Schedule, second| match schedule.next(
        at(second),
        UNLIMITED,
        Knowledge::NONE,
    ) {
        Step::Call(call) => call,
        Step::Wait(_) => panic!("it is overdue"),
    };
    let diff = &TargetDiff::new(&targets, &targets);
    let change = TargetChange {
        old: &targets,
        new: &targets,
        diff,
        only_lists: false,
    };
    // Once with the next page waiting, once with the first page in flight.
    let first = call(&mut schedule, 0);
    schedule.end_call(
        first.ticket,
        None,
        AfterCall::NextPage(page("a", at(0))),
        at(0),
    );
    schedule.apply_targets(change, 1.0, at(0));
    let second = call(&mut schedule, 1);
    assert_eq!(token(&second), None);
    schedule.apply_targets(change, 1.0, at(1));
    schedule.end_call(
        second.ticket,
        None,
        AfterCall::NextPage(page("b", at(1))),
        at(1),
    );
    assert_eq!(token(&call(&mut schedule, 2)), None);
}
