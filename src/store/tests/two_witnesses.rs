//! Usage comes from two operations, of which one lags behind the other.

use super::*;
use crate::api::Signer;

/// A store of one identity.
struct One(Store);

impl One {
    fn new() -> Self {
        Self(Store::new(targets(&[(POOL, &["r:a"])])))
    }

    /// The same, whose calls are signed with keys of its own.
    fn guest() -> Self {
        let mut targets = targets(&[(POOL, &["r:a"])]);
        let guests = Arc::get_mut(&mut targets).unwrap();
        guests.pools[0].settings.signer = Signer::Guest;
        Self(Store::new(targets))
    }

    fn poll(&self, seconds: u64, result: Result<Answer, Failure>) {
        // The store looks at the answer, not at the operation.
        let operation = Operation::DescribeIdentityUsage;
        let target = Target::identity(PoolIndex(0), 0);
        self.0.record(&Observation {
            job: Job { operation, target },
            requested_at: at(seconds),
            took: Duration::ZERO,
            calls: 1,
            is_reported: false,
            result,
        });
    }

    fn known(&self) -> Known {
        self.0.known_of(IdentityId::parse("r:a").unwrap())
    }

    fn datasets(&self) -> Option<DatasetList> {
        self.known().targets[0].listed.clone()
    }

    fn describe(&self, seconds: u64, storage_bytes: u64, last_modified: f64) {
        let usage = Usage {
            datasets: Some(2),
            storage_bytes: Some(storage_bytes),
            last_modified: Some(last_modified),
        };
        self.poll(seconds, Ok(Answer::Identity(usage)));
    }

    /// Two datasets, of which one has all records and all bytes.
    fn list(&self, seconds: u64, storage_bytes: u64, last_modified: f64) {
        let dataset = |bytes: u64| Dataset {
            name: Some(format!("of {bytes} bytes")),
            storage_bytes: Some(bytes),
            records: Some(bytes / 10),
            last_modified: Some(last_modified),
        };
        let datasets = vec![dataset(storage_bytes), dataset(0)];
        self.poll(seconds, Ok(Answer::Datasets(datasets)));
    }

    fn record(&self) -> Record {
        self.0.snapshot().pool(PoolIndex(0)).records[IdentityIndex(0)]
    }

    fn listing(&self) -> crate::limits::Listing {
        self.0.snapshot().pool(PoolIndex(0)).listings[IdentityIndex(0)]
    }

    fn last_modified(&self) -> Option<f64> {
        self.record().last_usage()?.last_modified
    }
}

fn at(seconds: u64) -> Timestamp {
    Timestamp {
        mono: Mono::START + Duration::from_secs(seconds),
        unix: seconds as f64,
    }
}

#[test]
fn a_list_that_lags_behind_or_ahead_moves_no_date_back() {
    let one = One::new();
    one.describe(2_000, 1_000, 1_124.0);
    one.list(2_001, 1_000, 1_100.0);
    assert_eq!(
        one.last_modified(),
        Some(1_124.0),
        "the date of a list is earlier"
    );
    one.list(2_010, 1_100, 2_005.0);
    assert_eq!(one.last_modified(), Some(2_005.0), "a write");
    one.describe(2_011, 1_000, 1_124.0);
    let record = one.record();
    let usage = record.last_usage().unwrap();
    assert_eq!(usage.storage_bytes, Some(1_000), "numbers are AWS's");
    assert_eq!(usage.last_modified, Some(1_124.0), "that is not a lag");
    one.list(2_012, 1_100, 2_005.0);
    one.describe(2_040, 1_100, 2_029.0);
    assert_eq!(one.last_modified(), Some(2_029.0));
    one.list(2_041, 1_100, 2_005.0);
    one.describe(2_042, 1_100, 2_028.0);
    assert_eq!(one.last_modified(), Some(2_029.0));
    one.describe(2_100, 1_100, 1_429.0);
    assert_eq!(one.last_modified(), Some(1_429.0), "ten minutes are no lag");
}

#[test]
fn a_list_of_what_is_left_does_not_move_the_date_back() {
    // A dataset was written and deleted just now; the other one is nine days old.
    let one = One::new();
    one.describe(2_000_000, 1_000, 1_999_990.0);
    one.list(2_000_001, 1_000, 1_222_400.0);
    assert_eq!(one.last_modified(), Some(1_999_990.0));
    one.describe(2_000_002, 1_000, 1_999_990.0);
    assert!(one.listing().is_exact());
}

#[test]
fn what_a_list_leaves_out_stays_known() {
    let one = One::new();
    one.describe(100, 1_000, 50.0);
    let dataset = |storage_bytes| Dataset {
        storage_bytes,
        ..Dataset::default()
    };
    let datasets = vec![dataset(Some(10)), dataset(None), dataset(Some(5))];
    one.poll(110, Ok(Answer::Datasets(datasets)));
    let record = one.record();
    let expected = Usage {
        datasets: Some(3),
        storage_bytes: Some(1_000),
        last_modified: Some(50.0),
    };
    assert_eq!(record.last_usage(), Some(&expected));
}

#[test]
fn without_lists_every_date_is_aws_s() {
    let one = One::new();
    for date in [1_000.0, 999.0, 1_001.0, 998.5] {
        one.describe(2_000, 1_000, date);
        assert_eq!(one.last_modified(), Some(date));
    }
}

