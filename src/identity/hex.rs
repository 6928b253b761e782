//! What stands behind the colon of an id, in half of its bytes.

/// Where a GUID has hyphens.
const HYPHENS: [usize; 4] = [8, 13, 18, 23];
const GUID_LEN: usize = 36;
/// Before which of its bytes a GUID's text has a hyphen.
const HYPHENS_BEFORE: [usize; 4] = [4, 6, 8, 10];

/// The part of an id behind its colon. A GUID takes 16 bytes; that AWS gives out others is not
/// known, but allowed. Those that are GUIDs have the order of their texts.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Hex {
    Guid([u8; 16]),
    Text(Box<str>),
}

impl Hex {
    /// Packs a valid part of an id, with lower-case hex.
    #[must_use]
    pub fn new(hex: &str) -> Self {
        match guid(hex) {
            Some(guid) => Self::Guid(guid.to_be_bytes()),
            None => Self::Text(hex.into()),
        }
    }

    /// The whole id in this region.
    #[must_use]
    pub fn id(&self, region: &str) -> String {
        let mut id = String::with_capacity(region.len() + 1 + GUID_LEN);
        id += region;
        id.push(':');
        match self {
            Self::Text(text) => id += text,
            // A million of them are written at the start, and formatting takes five times as long.
            Self::Guid(guid) => {
                for (at, byte) in guid.iter().enumerate() {
                    if HYPHENS_BEFORE.contains(&at) {
                        id.push('-');
                    }
                    for digit in [byte >> 4, byte & 15] {
                        id.push(char::from(b"0123456789abcdef"[usize::from(digit)]));
                    }
                }
            }
        }
        id
    }
}

/// A GUID with its hyphens, as a number.
fn guid(hex: &str) -> Option<u128> {
    let has_hyphens = hex.len() == GUID_LEN && HYPHENS.iter().all(|at| hex.as_bytes()[*at] == b'-');
    if !has_hyphens {
        return None;
    }
    let digits = hex.replace('-', "");
    let is_guid = digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_guid.then(|| u128::from_str_radix(&digits, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_the_same_again() {
        let guid = "2a1f8a52-9c6b-4a7e-8f6d-3f8f1f0a9e10";
        assert!(matches!(Hex::new(guid), Hex::Guid(_)));
        for odd in [
            "a",
            "-",
            "2a1f8a529c6b4a7e8f6d3f8f1f0a9e10",
            "2a1f8a52-9c6b-4a7e-8f6d3f8f1f0a9e10--",
        ] {
            assert!(matches!(Hex::new(odd), Hex::Text(_)), "{odd}");
            assert_eq!(Hex::new(odd).id("r"), format!("r:{odd}"));
        }
        assert_eq!(Hex::new(guid).id("us-east-1"), format!("us-east-1:{guid}"));
        assert!(Hex::new(guid) < Hex::new("2a1f8a52-9c6b-4a7e-8f6d-3f8f1f0a9e11"));
    }
}
