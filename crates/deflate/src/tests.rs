//! Our streams, read by flate2.

use std::io::Read;

use super::*;

/// A member of nothing but lines.
fn member(write: impl FnOnce(&mut Lines)) -> Vec<u8> {
    let mut lines = Lines::default();
    write(&mut lines);
    let (crc, len) = lines.end();
    let mut member = lines.take();
    // The last block: stored, empty.
    member.extend([1, 0, 0, 0xff, 0xff]);
    member.extend(gzip_trailer(crc.value(), len));
    member
}

fn read(member: &[u8]) -> String {
    let mut text = String::new();
    flate2::read::GzDecoder::new(member)
        .read_to_string(&mut text)
        .unwrap();
    text
}

/// A value that fits, or `None`.
fn short(value: &str) -> Option<ShortValue> {
    let fits = (1..=16).contains(&value.len())
        && value.bytes().all(|byte| b"-.0123456789".contains(&byte));
    fits.then(|| {
        let mut text = [0; 16];
        text[..value.len()].copy_from_slice(value.as_bytes());
        ShortValue {
            text: u128::from_le_bytes(text),
            len: value.len() as u32,
        }
    })
}

fn line(lines: &mut Lines, id: &str, value: &str) {
    match short(value) {
        Some(value) => lines.line(&EncodedId::new(id), || id, value),
        None => lines.long_line(id, value.as_bytes()),
    }
}

#[test]
fn lines_of_all_kinds() {
    let (mut random, mut expected) = (fastrand::Rng::with_seed(7), String::new());
    let member = member(|lines| {
        for run in 0..200 {
            if run % 3 == 0 {
                let header = format!("# HELP x_{run} Anything, \u{e4}\u{1f980}.\n");
                lines.text(header.as_bytes());
                expected += &header;
            }
            let same = "p".repeat(random.usize(0..300));
            let prefix = format!("name_{}{{pool=\"{run}\",{same}id=\"", run / 3);
            lines.prefix(prefix.as_bytes());
            for _ in 0..random.usize(0..20) {
                let hex =
                    ["0", "9", "a", "f", "-", "2a"][random.usize(0..6)].repeat(random.usize(1..40));
                let value = match random.u32(0..6) {
                    0 | 1 => "1".to_owned(),
                    2 => random.u64(0..2_000).to_string(),
                    3 => (random.u64(..) as f64 / 1e3).to_string(),
                    4 => f64::from_bits(random.u64(..)).to_string(),
                    _ => (1.7e9 + f64::from(random.u32(0..9_999)) / 1e3).to_string(),
                };
                line(lines, &hex, &value);
                expected += &format!("{prefix}{hex}\"}} {value}\n");
            }
        }
    });
    assert_eq!(read(&member), expected);
}

#[test]
fn no_line_is_fine() {
    assert_eq!(read(&member(|_| {})), "");
}

/// Every literal, and the lengths and distances that lines can have.
#[test]
fn every_symbol() {
    let mut expected = Vec::new();
    let member = member(|lines| {
        let all: Vec<u8> = (0..=255).chain([b'\n']).collect();
        lines.text(&all);
        expected.extend(&all);
        for len in 0..=MAX_PREFIX {
            let prefix = vec![b'x'; len];
            lines.prefix(&prefix);
            for value in ["5", "5", "7"] {
                line(lines, "a", value);
                expected.extend(&prefix);
                expected.extend(format!("a\"}} {value}\n").bytes());
            }
        }
    });
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(&*member)
        .read_to_end(&mut text)
        .unwrap();
    assert!(text == expected);
}

const MAX_PREFIX: usize = 520;
