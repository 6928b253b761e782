//! Heartbeats of the daemon's loops, and a watchdog over them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::Mono;

/// When a loop last turned. Only the loop writes it. A loop without a recent heartbeat has ended or
/// hangs.
#[derive(Debug)]
pub struct Heartbeat(AtomicU64);

impl Heartbeat {
    /// The heartbeat of a loop that starts now.
    #[must_use]
    pub fn new(now: Mono) -> Self {
        Self(AtomicU64::new(now.to_bits()))
    }

    /// Records a turn of the loop.
    pub fn beat(&self, now: Mono) {
        self.0.store(now.to_bits(), Ordering::Relaxed);
    }

    /// The time since the last turn.
    #[must_use]
    pub fn silent_for(&self, now: Mono) -> Duration {
        now.since(Mono::from_bits(self.0.load(Ordering::Relaxed)))
    }
}

/// Detects loops that have stalled.
#[derive(Clone, Debug, Default)]
pub struct Watchdog {
    loops: Vec<WatchedLoop>,
}

#[derive(Clone, Debug)]
struct WatchedLoop {
    name: &'static str,
    heartbeat: Arc<Heartbeat>,
    max_silence: Duration,
}

impl Watchdog {
    /// Adds a loop whose turns are at most `max_silence` apart.
    pub fn watch(&mut self, name: &'static str, heartbeat: Arc<Heartbeat>, max_silence: Duration) {
        self.loops.push(WatchedLoop {
            name,
            heartbeat,
            max_silence,
        });
    }

    /// The first loop that has stalled, and how long it has been silent.
    #[must_use]
    pub fn stalled(&self, now: Mono) -> Option<(&'static str, Duration)> {
        self.loops.iter().find_map(|watched| {
            let silent = watched.heartbeat.silent_for(now);
            (silent > watched.max_silence).then_some((watched.name, silent))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_that_is_silent_for_too_long_is_named() {
        let at = |seconds| Mono::START + Duration::from_secs(seconds);
        let [quick, slow] = [at(0), at(0)].map(|now| Arc::new(Heartbeat::new(now)));
        let mut watchdog = Watchdog::default();
        watchdog.watch("quick", Arc::clone(&quick), Duration::from_secs(10));
        watchdog.watch("slow", Arc::clone(&slow), Duration::from_secs(60));
        assert_eq!(watchdog.stalled(at(10)), None);
        assert_eq!(
            watchdog.stalled(at(11)),
            Some(("quick", Duration::from_secs(11)))
        );
        quick.beat(at(11));
        assert_eq!(watchdog.stalled(at(12)), None);
        quick.beat(at(60));
        assert_eq!(
            watchdog.stalled(at(61)),
            Some(("slow", Duration::from_secs(61)))
        );
        assert_eq!(Watchdog::default().stalled(at(1_000)), None);
    }
}
