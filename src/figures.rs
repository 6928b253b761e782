//! Numbers in reports.

/// A number and what it counts: `1 pool`, `2 pools`.
#[must_use]
pub fn counted(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// A rate or a factor with about three significant digits.
#[must_use]
pub fn significant(number: f64) -> String {
    match number {
        100.0.. => format!("{number:.0}"),
        1.0.. => format!("{number:.1}"),
        0.0005.. => format!("{number:.3}"),
        _ if number > 0.0 => "less than 0.001".to_owned(),
        _ => "0".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_their_nouns_and_digits() {
        assert_eq!(counted(1, "pool", "pools"), "1 pool");
        assert_eq!(counted(0, "pool", "pools"), "0 pools");
        for (number, expected) in [
            (3_333.4, "3333"),
            (3.35, "3.4"),
            (0.0101, "0.010"),
            (0.0004, "less than 0.001"),
            (0.0, "0"),
        ] {
            assert_eq!(significant(number), expected);
        }
    }
}
