//! Returns freed memory to the system.
//!
//! glibc keeps freed memory between what is in use, so a process that once had many clients stays
//! as large as it was. Other libraries of C, such as musl, have no such function; there this does
//! nothing.

/// Returns all freed memory that fills whole pages. Takes some milliseconds for a heap of hundreds
/// of megabytes, during which allocations of other threads may wait.
#[allow(unsafe_code, reason = "the one call of a function of C")]
pub fn trim() {
    // SAFETY: malloc_trim(3) may be called at any time, by any thread, with any argument. It
    // touches no memory that is in use.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    unsafe {
        libc::malloc_trim(0);
    }
}

#[cfg(all(test, target_os = "linux", target_env = "gnu"))]
mod tests {
    /// In pages.
    fn resident() -> usize {
        let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
        statm.split(' ').nth(1).unwrap().parse().unwrap()
    }

    #[test]
    fn what_was_freed_between_what_is_in_use_is_returned() {
        // Small enough that each is no mapping of its own.
        let mut blocks: Vec<_> = (0..8_000_u32).map(|_| Some(vec![1_u8; 8_192])).collect();
        blocks
            .iter_mut()
            .skip(1)
            .step_by(2)
            .for_each(|block| *block = None);
        let before = resident();
        super::trim();
        let returned = before - resident();
        assert!(returned > 2_000, "{returned} of 8,000 pages");
        assert!(blocks.iter().flatten().all(|block| block[8_191] == 1));
    }
}
