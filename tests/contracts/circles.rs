//! No circles of files: when one file needs another, that one does not need it back, not even by
//! way of a third. Only a module and its own submodules may name each other.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The sources below a directory, without unit tests and comments, by the path of their module.
fn modules(root: &Path) -> BTreeMap<Vec<String>, String> {
    fn collect(directory: &Path, module: &[String], found: &mut BTreeMap<Vec<String>, String>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let child = [module, std::slice::from_ref(&name)].concat();
            match (path.is_dir(), name.as_str()) {
                (_, "tests") => {}
                (true, _) => collect(&path, &child, found),
                (false, "mod" | "lib") => drop(found.insert(module.to_vec(), code(&path))),
                (false, _) if path.extension().is_some_and(|extension| extension == "rs") => {
                    found.insert(child, code(&path));
                }
                (false, _) => {}
            }
        }
    }
    let mut found = BTreeMap::new();
    collect(root, &[], &mut found);
    found
}

fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let text = text.split("#[cfg(test)]").next().unwrap();
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect()
}

/// Every path that begins with `crate::`, `super::`, `self::` or one of the module's own
/// submodules, grouped imports taken apart, as seen from the root.
fn paths(module: &[String], code: &str, children: &[String]) -> Vec<Vec<String>> {
    let mut paths = Vec::new();
    for child in children {
        for (at, _) in code.match_indices(&format!("use {child}::")) {
            expand(
                &code[at + "use ".len()..],
                &mut vec!["self".to_owned()],
                &mut paths,
            );
        }
    }
    for keyword in ["crate::", "super::", "self::"] {
        for (at, _) in code.match_indices(keyword) {
            let before = code[..at].chars().next_back();
            // `super::super::x` is found at its first `super`.
            if before.is_none_or(|c| !(c.is_alphanumeric() || c == '_' || c == ':')) {
                expand(&code[at..], &mut Vec::new(), &mut paths);
            }
        }
    }
    paths
        .into_iter()
        .filter_map(|path| absolute(module, &path))
        .collect()
}

/// Reads one path, with its groups, and returns how many bytes it takes.
fn expand(text: &str, prefix: &mut Vec<String>, paths: &mut Vec<Vec<String>>) -> usize {
    let len = text
        .find(|c: char| !(c.is_alphanumeric() || c == '_'))
        .unwrap_or(text.len());
    if let Some(group) = text.strip_prefix('{') {
        let mut at = 1;
        while let Some(rest) = group.get(at - 1..).filter(|rest| !rest.starts_with('}')) {
            let skipped = rest.len() - rest.trim_start_matches([' ', ',']).len();
            at += match skipped {
                0 => expand(rest, &mut prefix.clone(), paths).max(1),
                skipped => skipped,
            };
        }
        return at + 1;
    }
    prefix.push(text[..len].to_owned());
    match text[len..].strip_prefix("::") {
        Some(rest) => len + 2 + expand(rest, prefix, paths),
        None => {
            paths.push(prefix.clone());
            len
        }
    }
}

fn absolute(module: &[String], path: &[String]) -> Option<Vec<String>> {
    let up = path.iter().take_while(|word| *word == "super").count();
    let rest = path[up..]
        .iter()
        .skip_while(|word| *word == "self" || *word == "crate");
    let from = match path.first()?.as_str() {
        "crate" => &[],
        _ => module.get(..module.len().checked_sub(up)?)?,
    };
    Some(from.iter().chain(rest).cloned().collect())
}

/// What each file needs of others, but for a module and those that it stands in.
fn needs(modules: &BTreeMap<Vec<String>, String>) -> BTreeMap<Vec<String>, BTreeSet<Vec<String>>> {
    let children = |module: &[String]| -> Vec<String> {
        let inside =
            |other: &&Vec<String>| other.len() == module.len() + 1 && other.starts_with(module);
        modules
            .keys()
            .filter(inside)
            .filter_map(|child| child.last().cloned())
            .collect()
    };
    // What a module imports from its submodules, by name: others take it from the module.
    let mut passed_on = BTreeMap::new();
    for (module, code) in modules {
        for path in paths(module, code, &children(module)) {
            if let Some((name, from)) = path.split_last()
                && from.starts_with(module)
                && modules.contains_key(from)
            {
                passed_on.insert([module, std::slice::from_ref(name)].concat(), from.to_vec());
            }
        }
    }
    let file = |path: &[String]| {
        if let Some(file) = passed_on.get(path) {
            return Some(file.clone());
        }
        (0..=path.len())
            .rev()
            .map(|len| path[..len].to_vec())
            .find(|at| modules.contains_key(at))
    };
    let needs = modules.iter().map(|(module, code)| {
        let needed = paths(module, code, &children(module))
            .into_iter()
            .filter_map(|path| file(&path));
        // The root only lists modules.
        let others = needed.filter(|needed| !needed.is_empty() && !module.starts_with(needed));
        (module.clone(), others.collect())
    });
    needs.collect()
}

