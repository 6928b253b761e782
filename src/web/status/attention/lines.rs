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
    /// In the order of the most severe part of each: those that someone should act on, and those
    /// that only inform.
    pub(in crate::web::status) fn attention_lines(
        &self,
    ) -> (Vec<AttentionLine<'_>>, Vec<AttentionLine<'_>>) {
        let is_urgent = |line: &AttentionLine<'_>| line.severity < Severity::Info;
        lines(&self.attention).into_iter().partition(is_urgent)
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
    /// Whether identities of this part are named: of the first that has any, so that a line is
    /// short.
    pub(in crate::web::status) fn names(&self, part: &Attention) -> bool {
        let first = self.parts.iter().find(|part| !part.named().is_empty());
        first.is_some_and(|first| std::ptr::eq(*first, part))
    }

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
    fn a_line_names_identities_of_one_part() {
        let of = |code, named: &[Named]| {
            let part = Attention::new(code, Severity::Info, Phrase::default());
            part.of_identities(1, named).of_pool("us-east-1:1", "name")
        };
        let named = [Named {
            identity_id: "us-east-1:1".to_owned(),
            name: None,
        }];
        let attention = [
            of(Code::PossiblyNear, &[]),
            of(Code::Full, &named),
            of(Code::Missing, &named),
        ];
        let line = &lines(&attention)[0];
        let names: Vec<_> = attention.iter().map(|part| line.names(part)).collect();
        assert_eq!(names, [false, true, false]);
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
