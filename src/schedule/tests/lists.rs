//! Lists in place of descriptions.

use super::*;
use crate::api::Operation::{DescribeIdentityUsage, ListDatasets};
use std::collections::HashSet;

/// Ten identities, interval 10 s, all of which need a list.
struct Listing {
    schedule: Schedule,
    targets: Targets,
    now: Mono,
}

impl Listing {
    fn new() -> Self {
        let targets = targets(&[10]);
        Self {
            schedule: schedule(&targets, 1_000.0),
            targets,
            now: seconds(0.0),
        }
    }

    /// The next call about an identity. Calls about the pool are answered.
    fn next(&mut self, need: ListNeed) -> Call {
        let known = Knowledge {
            list_need: &|_, _| need,
            ..Knowledge::NONE
        };
        loop {
            match self.schedule.next(self.now, UNLIMITED, known) {
                Step::Wait(until) => self.now = until,
                Step::Call(call) if call.job.operation == Operation::DescribeIdentityPoolUsage => {
                    finish(&mut self.schedule, &call, None, self.now);
                }
                Step::Call(call) => return call,
            }
        }
    }

    /// The next list, of several polls that need one.
    fn next_list(&mut self) -> Call {
        for _ in 0..100 {
            let call = self.next(ListNeed::Urgent);
            if call.job.operation == ListDatasets {
                return call;
            }
            self.end(&call, None, AfterCall::Finish);
        }
        panic!("no list in a hundred polls")
    }

    fn end(&mut self, call: &Call, failure: Option<Failure>, after: AfterCall) -> EndedCall {
        let ended = self
            .schedule
            .end_call(call.ticket, failure, after, self.now);
        ended.unwrap()
    }

    /// Ends a list that failed. The poll's next call is returned.
    fn fall_back(&mut self, call: &Call, failure: Failure) -> Call {
        self.fall_back_after(call, failure, 2)
    }

    /// The same, where the next call is the poll's `number`th.
    fn fall_back_after(&mut self, call: &Call, failure: Failure, number: u32) -> Call {
        assert_eq!(call.job.operation, ListDatasets);
        self.end(call, Some(failure), AfterCall::Describe(Duration::ZERO));
        let next = self.next(ListNeed::Urgent);
        assert_eq!(next.job.operation, DescribeIdentityUsage);
        assert_eq!(next.job.target, call.job.target, "at once");
        let ticket = self.schedule.ticket(next.ticket).unwrap();
        assert_eq!((ticket.attempt, ticket.calls), (1, number));
        next
    }

    /// Reads the same configuration again.
    fn reload(&mut self) {
        let new = targets(&[10]);
        let (schedule, old) = (&mut self.schedule, &self.targets);
        changes::change(schedule, old, &new, 1_000.0, self.now);
    }

    /// The operations of all polls until a time, each of which succeeds.
    fn operations(&mut self, until: Mono, need: ListNeed) -> Vec<Operation> {
        let mut operations = Vec::new();
        while self.now < until {
            let call = self.next(need);
            operations.push(call.job.operation);
            self.end(&call, None, AfterCall::Finish);
        }
        operations
    }
}

fn lists(operations: &[Operation]) -> usize {
    let lists = operations.iter().filter(|other| **other == ListDatasets);
    lists.count()
}

#[test]
fn a_list_takes_the_place_of_a_description_and_of_no_more_than_a_quarter() {
    for need in [ListNeed::None, ListNeed::Routine, ListNeed::Urgent] {
        let operations = Listing::new().operations(seconds(4_000.0), need);
        assert!((3_990..=4_010).contains(&operations.len()), "{need:?}");
        let lists = lists(&operations);
        let expected = if need == ListNeed::None { 0 } else { 1_056 };
        assert!(lists.abs_diff(expected) <= 10, "{need:?}: {lists} lists");
        assert!(
            4 * lists <= operations.len() * 11 / 10,
            "of all 4,400 calls"
        );
    }
}

/// A list that AWS denies, and the description that follows. Returns whether that is reported.
fn denied(listing: &mut Listing, described: Option<Failure>) -> bool {
    let list = listing.next_list();
    let next = listing.fall_back(&list, Failure::AccessDenied);
    listing
        .end(&next, described, AfterCall::Finish)
        .lists_denied
}

#[test]
fn where_lists_alone_are_denied_no_other_is_sent_for_a_day() {
    let mut listing = Listing::new();
    assert!(denied(&mut listing, None), "it is new");
    let day = seconds(86_390.0);
    assert_eq!(lists(&listing.operations(day, ListNeed::Urgent)), 0);
    listing.operations(seconds(86_400.0), ListNeed::None);
    assert!(!denied(&mut listing, None), "it is known");
}

