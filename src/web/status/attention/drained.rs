//! Writes to a pool that is declared drained, as for the alert rule.

use super::super::humanize::identities_that;
use super::super::pool::Pool;
use super::{Attention, Code, Phrase, Severity};

/// Whether a pool's name says that nobody writes to it any more: it has the word `drained`, without
/// `not` or `never` before it.
pub(in crate::web::status) fn is_declared_drained(name: &str) -> bool {
    // As `\W` of the rule's expressions.
    let words = name.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    let words: Vec<_> = words.map(str::to_ascii_lowercase).collect();
    let drained = words.iter().rposition(|word| word == "drained");
    drained.is_some_and(|at| {
        !words[..at]
            .iter()
            .any(|word| word == "not" || word == "never")
    })
}

impl Pool {
    pub(super) fn drained_attention(&self) -> Option<Attention> {
        if !self.name.as_deref().is_some_and(is_declared_drained) {
            return None;
        }
        let writers = self.modified_within.of("1h");
        // A date more than five minutes ahead is a clock that is wrong, not a write.
        let is_written = |ago: f64| ago < 3_600.0 && ago > -300.0;
        let lost = "what is written is lost when the pool is deleted";
        let found = |phrase| Attention::new(Code::DrainedPoolWritten, Severity::Warning, phrase);
        if writers > 0 {
            let head = identities_that(writers, ["wrote within an hour"; 2]);
            let phrase = Phrase::new(head, format!(", though its name says drained: {lost}"));
            let phrase = phrase.listed(self.list("modified_within=1h&sort=latest_modified"));
            Some(found(phrase).of_identities(writers, &self.examples.written))
        } else if self.modified_seconds_ago.is_some_and(is_written) {
            let head = "it was written to within an hour, though its name says drained";
            let tail = format!(", by none of the identities that are polled: {lost}");
            Some(found(Phrase::new(head, tail)))
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::Named;
    use super::super::tests::{Known, pool_in};
    use super::*;

    /// Who changes the expressions of the rule changes the words here.
    #[test]
    fn names_that_say_drained_are_those_of_the_alert_rule() {
        let rules = concat!(env!("CARGO_MANIFEST_DIR"), "/dashboards/alerts/alerts.yaml");
        let rules = std::fs::read_to_string(rules).unwrap();
        let words = r#"{pool_name=~"(?i)(.*\\W)?drained(\\W.*)?", "#.to_owned()
            + r#"pool_name!~"(?i)(.*\\W)?(not|never)\\W(.*\\W)?drained(\\W.*)?"}"#;
        assert!(rules.contains(&words));
        for name in [
            "drained",
            "legacy (Drained)",
            "drained, not deleted yet",
            "entwässert/drained-2026",
        ] {
            assert!(is_declared_drained(name), "{name}");
        }
        for name in [
            "production",
            "undrained",
            "drained_soon",
            "not drained",
            "legacy, NOT yet drained",
            "never to be drained",
            "drained? no, not drained",
        ] {
            assert!(!is_declared_drained(name), "{name}");
        }
    }

    /// A pool with this name, whose identities wrote so many seconds ago.
    fn pool(name: &str, ago: &[f64]) -> Pool {
        let ids: Vec<_> = (0..ago.len()).map(|id| format!("'r:{id}'")).collect();
        let ids = ids.join(", ");
        let text = format!("pools: [{{id: 'r:0', name: '{name}', identities: [{ids}]}}]");
        let loaded = crate::loading::parse(Path::new("file"), &text).unwrap();
        let known = ago.iter().map(|ago| Known::Usage {
            datasets: 1,
            storage: 0,
            ago: *ago,
        });
        pool_in(loaded.targets, &known.collect::<Vec<_>>())
    }

    #[test]
    fn the_last_writers_of_a_drained_pool_are_named() {
        let wrote = [3_601.0, 3_600.0, 50.0, 40.0, 60.0, 9e9, 30.0, 20.0, 3_599.0];
        let attention = pool("old (drained)", &wrote).attention(true);
        let found = &attention[0];
        assert_eq!(attention.len(), 1);
        assert_eq!(
            (found.code.as_str(), found.count),
            ("drained_pool_written", Some(7))
        );
        assert_eq!(found.severity, Severity::Warning);
        assert_eq!(
            found.text,
            "old (drained): 7 identities wrote within an hour, though its name says drained: what \
             is written is lost when the pool is deleted."
        );
        let labels: Vec<_> = found.identities.iter().map(Named::label).collect();
        assert_eq!(labels, ["7", "6", "3", "2", "4"]);
        let list = "api/v1/identities?pool=r%3A0&modified_within=1h&sort=latest_modified";
        assert_eq!(found.list(), Some(list));
        assert!(
            pool("old, not yet drained", &wrote)
                .attention(true)
                .is_empty()
        );
        assert!(pool("old (drained)", &[3_601.0]).attention(true).is_empty());
    }

    #[test]
    fn others_than_those_that_are_polled_write_too() {
        let mut pool = pool("drained", &[9_999.0]);
        let mut said = |ago| {
            pool.modified_seconds_ago = ago;
            let found = pool.attention(true).into_iter();
            found.map(|it| (it.count, it.text)).collect::<Vec<_>>()
        };
        let text = "drained: it was written to within an hour, though its name says drained, by \
                    none of the identities that are polled: what is written is lost when the pool \
                    is deleted.";
        for ago in [3_599.0, -299.0] {
            assert_eq!(said(Some(ago)), [(None, text.to_owned())]);
        }
        for ago in [None, Some(3_600.0), Some(-300.0)] {
            assert_eq!(said(ago), []);
        }
    }
}
