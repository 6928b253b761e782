//! `Accept` and `Accept-Encoding`, of any bytes.

use cognitosync_exporter::exposition::Format;
use cognitosync_exporter::web::negotiation;

use crate::words::text;

/// Parts of headers, so that random input is not all nonsense.
const WORDS: [&str; 32] = [
    "application/openmetrics-text",
    "text/plain",
    "text/*",
    "application/*",
    "*/*",
    "*",
    "gzip",
    "zstd",
    "identity",
    "br",
    "x-gzip",
    "deflate",
    ";q=",
    ";version=",
    ";escaping=",
    "1.0.0",
    "0.0.4",
    "0.0.1",
    "allow-utf-8",
    "underscores",
    "0",
    "1",
    "0.5",
    "2",
    "-1",
    "nan",
    "1e999",
    "\"",
    ",",
    ";",
    "=",
    " ",
];

#[test]
fn accept() {
    bolero::check!()
        .with_iterations(20_000)
        .for_each(|input: &[u8]| {
            let header = text(&WORDS, input);
            let (format, content_type) = negotiation::format(&header);
            let begins = match format {
                Format::Text => "text/plain; version=0.0.4; charset=utf-8",
                Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            };
            let rest = content_type.strip_prefix(begins).unwrap();
            assert!(
                [
                    "",
                    "; escaping=allow-utf-8",
                    "; escaping=underscores",
                    "; escaping=dots",
                    "; escaping=values"
                ]
                .contains(&rest)
            );
            // Without a format or a range in the header, the answer is text.
            let lower = header.to_ascii_lowercase();
            assert!(
                format == Format::Text || lower.contains("openmetrics") || lower.contains('*'),
                "{header}"
            );
        });
}

#[test]
fn accept_encoding() {
    bolero::check!()
        .with_iterations(20_000)
        .for_each(|input: &[u8]| {
            let header = text(&WORDS, input);
            let coding = negotiation::coding(&header);
            let name = format!("{coding:?}").to_ascii_lowercase();
            // A coding is used only if the header names it.
            assert!(
                name == "identity"
                    || header.to_ascii_lowercase().contains(&name)
                    || header.contains('*'),
                "{header}"
            );
        });
}