/// One circle, if there is one: each file needs the next, the last one the first.
fn circle(needs: &BTreeMap<Vec<String>, BTreeSet<Vec<String>>>) -> Option<Vec<String>> {
    let mut done = BTreeSet::new();
    fn visit<'a>(
        module: &'a Vec<String>,
        needs: &'a BTreeMap<Vec<String>, BTreeSet<Vec<String>>>,
        way: &mut Vec<&'a Vec<String>>,
        done: &mut BTreeSet<&'a Vec<String>>,
    ) -> Option<Vec<String>> {
        if let Some(first) = way.iter().position(|passed| *passed == module) {
            return Some(
                way[first..]
                    .iter()
                    .map(|module| module.join("::"))
                    .collect(),
            );
        }
        if done.contains(module) {
            return None;
        }
        way.push(module);
        let found = needs[module]
            .iter()
            .find_map(|needed| visit(needed, needs, way, done));
        way.pop();
        done.insert(module);
        found
    }
    needs
        .keys()
        .find_map(|module| visit(module, needs, &mut Vec::new(), &mut done))
}

#[test]
fn no_files_need_each_other_in_a_circle() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let members = fs::read_dir(root.join("crates")).unwrap();
    let members = members.map(|member| member.unwrap().path().join("src"));
    for sources in members.chain([root.join("src")]) {
        let modules = modules(&sources);
        let needs = needs(&modules);
        let any_needed = needs.values().any(|needed| !needed.is_empty());
        assert!(modules.len() == 1 || any_needed, "{}", sources.display());
        assert_eq!(circle(&needs), None, "below {}", sources.display());
    }
}

#[test]
fn a_circle_is_found_by_every_form_of_path() {
    let module = |name: &str| name.split("::").map(str::to_owned).collect::<Vec<_>>();
    for (a, b) in [
        ("use crate::x::b::Thing;", "use crate::x::a::Other;"),
        (
            "use super::{b::{Thing, More}, c};",
            "fn f() { super::a::g() }",
        ),
        (
            "use crate::{y, x::b::Thing};",
            "use super::super::x::a::Other;",
        ),
    ] {
        let modules = [("x", ""), ("x::a", a), ("x::b", b), ("x::c", ""), ("y", "")];
        let modules = modules.map(|(name, code)| (module(name), code.to_owned()));
        let found = circle(&needs(&modules.into())).unwrap();
        assert_eq!(found, ["x::a", "x::b"], "{a} {b}");
    }
    // By way of a module that passes a name on, or that only imports from its submodule.
    let through = [
        ("x", "pub use a::Thing;"),
        ("x::a", "use super::b::Other;"),
        ("x::b", "use super::Thing;"),
    ];
    let through = through.map(|(name, code)| (module(name), code.to_owned()));
    assert_eq!(circle(&needs(&through.into())).unwrap(), ["x::a", "x::b"]);
    let outside = [
        ("x", "use a::Thing;"),
        ("x::a", "use crate::y::Other;"),
        ("y", "use crate::x;"),
    ];
    let outside = outside.map(|(name, code)| (module(name), code.to_owned()));
    assert_eq!(circle(&needs(&outside.into())).unwrap(), ["x", "x::a", "y"]);
    let child = [
        ("x", "pub use self::a::Thing;"),
        ("x::a", "use super::Other;"),
    ];
    let child = child.map(|(name, code)| (module(name), code.to_owned()));
    assert_eq!(
        circle(&needs(&child.into())),
        None,
        "a module and its submodule"
    );
}
