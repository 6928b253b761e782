use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::subscriber::with_default;
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};

use super::*;
use crate::api::Remedy;

/// The messages of all lines.
#[derive(Clone, Default)]
struct Messages(Arc<Mutex<Vec<String>>>);

impl<S: tracing::Subscriber> Layer<S> for Messages {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        event.record(&mut self.clone());
    }
}

impl Visit for Messages {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            self.0.lock().unwrap().push(format!("{value:?}"));
        }
    }
}

/// What is logged by this.
fn logged(by: impl FnOnce(&mut Troubles)) -> Vec<String> {
    let messages = Messages::default();
    let subscriber = tracing_subscriber::registry().with(messages.clone());
    with_default(subscriber, || by(&mut Troubles::default()));
    let messages = messages.0.lock().unwrap();
    messages.clone()
}

fn error(failure: Failure, cause: &str) -> CallError {
    let (kind, text) = ("kind", "remedy".to_owned());
    CallError {
        remedy: Some(Remedy { kind, text }),
        ..CallError::new(failure, cause.to_owned())
    }
}

fn at(seconds: u64) -> Mono {
    Mono::START + Duration::from_secs(seconds)
}

const REFUSED: &str = "credentials unavailable or rejected; only probes are sent";
const ACCEPTED: &str = "credentials accepted again";
const UNREACHED: &str = "AWS is out of reach";
const REACHED: &str = "AWS is reached again";

#[test]
fn what_comes_and_goes_is_logged_once_a_minute() {
    let expired = error(Failure::Credentials, "the key has expired");
    let lines = logged(|troubles| {
        for second in 0..50 {
            assert!(troubles.on_refused("b", &expired, at(second)));
            assert!(troubles.explain(FailureClass::Budget));
            assert!(troubles.on_accepted("b"));
        }
    });
    assert_eq!(lines, [REFUSED, ACCEPTED]);
    let lines = logged(|troubles| {
        troubles.on_refused("b", &expired, at(0));
        troubles.on_accepted("b");
        // It stays.
        (50..70).for_each(|second| {
            troubles.on_refused("b", &expired, at(second));
        });
        let other = error(Failure::Credentials, "the key is not known");
        assert!(troubles.on_refused("b", &other, at(70)));
        troubles.on_accepted("b");
    });
    assert_eq!(lines, [REFUSED, ACCEPTED, REFUSED, REFUSED, ACCEPTED]);
}

#[test]
fn out_of_reach_is_one_line_whatever_the_causes_are() {
    let errors = ["it refuses", "it resets"].map(|cause| error(Failure::Unreachable, cause));
    let class = FailureClass::NoAnswer;
    let lines = logged(|troubles| {
        let mut end = |number: u64| {
            let error = (&errors[number as usize % 2], class);
            troubles.on_connection("b", Some(error), 1, at(number))
        };
        let news: Vec<_> = (0..100).filter(|number| end(*number)).collect();
        assert_eq!(news, (2..100).collect::<Vec<_>>(), "shown with each cause");
        assert!(troubles.explain(class));
        assert!(troubles.on_connection("b", None, 1, at(100)));
        assert!(!troubles.explain(class));
    });
    assert_eq!(lines, [UNREACHED, REACHED]);
}

#[test]
fn connections_that_fail_among_others_are_no_trouble() {
    let error = error(Failure::Unreachable, "it resets");
    let lines = logged(|troubles| {
        for second in 0..100 {
            let failed = Some((&error, FailureClass::NoAnswer));
            let failed = failed.filter(|_| second % 3 > 0);
            assert!(!troubles.on_connection("b", failed, 1, at(second)));
        }
    });
    assert!(lines.is_empty(), "{lines:?}");
}
