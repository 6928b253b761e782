//! What to look at of the exporter as a whole and of its budgets, and all of it in its order.

use std::collections::BTreeSet;

use super::super::budget::{Budget, Trouble};
use super::super::humanize::humanize_duration;
use super::super::model::{Configuration, Saving, Status};
use super::super::turns::{LATE_SECONDS, SUFFICES};
use super::{Attention, Code, Phrase, Severity};

/// Polls are late by this part of a sweep or more before it is a ticket, as for the alert rule.
const LATE_OF_SWEEP: f64 = 0.1;

impl Status {
    /// Everything that an operator should look at: the most severe first, of equal severity what is
    /// of the exporter as a whole before what is of a pool. `stalled` is a loop that has stalled,
    /// in words.
    pub(in crate::web::status) fn collect_attention(
        &self,
        stalled: Option<String>,
    ) -> Vec<Attention> {
        let stalled = stalled.map(|words| {
            let phrase = Phrase::new(words, "");
            Attention::new(Code::LoopStalled, Severity::Critical, phrase)
        });
        let (polling, pools) = (&self.polling, self.pools.iter());
        let mut found: Vec<_> = stalled.into_iter().collect();
        found.extend(of_files(&self.configuration, self.saving.as_ref()));
        let budgets = polling.budgets.iter();
        let is_refused = budgets.clone().any(|budget| !budget.credentials.good);
        found.extend(budgets.flat_map(|budget| budget.attention(self.was_answered)));
        found.extend(of_late_polls(
            polling.late_seconds,
            polling.sweep_seconds,
            is_refused,
            pools.clone().filter_map(|pool| pool.turns.waits_for()),
        ));
        found.extend(pools.flat_map(|pool| pool.attention(self.was_answered)));
        in_order(found)
    }
}

fn in_order(mut found: Vec<Attention>) -> Vec<Attention> {
    found.sort_by_key(Attention::rank);
    found
}

/// Of what is read from disk, and written there.
fn of_files(
    configuration: &Configuration,
    saving: Option<&Saving>,
) -> impl Iterator<Item = Attention> {
    let found = [
        (
            !configuration.last_reload_successful,
            Code::ConfigurationInvalid,
            "The configuration on disk is invalid",
            "; the previous one stays in force",
        ),
        (
            !configuration.web_config_last_reload_successful,
            Code::WebConfigurationInvalid,
            "The web configuration on disk, or a certificate, is invalid",
            "; the previous one stays in force",
        ),
        (
            saving.is_some_and(|saving| !saving.last_save_successful),
            Code::StateNotSaved,
            "Results cannot be saved in the directory of --state.path",
            ": they would be lost if the process ended now",
        ),
    ];
    let found = found.into_iter().filter(|(is_so, ..)| *is_so);
    found.map(|(_, code, head, tail)| {
        Attention::new(code, Severity::Warning, Phrase::new(head, tail))
    })
}

/// Of polls that are late by so much, with the duration of a sweep, whether the credentials of a
/// budget do not work, and the budgets for which pools wait.
fn of_late_polls<'a>(
    late_seconds: f64,
    sweep_seconds: f64,
    is_refused: bool,
    waits_for: impl Iterator<Item = &'a str>,
) -> Option<Attention> {
    if late_seconds <= LATE_SECONDS {
        return None;
    }
    let severity = if is_refused || late_seconds <= LATE_OF_SWEEP * sweep_seconds {
        Severity::Info
    } else {
        Severity::Warning
    };
    let waits_for: BTreeSet<_> = waits_for.collect();
    let budgets = waits_for.iter().copied().collect::<Vec<_>>().join(", ");
    let why = match waits_for.len() {
        0 => "calls fail, or take long".to_owned(),
        1 => format!("they wait for budget {budgets}"),
        _ => format!("they wait for the budgets {budgets}"),
    };
    let head = format!("Polls are up to {} late", humanize_duration(late_seconds));
    let phrase = Phrase::new(head, format!(": {why}"));
    Some(Attention::new(Code::PollsLate, severity, phrase))
}

impl Budget {
    /// What an operator should look at. `was_answered`: whether any poll was, since the start.
    fn attention(&self, was_answered: bool) -> impl Iterator<Item = Attention> {
        let refused = (!self.credentials.good).then(|| {
            let phrase = match &self.credentials.trouble {
                Some(trouble) => Phrase::new("no calls but probes", why(": ", trouble)),
                None => Phrase::new(
                    "no calls but probes",
                    ": its credentials or settings do not work",
                ),
            };
            Attention::new(Code::CredentialsRefused, Severity::Critical, phrase)
        });
        let unreachable = self.unreachable.as_ref().map(|trouble| {
            let severity = if was_answered {
                Severity::Warning
            } else {
                Severity::Critical
            };
            let phrase = Phrase::new("AWS is out of reach", why(": ", trouble));
            Attention::new(Code::Unreachable, severity, phrase)
        });
        let found = [refused, unreachable, self.rate_attention()];
        let found = found.into_iter().flatten();
        found.map(|it| {
            let it = it.of_budget(&self.budget);
            match self.identities {
                0 => it,
                identities => it.of_identities(identities as u64, &[]),
            }
        })
    }

