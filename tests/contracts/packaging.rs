//! Man pages and completions are those of the command line.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use clap::Command;
use clap_complete::aot::{self, Shell};
use clap_mangen::Man;
use cognitosync_exporter::cli::Cli;

const NAME: &str = "cognitosync_exporter";
const PAGES: &str = "packaging/man";
const COMPLETIONS: &str = "packaging/completions";

/// The page of `command`, with what only people can write: the file of its name in
/// packaging/man/sections. What stands there before the first heading continues the description.
fn page(command: Command) -> (String, String) {
    let version = env!("CARGO_PKG_VERSION");
    let page = Man::new(command)
        .source(format!("{NAME} {version}"))
        .manual("User Commands");
    let file = page.get_filename();
    let mut text = Vec::new();
    page.render(&mut text).unwrap();
    let text = String::from_utf8(text).unwrap();
    // The title has the version already.
    let text = text.split(".SH VERSION\n").next().unwrap();
    // An empty date is left out, and would be the source.
    let text = text.replacen(" 1  \"", " 1 \"\" \"", 1);
    let (description, options) = text.split_once(".SH OPTIONS\n").unwrap();
    let name = file.strip_suffix(".1").unwrap();
    let ours = super::read(&format!("{PAGES}/sections/{name}.roff"));
    let (described, sections) = ours.split_at(ours.find(".SH ").unwrap());
    let text = format!("{description}{described}.SH OPTIONS\n{options}{sections}");
    (format!("{PAGES}/{file}"), text)
}

/// The file that each shell looks for.
fn completion(shell: Shell, file: &str) -> (String, String) {
    let mut script = Vec::new();
    aot::generate(
        shell,
        &mut Cli::helpful_command().name(NAME),
        NAME,
        &mut script,
    );
    let script = String::from_utf8(script).unwrap();
    let script = match shell {
        Shell::Fish => without_dots(&script),
        _ => script,
    };
    (format!("{COMPLETIONS}/{file}"), script)
}

/// clap_complete lets fish's `argparse` find the subcommand, which fails on flags with dots in
/// their names. It gets them with hyphens.
fn without_dots(script: &str) -> String {
    let (before, rest) = script.split_once("    string join \\n ").unwrap();
    let (flags, rest) = rest.split_once('\n').unwrap();
    let flags = flags.replace('.', "-");
    let (given, replaced) = (" -- $cmd 2>", " -- (string replace --all . - -- $cmd) 2>");
    assert_eq!(rest.matches(given).count(), 1);
    let rest = rest.replace(given, replaced);
    format!("{before}    string join \\n {flags}\n{rest}")
}

/// Examples, environment and exit codes are the sections.
fn plain(command: Command) -> Command {
    command.after_help(None).after_long_help(None)
}

/// All files that are made from the command line, with their text.
fn generated() -> BTreeMap<String, String> {
    let mut command = plain(Cli::helpful_command().name(NAME));
    command.build();
    let commands = command.get_subcommands().cloned().map(plain);
    let mut files: BTreeMap<_, _> = commands.map(page).collect();
    files.extend([
        page(command),
        completion(Shell::Bash, "cognitosync_exporter.bash"),
        completion(Shell::Zsh, "_cognitosync_exporter"),
        completion(Shell::Fish, "cognitosync_exporter.fish"),
    ]);
    files
}

#[test]
fn man_pages_and_completions_are_those_of_the_command_line() {
    let generated = generated();
    if std::env::var_os("GOLDEN").is_some() {
        for (file, text) in &generated {
            std::fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join(file), text).unwrap();
        }
    }
    for (file, text) in &generated {
        assert!(
            super::read(file) == *text,
            "{file} differs: GOLDEN=new cargo test --locked --test contracts writes it anew"
        );
    }
    let places = [format!("{PAGES}/cog"), format!("{COMPLETIONS}/")];
    let there: BTreeSet<_> = super::tracked()
        .into_iter()
        .filter(|path| places.iter().any(|place| path.starts_with(place)))
        .collect();
    assert_eq!(there, generated.into_keys().collect());
}

/// The exit codes on the man page are those of docs/command-line.md.
#[test]
fn the_man_page_has_the_exit_codes() {
    let page = super::read("packaging/man/sections/cognitosync_exporter.roff");
    let (_, codes) = page.split_once(".SH \"EXIT STATUS\"\n").unwrap();
    let codes = codes.split(".SH ").next().unwrap();
    let codes: Vec<_> = codes
        .lines()
        .filter_map(|line| line.strip_prefix(".B "))
        .collect();
    let document = super::documents::part("docs/command-line.md", "exit codes");
    let documented: Vec<_> = document
        .lines()
        .filter_map(|row| row.strip_prefix("| ")?.split(' ').next())
        .filter(|code| code.bytes().all(|byte| byte.is_ascii_digit()))
        .collect();
    assert_eq!(codes, documented);
}

/// The packages bear the version of the program.
#[test]
fn the_packages_have_the_version_of_cargo_toml() {
    let changelog = super::read("packaging/debian/changelog");
    let version = changelog.split(['(', ')']).nth(1).unwrap();
    let (upstream, revision) = version.rsplit_once('-').unwrap();
    // Debian sorts a tilde before everything, as SemVer does with a hyphen.
    assert_eq!(upstream.replace('~', "-"), env!("CARGO_PKG_VERSION"));
    assert!(revision.parse::<u32>().is_ok(), "{version}");
}

/// Manifests and pages name files and images of the present version.
#[test]
fn no_page_names_another_version() {
    let mut named = 0;
    for path in super::tracked() {
        if !["docs/", "deploy/"].iter().any(|of| path.starts_with(of)) || path.ends_with(".png") {
            continue;
        }
        let text = super::read(&path).replace("exporter_", "exporter-");
        let text = text.replace("exporter:", "exporter-");
        for after in text.split("exporter-").skip(1) {
            // The pod of a StatefulSet has a number too, without a dot.
            let number = after.trim_start_matches(|digit: char| digit.is_ascii_digit());
            if number.len() < after.len() && number.starts_with('.') {
                let line = after.lines().next().unwrap();
                assert!(
                    line.starts_with(env!("CARGO_PKG_VERSION")),
                    "{path}: {line}"
                );
                named += 1;
            }
        }
    }
    assert!(named > 5, "{named}");
}
