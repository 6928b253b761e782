//! The states of a record.

use super::*;
use Failure::{NotFound, Timeout};
use State::{Failing, Fresh, Missing, Pending, Stale};
use std::time::Duration;

const USAGE: Usage = Usage {
    datasets: Some(3),
    storage_bytes: Some(4_096),
    last_modified: None,
};
const STALE_AFTER: Duration = Duration::from_secs(900);

fn at(seconds: u64) -> Timestamp {
    Timestamp {
        mono: Mono::START + Duration::from_secs(seconds),
        unix: seconds as f64,
    }
}

#[test]
fn a_million_records_take_64_mb() {
    assert_eq!(size_of::<Record>(), 64);
}

/// Every state, every event in it, and the next state.
#[test]
fn transitions() {
    let pending = Record::default();
    let after = |record: Record, result, seconds| {
        let mut record = record;
        record.apply(result, at(seconds));
        record
    };
    let fresh = after(pending, Ok(USAGE), 1_000);
    let failing = after(fresh, Err(Timeout), 1_300);
    let never_up = after(pending, Err(Timeout), 1_000);
    let missing = after(fresh, Err(NotFound), 1_300);
    for (what, record, now, state, shown, up) in [
        ("never polled", pending, 9_999, Pending, false, None),
        ("succeeded", fresh, 1_900, Fresh, true, Some(true)),
        (
            "succeeded, long ago",
            fresh,
            1_901,
            Stale,
            false,
            Some(true),
        ),
        (
            "failed after success",
            failing,
            1_900,
            Failing,
            true,
            Some(false),
        ),
        (
            "failed, success long ago",
            failing,
            1_901,
            Stale,
            false,
            Some(false),
        ),
        (
            "failed from the start",
            never_up,
            1_000,
            Failing,
            false,
            Some(false),
        ),
        (
            "failed from the start, long ago",
            never_up,
            9_999,
            Failing,
            false,
            Some(false),
        ),
        ("missing", missing, 1_300, Missing, false, Some(false)),
        (
            "missing from the start",
            after(pending, Err(NotFound), 1),
            1,
            Missing,
            false,
            Some(false),
        ),
        (
            "missing, long ago",
            missing,
            9_999,
            Missing,
            false,
            Some(false),
        ),
        (
            "missing, then no answer",
            after(missing, Err(Timeout), 1_301),
            1_301,
            Missing,
            false,
            Some(false),
        ),
        (
            "missing, then back",
            after(missing, Ok(USAGE), 1_301),
            1_301,
            Fresh,
            true,
            Some(true),
        ),
        (
            "failed, then back",
            after(failing, Ok(USAGE), 1_301),
            1_301,
            Fresh,
            true,
            Some(true),
        ),
        (
            "an older answer",
            after(fresh, Ok(Usage::default()), 999),
            1_000,
            Fresh,
            true,
            Some(true),
        ),
        (
            "an older failure",
            after(fresh, Err(NotFound), 999),
            1_000,
            Fresh,
            true,
            Some(true),
        ),
        (
            "failed, then missing",
            after(failing, Err(NotFound), 1_301),
            1_301,
            Missing,
            false,
            Some(false),
        ),
    ] {
        assert_eq!(
            record.state(at(now).mono.before(STALE_AFTER)),
            state,
            "{what}"
        );
        assert_eq!(
            record.usage(at(now).mono.before(STALE_AFTER)),
            shown.then_some(&USAGE),
            "{what}"
        );
        assert_eq!(record.up(), up, "{what}");
    }
    assert_eq!(
        missing.last_success(),
        Some(1_000.0),
        "the last success stays known"
    );
    assert_eq!(never_up.last_success(), None);
    assert_eq!(
        after(missing, Err(Timeout), 1_301).failures(),
        Some((2, 1_301.0))
    );
    assert_eq!(after(missing, Ok(USAGE), 1_302).failures(), None);
}
