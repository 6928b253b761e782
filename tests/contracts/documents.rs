//! Documents say what the code does.

use std::collections::BTreeSet;
use std::path::Path;

use clap::CommandFactory;
use cognitosync_exporter::api::Failure;
use cognitosync_exporter::cli::Cli;
use cognitosync_exporter::exposition::families;
use cognitosync_exporter::loading;
use cognitosync_exporter::plan::Plan;
use cognitosync_exporter::store::State;

/// What stands between `<!-- name -->` and `<!-- /name -->` of a page.
pub(super) fn part(page: &str, name: &str) -> String {
    let text = super::read(page);
    let (_, rest) = text
        .split_once(&format!("<!-- {name} -->\n"))
        .unwrap_or_else(|| panic!("{page} has no part {name}"));
    rest.split_once(&format!("<!-- /{name} -->"))
        .unwrap()
        .0
        .trim()
        .to_owned()
}

#[test]
fn the_metric_table_is_the_families() {
    let table = families::markdown();
    assert_eq!(
        part("docs/metrics.md", "metrics"),
        table.trim(),
        "the table should be:\n{table}"
    );
}

#[test]
fn the_flag_table_is_the_flags() {
    let shown: BTreeSet<_> = part("docs/command-line.md", "flags")
        .lines()
        .filter_map(|line| line.strip_prefix("| `--"))
        .map(|line| line.split(['`', '=', ' ']).next().unwrap().to_owned())
        .collect();
    let command = Cli::command();
    let of_subcommands = command
        .get_subcommands()
        .flat_map(clap::Command::get_arguments);
    let flags = command
        .get_arguments()
        .chain(of_subcommands)
        .filter_map(|argument| argument.get_long());
    let known: BTreeSet<_> = flags.map(str::to_owned).collect();
    assert_eq!(shown, known);
}

#[test]
fn metrics_md_lists_the_reasons_and_states() {
    let page = super::read("docs/metrics.md");
    let reasons = Failure::ALL.map(|failure| format!("`{}`", failure.as_str()));
    let (_, listed) = page.split_once("`reason` is one of ").unwrap();
    let listed = listed.split('.').next().unwrap().replace('\n', " ");
    assert_eq!(listed, reasons.join(", "));
    let (_, table) = page
        .split_once("| `state` | meaning |\n|---|---|\n")
        .unwrap();
    let rows = table.lines().map_while(|row| row.strip_prefix("| `"));
    let listed: Vec<_> = rows.map(|row| row.split('`').next().unwrap()).collect();
    assert_eq!(listed, State::ALL.map(State::as_str));
}

/// Each route has a row, and each row is a route.
#[test]
fn http_md_lists_the_routes() {
    let routes = super::read("src/web/routes.rs");
    let patterns = ["Pattern::Exact(\"", "Pattern::Prefix(\""];
    let paths = patterns
        .iter()
        .flat_map(|pattern| routes.split(pattern).skip(1));
    let mut known: BTreeSet<_> = paths
        .map(|rest| rest.split('"').next().unwrap().to_owned())
        .collect();
    known.insert("/metrics".to_owned());
    let table = part("docs/http.md", "routes");
    let rows = table.lines().filter_map(|row| row.strip_prefix("| `"));
    let listed = rows.map(|row| row.split('`').next().unwrap().to_owned());
    assert_eq!(listed.collect::<BTreeSet<_>>(), known);
}

/// Calls and series of the page are what `plan` prints.
#[test]
fn the_table_of_sizes_is_what_plan_prints() {
    let page = super::read("docs/sizing.md");
    for (identities, shown) in [(10, "10"), (1_000, "1,000")] {
        let ids =
            (0..identities).map(|number| format!("'us-east-1:{number:08x}-0000-4000-8000-0000'"));
        let ids = ids.collect::<Vec<_>>().join(",");
        let pool = "us-east-1:7b6bd1a1-5f5c-4f43-9a0b-0f6a3b8d8c11";
        let text = format!("pools: [{{id: '{pool}', identities: [{ids}]}}]");
        let loaded = loading::parse(Path::new("config.yaml"), &text).unwrap();
        let plan = Plan::of(&loaded.config, &loaded.targets).to_string();
        let row = page
            .lines()
            .find(|row| row.starts_with(&format!("| {shown} |")));
        let cells: Vec<_> = row.unwrap().split(" | ").collect();
        assert!(plan.contains(&format!(" {} a day", cells[1])), "{plan}");
        assert!(
            plan.contains(&format!(" {} in each scrape", cells[4])),
            "{plan}"
        );
    }
}

