//! Directories and files that cannot be used, or not yet.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::process::{BEGAN, POOL, Process, described, directory, usage};
use crate::api::Failure;
use crate::clock::Clock;
use crate::state::{Known, Saves, open};
use crate::store::State;
use crate::targets::{TargetDiff, Targets};

#[tokio::test(start_paused = true)]
async fn a_damaged_file_is_moved_aside_and_all_that_is_known_is_saved_anew() {
    let (_parent, path) = directory();
    let mut first = Process::start(&path, &["r:1"], BEGAN);
    first.poll("r:1", described(100));
    first.save();
    drop(first);
    fs::write(path.join("state.redb"), "nothing of the kind").unwrap();
    let mut second = Process::start(&path, &["r:1"], BEGAN);
    assert_eq!(second.known("r:1"), (State::Pending, None, None));
    let names = || -> Vec<_> {
        let names = fs::read_dir(&path).unwrap();
        names.map(|file| file.unwrap().file_name()).collect()
    };
    assert_eq!(names().len(), 2, "{:?}", names());
    second.poll("r:1", described(300));
    second.save();
    // In the run, the directory is taken away.
    fs::remove_dir_all(&path).unwrap();
    second.poll("r:1", described(400));
    second.save();
    assert_eq!(second.saves.failures(), 0);
    drop(second);
    let third = Process::start(&path, &["r:1"], BEGAN);
    assert_eq!(third.known("r:1").1, Some(usage(400)));
}

#[tokio::test(start_paused = true)]
async fn a_directory_that_is_in_use_or_may_be_written_by_others_is_refused() {
    let (_parent, path) = directory();
    let first = Process::start(&path, &["r:1"], BEGAN);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(&path), 0o700);
    assert_eq!(mode(&path.join("state.redb")), 0o600);
    let refusal = |path: &Path| {
        let saves = Arc::new(Saves::default());
        let clock = Clock::anchored(BEGAN);
        let refused = open(
            path,
            Known::of_store(Arc::clone(&first.store)),
            &saves,
            &clock,
        );
        refused.map(|_| ()).unwrap_err().to_string()
    };
    let in_use = refusal(&path);
    assert!(
        in_use.contains("is in use by another process")
            && in_use.contains(&path.display().to_string()),
        "{in_use}"
    );
    let open_to_all = path.parent().unwrap().join("open");
    fs::create_dir(&open_to_all).unwrap();
    for wide in [0o770, 0o707, 0o1777] {
        fs::set_permissions(&open_to_all, Permissions::from_mode(wide)).unwrap();
        let refused = refusal(&open_to_all);
        assert!(refused.contains("can be written by others"), "{refused}");
    }
    fs::set_permissions(&open_to_all, Permissions::from_mode(0o755)).unwrap();
    Process::start(&open_to_all, &["r:1"], BEGAN);
    let file = path.parent().unwrap().join("file");
    fs::write(&file, "").unwrap();
    assert!(refusal(&file).contains("is not a directory; name one"));
    let below = refusal(&file.join("state"));
    assert!(
        below.contains(" cannot be made or looked at: ") && below.contains("; expected a"),
        "{below}"
    );
}

/// What a disk does not give at the start is given to the store when it does, and nothing that is
/// newer is lost.
#[tokio::test(start_paused = true)]
async fn what_comes_late_is_restored_too() {
    let (_parent, path) = directory();
    let ids = ["r:1", "r:2", "r:3"];
    let mut first = Process::start(&path, &ids, BEGAN);
    for (id, bytes) in [("r:1", 100), ("r:2", 200), ("r:3", 300)] {
        first.poll(id, described(bytes));
    }
    first.save();
    drop(first);
    let (file, aside) = (path.join("state.redb"), path.join("aside"));
    fs::rename(&file, &aside).unwrap();
    // Which cannot be opened as a file.
    fs::create_dir(&file).unwrap();
    let mut second = Process::start(&path, &ids, BEGAN + 60.0);
    assert_eq!(second.saves.failures(), 1);
    second.poll_at("r:1", 1.0, Err(Failure::Timeout));
    second.poll_at("r:2", 1.0, described(222));
    fs::remove_dir(&file).unwrap();
    fs::rename(&aside, &file).unwrap();
    tokio::time::advance(Duration::from_secs(10)).await;
    second.save();
    assert!(!second.saves.fails());
    assert_eq!(second.saves.restored_identities(), 2);
    let check = |process: &Process| {
        assert_eq!(process.known("r:1").0, State::Failing);
        assert_eq!(process.known("r:1").1, Some(usage(100)));
        assert_eq!(process.known("r:2").1, Some(usage(222)));
        assert_eq!(process.known("r:3").1, Some(usage(300)));
    };
    check(&second);
    second.save();
    drop(second);
    check(&Process::start(&path, &ids, BEGAN + 80.0));
}

#[tokio::test(start_paused = true)]
async fn who_leaves_before_it_was_saved_is_saved() {
    let (_parent, path) = directory();
    let mut first = Process::start(&path, &["r:1", "r:2"], BEGAN);
    first.poll("r:2", described(200));
    let without = Arc::new(Targets::for_tests_with_ids([(POOL, ["r:1"])]));
    let diff = TargetDiff::new(&first.targets, &without);
    first.store.apply_targets(&without, &diff);
    first.targets = without;
    first.save();
    drop(first);
    let second = Process::start(&path, &["r:1", "r:2"], BEGAN);
    assert_eq!(second.known("r:2").1, Some(usage(200)));
}
