//! Numbers and durations, and what was probably meant by a text that is neither.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use super::super::schema::Scalar;
use super::super::units::{self, InvalidUnit};
use super::Check;
use crate::printable::Quoted;

/// A kind of number that a key takes.
pub(super) trait Number: FromStr + PartialOrd + Display {
    const NAME: &str;
}

impl Number for u32 {
    const NAME: &str = "a whole number";
}

impl Number for f64 {
    const NAME: &str = "a number";
}

impl Check<'_> {
    pub(super) fn number<N: Number>(
        &mut self,
        key: &str,
        text: Option<Scalar>,
        range: RangeInclusive<N>,
    ) -> Option<N> {
        let Scalar(text) = text?;
        match text.parse() {
            Ok(number) if range.contains(&number) => return Some(number),
            _ => self.problem(
                key,
                format!(
                    "{} is not {} from {} to {}{}",
                    Quoted(&text),
                    N::NAME,
                    range.start(),
                    range.end(),
                    remedy(key, &text, &range)
                ),
            ),
        }
        None
    }

    /// A duration; `or` is what the key takes besides.
    pub(super) fn duration(
        &mut self,
        key: &str,
        text: Option<Scalar>,
        range: RangeInclusive<Duration>,
        or: &str,
    ) -> Option<Duration> {
        let Scalar(text) = text?;
        let message = match units::duration(&text) {
            Ok(duration) if range.contains(&duration) => return Some(duration),
            Ok(_) => {
                let (least, most) = range.into_inner();
                let (least, most) = (units::show(least), units::show(most));
                let remedy = match text.contains('M') {
                    true => " (`M` is months, `m` is minutes)",
                    false => "",
                };
                format!(
                    "{} is out of range, expected {least} to {most}{or}{remedy}",
                    Quoted(&text)
                )
            }
            Err(error @ InvalidUnit::NoUnit(seconds))
                if range.contains(&Duration::from_secs(seconds)) =>
            {
                format!("{error}{or}: did you mean `{seconds}s`?")
            }
            Err(error) => format!("{error}{or}"),
        };
        self.problem(key, message);
        None
    }
}

/// What to do about a text that is no number of the range.
fn remedy<N: Number>(key: &str, text: &str, range: &RangeInclusive<N>) -> String {
    if key.ends_with("limits.datasets")
        && text.ends_with(|c: char| c.is_ascii_alphabetic())
        && units::size(text).is_ok()
    {
        return "; bytes are for `dataset_storage`".to_owned();
    }
    let meant = meant(text).map(|number| number.to_string());
    match meant {
        Some(meant) if meant.parse().is_ok_and(|number| range.contains(&number)) => {
            format!(": did you mean `{meant}`?")
        }
        _ => String::new(),
    }
}

/// The number that a text with a unit, with separators or with a decimal comma probably stands for.
fn meant(text: &str) -> Option<f64> {
    let is_of_number = |c: char| c.is_ascii_digit() || ".,_ ".contains(c);
    let text = text.trim();
    let unit = text.trim_start_matches(is_of_number);
    let number = text[..text.len() - unit.len()].trim_end();
    let number = without_separators(number)?;
    match &*unit.to_lowercase() {
        // Numbers as they should be are known to be out of range.
        "" if number == text => None,
        "" | "/s" | "/sec" | "/second" | "rps" | "qps" | "tps" | "per second" | "x" | "times" => {
            number.parse().ok()
        }
        "/min" | "/minute" | "rpm" | "per minute" => Some(number.parse::<f64>().ok()? / 60.0),
        "k" => Some(number.parse::<f64>().ok()? * 1000.0),
        _ => None,
    }
}

/// `1_000`, `1,000` and `1 000` as `1000`, and `0,5` as `0.5`.
fn without_separators(number: &str) -> Option<String> {
    let Some(separator) = number.chars().find(|c| ",_ ".contains(*c)) else {
        return Some(number.to_owned());
    };
    let groups: Vec<_> = number.split(separator).collect();
    let is_digits = |group: &str| group.bytes().all(|byte| byte.is_ascii_digit());
    let (first, others) = groups.split_first()?;
    let is_grouped = (1..=3).contains(&first.len())
        && !first.starts_with('0')
        && others.iter().all(|group| group.len() == 3);
    match groups[..] {
        _ if !groups.iter().all(|group| is_digits(group)) => None,
        _ if is_grouped => Some(groups.concat()),
        [whole, part] if separator == ',' && !whole.is_empty() && !part.is_empty() => {
            Some(format!("{whole}.{part}"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_number_of_the_range_is_proposed() {
        for (text, expected) in [
            ("10rps", Some("10")),
            ("10/s", Some("10")),
            ("10 per second", Some("10")),
            ("600/min", Some("10")),
            ("1_000", Some("1000")),
            ("1,000", Some("1000")),
            ("1 000", Some("1000")),
            ("12,345,678", None),
            ("1k", Some("1000")),
            ("0,5", Some("0.5")),
            ("200000/s", None),
            ("5-10", None),
            ("1_00", None),
            ("1MiB", None),
            (",5", None),
            ("1_0_0", None),
            ("-1", None),
            ("0", None),
            ("", None),
        ] {
            let expected =
                expected.map_or_else(String::new, |meant| format!(": did you mean `{meant}`?"));
            let range = 0.001..=100_000.0;
            assert_eq!(remedy("poll.rate_limit", text, &range), expected, "{text}");
        }
        // A whole number is not proposed with a fraction.
        assert_eq!(remedy("poll.attempts", "0,5", &(0..=10)), "");
        assert_eq!(
            remedy("limits.datasets", "1,000", &(1..=1_000_000)),
            ": did you mean `1000`?"
        );
    }
}
