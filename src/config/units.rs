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
    /// A number alone.
    #[error("`{0}` has no unit, expected a duration such as 90s, 5m or 1h30m")]
    NoUnit(u64),
    #[error("{} is not a size such as 512KiB, 20MiB or 1MB", Quoted(.0))]
    Size(String),
}

/// Parses `90s`, `5m`, `12h`, `7d`, `1h30m`.
pub(crate) fn duration(text: &str) -> Result<Duration, InvalidUnit> {
    humantime::parse_duration(text).map_err(|_| match text.trim().parse() {
        Ok(number) if number > 0 => InvalidUnit::NoUnit(number),
        _ => InvalidUnit::Duration(text.to_owned()),
    })
}

/// Formats a duration in the notation that [`duration`] parses. Its largest unit is the day, since
/// months differ.
pub(crate) fn show(duration: Duration) -> String {
    let (seconds, nanos) = (duration.as_secs(), u64::from(duration.subsec_nanos()));
    let parts = [
        (seconds / 86_400, "d"),
        (seconds / 3_600 % 24, "h"),
        (seconds / 60 % 60, "m"),
        (seconds % 60, "s"),
        (nanos / 1_000_000, "ms"),
        (nanos / 1_000 % 1_000, "us"),
        (nanos % 1_000, "ns"),
    ];
    let parts = parts.iter().filter(|(number, _)| *number > 0);
    let parts: Vec<_> = parts
        .map(|(number, unit)| format!("{number}{unit}"))
        .collect();
    match parts.is_empty() {
        true => "0s".to_owned(),
        false => parts.join(" "),
    }
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
        for text in [
            "90s", "5m", "1h 30m", "1d", "30d", "250ms", "400d", "0s", "1d 1ns",
        ] {
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
