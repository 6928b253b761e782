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