    /// What is said of the rate, while there is one.
    fn rate_attention(&self) -> Option<Attention> {
        let Self { ceiling, rate, .. } = self;
        let shortage = self.shortage();
        if self.throttled {
            let head = format!("AWS throttles: {rate:.1} of {ceiling} calls/s at present");
            let tail = shortage.map_or_else(String::new, |(_, needs)| format!(", and {needs}"));
            let phrase = Phrase::new(head, tail);
            return Some(Attention::new(Code::Throttled, Severity::Warning, phrase));
        }
        let (severity, needs) = shortage.filter(|_| self.credentials.good)?;
        let head = format!("{rate:.1} of {ceiling} calls/s at present");
        let phrase = Phrase::new(head, format!(", and {needs}"));
        Some(Attention::new(Code::RateTooLow, severity, phrase))
    }

    /// What needs a higher rate than the present one. Where the ceiling is below what the intervals
    /// need, identities take turns by how much they change and `max_age` is what is kept, as
    /// configured: only if the rate is too low for that too, something is wrong.
    fn shortage(&self) -> Option<(Severity, String)> {
        let is_short_of = |needed: f64| self.rate < SUFFICES * needed;
        let of_max_age = self.needed_for_max_age;
        if is_short_of(of_max_age) {
            Some((Severity::Warning, format!("max_age needs {of_max_age:.1}")))
        } else if self.ceiling >= self.needed && is_short_of(self.needed) {
            let needed = format!("the intervals need {:.1}", self.needed);
            Some((Severity::Info, needed))
        } else {
            None
        }
    }
}

/// The cause and the remedy, behind a sign.
fn why(sign: &str, trouble: &Trouble) -> String {
    let words = trouble.words();
    format!("{sign}{}", words.strip_suffix('.').unwrap_or(&words))
}

#[cfg(test)]
mod tests {
    use super::super::super::budget::Credentials;
    use super::super::super::humanize::Time;
    use super::*;
    use crate::api;

    #[test]
    fn files_that_are_wrong_and_a_state_that_is_not_saved() {
        let said = |good: bool| {
            let configuration = Configuration {
                file: None,
                last_reload_successful: good,
                last_reload_success: Time(0.0),
                web_config_last_reload_successful: good,
            };
            let saving = Saving {
                restored_identities: 0,
                last_save: None,
                unsaved_identities: 1,
                last_save_successful: good,
            };
            let found = of_files(&configuration, Some(&saving));
            let said = found.map(|it| (it.code.as_str(), it.severity, it.text));
            said.collect::<Vec<_>>()
        };
        assert_eq!(said(true), []);
        let expected = [
            (
                "configuration_invalid",
                "The configuration on disk is invalid; the previous one stays in force.",
            ),
            (
                "web_configuration_invalid",
                "The web configuration on disk, or a certificate, is invalid; the previous one \
                 stays in force.",
            ),
            (
                "state_not_saved",
                "Results cannot be saved in the directory of --state.path: they would be lost if \
                 the process ended now.",
            ),
        ];
        let expected = expected.map(|(code, text)| (code, Severity::Warning, text.to_owned()));
        assert_eq!(said(false), expected);
    }

    #[test]
    fn late_polls_are_a_warning_beyond_a_tenth_of_a_sweep() {
        let late = |late, sweep, is_refused, budgets: &[&'static str]| {
            let found = of_late_polls(late, sweep, is_refused, budgets.iter().copied());
            found.map(|it| (it.severity.as_str(), it.text))
        };
        let text = |why| format!("Polls are up to 12 min late: {why}.");
        assert_eq!(late(60.0, 1.0, false, &[]), None);
        let failing = text("calls fail, or take long");
        let expected = Some(("info", failing.clone()));
        assert_eq!(late(720.0, 7_200.0, false, &[]), expected);
        assert_eq!(late(720.0, 7_199.0, false, &[]), Some(("warning", failing)));
        let one = text("they wait for budget us-east-1");
        let expected = Some(("info", one));
        assert_eq!(late(720.0, 1.0, true, &["us-east-1"; 2]), expected);
        let two = text("they wait for the budgets eu-west-1, us-east-1");
        let budgets = ["us-east-1", "eu-west-1", "us-east-1"];
        assert_eq!(late(720.0, 1.0, false, &budgets), Some(("warning", two)));
    }

