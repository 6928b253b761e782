//! Sample values as text. The short ones, which are nearly all, stay in a register.

/// A number as both formats write it: the shortest decimal that reads back as the same number,
/// without an exponent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// 1 to 16 characters.
    Short {
        /// The characters, each one of `-.0123456789`, the first one in the lowest byte. The bytes
        /// after them are 0.
        text: u128,
        /// The number of characters.
        len: u32,
    },
    /// A whole number of more than 16 digits.
    Whole(u64),
    /// Any other number.
    Real(f64),
}

/// Below this, a number of thousandths has at most 15 digits, so that no two of them are the same
/// `f64`, and none has a shorter decimal.
const EXACT_THOUSANDTHS: f64 = 1e12;
/// Below this, a whole number has at most 16 digits.
const SHORT_WHOLE: u64 = 10_000_000_000_000_000;
const EIGHT_DIGITS: u64 = 100_000_000;

impl Number {
    /// A whole number.
    #[inline(always)]
    #[must_use]
    pub fn whole(number: u64) -> Self {
        if number >= SHORT_WHOLE {
            return Self::Whole(number);
        }
        let (text, len) = digits(number);
        Self::Short { text, len }
    }

    /// Any number. Most are times and ages in milliseconds.
    #[inline(always)]
    #[must_use]
    pub fn real(number: f64) -> Self {
        match thousandths(number) {
            Some(thousandths) => Self::of_thousandths(thousandths),
            None => Self::Real(number),
        }
    }

    /// A number of thousandths, below 10^15.
    #[inline(always)]
    #[must_use]
    pub fn of_thousandths(thousandths: u64) -> Self {
        let (text, len) = digits(thousandths / 1_000);
        let fraction = (thousandths % 1_000) as u32;
        if fraction == 0 {
            return Self::Short { text, len };
        }
        let (tenths, hundredths, rest) = (fraction / 100, fraction / 10 % 10, fraction % 10);
        let places = if rest != 0 {
            3
        } else {
            1 + u32::from(hundredths != 0)
        };
        let point = u32::from_le_bytes(*b".000") + (tenths << 8 | hundredths << 16 | rest << 24);
        let shown = point & u32::MAX >> (24 - 8 * places);
        Self::Short {
            text: text | u128::from(shown) << (8 * len),
            len: len + 1 + places,
        }
    }

    /// Appends the text.
    #[inline]
    pub fn write(self, out: &mut Vec<u8>) {
        match self {
            Self::Short { text, len } => {
                // A copy of fixed length is one instruction; the excess is cut off.
                let end = out.len() + len as usize;
                out.extend_from_slice(&text.to_le_bytes());
                out.truncate(end);
            }
            Self::Whole(number) => out.extend_from_slice(number.to_string().as_bytes()),
            // The spelling of OpenMetrics, which readers of the text format accept as well.
            Self::Real(f64::INFINITY) => out.extend_from_slice(b"+Inf"),
            Self::Real(f64::NEG_INFINITY) => out.extend_from_slice(b"-Inf"),
            Self::Real(number) => out.extend_from_slice(number.to_string().as_bytes()),
        }
    }
}

/// The number in thousandths, if that is a whole number, and the number is not negative and below
/// 10^12.
#[inline(always)]
#[must_use]
pub(super) fn thousandths(number: f64) -> Option<u64> {
    if !(number.is_sign_positive() && number < EXACT_THOUSANDTHS) {
        return None;
    }
    let thousandths = (number * 1e3 + 0.5) as u64;
    (thousandths as f64 / 1e3 == number).then_some(thousandths)
}

/// The digits of a number below [`SHORT_WHOLE`] as characters, the first one lowest, and their
/// count.
#[inline(always)]
fn digits(number: u64) -> (u128, u32) {
    const ZEROS: u128 = u128::from_le_bytes([b'0'; 16]);
    // The last digit is kept even if it is 0.
    let leading = |zero_bits: u32, all: u32| (zero_bits / 8).min(all - 1);
    if number < EIGHT_DIGITS {
        let digits = eight_digits(number);
        let zeros = leading(digits.trailing_zeros(), 8);
        return (((digits | ZEROS as u64) >> (8 * zeros)).into(), 8 - zeros);
    }
    let (first, last) = (
        eight_digits(number / EIGHT_DIGITS),
        eight_digits(number % EIGHT_DIGITS),
    );
    // The first eight are not all 0.
    let zeros = leading(first.trailing_zeros(), 8);
    (
        (u128::from(first) | u128::from(last) << 64 | ZEROS) >> (8 * zeros),
        16 - zeros,
    )
}

/// The eight digits of a number below 10^8, one in each byte, the first one lowest. The number is
/// split in halves three times, all parts at once. The multiplications divide by 100 and by 10,
/// exactly for numbers of this size (Hacker's Delight, 10).
#[inline(always)]
fn eight_digits(number: u64) -> u64 {
    let fours = (number / 10_000) | ((number % 10_000) << 32);
    let hundreds = (fours * 10_486) >> 20 & 0x0000_007f_0000_007f;
    let twos = hundreds | (fours - hundreds * 100) << 16;
    let tens = (twos * 103) >> 10 & 0x000f_000f_000f_000f;
    tens | (twos - tens * 10) << 8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(number: Number) -> String {
        let mut out = Vec::new();
        number.write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn whole_numbers() {
        let powers = (0..20)
            .map(|power| 10_u64.pow(power))
            .flat_map(|power| [power - 1, power, power + 1]);
        for number in powers.chain([1 << 53, u64::MAX, 20_971_520]) {
            assert_eq!(text(Number::whole(number)), number.to_string());
        }
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..100_000 {
            let number = random.u64(..) >> random.u32(0..64);
            assert_eq!(text(Number::whole(number)), number.to_string());
        }
    }

    /// As std and the prometheus crate write them.
    #[test]
    fn real_numbers() {
        let odd = [
            -0.0,
            0.1,
            1.5e-9,
            1e21,
            -3.0,
            f64::MAX,
            f64::MIN_POSITIVE,
            5e-324,
            f64::NAN,
            1e12,
            999_999_999_999.999,
        ];
        for number in odd {
            assert_eq!(text(Number::real(number)), number.to_string());
        }
        assert_eq!(text(Number::real(f64::INFINITY)), "+Inf");
        assert_eq!(text(Number::real(f64::NEG_INFINITY)), "-Inf");
        let mut random = fastrand::Rng::with_seed(2);
        for _ in 0..100_000 {
            let millis = (random.u64(..) >> random.u32(12..64)) as f64 / 1e3;
            assert_eq!(text(Number::real(millis)), millis.to_string());
            let any = f64::from_bits(random.u64(..));
            if any.is_finite() {
                assert_eq!(text(Number::real(any)), any.to_string());
            }
            let near = f64::from_bits(millis.to_bits() + 1);
            assert_eq!(text(Number::real(near)), near.to_string());
        }
    }
}