/// Configurations that pages show are good, once the placeholder is replaced.
#[test]
fn placeholders_of_pages_cannot_be_run() {
    let mut seen = 0;
    for page in super::tracked().iter().filter(|page| page.ends_with(".md")) {
        let text = super::read(page);
        let blocks = text.split("```yaml\n").skip(1);
        let blocks = blocks.map(|rest| rest.split("```").next().unwrap());
        for block in blocks.filter(|it| it.contains("pools:") && it.contains("REPLACE-ME")) {
            let block = block.replace("identity_files: [identities/*.txt]", "identities: []");
            assert!(loading::parse(Path::new(page), &block).is_err(), "{page}");
            let pool = block.replace("REPLACE-ME", "7b6bd1a1-5f5c-4f43-9a0b-0f6a3b8d8c11");
            assert!(loading::parse(Path::new(page), &pool).is_ok(), "{page}");
            seen += 1;
        }
    }
    assert!(seen >= 3, "{seen}");
}

#[test]
fn the_readme_is_short() {
    let lines = super::read("README.md").lines().count();
    assert!(lines <= 160, "README.md has {lines} lines");
}

/// Pages are finished, and each row of a table has the cells of its heading.
#[test]
fn pages_have_no_gaps() {
    for path in super::tracked() {
        if !path.starts_with("docs/") || !path.ends_with(".md") {
            continue;
        }
        let mut above = None;
        for (number, line) in (1..).zip(super::read(&path).lines()) {
            assert!(!line.contains("TODO"), "{path}:{number}");
            let bars = line.replace("\\|", "").matches('|').count();
            let bars = line.starts_with('|').then_some(bars);
            let same = above.is_none() || bars.is_none() || above == bars;
            assert!(same, "{path}:{number} has other cells than the row above");
            above = bars;
        }
    }
}

#[test]
fn families_are_named_as_prometheus_wants() {
    let mut names = BTreeSet::new();
    for family in families::ALL {
        assert!(names.insert(family.name), "{} stands twice", family.name);
        assert!(family.name.starts_with("cognitosync_"));
        assert_eq!(
            family.name.ends_with("_total"),
            family.kind == families::Kind::Counter,
            "{}",
            family.name
        );
        assert!(
            family.help.ends_with('.') && !family.help.contains(['"', '\\', '\n', '|']),
            "{}",
            family.name
        );
    }
}

#[test]
fn the_changelog_begins_with_this_version() {
    let changelog = super::read("CHANGELOG.md");
    let first = changelog
        .lines()
        .find(|line| line.starts_with("## "))
        .unwrap();
    assert!(
        first.contains(env!("CARGO_PKG_VERSION")) || first.contains("Unreleased"),
        "{first}"
    );
}

/// The names in backticks that stand in the first column of the tables of a part of a document.
fn first_column(part: &str) -> BTreeSet<String> {
    let rows = part.lines().filter_map(|line| line.strip_prefix("| "));
    let names = rows.flat_map(|row| row.split(" |").next().unwrap_or_default().split('`'));
    names
        .filter(|name| name.ends_with('/') || name.ends_with(".rs"))
        .map(str::to_owned)
        .collect()
}

fn entries(directory: &str, prefix: &str) -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let entries = std::fs::read_dir(root.join(directory)).unwrap();
    let name = |entry: std::fs::DirEntry| {
        let name = entry.file_name().into_string().unwrap();
        let end = if entry.path().is_dir() { "/" } else { "" };
        format!("{prefix}{name}{end}")
    };
    entries.map(|entry| name(entry.unwrap())).collect()
}

#[test]
fn architecture_has_a_row_for_each_module_and_member() {
    let architecture = super::read("ARCHITECTURE.md");
    let (_, modules) = architecture.split_once("\n## Modules\n").unwrap();
    let (modules, members) = modules.split_once("\nMembers of the workspace").unwrap();
    let (members, _) = members.split_once("\n## ").unwrap();
    // The directory beside a file holds its unit tests.
    let mut in_src = entries("src", "");
    in_src.remove("reload/");
    assert_eq!(first_column(modules), in_src);
    assert_eq!(first_column(members), entries("crates", "crates/"));
}