#[test]
fn descriptions_that_lag_confirm_a_list_until_one_shows_a_write() {
    let one = One::new();
    one.describe(100, 1_000, 50.0);
    one.list(110, 1_000, 26.0);
    assert_eq!(one.listing().exact_storage(), Some(1_000));
    for seconds in [120, 130, 140] {
        one.describe(seconds, 1_000, 50.0);
        assert_eq!(one.listing().exact_records(), Some(100), "{seconds}");
    }
    // A write that changes no count: an update of a value to one of the same size.
    one.describe(150, 1_000, 149.0);
    assert!(!one.listing().is_exact());
    one.list(160, 1_000, 125.0);
    assert!(one.listing().is_exact());
    assert_eq!(one.last_modified(), Some(149.0));
}

#[test]
fn after_an_empty_list_what_was_known_stands_until_a_description() {
    let one = One::new();
    one.list(100, 1_000, 50.0);
    one.poll(110, Err(Failure::Timeout));
    one.poll(120, Ok(Answer::Datasets(Vec::new())));
    let record = one.record();
    assert_eq!(record.up(), Some(true), "the poll succeeded");
    assert_eq!(
        record.last_success(),
        Some(100.0),
        "the usage is the old one"
    );
    assert_eq!(one.listing().exact_storage(), Some(1_000));
    let need = || one.0.list_need(PoolIndex(0), IdentityIndex(0), at(130));
    assert_eq!(need(), ListNeed::None);
    one.poll(130, Err(Failure::NotFound));
    assert_eq!(need(), ListNeed::None);
    assert!(!one.listing().exists());
    assert!(one.datasets().is_none());
    one.poll(140, Ok(Answer::Datasets(Vec::new())));
    assert_eq!(
        one.record().up(),
        Some(false),
        "a list does not end that it is missing"
    );
    one.describe(150, 10, 149.0);
    assert_eq!(need(), ListNeed::Routine);
}

#[test]
fn an_answer_from_before_changes_nothing() {
    let one = One::new();
    one.list(100, 1_000, 50.0);
    let listing = one.listing();
    one.describe(99, 500, 51.0);
    one.poll(99, Ok(Answer::Datasets(Vec::new())));
    one.poll(99, Err(Failure::NotFound));
    assert_eq!(one.listing(), listing);
    assert_eq!(one.last_modified(), Some(50.0));
    let rows = one.datasets().unwrap();
    assert_eq!(rows.value[0].name.as_deref(), Some("of 1000 bytes"));
    assert_eq!(rows.requested_at, at(100));
}

#[test]
fn who_is_not_listed_has_no_datasets() {
    let one = One::new();
    one.list(100, 1_000, 50.0);
    let of = |id| {
        let id = IdentityId::parse(id).unwrap();
        one.0.known_of(id).targets
    };
    assert!(of("r:b").is_empty());
    let [one] = &of("r:a")[..] else {
        panic!("one target")
    };
    assert!(one.listed.is_some());
    assert_eq!(one.target, Target::identity(PoolIndex(0), 0));
}

/// Lists of two sizes arrive in turn while readers compare.
#[test]
fn datasets_are_of_the_same_time_as_the_rest() {
    let one = One::new();
    one.list(0, 1, 50.0);
    let is_read = std::sync::atomic::AtomicBool::new(false);
    let mut changes = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for seconds in 1.. {
                one.list(seconds, 1 + seconds % 2, 50.0);
                if is_read.load(Ordering::Relaxed) {
                    break;
                }
            }
        });
        let mut last = None;
        while changes < 100 {
            let known = one.known();
            let kept = known.snapshot.pool(PoolIndex(0)).listings[IdentityIndex(0)];
            let listed = known.targets[0].listed.as_ref().unwrap();
            if kept.exact_storage() != listed.value[0].storage_bytes {
                break;
            }
            changes += usize::from(last != kept.exact_storage());
            last = kept.exact_storage();
        }
        is_read.store(true, Ordering::Relaxed);
    });
    assert_eq!(changes, 100, "rows and what is kept of them differ");
}

#[test]
fn an_empty_list_of_a_guest_is_an_identity_without_datasets() {
    let guest = One::guest();
    guest.list(10, 1_000, 5.0);
    assert!(guest.datasets().is_some());
    guest.poll(20, Ok(Answer::Datasets(Vec::new())));
    let usage = guest.record().last_usage().copied().unwrap();
    let none = (usage.datasets, usage.storage_bytes);
    assert_eq!(none, (Some(0), Some(0)));
    assert_eq!(
        usage.last_modified,
        Some(5.0),
        "datasets were deleted since"
    );
    assert_eq!(guest.record().last_success(), Some(20.0));
    assert!(!guest.listing().needs_description());
    assert!(guest.datasets().is_none(), "they are gone");
    let first = One::guest();
    first.poll(10, Ok(Answer::Datasets(Vec::new())));
    assert_eq!(first.record().last_success(), Some(10.0));
}

/// Where lists are all there is, the bytes may stay the same.
#[test]
fn a_date_that_differs_between_two_lists_is_a_change() {
    let changes = |dates: [f64; 3]| {
        let one = One::guest();
        for (index, date) in dates.into_iter().enumerate() {
            one.list(100 * index as u64, 1_000, date);
        }
        let demand = one.0.demand(PoolIndex(0), IdentityIndex(0), at(200));
        demand.changes_per_second
    };
    let (idle, busy) = (changes([5.0, 5.0, 5.0]), changes([5.0, 90.0, 190.0]));
    assert!(busy > 2.0 * idle, "{busy} {idle}");
}