#[test]
fn where_everything_is_denied_nothing_is_said_of_lists() {
    let mut listing = Listing::new();
    for described in [Failure::AccessDenied, Failure::Timeout, Failure::Throttled] {
        assert!(!denied(&mut listing, Some(described)));
    }
    let list = listing.next_list();
    listing.end(&list, None, AfterCall::Finish);
}

#[test]
fn after_a_throttled_list_the_budget_sends_none_for_a_minute() {
    let mut listing = Listing::new();
    let call = listing.next(ListNeed::Urgent);
    let failed_at = listing.now;
    let next = listing.fall_back(&call, Failure::Throttled);
    listing.end(&next, None, AfterCall::Finish);
    let minute = failed_at + Duration::from_secs(59);
    let operations = listing.operations(minute, ListNeed::Urgent);
    assert_eq!(lists(&operations), 0);
    let later = failed_at + Duration::from_secs(70);
    assert!(lists(&listing.operations(later, ListNeed::Urgent)) > 0);
}

#[test]
fn an_identity_whose_list_fails_is_held_back_and_no_other() {
    for failure in [Failure::Timeout, Failure::Malformed, Failure::ServiceError] {
        let mut listing = Listing::new();
        let call = listing.next(ListNeed::Urgent);
        let next = listing.fall_back(&call, failure);
        listing.end(&next, None, AfterCall::Finish);
        let mut listed = HashSet::new();
        while listing.now < seconds(3_600.0) {
            let poll = listing.next(ListNeed::Urgent);
            if poll.job.operation == ListDatasets {
                listed.insert(poll.job.target);
            }
            listing.end(&poll, None, AfterCall::Finish);
        }
        assert!(!listed.contains(&call.job.target), "{failure:?}");
        assert_eq!(listed.len(), 9, "{failure:?}");
    }
}

#[test]
fn a_page_is_no_list_yet() {
    let mut listing = Listing::new();
    let mut sent = 0;
    while listing.now < seconds(50.0) {
        let first = listing.next(ListNeed::Urgent);
        if first.job.operation != ListDatasets {
            listing.end(&first, None, AfterCall::Finish);
            continue;
        }
        sent += 1;
        let paging = pages::page("again", listing.now);
        listing.end(&first, None, AfterCall::NextPage(paging));
        let second = listing.next(ListNeed::Urgent);
        let next = listing.fall_back_after(&second, Failure::Malformed, 3);
        listing.end(&next, None, AfterCall::Finish);
    }
    assert_eq!(sent, 3, "lists that all fail pause");
}

#[test]
fn a_reload_forgets_who_may_not_be_listed() {
    let mut listing = Listing::new();
    assert!(denied(&mut listing, None));
    listing.reload();
    assert!(denied(&mut listing, None), "it is reported again");
}

#[test]
fn what_concerns_one_identity_pauses_no_list() {
    let mut listing = Listing::new();
    let call = listing.next(ListNeed::Urgent);
    let next = listing.fall_back(&call, Failure::NotFound);
    listing.end(&next, Some(Failure::NotFound), AfterCall::Finish);
    assert_eq!(listing.next(ListNeed::Urgent).job.operation, ListDatasets);
}

#[test]
fn the_next_page_is_a_list_too_and_counts() {
    let mut listing = Listing::new();
    let mut call = listing.next(ListNeed::Urgent);
    for _ in 0..30 {
        let paging = pages::page("token", listing.now);
        listing.end(&call, None, AfterCall::NextPage(paging));
        let next = listing.next(ListNeed::None);
        assert_eq!(next.job, call.job);
        call = next;
    }
    listing.end(&call, None, AfterCall::Finish);
    let until = listing.now + Duration::from_secs(60);
    assert_eq!(lists(&listing.operations(until, ListNeed::Urgent)), 0);
}

#[test]
fn a_reload_in_the_middle_of_a_list_goes_on_with_a_description() {
    let mut listing = Listing::new();
    let call = listing.next(ListNeed::Urgent);
    listing.reload();
    let paging = pages::page("token", listing.now);
    listing.end(&call, None, AfterCall::NextPage(paging));
    let next = listing.next(ListNeed::None);
    assert_eq!(next.job.target, call.job.target);
    assert_eq!(next.job.operation, DescribeIdentityUsage);
    assert!(next.continuation.is_none());
}

#[test]
fn a_probe_is_never_a_list() {
    let mut listing = Listing::new();
    let call = listing.next(ListNeed::None);
    listing.end(&call, Some(Failure::Credentials), AfterCall::Finish);
    let probe = listing.next(ListNeed::Urgent);
    assert_eq!(probe.job.operation, DescribeIdentityUsage);
}
