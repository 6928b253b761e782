//! What a service manager is told, by sd_notify(3): ready, reloading, stopping, how it goes, and
//! that the loops go round. Without `NOTIFY_SOCKET` nobody is told anything.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::clock::Clock;
use crate::health::Watchdog;
use crate::progress::Progress;

/// How often the status is told, if no watchdog asks more often.
const STATUS_EVERY: Duration = Duration::from_secs(15);

/// The daemon answers requests.
pub fn ready() {
    tell(&[NotifyState::Ready]);
}

/// The configuration is being read again; [`ready`] has to follow.
pub fn reloading() {
    // systemd 253 and later want the time, earlier ones do not mind.
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(_) => tell(&[NotifyState::Reloading]),
    }
}

/// The daemon ends, as it was asked to.
pub fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("stopping")]);
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states)
        && error.kind() != io::ErrorKind::NotFound
    {
        debug!(%error, "the service manager could not be told");
    }
}

/// Tells how it goes until `stop`, and keeps the watchdog quiet while all loops go round.
pub async fn report(
    watchdog: Watchdog,
    progress: Arc<Progress>,
    clock: Clock,
    stop: CancellationToken,
) {
    // Half of the time would do; a third leaves room for one that is late.
    let notify_every = sd_notify::watchdog_enabled().map(|longest| longest / 3);
    let every = notify_every.map_or(STATUS_EVERY, |every| every.min(STATUS_EVERY));
    loop {
        let now = clock.now().mono;
        match watchdog.stalled(now) {
            Some((name, silent)) => {
                tell(&[NotifyState::Status(&format!(
                    "the {name} has been silent for {} s",
                    silent.as_secs()
                ))]);
            }
            None => {
                let (lag, sweep) = (progress.lag(now).as_secs_f64(), progress.sweep_seconds());
                let status =
                    format!("polling; {lag:.1} s late at most, a sweep takes {sweep:.1} s");
                tell(&[NotifyState::Status(&status), NotifyState::Watchdog]);
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = clock.sleep_until(now + every) => {}
        }
    }
}
