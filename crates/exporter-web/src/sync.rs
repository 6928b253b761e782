//! A mutex without poisoning.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks a mutex that stays usable after a panic: no critical section in this package leaves its
/// data half changed.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unwind::{Panicked, catch};

    #[test]
    fn a_lock_that_a_panic_poisoned_keeps_working() {
        let mutex = Mutex::new(1);
        let panicked = catch(|| {
            let mut value = lock(&mutex);
            *value += 1;
            panic!("while it is held");
        });
        assert_eq!(panicked, Err::<(), _>(Panicked));
        assert!(mutex.is_poisoned());
        assert_eq!(*lock(&mutex), 2);
    }
}
