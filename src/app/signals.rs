//! The signals that end a command.

use std::fs;
use std::future::pending;
use std::io;

use tokio::signal::unix::{SignalKind, signal};

/// The signal to stop.
///
/// # Errors
/// When signals cannot be waited for.
pub fn stop_requested() -> io::Result<impl Future<Output = &'static str>> {
    let (mut terminate, mut interrupt) = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    );
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        }
    })
}

/// The signal that the terminal was closed, unless the parent has it ignored, as nohup does.
///
/// # Errors
/// When signals cannot be waited for.
pub fn terminal_closed() -> io::Result<impl Future<Output = ()>> {
    // A mask in hexadecimal, whose lowest bit is that of signal 1 (proc_pid_status(5)).
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    let is_ignored = ignored.is_some_and(|mask| mask & 1 != 0);
    let hangup = (!is_ignored).then(|| signal(SignalKind::hangup()));
    let hangup = hangup.transpose()?;
    Ok(async move {
        match hangup {
            Some(mut hangup) => drop(hangup.recv().await),
            None => pending().await,
        }
    })
}
