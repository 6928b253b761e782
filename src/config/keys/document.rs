//! The table of keys as a JSON Schema, for editors, and as markdown, for people.

use serde_json::{Map, Value, json};

use super::{AUTO, KEYS, Key, Kind, Section};

/// humantime's units, each behind its number. A space at the start of a line is `\x20`.
const DURATION: &str = "^ *([0-9]+(\\.[0-9]+)? *(nsec|ns|usec|us|µs|msec|ms|seconds?|secs?|s|\
                        minutes?|mins?|min|m|hours?|hrs?|hr|h|days?|d|weeks?|wks?|wk|w|months?|M|years?|yrs?|\
                        yr|y)\x20*)+$";
const SIZE: &str = "^ *[0-9]+(\\.[0-9]+)? *([kKmMgG]([iI]?[bB])?|[bB])? *$";
const ID: &str = "^[A-Za-z0-9_-]+:[0-9A-Fa-f-]+$";

/// The JSON Schema of the configuration, which ends in a line feed.
#[must_use]
pub fn schema() -> String {
    let definitions: Map<_, _> = Section::ALL
        .into_iter()
        .filter(|section| *section != Section::File)
        .map(|section| (name(section).to_owned(), object(section)))
        .collect();
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Configuration of cognitosync_exporter",
        "$defs": definitions,
    });
    if let (Value::Object(schema), Value::Object(file)) = (&mut schema, object(Section::File)) {
        schema.extend(file);
    }
    format!("{schema:#}\n")
}

fn name(section: Section) -> &'static str {
    match section {
        Section::File => "file",
        Section::Poll => "poll",
        Section::Limits => "limits",
        Section::Pool => "pool",
        Section::Discover => "discover",
        Section::Identity => "identity",
    }
}

fn reference(section: Section) -> Value {
    json!({"$ref": format!("#/$defs/{}", name(section))})
}

/// A section: a map, or nothing where all keys have defaults.
fn object(section: Section) -> Value {
    let properties: Map<_, _> = section
        .keys()
        .map(|key| (key.name.to_owned(), property(key)))
        .collect();
    let required: Vec<_> = section.keys().filter(|key| key.is_required).collect();
    let names: Vec<_> = required.iter().map(|key| key.name).collect();
    json!({
        "type": if required.is_empty() { json!(["object", "null"]) } else { json!("object") },
        "additionalProperties": false,
        "properties": properties,
        "required": names,
    })
}

fn property(key: &Key) -> Value {
    let mut property = of_kind(&key.kind);
    if let Value::Object(property) = &mut property {
        property.insert("description".to_owned(), key.meaning.into());
        if let Some(default) = key.default {
            let number = default.parse::<u64>();
            let default = number.map_or_else(|_| default.into(), Value::from);
            property.insert("default".to_owned(), default);
        }
    }
    property
}

fn of_kind(kind: &Kind) -> Value {
    match kind {
        Kind::Section(section) => reference(*section),
        Kind::List(Section::Identity) => json!({
            "type": ["array", "null"],
            "items": {"anyOf": [of_kind(&Kind::Id), reference(Section::Identity)]},
        }),
        Kind::List(section) => json!({
            "type": "array", "items": reference(*section), "minItems": 1,
        }),
        Kind::Id => json!({
            "type": "string", "pattern": ID, "maxLength": crate::identity::MAX_LEN,
        }),
        Kind::Duration(_) => json!({"type": "string", "pattern": DURATION}),
        Kind::Age(_) => json!({
            "anyOf": [{"const": AUTO}, {"type": "string", "pattern": DURATION}],
        }),
        Kind::Whole(range) => json!({
            "type": "integer", "minimum": range.start(), "maximum": range.end(),
        }),
        Kind::Number(range) => json!({
            "type": "number", "minimum": range.start(), "maximum": range.end(),
        }),
        Kind::Size(range) => json!({
            "anyOf": [
                {"type": "string", "pattern": SIZE},
                {"type": "integer", "minimum": range.start(), "maximum": range.end()},
            ],
        }),
        Kind::Choice(names) => json!({"enum": names}),
        Kind::Text => json!({"type": "string", "pattern": "\\S"}),
        Kind::Pattern(pattern) => json!({"type": "string", "pattern": pattern}),
        Kind::Choices(names) => json!({"type": "array", "items": {"enum": names}}),
        Kind::Paths => json!({"type": "array", "items": {"type": "string", "minLength": 1}}),
    }
}

/// The table of docs/configuration.md.
#[must_use]
pub fn markdown() -> String {
    let mut table =
        "| key | type | default | range | example | meaning |\n|---|---|---|---|---|---|\n"
            .to_owned();
    for key in KEYS {
        let default = match key.default {
            Some(default) => format!("`{default}`"),
            None if key.is_required => "required".to_owned(),
            None => String::new(),
        };
        let range = key.kind.to_string();
        table += &format!(
            "| `{}{}` | {} | {default} | {range} | `{}` | {} |\n",
            key.section.path(),
            key.name,
            kind(&key.kind),
            key.example,
            key.meaning
        );
    }
    table
}

fn kind(kind: &Kind) -> &'static str {
    match kind {
        Kind::Section(_) => "map",
        Kind::List(Section::Identity) => "list of ids or maps",
        Kind::List(_) => "list of maps",
        Kind::Id => "id",
        Kind::Duration(_) | Kind::Age(_) => "duration",
        Kind::Whole(_) => "whole number",
        Kind::Number(_) => "number",
        Kind::Size(_) => "size",
        Kind::Choice(_) => "word",
        Kind::Text | Kind::Pattern(_) => "text",
        Kind::Choices(_) => "list of words",
        Kind::Paths => "list of paths",
    }
}