    #[test]
    fn the_most_severe_first_and_of_those_what_is_of_no_pool() {
        let new = |code, severity| Attention::new(code, severity, Phrase::default());
        let of_pool = |code, severity| new(code, severity).of_pool("us-east-1:0", "name");
        let found = in_order(vec![
            new(Code::PollsLate, Severity::Info),
            new(Code::StateNotSaved, Severity::Warning),
            new(Code::Throttled, Severity::Warning).of_budget("us-east-1"),
            new(Code::CredentialsRefused, Severity::Critical).of_budget("us-east-1"),
            of_pool(Code::Missing, Severity::Info),
            of_pool(Code::Full, Severity::Critical),
            of_pool(Code::Stale, Severity::Warning),
            of_pool(Code::Near, Severity::Warning),
        ]);
        let codes: Vec<_> = found.iter().map(|it| it.code.as_str()).collect();
        let expected = [
            "credentials_refused",
            "full",
            "state_not_saved",
            "throttled",
            "stale",
            "near",
            "polls_late",
            "missing",
        ];
        assert_eq!(codes, expected);
    }

    fn budget(ceiling: f64, rate: f64, needed: f64, needed_for_max_age: f64) -> Budget {
        Budget {
            budget: "us-east-1".to_owned(),
            identities: 3_000,
            ceiling,
            rate,
            calls_per_second: rate,
            throttled_ratio: None,
            needed,
            needed_for_max_age,
            sweep_seconds: 3_000.0 / rate,
            is_signed: true,
            credentials: Credentials {
                good: true,
                trouble: None,
            },
            throttled: false,
            unreachable: None,
        }
    }

    fn said(budget: &Budget, was_answered: bool) -> Vec<(&'static str, &'static str, String)> {
        let count = (budget.identities > 0).then_some(3_000);
        let said = budget.attention(was_answered).map(|it| {
            assert_eq!(it.count, count);
            (it.code.as_str(), it.severity.as_str(), it.text)
        });
        said.collect()
    }

    fn one(budget: &Budget, code: &str, severity: &str, text: &str) {
        let said = said(budget, true);
        let said: Vec<_> = said.iter().map(|(a, b, c)| (*a, *b, &c[..])).collect();
        assert_eq!(said, [(code, severity, text)]);
    }

    #[test]
    fn a_rate_that_is_too_low_and_one_that_is_meant() {
        for (good, why) in [
            (budget(20.0, 13.4, 13.4, 0.1), "it suffices"),
            (budget(20.0, 12.1, 13.4, 0.1), "nearly so"),
            (budget(10.0, 8.3, 13.4, 0.1), "max_age is what is kept"),
            (budget(10.0, 8.3, 13.4, 9.2), "and that nearly so"),
        ] {
            assert_eq!(said(&good, true), [], "{why}");
        }
        one(
            &budget(20.0, 8.3, 13.4, 0.1),
            "rate_too_low",
            "info",
            "us-east-1: 8.3 of 20 calls/s at present, and the intervals need 13.4.",
        );
        for ceiling in [10.0, 20.0] {
            one(
                &budget(ceiling, 8.3, 13.4, 9.3),
                "rate_too_low",
                "warning",
                &format!("us-east-1: 8.3 of {ceiling} calls/s at present, and max_age needs 9.3."),
            );
        }
    }

    #[test]
    fn throttling_says_what_is_needed() {
        let throttled = |budget| Budget {
            identities: 0,
            throttled: true,
            ..budget
        };
        let words = "us-east-1: AWS throttles: 0.5 of 30 calls/s at present";
        one(
            &throttled(budget(30.0, 0.5, 0.4, 0.1)),
            "throttled",
            "warning",
            &format!("{words}."),
        );
        one(
            &throttled(budget(30.0, 0.5, 3.3, 0.1)),
            "throttled",
            "warning",
            &format!("{words}, and the intervals need 3.3."),
        );
    }

    #[test]
    fn causes_and_remedies() {
        let trouble = |cause: &str, remedy: &str| {
            Some(Trouble::from(api::Trouble {
                kind: "kind",
                cause: cause.to_owned(),
                remedy: remedy.to_owned(),
            }))
        };
        let refused = |trouble| Budget {
            credentials: Credentials {
                good: false,
                trouble,
            },
            ..budget(20.0, 0.5, 13.4, 9.0)
        };
        one(
            &refused(None),
            "credentials_refused",
            "critical",
            "us-east-1: no calls but probes: its credentials or settings do not work.",
        );
        one(
            &refused(trouble("the session is over", "run `aws sso login`")),
            "credentials_refused",
            "critical",
            "us-east-1: no calls but probes: the session is over. Run `aws sso login`.",
        );
        let unreachable = Budget {
            unreachable: trouble("no such host", ""),
            ..budget(20.0, 20.0, 13.4, 9.0)
        };
        let text = "us-east-1: AWS is out of reach: no such host.".to_owned();
        for (was_answered, severity) in [(true, "warning"), (false, "critical")] {
            let expected = ("unreachable", severity, text.clone());
            assert_eq!(said(&unreachable, was_answered), [expected]);
        }
    }
}
