//! Any lines, read by two decoders. `cargo test` tries random input within a bound; `cargo bolero
//! test -p deflate lines` runs the same target under a coverage-guided fuzzer, which needs a
//! nightly toolchain.

#![allow(
    clippy::unwrap_used,
    reason = "tests may, and clippy does not see that this is one"
)]

use std::io::Read;

use deflate::{CLOSING, EncodedId, Lines, ShortValue, gzip_trailer};

/// One step for each four bytes: `(kind, length, byte, number)`.
fn write(steps: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let (mut lines, mut text, mut prefix) = (Lines::default(), Vec::new(), Vec::new());
    for step in steps.as_chunks().0 {
        let [kind, len, byte, number] = *step;
        match kind % 8 {
            0 => {
                let other = [vec![byte; len.into()], vec![b'\n']].concat();
                lines.text(&other);
                text.extend(other);
            }
            // Up to 510 bytes, of which the first are those of the prefix before.
            1 => {
                prefix.truncate(number.into());
                prefix.extend(vec![
                    byte;
                    usize::from(len) * 2 - prefix.len().min(len.into())
                ]);
                lines.prefix(&prefix);
            }
            kind => {
                let id = char::from(byte % 128).to_string().repeat((len % 60).into());
                let digits = format!("{}", u64::from(number) << (kind * 4)).repeat(kind.into());
                let value = &digits[..digits.len().min(usize::from(len) % 24 + 1)];
                match value.len() {
                    ..=16 => {
                        let mut padded = [0; 16];
                        padded[..value.len()].copy_from_slice(value.as_bytes());
                        let short = ShortValue {
                            text: u128::from_le_bytes(padded),
                            len: value.len() as u32,
                        };
                        lines.line(&EncodedId::new(&id), || &id, short);
                    }
                    _ => lines.long_line(&id, value.as_bytes()),
                }
                let parts = [&prefix, id.as_bytes(), CLOSING.as_bytes(), value.as_bytes()];
                text.extend(parts.concat());
                text.push(b'\n');
            }
        }
    }
    let (crc, len) = lines.end();
    let mut member = lines.take();
    // The last block: stored, empty.
    member.extend([1, 0, 0, 0xff, 0xff]);
    member.extend(gzip_trailer(crc.value(), len));
    (member, text)
}

#[test]
fn lines() {
    bolero::check!()
        .with_iterations(4_000)
        .with_max_len(1_024)
        .for_each(|input: &[u8]| {
            let (member, expected) = write(input);
            let mut text = Vec::new();
            flate2::bufread::GzDecoder::new(&*member)
                .read_to_end(&mut text)
                .unwrap();
            assert!(text == expected, "flate2 reads another text");
            assert!(
                inflate(&member, expected.len()) == expected,
                "zlib-rs reads another text"
            );
        });
}

/// flate2 has one backend at a time; zlib-rs is another one.
fn inflate(gzip: &[u8], len: usize) -> Vec<u8> {
    let mut inflate = zlib_rs::Inflate::new(false, 15);
    let mut text = vec![0; len + 1];
    // Without the member's header of ten bytes. Its trailer has eight.
    let status = inflate
        .decompress(&gzip[10..], &mut text, zlib_rs::InflateFlush::Finish)
        .unwrap();
    assert_eq!(status, zlib_rs::Status::StreamEnd);
    assert_eq!(
        inflate.total_in() as usize,
        gzip.len() - 18,
        "nothing follows the one member"
    );
    text.truncate(inflate.total_out() as usize);
    text
}
