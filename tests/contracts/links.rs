//! Links of documents lead somewhere.

use std::collections::{BTreeMap, BTreeSet};

/// A link of a document: where it stands, the file that it leads to and the heading there.
struct Link {
    at: String,
    file: String,
    heading: Option<String>,
}

/// The path that `link` is from the directory of `page`.
fn resolved(page: &str, link: &str) -> String {
    let mut path: Vec<_> = page.split('/').collect();
    path.pop();
    for step in link.split('/') {
        match step {
            "" | "." => {}
            ".." => assert!(path.pop().is_some(), "{page}: {link} leaves the repository"),
            step => path.push(step),
        }
    }
    path.join("/")
}

/// A document's lines outside of its blocks of code.
fn prose(text: &str) -> String {
    let mut is_code = false;
    let mut prose = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        } else if !is_code {
            prose += line;
            prose.push('\n');
        }
    }
    prose
}

/// Relative links of a document.
fn links(page: &str, text: &str) -> Vec<Link> {
    let mut links = Vec::new();
    for rest in text.split("](").skip(1) {
        let link = rest.split(')').next().unwrap();
        if link.contains("://") || link.contains(char::is_whitespace) {
            continue;
        }
        let (file, heading) = match link.split_once('#') {
            Some((file, heading)) => (file, Some(heading.to_owned())),
            None => (link, None),
        };
        let file = if file.is_empty() {
            page.to_owned()
        } else {
            resolved(page, file)
        };
        links.push(Link {
            at: format!("{page}: {link}"),
            file,
            heading,
        });
    }
    links
}

/// The anchors of a document's headings, as GitHub makes them.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let anchor = |heading: &str| {
        let heading = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = |letter: char| letter.is_alphanumeric() || " -_".contains(letter);
        let heading: String = heading.chars().filter(|letter| kept(*letter)).collect();
        heading.replace(' ', "-")
    };
    headings.map(anchor).collect()
}

fn documents() -> BTreeMap<String, String> {
    let pages = super::tracked().into_iter();
    let pages = pages.filter(|path| path.ends_with(".md") && !path.starts_with(".github/"));
    pages
        .map(|path| {
            let text = prose(&super::read(&path));
            (path, text)
        })
        .collect()
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let documents = documents();
    let tracked = super::tracked();
    let is_there = |path: &str| {
        let directory = format!("{path}/");
        tracked
            .iter()
            .any(|file| file == path || file.starts_with(&directory))
    };
    let mut broken = Vec::new();
    let mut seen = 0;
    for (page, text) in &documents {
        for link in links(page, text) {
            let is_heading = |heading| anchors(&documents[&link.file]).contains(heading);
            if !is_there(&link.file) || !link.heading.as_ref().is_none_or(is_heading) {
                broken.push(link.at);
            }
            seen += 1;
        }
    }
    assert!(seen > 100, "only {seen} links");
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

/// From README.md every page of docs/ is reached.
#[test]
fn every_page_is_linked() {
    let documents = documents();
    let mut reached = BTreeSet::from(["README.md".to_owned()]);
    let mut next = vec!["README.md".to_owned()];
    while let Some(page) = next.pop() {
        for link in links(&page, &documents[&page]) {
            if documents.contains_key(&link.file) && reached.insert(link.file.clone()) {
                next.push(link.file);
            }
        }
    }
    let pages = documents.keys().filter(|page| page.starts_with("docs/"));
    let missed: Vec<_> = pages.filter(|page| !reached.contains(*page)).collect();
    assert!(missed.is_empty(), "no page links to {missed:?}");
}

/// Packages install these (packaging/install), so links work there too. Only the .deb has
/// CHANGELOG.md as changelog.gz. What is in deploy/ is used in a checkout.
#[test]
fn pages_link_to_what_packages_install() {
    let folders = [
        "docs/",
        "dashboards/grafana/",
        "dashboards/alerts/",
        "dashboards/runbooks/",
        "examples/",
        "deploy/",
    ];
    let documents = documents().into_iter();
    let pages = documents
        .filter(|(page, _)| page == "README.md" || folders.iter().any(|of| page.starts_with(of)));
    for link in pages.flat_map(|(page, text)| links(&page, &text)) {
        let file = &link.file;
        let is_installed = folders.iter().any(|folder| file.starts_with(folder))
            || file.ends_with(".md") && !file.contains('/')
            || file == "config.example.yaml";
        assert!(is_installed, "{}", link.at);
    }
}

#[test]
fn a_link_is_resolved_and_a_heading_found() {
    let text = "# A page\n\n## `Some` heading, of 2\n\n[a](../b/c.md#d) [e](#a-page)\n";
    let links = links("docs/page.md", text);
    let found: Vec<_> = links
        .iter()
        .map(|link| (link.file.as_str(), link.heading.as_deref()))
        .collect();
    assert_eq!(
        found,
        [("b/c.md", Some("d")), ("docs/page.md", Some("a-page"))]
    );
    let wanted = ["a-page", "some-heading-of-2"].map(str::to_owned);
    assert_eq!(anchors(text), wanted.into());
}
