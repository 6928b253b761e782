//! Durations and sizes in human notation.

use std::time::Duration;

use bytesize::ByteSize;
use thiserror::Error;

use crate::printable::Quoted;

/// A text that is no duration or no size.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(crate) enum InvalidUnit {
    #[error("{} is not a duration such as 90s, 5m or 1h30m", Quoted(.0))]
    Duration(String),
    #[error("{} is not a size such as 512KiB, 20MiB or 1MB", Quoted(.0))]
    Size(String),
}

/// Parses `90s`, `5m`, `12h`, `7d`, `1h30m`.
pub(crate) fn duration(text: &str) -> Result<Duration, InvalidUnit> {
    humantime::parse_duration(text).map_err(|_| InvalidUnit::Duration(text.to_owned()))
}

/// Formats a duration in the notation that [`duration`] parses.
pub(crate) fn show(duration: Duration) -> String {
    humantime::format_duration(duration)
        .to_string()
        .replace("days", "d")
        .replace("day", "d")
}

/// Parses `512KiB`, `20MiB`, `1MB`, or plain bytes.
pub(super) fn size(text: &str) -> Result<u64, InvalidUnit> {
    let size: Result<ByteSize, _> = text.parse();
    size.map(|size| size.as_u64())
        .map_err(|_| InvalidUnit::Size(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_as_prometheus_writes_them() {
        for (text, seconds) in [
            ("90s", 90),
            ("5m", 300),
            ("12h", 43_200),
            ("7d", 604_800),
            ("1h30m", 5_400),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        for text in [
            "",
            "5",
            "300",
            "-5m",
            "5 parsecs",
            "m5",
            "5m5",
            "99999999999999999999d",
        ] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_are_shown_as_they_are_written() {
        for text in ["90s", "5m", "1h 30m", "1d", "30d", "250ms"] {
            let shown = show(duration(text).unwrap());
            assert_eq!(duration(&shown), duration(text), "{shown}");
            assert!(shown.len() <= text.len() + 3, "{shown}");
        }
    }

    #[test]
    fn sizes_in_both_kinds_of_units() {
        for (text, bytes) in [
            ("20971520", 20_971_520),
            ("512KiB", 524_288),
            ("20MiB", 20_971_520),
            ("1MB", 1_000_000),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "-1", "20 parsecs", "MiB"] {
            assert!(size(text).is_err(), "{text}");
        }
    }
}
