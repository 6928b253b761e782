//! What needs attention as lines of the page: one a pool, one for each thing beside the pools.

use super::super::model::Status;
use super::{Attention, Named, Severity, links};

/// A line of the page.
#[derive(Debug)]
pub(in crate::web::status) struct AttentionLine<'a> {
    /// That of its first part, which is the most severe.
    severity: Severity,
    /// The name of the pool or the budget, if it is of one.
    pub(in crate::web::status) subject: Option<&'a str>,
    /// The pool's card on the page.
    pub(in crate::web::status) link: Option<String>,
    pub(in crate::web::status) parts: Vec<&'a Attention>,
}

impl Status {
    /// In the order of the most severe part of each.
    pub(in crate::web::status) fn attention_lines(&self) -> Vec<AttentionLine<'_>> {
        lines(&self.attention)
    }
}

fn lines(attention: &[Attention]) -> Vec<AttentionLine<'_>> {
    let mut lines: Vec<AttentionLine<'_>> = Vec::new();
    for part in attention {
        let pool = part.identity_pool_id.as_deref();
        let of_pool = |line: &&mut AttentionLine<'_>| {
            pool.is_some() && line.parts[0].identity_pool_id.as_deref() == pool
        };
        match lines.iter_mut().find(of_pool) {
            Some(line) => line.parts.push(part),
            None => lines.push(AttentionLine {
                severity: part.severity,
                subject: part.subject.as_deref(),
                link: pool.map(|pool| format!("#{}", links::anchor(pool))),
                parts: vec![part],
            }),
        }
    }
    lines
}

impl AttentionLine<'_> {
    /// As a word, which the page shows and has as a part of a class.
    pub(in crate::web::status) fn severity(&self) -> &'static str {
        self.severity.as_str()
    }
}

/// What the page shows of one thing: the head, the names, the tail.
impl Attention {
    pub(in crate::web::status) fn head(&self) -> &str {
        &self.phrase.head
    }

    pub(in crate::web::status) fn tail(&self) -> &str {
        &self.phrase.tail
    }

    /// The list of all identities of the head.
    pub(in crate::web::status) fn list(&self) -> Option<&str> {
        self.phrase.list.as_deref()
    }

    pub(in crate::web::status) fn named(&self) -> &[Named] {
        &self.identities
    }

    /// Whether there are more identities than those named.
    pub(in crate::web::status) fn has_more(&self) -> bool {
        self.count > Some(self.identities.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Code, Phrase};
    use super::*;

    #[test]
    fn a_pool_has_one_line_where_its_most_severe_part_stands() {
        let of_exporter = |code, severity| Attention::new(code, severity, Phrase::default());
        let of_pool = |code, severity, pool| of_exporter(code, severity).of_pool(pool, "name");
        let attention = [
            of_exporter(Code::CredentialsRefused, Severity::Critical).of_budget("us-east-1"),
            of_pool(Code::Full, Severity::Critical, "us-east-1:1"),
            of_exporter(Code::ConfigurationInvalid, Severity::Warning),
            of_exporter(Code::StateNotSaved, Severity::Warning),
            of_pool(Code::Full, Severity::Warning, "us-east-1:0"),
            of_pool(Code::Missing, Severity::Info, "us-east-1:0"),
            of_pool(Code::Missing, Severity::Info, "us-east-1:1"),
        ];
        let lines = lines(&attention);
        let shown = lines.iter().map(|line| {
            let codes = line.parts.iter().map(|part| part.code.as_str());
            let codes = codes.collect::<Vec<_>>().join(" ");
            (line.severity(), line.link.as_deref(), codes)
        });
        let expected = [
            ("critical", None, "credentials_refused"),
            ("critical", Some("#pool-us-east-1:1"), "full missing"),
            ("warning", None, "configuration_invalid"),
            ("warning", None, "state_not_saved"),
            ("warning", Some("#pool-us-east-1:0"), "full missing"),
        ];
        let expected = expected.map(|(severity, link, codes)| (severity, link, codes.to_owned()));
        assert_eq!(shown.collect::<Vec<_>>(), expected);
        let subjects = lines.iter().map(|line| line.subject);
        let expected = [Some("us-east-1"), Some("name"), None, None, Some("name")];
        assert_eq!(subjects.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn more_than_are_named() {
        let part = Attention::new(Code::Missing, Severity::Info, Phrase::default());
        let named = Named {
            identity_id: "us-east-1:1".to_owned(),
            name: None,
        };
        let of = |count| {
            part.clone()
                .of_identities(count, std::slice::from_ref(&named))
        };
        assert!(!of(1).has_more());
        assert!(of(2).has_more());
        assert!(!part.has_more());
    }
}
