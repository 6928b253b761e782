//! Text format 0.0.4, written into a buffer.

use std::io::Write;

use super::families::Family;

/// Writes a family's samples; its header goes ahead of the first one, so that a family without samples leaves no trace.
pub(super) struct FamilyWriter<'a> {
    family: &'static Family,
    out: &'a mut Vec<u8>,
    begun: bool,
}

impl<'a> FamilyWriter<'a> {
    pub(super) fn new(family: &'static Family, out: &'a mut Vec<u8>) -> Self {
        Self { family, out, begun: false }
    }

    /// Writes one sample; `labels` are the values of the family's labels, in its order.
    pub(super) fn sample<const N: usize>(&mut self, labels: [&str; N], value: f64) {
        debug_assert_eq!(labels.len(), self.family.labels.len(), "{}", self.family.name);
        if !self.begun {
            self.header();
        }
        self.out.extend_from_slice(self.family.name.as_bytes());
        let mut opening = b'{';
        for (name, label) in self.family.labels.iter().zip(labels) {
            self.out.push(opening);
            self.out.extend_from_slice(name.as_bytes());
            self.out.extend_from_slice(b"=\"");
            escape(label, self.out);
            self.out.push(b'"');
            opening = b',';
        }
        if N > 0 {
            self.out.push(b'}');
        }
        self.out.push(b' ');
        number(value, self.out);
        self.out.push(b'\n');
    }

    fn header(&mut self) {
        let Family { name, kind, help, .. } = self.family;
        self.begun = true;
        self.out.extend_from_slice(format!("# HELP {name} {help}\n# TYPE {name} {kind}\n").as_bytes());
    }
}

fn escape(label: &str, out: &mut Vec<u8>) {
    if !label.bytes().any(|byte| matches!(byte, b'\\' | b'"' | b'\n')) {
        out.extend_from_slice(label.as_bytes());
        return;
    }
    for byte in label.bytes() {
        match byte {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'"' => out.extend_from_slice(b"\\\""),
            b'\n' => out.extend_from_slice(b"\\n"),
            byte => out.push(byte),
        }
    }
}

/// The shortest text that reads back as the same number, never in exponents, as the prometheus crate writes it.
fn number(value: f64, out: &mut Vec<u8>) {
    const EXACT: f64 = (1_u64 << 53) as f64;
    if (0.0..=EXACT).contains(&value) && value.fract() == 0.0 && value.is_sign_positive() {
        out.extend_from_slice(itoa::Buffer::new().format(value as u64).as_bytes());
    } else {
        write!(out, "{value}").expect("writing to a Vec does not fail");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_as_the_prometheus_crate_writes_them() {
        for value in [
            0.0,
            -0.0,
            1.0,
            0.1,
            1.5e-9,
            1_763_865_600.123,
            9_007_199_254_740_992.0,
            1e21,
            -3.0,
            f64::MAX,
            f64::MIN_POSITIVE,
        ] {
            let mut out = Vec::new();
            number(value, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), value.to_string());
        }
    }
}
