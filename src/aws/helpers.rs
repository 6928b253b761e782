//! Ends credential helpers (`credential_process`) that hang.
//!
//! The SDK starts them and leaves them alone when a load is given up, so that one which never ends
//! would stay for each load, up to the service's limit of tasks. What a helper leaves to another
//! parent is not found.

use std::collections::HashMap;
use std::ops::Range;
use std::time::Duration;

use procfs::ProcResult;
use procfs::process::{self, Process, Stat};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use rustix::time::{ClockId, clock_gettime};
use tracing::warn;

/// The state of a process that has ended and whose parent has not asked how.
const ZOMBIE: char = 'Z';

/// What a load of credentials holds while it runs: if it is dropped before [`Helpers::ended`], the
/// children of this process that began meanwhile are ended after the time that a load may take,
/// when no other load can own them.
#[derive(Debug)]
pub(super) struct Helpers {
    began: Duration,
    max_load: Duration,
}

impl Helpers {
    pub(super) fn new(max_load: Duration) -> Self {
        let began = since_boot();
        Self { began, max_load }
    }

    /// The load has come to its end, and so have its helpers.
    pub(super) fn ended(self) {
        std::mem::forget(self);
    }
}

impl Drop for Helpers {
    fn drop(&mut self) {
        let (max_load, load) = (self.max_load, self.began..since_boot());
        // Without a runtime the process is about to end.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                tokio::time::sleep(max_load).await;
                // It cannot panic.
                let _ = tokio::task::spawn_blocking(move || end_children(load)).await;
            });
        }
    }
}

/// Ends the children of this process that began in this time since the boot, and theirs.
fn end_children(began: Range<Duration>) {
    let all = match all() {
        Ok(all) => all,
        Err(error) => {
            warn!(%error, "cannot find credential helpers that did not end in time");
            return;
        }
    };
    let overdue = children(&all, std::process::id() as i32, began);
    let helpers = overdue.len();
    if helpers > 0 {
        let processes = end_with_descendants(overdue, &all);
        warn!(
            helpers,
            processes,
            "credential helpers (credential_process) did not end in time and were killed"
        );
    }
}

fn since_boot() -> Duration {
    Duration::try_from(clock_gettime(ClockId::Boottime)).unwrap_or_default()
}

/// The children of a process that began in this time since the boot and have not ended.
fn children(all: &[Stat], parent: i32, began: Range<Duration>) -> Vec<&Stat> {
    let ticks = |time: Duration| time.as_secs_f64() * procfs::ticks_per_second() as f64;
    // The kernel counts whole ticks.
    let (first, last) = (ticks(began.start).floor(), ticks(began.end).ceil());
    let is_one = |stat: &&Stat| {
        let began = stat.starttime as f64;
        stat.ppid == parent && stat.state != ZOMBIE && first <= began && began <= last
    };
    all.iter().filter(is_one).collect()
}

/// All processes that this one may see.
fn all() -> ProcResult<Vec<Stat>> {
    let stat = |process: ProcResult<Process>| process.and_then(|process| process.stat()).ok();
    Ok(process::all_processes()?.filter_map(stat).collect())
}

/// Ends processes and all that they have started, such as the commands of a shell's pipe. Returns
/// how many were killed.
fn end_with_descendants<'a>(mut ending: Vec<&'a Stat>, all: &'a [Stat]) -> usize {
    let mut by_parent: HashMap<i32, Vec<&Stat>> = HashMap::new();
    for stat in all {
        by_parent.entry(stat.ppid).or_default().push(stat);
    }
    let mut killed = 0;
    while let Some(stat) = ending.pop() {
        killed += usize::from(end(stat));
        ending.extend(by_parent.remove(&stat.pid).unwrap_or_default());
    }
    killed
}

/// Kills a process, unless it has ended and its number is another one's by now. Returns whether it
/// did.
fn end(process: &Stat) -> bool {
    let pid = Pid::from_raw(process.pid);
    let Some(opened) = pid.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok()) else {
        return false;
    };
    let now = Process::new(process.pid).and_then(|process| process.stat());
    now.is_ok_and(|now| now.starttime == process.starttime)
        && pidfd_send_signal(&opened, Signal::KILL).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::unix::process::ExitStatusExt;
    use std::process::{Command, Stdio};

    #[tokio::test]
    async fn a_helper_that_hangs_is_ended_with_all_that_it_has_started() {
        let mut before = Command::new("sleep").arg("1000").spawn().unwrap();
        // Longer than a tick of the kernel.
        tokio::time::sleep(Duration::from_millis(30)).await;
        let load = Helpers::new(Duration::from_millis(1));
        let mut shell = Command::new("sh")
            .args(["-c", "echo started; sleep 1000 | sleep 1000"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = shell.stdout.take().unwrap();
        output.read_exact(&mut [0; 8]).unwrap();
        // Both ends of the pipe are there when two children are.
        let pid = shell.id() as i32;
        let any_time = Duration::ZERO..Duration::MAX;
        while children(&all().unwrap(), pid, any_time.clone()).len() < 2 {
            assert!(shell.try_wait().unwrap().is_none(), "the shell has ended");
            tokio::task::yield_now().await;
        }
        drop(load);
        // Which waits for all processes that have the output open.
        let end = tokio::task::spawn_blocking(move || output.read(&mut [0]).unwrap());
        assert_eq!(end.await.unwrap(), 0);
        assert_eq!(shell.wait().unwrap().signal(), Some(Signal::KILL.as_raw()));
        assert!(
            before.try_wait().unwrap().is_none(),
            "it began before the load"
        );
        before.kill().unwrap();
        before.wait().unwrap();
    }
}
