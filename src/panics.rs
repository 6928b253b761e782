//! Panics are counted and logged, each as one line.
//!
//! A panic inside a call, a reload or a request is an outcome, not the end of the process. Tasks
//! catch their own; this is the one place that reports them.

use std::any::Any;
use std::panic::{self, PanicHookInfo};
use std::sync::atomic::{AtomicU64, Ordering};

use tracing::error;

use crate::redact::redacted;

static COUNT: AtomicU64 = AtomicU64::new(0);

/// From now on, counts and logs every panic of the process, in place of the text that the standard
/// library writes.
pub fn report() {
    panic::set_hook(Box::new(|panic| {
        COUNT.fetch_add(1, Ordering::Relaxed);
        log(panic);
    }));
}

/// The panics since [`report`] was called.
#[must_use]
pub fn count() -> u64 {
    COUNT.load(Ordering::Relaxed)
}

fn log(panic: &PanicHookInfo<'_>) {
    let location = panic.location().map(ToString::to_string);
    let message = redacted(message(panic.payload()));
    error!(
        location,
        panic = message,
        "a panic: this is a bug, please report it"
    );
}

fn message(payload: &dyn Any) -> &str {
    let formatted = payload.downcast_ref::<String>().map(String::as_str);
    formatted
        .or_else(|| payload.downcast_ref::<&str>().copied())
        .unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_counted() {
        report();
        let before = count();
        let panicked = panic::catch_unwind(|| panic!("on purpose"));
        // Other tests panic too, meanwhile.
        assert!(panicked.is_err() && count() > before);
        drop(panic::take_hook());
    }

    #[test]
    fn messages_of_all_kinds() {
        assert_eq!(message(&"plain"), "plain");
        assert_eq!(message(&"formatted".to_owned()), "formatted");
        assert_eq!(message(&7), "no message");
    }
}
