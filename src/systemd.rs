//! Notifications to a service manager, by sd_notify(3): ready, reloading, stopping, status and
//! watchdog. Without `NOTIFY_SOCKET` none is sent.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::clock::{Clock, Timestamp};
use crate::first_sweep::{FirstSweep, Standing};
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
    first_sweep: Arc<FirstSweep>,
    mut reload_failure: watch::Receiver<Option<String>>,
    clock: Clock,
    stop: CancellationToken,
) {
    // sd_watchdog_enabled(3) recommends half of the timeout; a third tolerates a delayed one.
    let watchdog_interval = sd_notify::watchdog_enabled().map(|timeout| timeout / 3);
    let interval = watchdog_interval.map_or(STATUS_INTERVAL, |it| it.min(STATUS_INTERVAL));
    loop {
        let now = clock.now();
        match watchdog.stalled(now.mono) {
            Some((name, silent)) => {
                notify(&[NotifyState::Status(&format!(
                    "the {name} has been silent for {} s",
                    silent.as_secs()
                ))]);
            }
            None => {
                let mut status = status(&first_sweep.look(now), &progress, now);
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
            () = clock.sleep_until(now.mono + interval) => {}
        }
    }
}

/// How polling goes, in a line.
fn status(standing: &Standing, progress: &Progress, now: Timestamp) -> String {
    let Standing {
        identities,
        failing,
        missing,
        refused,
        causes,
        sweep,
    } = standing;
    let mut status = match sweep {
        Some(sweep) => {
            let (percent, ends) = (sweep.percent(), sweep.end.words(now.unix));
            format!("first sweep {percent} %, {ends}; {identities} identities")
        }
        None => format!("polling {identities} identities"),
    };
    status += &format!(", {failing} failing");
    if *missing > 0 {
        status += &format!(", {missing} missing");
    }
    // An end that is unknown names them already.
    if sweep
        .as_ref()
        .is_none_or(|sweep| sweep.end.unix().is_some())
        && !refused.is_empty()
    {
        let refused = refused.join(", ");
        status += &format!("; credentials or settings of {refused} do not work");
    }
    for cause in causes {
        status += &format!("; {cause}");
    }
    let (lag, sweep) = (
        progress.lag(now.mono).as_secs_f64(),
        progress.sweep_seconds(),
    );
    status + &format!("; maximum lag {lag:.1} s, a sweep takes {sweep:.1} s")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Mono;
    use crate::first_sweep::{End, Sweep};
    use crate::targets::Targets;

    #[test]
    fn the_status_shows_the_first_sweep_and_of_refused_credentials() {
        let now = Timestamp {
            mono: Mono::START,
            unix: 1_700_000_000.0,
        };
        let progress = Progress::new(
            Mono::START,
            &Targets::for_tests(&[("us-east-1:0", 40)]),
            10.0,
        );
        let sweep = |end| Sweep {
            asked: 12_000,
            identities: 100_000,
            began: now,
            end,
        };
        let refused = vec!["us-east-1".to_owned()];
        for (missing, refused, sweep, expected) in [
            (
                0,
                vec![],
                Some(sweep(End::About(now.unix + 60.0))),
                "first sweep 12 %, ends about 22:15 UTC; 100000 identities, 3 failing",
            ),
            (
                2,
                refused.clone(),
                Some(sweep(End::Unknown(refused.clone()))),
                "first sweep 12 %, no end in sight, as credentials or settings of us-east-1 do not \
                 work; 100000 identities, 3 failing, 2 missing; us-east-1: no role",
            ),
            (
                0,
                refused,
                None,
                "polling 100000 identities, 3 failing; credentials or settings of us-east-1 do not \
                 work; us-east-1: no role",
            ),
        ] {
            let standing = Standing {
                identities: 100_000,
                failing: 3,
                missing,
                causes: refused.iter().map(|of| format!("{of}: no role")).collect(),
                refused,
                sweep,
            };
            let expected = format!("{expected}; maximum lag 0.0 s, a sweep takes 4.0 s");
            assert_eq!(status(&standing, &progress, now), expected);
        }
    }
}
