//! Notifications to a service manager, by sd_notify(3): ready, reloading, stopping, status and
//! watchdog. Without `NOTIFY_SOCKET` none is sent.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::clock::Clock;
use crate::health::Watchdog;
use crate::progress::Progress;

/// Time between two status notifications, unless the watchdog needs a shorter one.
const STATUS_INTERVAL: Duration = Duration::from_secs(15);

/// Reports that the daemon serves requests.
pub fn ready() {
    notify(&[NotifyState::Ready]);
}

/// Reports that the configuration is being reloaded. [`ready`] has to follow.
pub fn reloading() {
    // systemd 253 and later require the time, earlier versions ignore it.
    match NotifyState::monotonic_usec_now() {
        Ok(now) => notify(&[NotifyState::Reloading, now]),
        Err(_) => notify(&[NotifyState::Reloading]),
    }
}

/// Reports that the daemon is shutting down.
pub fn stopping() {
    notify(&[NotifyState::Stopping, NotifyState::Status("stopping")]);
}

fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states)
        && error.kind() != io::ErrorKind::NotFound
    {
        debug!(%error, "the service manager could not be notified");
    }
}

/// Sends the status until `stop`, and watchdog notifications while no loop has stalled. The status
/// includes why the last reload failed, as long as `reload_failure` says so.
pub async fn report(
    watchdog: Watchdog,
    progress: Arc<Progress>,
    mut reload_failure: watch::Receiver<Option<String>>,
    clock: Clock,
    stop: CancellationToken,
) {
    // sd_watchdog_enabled(3) recommends half of the timeout; a third tolerates a delayed one.
    let watchdog_interval = sd_notify::watchdog_enabled().map(|timeout| timeout / 3);
    let interval = watchdog_interval.map_or(STATUS_INTERVAL, |it| it.min(STATUS_INTERVAL));
    loop {
        let now = clock.now().mono;
        match watchdog.stalled(now) {
            Some((name, silent)) => {
                notify(&[NotifyState::Status(&format!(
                    "the {name} has been silent for {} s",
                    silent.as_secs()
                ))]);
            }
            None => {
                let (lag, sweep) = (progress.lag(now).as_secs_f64(), progress.sweep_seconds());
                let mut status =
                    format!("polling; maximum lag {lag:.1} s, a sweep takes {sweep:.1} s");
                if let Some(failure) = reload_failure.borrow_and_update().as_deref() {
                    // A message is lines of its own.
                    let failure = failure.replace(char::is_control, " ");
                    status += &format!("; the last reload failed: {failure}");
                }
                notify(&[NotifyState::Status(&status), NotifyState::Watchdog]);
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            Ok(()) = reload_failure.changed() => {}
            () = clock.sleep_until(now + interval) => {}
        }
    }
}
