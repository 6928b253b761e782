//! What the kernel knows of a process.

/// CPU time of this thread; some kernels count it in steps of four milliseconds.
pub(crate) fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    stat.split_whitespace()
        .next()
        .unwrap()
        .parse::<f64>()
        .unwrap()
        / 1e9
}

/// How large this process is.
pub(crate) fn resident_bytes() -> f64 {
    status_bytes("self", "VmRSS")
}

/// The largest that it was since it began, or since [`forget_peak`].
pub(crate) fn peak_bytes() -> f64 {
    status_bytes("self", "VmHWM")
}

/// See proc(5), `clear_refs`.
pub(crate) fn forget_peak() {
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
}

/// A size of a process.
pub(crate) fn status_bytes(process: &str, key: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with(key)).unwrap();
    line.split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<f64>()
        .unwrap()
        * 1_024.0
}
