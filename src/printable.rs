//! How text from outside is shown in messages: nothing in it steers a terminal or looks like a line
//! of its own, and no identity id is repeated.

use std::fmt::{self, Display, Formatter, Write};
use std::ops::Range;

use crate::identity::{guids_in, ids_in};

/// Hex digits behind the colon from which on a text counts as an id. Below that it may be a time, a
/// port or a word.
const HEX_OF_AN_ID: usize = 8;

/// A value whose control characters, line ends and changes of direction are shown as escapes, such
/// as `\n` and `\u{1b}`.
pub struct Printable<T>(pub T);

impl<T: Display> Display for Printable<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(Escaping(f), "{}", self.0)
    }
}

struct Escaping<'a, 'b>(&'a mut Formatter<'b>);

impl Write for Escaping<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some(at) = rest.find(is_unprintable) {
            let (before, from) = rest.split_at(at);
            self.0.write_str(before)?;
            let mut from = from.chars();
            from.next()
                .map_or(Ok(()), |c| write!(self.0, "{}", c.escape_debug()))?;
            rest = from.as_str();
        }
        self.0.write_str(rest)
    }
}

/// Whether a character ends a line, steers a terminal or turns the direction of writing. Each is
/// below U+10000.
pub(crate) fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A text in backquotes, or "an id" in its place.
pub struct Quoted<'a>(pub &'a str);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if long_ids(self.0).next().is_some() {
            f.write_str("an id")
        } else {
            write!(f, "`{}`", self.0)
        }
    }
}

/// A text with an ellipsis in place of each id.
#[must_use]
pub fn without_ids(text: &str) -> String {
    let (mut shown, mut end) = (String::new(), 0);
    for id in long_ids(text) {
        if id.start < end {
            continue;
        }
        shown += &text[end..id.start];
        shown.push('…');
        end = id.end;
    }
    shown + &text[end..]
}

/// Where ids stand, whole or without their regions, in order of their starts.
fn long_ids(text: &str) -> impl Iterator<Item = Range<usize>> {
    let ids = ids_in(text).filter(|id| {
        let hex = text[id.clone()].split_once(':');
        hex.is_some_and(|(_, hex)| hex.len() >= HEX_OF_AN_ID)
    });
    let mut all: Vec<_> = ids.chain(guids_in(text)).collect();
    all.sort_unstable_by_key(|id| id.start);
    all.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_steers_a_terminal() {
        let shown = Printable("a\n\x1b[2J\u{9b}\t\u{2028}\u{202e}é\u{301} `\"\\").to_string();
        assert_eq!(
            shown,
            "a\\n\\u{1b}[2J\\u{9b}\\t\\u{2028}\\u{202e}é\u{301} `\"\\"
        );
    }

    #[test]
    fn no_id_is_repeated() {
        let id = "us-east-1:2a1f8a52-9c6b-4a7e-8f6d-3f8f1f0a9e10";
        assert_eq!(Quoted(id).to_string(), "an id");
        assert_eq!(
            Quoted(&format!("x {}", id.to_uppercase())).to_string(),
            "an id"
        );
        for text in ["10:30", "127.0.0.1:4566", "5 parsecs", ""] {
            assert_eq!(Quoted(text).to_string(), format!("`{text}`"));
            assert_eq!(without_ids(text), text);
        }
        assert_eq!(without_ids(&format!("a {id}, {id}.")), "a …, ….");
        let guid = &id["us-east-1:".len()..];
        assert_eq!(Quoted(&format!("us-east-1/{guid}")).to_string(), "an id");
        assert_eq!(
            without_ids(&format!("{guid} x-{guid} {guid}0")),
            format!("… x-… {guid}0")
        );
    }
}
