//! The table of keys has the defaults of the parser; the JSON Schema and the page are made of it.

use std::path::Path;

use cognitosync_exporter::config::keys::{self, KEYS, Key, Section};
use cognitosync_exporter::config::{self, Config};

/// A file with one section, in which `text` stands, and a pool.
fn file(section: Section, text: &str) -> String {
    let pool = |text: &str| format!("pools: [{{id: 'r:1', {text}}}]");
    match section {
        Section::Poll => format!("poll: {{{text}}}\n{}", pool(BOTH)),
        Section::Limits => format!("limits: {{{text}}}\n{}", pool(BOTH)),
        Section::Pool => pool(&format!("discover: {{}}, {text}")),
        Section::Discover => pool(&format!("series: each, discover: {{{text}}}")),
        Section::File | Section::Identity => panic!("has no defaults"),
    }
}

const BOTH: &str = "series: each, discover: {}";

fn parse(text: &str) -> Config {
    let checked = config::parse(Path::new("file"), text).unwrap();
    let (config, _) = checked
        .accept()
        .unwrap_or_else(|problems| panic!("{text}: {problems:?}"));
    config
}

/// Defaults as the table has them change nothing, but for a `top` without its series.
#[test]
fn the_defaults_are_the_defaults() {
    let expected = parse(&file(Section::Discover, ""));
    let with_default = |key: &&Key| key.default.is_some() && key.name != "top";
    let mut seen = 0;
    for key in KEYS.iter().filter(with_default) {
        let entry = format!("{}: {}", key.name, key.default.unwrap());
        let text = file(key.section, &entry);
        let config = parse(&text);
        assert_eq!(config.poll, expected.poll, "{text}");
        assert_eq!(
            config.pools[0].settings, expected.pools[0].settings,
            "{text}"
        );
        seen += 1;
    }
    assert!(seen > 10, "{seen} keys with defaults");
}

#[test]
fn the_schema_and_the_page_are_those_of_the_table() {
    let (schema, file) = (keys::schema(), "docs/config.schema.json");
    if std::env::var_os("GOLDEN").is_some() {
        std::fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join(file), &schema).unwrap();
    }
    assert!(
        super::read(file) == schema,
        "{file} differs: GOLDEN=new cargo test --locked --test contracts writes it anew"
    );
    let page = super::read("docs/configuration.md");
    let (_, rest) = page.split_once("<!-- keys -->\n").unwrap();
    let (shown, _) = rest.split_once("<!-- /keys -->").unwrap();
    let table = keys::markdown();
    assert_eq!(shown.trim(), table.trim(), "the table should be:\n{table}");
}

#[test]
fn the_example_names_the_schema() {
    let example = super::read("config.example.yaml");
    let named = "# yaml-language-server: $schema=docs/config.schema.json\n";
    assert!(example.contains(named));
}
