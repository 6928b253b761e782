//! Files and comments are short enough to be read.

#[test]
fn files_stay_short_enough_to_be_read() {
    for file in super::tracked().iter().filter(|file| file.ends_with(".rs")) {
        let lines = super::read(file).lines().count();
        assert!(lines <= 400, "{file} has {lines} lines");
    }
}

/// Comments keep to the width that rustfmt keeps code to.
#[test]
fn comments_have_at_most_100_characters() {
    for file in super::tracked().iter().filter(|file| file.ends_with(".rs")) {
        for (number, line) in (1..).zip(super::read(file).lines()) {
            let is_comment = line.trim_start().starts_with("//");
            assert!(
                !is_comment || line.chars().count() <= 100,
                "{file}:{number}"
            );
        }
    }
}

/// So does the prose of pages. Tables, pictures, blocks of code and links that are longer may have
/// any length.
#[test]
fn prose_has_at_most_100_characters() {
    let is_page = |path: &&String| {
        let is_prose = path.starts_with("docs/") || path.starts_with("examples/");
        path.ends_with(".md")
            && (is_prose || ["README.md", "UPGRADING.md", "SECURITY.md"].contains(&path.as_str()))
    };
    let pages = super::tracked();
    let mut long = Vec::new();
    for page in pages.iter().filter(is_page) {
        let mut is_code = false;
        for (number, line) in (1..).zip(super::read(page).lines()) {
            is_code ^= line.trim_start().starts_with("```");
            let is_prose = !is_code && !line.starts_with(['|', '!']) && line.contains(' ');
            if is_prose && line.chars().count() > 100 {
                long.push(format!("{page}:{number}"));
            }
        }
    }
    assert!(long.is_empty(), "{long:?}");
}
