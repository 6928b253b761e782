//! How saving goes, for metrics and people.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What was restored, and how saving goes since. Only the saver writes it.
#[derive(Debug, Default)]
pub struct Saves {
    restored: AtomicU64,
    /// Bits of seconds since 1970; 0 before the first.
    last: AtomicU64,
    failed: AtomicU64,
    fails: AtomicBool,
}

impl Saves {
    /// Identities whose record was restored when the process started.
    #[must_use]
    pub fn restored_identities(&self) -> u64 {
        self.restored.load(Ordering::Relaxed)
    }

    /// When all that had changed was last saved, in seconds since 1970; `None` before the first
    /// time.
    #[must_use]
    pub fn last_save(&self) -> Option<f64> {
        let last = f64::from_bits(self.last.load(Ordering::Relaxed));
        (last > 0.0).then_some(last)
    }

    /// How often saving has failed.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    /// Whether the last attempt failed.
    #[must_use]
    pub fn fails(&self) -> bool {
        self.fails.load(Ordering::Relaxed)
    }

    pub(super) fn restored(&self, identities: usize) {
        self.restored.store(identities as u64, Ordering::Relaxed);
    }

    pub(super) fn saved(&self, unix: f64) {
        self.last.store(unix.to_bits(), Ordering::Relaxed);
        self.fails.store(false, Ordering::Relaxed);
    }

    pub(super) fn failed(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
        self.fails.store(true, Ordering::Relaxed);
    }
}
