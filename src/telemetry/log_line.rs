//! A log line: an event with its time, its level and the module that it comes from, as logfmt or as
//! JSON. Both have the keys of Prometheus's own programs.

use std::error::Error;
use std::fmt::{Debug, Display, Write};
use std::time::{Duration, UNIX_EPOCH};

use clap::ValueEnum;
use tracing::field::{Field, Visit};
use tracing::{Event, Level};

use crate::printable::is_unprintable;

/// The format of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// `key=value`.
    Logfmt,
    /// A JSON object.
    Json,
}

/// The module of an event's target that the line names: the part of this program, or a library.
fn component(target: &str) -> &str {
    match target.split_once("::") {
        Some(("cognitosync_exporter", module)) => module.split("::").next().unwrap_or(module),
        Some(("exporter_web", _)) => "web",
        Some((library, _)) => library,
        None if target == "cognitosync_exporter" => "main",
        None => target,
    }
}

/// A line with its end. `unix` is the time in seconds since 1970.
pub(super) fn log_line(format: Format, event: &Event<'_>, unix: f64) -> String {
    let mut line = Line {
        format,
        text: String::with_capacity(256),
    };
    let metadata = event.metadata();
    let since = Duration::from_millis((unix * 1e3).round() as u64);
    let time = humantime::format_rfc3339_millis(UNIX_EPOCH + since);
    line.text("ts", &time.to_string());
    line.text("level", level(*metadata.level()));
    line.text("component", component(metadata.target()));
    event.record(&mut line);
    if format == Format::Json {
        line.text.push('}');
    }
    line.text.push('\n');
    line.text
}

fn level(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

/// The line so far.
struct Line {
    format: Format,
    text: String,
}

impl Line {
    fn key(&mut self, key: &str) {
        let key = if key == "message" { "msg" } else { key };
        if self.format == Format::Json {
            self.text.push(if self.text.is_empty() { '{' } else { ',' });
            quote(&mut self.text, key);
            self.text.push(':');
            return;
        }
        if !self.text.is_empty() {
            self.text.push(' ');
        }
        let shown = key.chars().filter(|&c| !needs_quotes(c));
        self.text.extend(shown);
        self.text.push('=');
    }

    fn text(&mut self, key: &str, value: &str) {
        self.key(key);
        if self.format == Format::Json || value.contains(needs_quotes) {
            quote(&mut self.text, value);
        } else {
            self.text.push_str(value);
        }
    }

    /// A number or a truth value, which neither format quotes.
    fn bare(&mut self, key: &str, value: impl Display) {
        self.key(key);
        let _ = write!(self.text, "{value}");
    }
}

impl Visit for Line {
    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON has no word for the others.
        if value.is_finite() {
            self.bare(field.name(), value);
        } else {
            self.text(field.name(), &value.to_string());
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.bare(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.bare(field.name(), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.bare(field.name(), value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field.name(), value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.text(field.name(), &value.to_string());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.text(field.name(), &format!("{value:?}"));
    }
}

fn needs_quotes(c: char) -> bool {
    matches!(c, ' ' | '=' | '"' | '\\') || is_unprintable(c)
}

/// Adds a string of JSON, which logfmt quotes by as well. It is on one line and does not steer a
/// terminal.
fn quote(line: &mut String, value: &str) {
    line.push('"');
    for c in value.chars() {
        match c {
            '"' | '\\' => line.extend(['\\', c]),
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            '\t' => line.push_str("\\t"),
            // Each of these is one unit of UTF-16.
            c if is_unprintable(c) => {
                let _ = write!(line, "\\u{:04x}", u32::from(c));
            }
            c => line.push(c),
        }
    }
    line.push('"');
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing::subscriber::with_default;
    use tracing_subscriber::Layer;
    use tracing_subscriber::layer::{Context, SubscriberExt};

    use super::*;

    /// Keeps the lines of both formats.
    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<String>>>);

    impl<S: tracing::Subscriber> Layer<S> for Kept {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            for format in [Format::Logfmt, Format::Json] {
                let line = log_line(format, event, 1_795_938_555.947);
                self.0.lock().unwrap().push(line);
            }
        }
    }

    /// The line of the event that `log` makes, in both formats.
    fn lines(log: impl FnOnce()) -> [String; 2] {
        let kept = Kept::default();
        let subscriber = tracing_subscriber::registry().with(kept.clone());
        with_default(subscriber, log);
        let lines = kept.0.lock().unwrap().clone();
        lines.try_into().unwrap()
    }

    #[test]
    fn keys_are_those_of_prometheus() {
        let error: &(dyn Error + 'static) = &std::io::Error::other("it's closed");
        let [logfmt, json] = lines(|| {
            tracing::warn!(
                target: "cognitosync_exporter::store::pool_health",
                pool = %"us-east-1:0", failing = 1, of = 10_u64, share = 0.5, all = false,
                rate = f64::NAN, empty = "", absent = None::<u8>, error, "polls failing"
            );
        });
        assert_eq!(
            logfmt,
            "ts=2026-11-29T07:49:15.947Z level=warn component=store msg=\"polls failing\" \
             pool=us-east-1:0 failing=1 of=10 share=0.5 all=false rate=NaN empty= \
             error=\"it's closed\"\n"
        );
        assert_eq!(
            json,
            "{\"ts\":\"2026-11-29T07:49:15.947Z\",\"level\":\"warn\",\"component\":\"store\",\
             \"msg\":\"polls failing\",\"pool\":\"us-east-1:0\",\"failing\":1,\"of\":10,\
             \"share\":0.5,\"all\":false,\"rate\":\"NaN\",\"empty\":\"\",\
             \"error\":\"it's closed\"}\n"
        );
    }

    #[test]
    fn an_event_is_one_line_whatever_is_in_it() {
        let value = "a\n\r\t\"=\\\x1b[2J\u{85}\u{9b}\u{2028}\u{202e}\u{fc}";
        let escaped = r#""a\n\r\t\"=\\\u001b[2J\u0085\u009b\u2028\u202e"#.to_owned() + "\u{fc}\"";
        let [logfmt, json] = lines(|| tracing::info!(value, "{value}"));
        assert!(
            logfmt.ends_with(&format!(" msg={escaped} value={escaped}\n")),
            "{logfmt}"
        );
        let parsed: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert!(parsed["msg"] == value && parsed["value"] == value, "{json}");
        assert_eq!((logfmt.lines().count(), json.lines().count()), (1, 1));
        for alone in ["\u{85}", "\u{2028}", "\x7f", "\\"] {
            let [logfmt, _] = lines(|| tracing::info!(alone));
            assert!(logfmt.ends_with("\"\n"), "{logfmt}");
        }
    }

    #[test]
    fn components() {
        for (target, named) in [
            ("cognitosync_exporter", "main"),
            ("cognitosync_exporter::store", "store"),
            ("cognitosync_exporter::aws::credentials", "aws"),
            ("exporter_web::server", "web"),
            ("aws_config::profile::credentials", "aws_config"),
            ("rustls", "rustls"),
        ] {
            assert_eq!(component(target), named);
        }
    }
}
