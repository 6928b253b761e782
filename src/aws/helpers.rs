//! Ends credential helpers (`credential_process`) that hang.
//!
//! The SDK starts them and leaves them alone when a load is given up, so that one which never ends
//! would stay for each load, up to the service's limit of tasks. This process has no other
//! children.

use std::collections::HashMap;
use std::time::Duration;

use procfs::ProcResult;
use procfs::process::{self, Process, Stat};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use rustix::time::{ClockId, clock_gettime};
use tracing::warn;

/// What a load of credentials holds while it runs: if it is dropped before [`Helpers::ended`], its
/// helpers are ended after the time that a load may take, when no later load can own them.
#[derive(Debug)]
pub(super) struct Helpers {
    max_load: Duration,
}

impl Helpers {
    pub(super) fn new(max_load: Duration) -> Self {
        Self { max_load }
    }

    /// The load has come to its end, and so have its helpers.
    pub(super) fn ended(self) {
        std::mem::forget(self);
    }
}

impl Drop for Helpers {
    fn drop(&mut self) {
        let max_load = self.max_load;
        // Without a runtime the process is about to end.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                tokio::time::sleep(max_load).await;
                // It cannot panic.
                let _ = tokio::task::spawn_blocking(move || end_children(max_load)).await;
            });
        }
    }
}

/// Ends the children of this process that are older than any load that still runs, and theirs.
fn end_children(max_load: Duration) {
    match children(std::process::id() as i32, max_load) {
        Ok(overdue) if overdue.is_empty() => {}
        Ok(overdue) => {
            let helpers = overdue.len();
            overdue.iter().for_each(end_with_descendants);
            warn!(helpers, "credential helpers that did not end were killed");
        }
        Err(error) => warn!(%error, "cannot look for credential helpers that did not end"),
    }
}

/// The children of a process that have run for at least this long.
fn children(parent: i32, age: Duration) -> ProcResult<Vec<Stat>> {
    let now = Duration::try_from(clock_gettime(ClockId::Boottime)).unwrap_or_default();
    let started_by = now.saturating_sub(age).as_secs_f64() * procfs::ticks_per_second() as f64;
    let is_old_child = |stat: &Stat| stat.ppid == parent && stat.starttime as f64 <= started_by;
    Ok(all()?.into_iter().filter(is_old_child).collect())
}

/// All processes that this one may see.
fn all() -> ProcResult<Vec<Stat>> {
    let stat = |process: ProcResult<Process>| process.and_then(|process| process.stat()).ok();
    Ok(process::all_processes()?.filter_map(stat).collect())
}

/// Ends a process and all that it has started, such as the commands of a shell's pipe.
fn end_with_descendants(root: &Stat) {
    let mut by_parent: HashMap<i32, Vec<Stat>> = HashMap::new();
    for stat in all().unwrap_or_default() {
        by_parent.entry(stat.ppid).or_default().push(stat);
    }
    let mut ending = vec![root.clone()];
    while let Some(stat) = ending.pop() {
        end(&stat);
        ending.extend(by_parent.remove(&stat.pid).unwrap_or_default());
    }
}

/// Kills a process, unless it has ended and its number is another one's by now.
fn end(process: &Stat) {
    let Some(opened) =
        Pid::from_raw(process.pid).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok())
    else {
        return;
    };
    let now = Process::new(process.pid).and_then(|process| process.stat());
    if now.is_ok_and(|now| now.starttime == process.starttime) {
        // It may have ended since.
        let _ = pidfd_send_signal(&opened, Signal::KILL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::unix::process::ExitStatusExt;
    use std::process::{Command, Stdio};

    #[test]
    fn a_helper_that_hangs_is_ended_with_all_that_it_has_started() {
        let mut shell = Command::new("sh")
            .args(["-c", "echo started; sleep 1000 | sleep 1000"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = shell.stdout.take().unwrap();
        output.read_exact(&mut [0; 8]).unwrap();
        let pid = shell.id() as i32;
        let this = std::process::id() as i32;
        let found = |age| {
            let children = children(this, age).unwrap();
            children.into_iter().find(|child| child.pid == pid)
        };
        assert!(found(Duration::from_secs(900)).is_none());
        let helper = found(Duration::ZERO).unwrap();
        while children(pid, Duration::ZERO).unwrap().len() < 2 {
            std::thread::yield_now();
        }
        end_with_descendants(&helper);
        assert_eq!(shell.wait().unwrap().signal(), Some(Signal::KILL.as_raw()));
        // The end of the output comes once no process has it open.
        assert_eq!(output.read(&mut [0]).unwrap(), 0);
        end(&helper);
    }
}
