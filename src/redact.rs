//! Texts that libraries make, as the log may hold them.

use std::error::Error;
use std::ops::RangeInclusive;

/// The longest text of others in a log line, in characters.
const MAX_CHARS: usize = 1_000;
/// The longest error code in a log line, in characters. AWS's longest has some 40.
const MAX_CODE_CHARS: usize = 100;
/// As many hexadecimal digits, in a run of them and hyphens, are taken for an id, which has 32.
/// Digests have more.
const ID_DIGITS: RangeInclusive<usize> = 24..=36;
/// What separates the parts of an id, plain or percent-encoded, once or twice.
const COLONS: [&str; 5] = [":", "%3A", "%3a", "%253A", "%253a"];

/// The causes of an error, outermost first, as [`redacted`] text.
pub fn error_chain(error: &(dyn Error + 'static)) -> String {
    let mut causes: Vec<_> = causes(error).map(ToString::to_string).collect();
    causes.dedup();
    redacted(&causes.join(": "))
}

/// The error and its sources, outermost first.
pub fn causes<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| (*error).source())
}

/// An error code, which the other side chooses, as the log may hold it.
pub fn code(code: &str) -> String {
    let code = redacted(code);
    match code.char_indices().nth(MAX_CODE_CHARS) {
        Some((end, _)) => code[..end].to_owned() + "…",
        None => code,
    }
}

/// One line of limited length, in which `<id>` stands for all that looks like an identity or pool
/// id, and `<login>` for a URL's user name and password.
pub fn redacted(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    let text = without_long_hex(&without_ids(&without_logins(&words.join(" "))));
    match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => text[..end].to_owned() + "…",
        None => text,
    }
}

/// Replaces `USER:PASSWORD@` behind `//`.
fn without_logins(text: &str) -> String {
    let mut parts = text.split("//");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let authority = part.find(['/', '?', '#', ' ', '"', '`']);
        let (authority, rest) = part.split_at(authority.unwrap_or(part.len()));
        out += "//";
        match authority.rsplit_once('@') {
            Some((_, host)) => out.extend(["<login>@", host, rest]),
            None => out += part,
        }
    }
    out
}

/// Replaces `REGION:HEX`, with the colon plain or percent-encoded.
fn without_ids(text: &str) -> String {
    let mut text = text.to_owned();
    for colon in COLONS {
        let mut parts = text.split(colon);
        let mut out = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let digits = part.find(|c| !is_hex(c)).unwrap_or(part.len());
            match region_at_end(&out).filter(|_| digits > 0) {
                Some(region) => {
                    out.truncate(region);
                    out.extend(["<id>", &part[digits..]]);
                }
                None => out.extend([colon, part]),
            }
        }
        text = out;
    }
    text
}

/// Where the region begins that ends a text: letters, hyphens, and a digit behind the last hyphen.
fn region_at_end(text: &str) -> Option<usize> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let start = text.rfind(|c| !is_part(c)).map_or(0, |last| last + 1);
    let (name, number) = text.get(start..)?.rsplit_once('-')?;
    let is_number = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    (is_number && name.contains('-')).then_some(start)
}

/// Replaces long runs of hexadecimal digits and hyphens.
fn without_long_hex(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(is_hex) {
        let (before, run) = rest.split_at(start);
        let (run, behind) = run.split_at(run.find(|c| !is_hex(c)).unwrap_or(run.len()));
        let digits = run.chars().filter(char::is_ascii_hexdigit).count();
        let is_id = ID_DIGITS.contains(&digits);
        out.extend([before, if is_id { "<id>" } else { run }]);
        rest = behind;
    }
    out + rest
}

fn is_hex(c: char) -> bool {
    c.is_ascii_hexdigit() || c == '-'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_an_id_is_replaced() {
        let guid = "2a1f8a52-9c6b-4a7e-8f6d-3f8f1f0a9e10";
        let upper = guid.to_uppercase();
        let digits = guid.replace('-', "");
        for (text, expected) in [
            (format!("of us-east-1:{guid}: none"), "of <id>: none"),
            (
                format!(
                    "GET https://h/identitypools/eu-west-2%3A{guid}/identities/eu-west-2%3a{guid}"
                ),
                "GET https://h/identitypools/<id>/identities/<id>",
            ),
            (format!("us-gov-west-1%253A{guid}?x"), "<id>?x"),
            (format!("\"{guid}\", '{upper}'"), "\"<id>\", '<id>'"),
            (format!("({digits})"), "(<id>)"),
            ("ap-southeast-2:7b6b".to_owned(), "<id>"),
            (
                "us-east-1: no such region".to_owned(),
                "us-east-1: no such region",
            ),
            (
                "http://127.0.0.1:4566: refused".to_owned(),
                "http://127.0.0.1:4566: refused",
            ),
            (
                "read cache/f9bd89c67fef27fcb5df8d2e4b64eabe5bae45a4.json".to_owned(),
                "read cache/f9bd89c67fef27fcb5df8d2e4b64eabe5bae45a4.json",
            ),
            ("status 403, 1-2-3".to_owned(), "status 403, 1-2-3"),
            (
                "arn:aws:iam::123456789012:role/a-1".to_owned(),
                "arn:aws:iam::123456789012:role/a-1",
            ),
        ] {
            assert_eq!(redacted(&text), expected, "{text}");
        }
    }

    #[test]
    fn a_login_in_a_url_is_replaced() {
        assert_eq!(
            redacted("at http://u:p@w@h:1/x@y"),
            "at http://<login>@h:1/x@y"
        );
        assert_eq!(redacted("//a/b@c and //d"), "//a/b@c and //d");
    }

    #[test]
    fn a_text_is_one_line_of_limited_length() {
        assert_eq!(redacted("a:\n  b\t\u{1b}[1mc"), "a: b [1mc");
        assert_eq!(redacted(&"é ".repeat(5_000)).chars().count(), MAX_CHARS + 1);
        assert_eq!(
            code(&"X".repeat(30_000)).chars().count(),
            MAX_CODE_CHARS + 1
        );
        assert_eq!(code("ExpiredTokenException"), "ExpiredTokenException");
    }
}
