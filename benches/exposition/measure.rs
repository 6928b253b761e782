//! What the kernel knows of this process.

/// CPU time of this thread, to the nanosecond.
pub(crate) fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    stat.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1e9
}

pub(crate) fn resident_bytes() -> f64 {
    status("VmRSS")
}

/// The largest resident size since the process began, or since [`forget_peak`].
pub(crate) fn peak_bytes() -> f64 {
    status("VmHWM")
}

/// See proc(5), `clear_refs`.
pub(crate) fn forget_peak() {
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
}

fn status(key: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(key)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() * 1_024.0
}
